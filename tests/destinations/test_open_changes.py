"""Changes whose load was never committed, as the next sync reads them from a database."""

from __future__ import annotations

from pathlib import Path

import dlt

from captaindata_source.tables import (
    JOB_CHANGES,
    JOBS,
    RESULTS_CHANGES,
    WORKFLOW_CHANGES,
    WORKFLOWS,
)
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.memory import KnownWorkflow, Memory, OpenChange
from captaindata_source.warehouse.open_changes import as_committed, open_changes
from tests.support.databases import Database, Row
from tests.support.marks import POSTGRES_LATER
from tests.support.raw_tables import COMMITTED, create_raw_tables, insert

BROKEN = "1767398400.3"
KNOWN = KnownWorkflow(None, None, is_deleted=False)
WANTED = {"jobs", "workflows", "job_results"}


def change(workspace: str, uid: str, field: str, old: str | None, load: str) -> Row:
    return {
        "workspace_uid": workspace,
        "uid": f"{uid} {field} {load}",
        "job_uid": uid,
        "workflow_uid": uid,
        "field": field,
        "old_value": old,
        "new_value": "new",
        "_dlt_load_id": load,
    }


def results_change(job: str, load: str) -> Row:
    return {
        **change("a", job, "", None, load),
        "uid": load,
        "old_workflow_uid": "w0",
        "rows_before": 3,
        "rows_after": 1,
    }


@POSTGRES_LATER
def test_changes_of_loads_that_were_not_committed(database: Database, tmp_path: Path) -> None:
    create_raw_tables(database)
    jobs = [
        change("a", "j", "row_count", "5", COMMITTED[0]),
        change("a", "j", "status", "finished", BROKEN),
        change("b", "j", "row_count", "1", BROKEN),
    ]
    insert(database, JOB_CHANGES, jobs)
    marks = [("w", "true"), ("v", "false")]
    flows = [change("a", uid, "is_deleted", old, BROKEN) for uid, old in marks]
    insert(database, WORKFLOW_CHANGES, flows)
    insert(
        database, RESULTS_CHANGES, [results_change("k", COMMITTED[1]), results_change("j", BROKEN)]
    )
    rows = LoadedRows(pipeline_of(database, tmp_path), workspace_uid="a")
    with rows.connection():
        found = open_changes(rows, wanted=WANTED, fresh=())
        assert found == {
            "job_changes": {("j", "status"): OpenChange(f"j status {BROKEN}", "finished", None)},
            "workflow_changes": {
                (uid, "is_deleted"): OpenChange(f"{uid} is_deleted {BROKEN}", old, None)
                for uid, old in marks
            },
            "results_changes": {("j",): OpenChange(BROKEN, "w0", 3)},
        }
        some = open_changes(rows, wanted=WANTED - {"workflows"}, fresh={"job_results"})
        assert some.keys() == {"job_changes"}
    memory = Memory(open_changes=found)
    for uid, is_deleted in (("w", True), ("v", False), ("other", False)):
        known = KNOWN._replace(is_deleted=uid == "v")
        assert as_committed(memory, WORKFLOWS, (uid,), known).is_deleted is is_deleted
    assert as_committed(memory, JOBS, ("w",), KNOWN) == KNOWN


def pipeline_of(database: Database, folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "changes",
        pipelines_dir=str(folder / "dlt"),
        destination=database.destination(),
        dataset_name=database.dataset,
    )
