"""What changed between two loads is kept, once, with the old value and the new one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from captaindata_source.extract.plan.changes import JOB_FIELDS
from captaindata_source.tables import (
    CHANGE_TABLES,
    IDENTITIES,
    INTEGRATIONS,
    JOB_CHANGES,
    JOB_RESULTS,
    JOBS,
    RESULTS_CHANGES,
    WORKFLOWS,
    Row,
)
from tests.support.faults import Fault
from tests.support.world_syncs import MakeSyncs, WorldSyncs

Table = dict[str, Row]
Found = Counter[tuple[Any, ...]]


def changes(syncs: WorldSyncs, table: str) -> list[Row]:
    """The changes that the last sync wrote."""
    return [row for row in syncs.rows(table) if row["_load_id"] == syncs.loads]


def text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def table_of(syncs: WorldSyncs, name: str) -> Table:
    return {row["uid"]: dict(row) for row in syncs.rows(name)}


def field_changes(before: Table, after: Table, fields: tuple[str, ...]) -> Found:
    """What a table itself shows: object, field, old value and new."""
    return Counter(
        (uid, field, text(before[uid].get(field)), text(row.get(field)))
        for uid, row in after.items()
        if uid in before
        for field in fields
        if before[uid].get(field) != row.get(field)
    )


def results_by_job(syncs: WorldSyncs) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in sorted(syncs.rows(JOB_RESULTS.name), key=lambda row: int(row["position"])):
        kept = (row["result_uid"], row["workflow_uid"], row["created_at"])
        found.setdefault(row["job_uid"], []).append(kept)
    return found


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_changes_of_days_are_what_the_tables_show(make_syncs: MakeSyncs, version: str) -> None:
    syncs = make_syncs(2, workflows=6)
    syncs.options["api_version"] = version
    syncs.sync()
    assert not any(syncs.rows(table.name) for table in CHANGE_TABLES.values()), "a first load"
    seen: Counter[str] = Counter()
    for days in (1, 4, 3, 0):
        jobs, results = table_of(syncs, "jobs"), results_by_job(syncs)
        syncs.world.advance(days=days)
        syncs.sync()
        of_jobs = changes(syncs, "job_changes")
        found = Counter(
            (row["job_uid"], row["field"], row["old_value"], row["new_value"]) for row in of_jobs
        )
        assert found == field_changes(jobs, table_of(syncs, "jobs"), JOB_FIELDS)
        seen.update(row["field"] for row in of_jobs)
        after = results_by_job(syncs)
        expected = Counter(
            (uid, len(rows), len(after.get(uid, ())))
            for uid, rows in results.items()
            if after.get(uid) != rows
        )
        of_results = changes(syncs, "results_changes")
        assert expected == Counter(
            (row["job_uid"], row["rows_before"], row["rows_after"]) for row in of_results
        )
        seen.update(row["change"] for row in of_results)
        assert {row["change"] == "removed" for row in of_results if row["rows_after"] == 0} <= {
            True
        }
    assert {"status", "row_count", "finish_time", "replaced"} <= seen.keys(), seen
    assert "removed" in seen or version == "v4"


def test_a_full_refresh_writes_what_is_different_only(syncs: WorldSyncs) -> None:
    syncs.sync()
    syncs.sync(full_refresh=True)
    assert not any(syncs.rows(table.name) for table in CHANGE_TABLES.values())
    before = results_by_job(syncs)
    uid = next(uid for uid, rows in before.items() if len(rows) > 1)
    body = json.dumps({"results": [{"other": 1}], "paging": {"have_next_page": False}})
    syncs.sandbox.faults.add(Fault(match=f"/{uid}/results", kind="replace", body=body))
    syncs.sync(full_refresh=True)
    (change,) = syncs.rows("results_changes")
    assert (change["job_uid"], change["rows_before"], change["rows_after"], change["change"]) == (
        (uid, len(before[uid]), 1, "replaced")
    )


def test_what_is_not_loaded_does_not_change(syncs: WorldSyncs) -> None:
    syncs.sync()
    syncs.world.advance(days=2)
    syncs.sync(WORKFLOWS)
    assert not syncs.rows("job_changes")
    assert not syncs.rows("results_changes")
    syncs.sync(JOBS)
    assert syncs.rows("job_changes")
    assert not syncs.rows("results_changes")


def edited(syncs: WorldSyncs, edit: Callable[[list[Row]], list[Row]]) -> None:
    """Lets the list of workflows be another one."""
    syncs.sandbox.faults.clear()
    listed = edit(syncs.world.workflows(syncs.workspace))
    syncs.sandbox.faults.add(Fault(match="/v3/workflows$", kind="replace", body=json.dumps(listed)))


def test_a_workflow_that_is_renamed_edited_deleted_and_back(syncs: WorldSyncs) -> None:
    syncs.sync()
    flow, *others = syncs.world.workflows(syncs.workspace)
    uid = flow["uid"]
    steps = [*flow["steps"], {"uid": "s", "name": "Späť", "step_uid": "s"}]

    def changed() -> list[tuple[str, str | None, str | None]]:
        syncs.sync(WORKFLOWS)
        rows = changes(syncs, "workflow_changes")
        assert {row["workflow_uid"] for row in rows} <= {uid}
        return [(row["field"], row["old_value"], row["new_value"]) for row in rows]

    edited(syncs, lambda _: [{**flow, "name": "New"}, *others])
    assert changed() == [("name", flow["name"], "New")]
    assert changed() == []
    edited(syncs, lambda _: [{**flow, "name": "New", "steps": steps}, *others])
    ((field, old, new),) = changed()
    assert (field, json.loads(str(old)), json.loads(str(new))) == ("steps", flow["steps"], steps)
    assert "Späť" in str(new)
    edited(syncs, lambda _: others)
    assert changed() == [("is_deleted", "false", "true")]
    assert changed() == []
    edited(syncs, lambda _: [{**flow, "steps": steps}, *others])
    assert sorted(changed()) == [("is_deleted", "true", "false"), ("name", "New", flow["name"])]
    details = json.dumps({**flow, "steps": [{"step_uid": "x"}]})
    syncs.sandbox.faults.add(Fault(match=f"/{uid}/details", kind="replace", body=details))
    syncs.sync(details_max_age_days=0)
    ((field, new),) = (
        (row["field"], row["new_value"])
        for row in changes(syncs, "workflow_changes")
        if row["workflow_uid"] == uid
    )
    assert field == "details"
    assert json.loads(str(new))["steps"] == [{"step_uid": "x"}]


def test_a_job_that_moves_takes_its_results_along(syncs: WorldSyncs) -> None:
    syncs.sync()
    rows = results_by_job(syncs)
    flows = [flow["uid"] for flow in syncs.world.workflows(syncs.workspace)]
    listed = {flow: syncs.world.listed_jobs(syncs.workspace, flow) for flow in flows}
    source, job = next((flow, job) for flow in flows for job in listed[flow] if job["uid"] in rows)
    target = next(flow for flow in flows if flow != source)
    moved = {**job, "workflow_uid": target}
    for flow, jobs in (
        (source, [each for each in listed[source] if each is not job]),
        (target, [moved, *listed[target]]),
    ):
        body = json.dumps(jobs)
        syncs.sandbox.faults.add(Fault(match=f"/{flow}/jobs", kind="replace", body=body))
    syncs.sync()
    (change,) = changes(syncs, "results_changes")
    names = ("job_uid", "old_workflow_uid", "workflow_uid", "change")
    assert tuple(change[name] for name in names) == (job["uid"], source, target, "moved")
    assert change["rows_before"] == change["rows_after"] == len(rows[job["uid"]])


def test_an_integration_that_breaks(make_syncs: MakeSyncs) -> None:
    syncs = make_syncs(1, workflows=8)
    syncs.options["api_version"] = "v4"
    tables = (IDENTITIES, INTEGRATIONS)
    syncs.sync(*tables)
    key = INTEGRATIONS.key[1:]
    kinds: set[str] = set()
    for _ in range(4):
        before = {tuple(row[name] for name in key): row for row in syncs.rows("integrations")}
        syncs.world.advance(days=6)
        syncs.sync(*tables)
        after = {tuple(row[name] for name in key): row for row in syncs.rows("integrations")}
        found = Counter(
            (*(row[name] for name in key), row["field"], row["old_value"], row["new_value"])
            for row in changes(syncs, "integration_changes")
        )
        expected = Counter(
            (*place, field, text(before[place][field]), text(row[field]))
            for place, row in after.items()
            if place in before
            for field in ("status", "is_deleted")
            if before[place][field] != row[field]
        )
        assert found == expected
        kinds.update(each[2] for each in found)
    assert "status" in kinds


def test_what_a_broken_load_wrote_is_written_again_under_its_uid(syncs: WorldSyncs) -> None:
    """As a destination would hold it: the change came, then the job, and no more."""
    syncs.sync()
    before = table_of(syncs, "jobs")
    syncs.world.advance(days=2)
    syncs.sync()
    written = changes(syncs, "job_changes")
    assert written
    syncs.broken.add(syncs.loads)
    syncs.sync()
    again = changes(syncs, "job_changes")
    assert {row["uid"] for row in again} == {row["uid"] for row in written}
    assert len(syncs.rows(JOB_CHANGES.name)) == len(written)
    expected = field_changes(before, table_of(syncs, "jobs"), JOB_FIELDS)
    assert expected == Counter(
        (row["job_uid"], row["field"], row["old_value"], row["new_value"]) for row in again
    )
    results = changes(syncs, RESULTS_CHANGES.name)
    assert len(syncs.rows(RESULTS_CHANGES.name)) == len(results)
    syncs.sync()
    assert changes(syncs, "job_changes") == []
