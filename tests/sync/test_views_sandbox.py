"""The views over what a sync loaded, against what the sandbox holds, computed in Python."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from captaindata_source.tables import LEDGER, SYNC_RUNS, TABLES
from tests.conftest import MakeHarness
from tests.support.harness import Harness
from tests.support.oracle import Oracle
from tests.support.raw_tables import TYPES, view_rows
from tests.support.view_oracle import ViewOracle, same_rows

pytestmark = pytest.mark.integration


def test_views_say_what_the_sandbox_holds_after_one_day_and_after_ten(
    make_harness: MakeHarness,
) -> None:
    harness = make_harness(7, workspaces=2, workflows=4, jobs_per_day=0.15)
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    for days in (1, 9) if harness.database.name == "postgres" else (10,):
        harness.world.advance(days=days)
        harness.sync()
        oracle.look()
        assert_views(harness, oracle)
    assert_raw_types(harness)


def assert_views(harness: Harness, oracle: Oracle) -> None:
    database = harness.database
    configured = {each.uid: harness.config(each)["name"] for each in harness.world.workspaces}
    expected = ViewOracle(oracle, configured)
    syncs = last_syncs(harness)
    # what `name` says, under the name that all views have for it, and the configured name
    again = {"workspace_label"}
    same_rows(
        view_rows(database, "workspaces"),
        expected.workspaces(),
        ignore={"workspace_name", *again},
    )
    same_rows(view_rows(database, "workspace_members"), expected.workspace_members(), ignore=again)
    same_rows(
        view_rows(database, "workflows"),
        expected.workflows(),
        ignore={"updated_at", "workflow_name", *again},
    )
    same_rows(
        view_rows(database, "workflow_steps"),
        expected.workflow_steps(),
        ignore={"step_name", *again},
    )
    same_rows(view_rows(database, "jobs"), expected.jobs, ignore={"job_name", *again})
    for name in (
        "all_successful_jobs",
        "workflow_performance",
        "failing_workflows",
        "top_error_messages",
        "records_by_workflow_month",
        "results_reconciliation",
    ):
        same_rows(view_rows(database, name), getattr(expected, name)(), ignore=again)
    same_rows(
        view_rows(database, "daily_job_health", zone="Asia/Tokyo"),
        expected.daily_job_health({uid: at.date() for uid, at in syncs.items()}),
        ignore=again,
    )
    stuck = expected.stuck_runs(syncs)
    assert stuck, "runs of January wait still"
    same_rows(view_rows(database, "stuck_runs"), stuck, ignore=again)
    same_rows(
        view_rows(database, "automation_health"),
        expected.automation_health(),
        ignore={"failing_workflows", "stuck_runs", "last_sync_at", *again},
    )
    counted = view_rows(database, "automation_health", columns="workspace_id, stuck_runs")
    assert {row["workspace_id"]: row["stuck_runs"] for row in counted} == {
        workspace.uid: sum(row["workspace_id"] == workspace.uid for row in stuck)
        for workspace in harness.world.workspaces
    }
    assert_results(harness, oracle)


def assert_results(harness: Harness, oracle: Oracle) -> None:
    """The successes are those that the API tells; results keep their count through the join."""
    key = "workspace_uid, uid"
    raw = harness.database.execute(f"select {key} from successful_jobs")
    found = view_rows(harness.database, "successful_jobs", columns="workspace_id, job_id")
    assert {(row["workspace_uid"], row["uid"]) for row in raw} == {
        (row["workspace_id"], row["job_id"]) for row in found
    }
    columns = "workspace_id, job_id, job_name, position, data"
    same_rows(
        view_rows(harness.database, "jobs_with_results", columns=columns),
        [
            {
                "workspace_id": owner,
                "job_id": job,
                "job_name": oracle.jobs[owner, job]["name"],
                "position": position,
                "data": data,
            }
            for (owner, job), results in oracle.results.items()
            for position, data in enumerate(results)
        ],
    )


def last_syncs(harness: Harness) -> dict[str, datetime]:
    rows = harness.database.execute(
        "select workspace_uid, max(finished_at) as at from sync_runs group by workspace_uid"
    )
    return {row["workspace_uid"]: row["at"].astimezone(UTC) for row in rows}


def assert_raw_types(harness: Harness) -> None:
    """`create_raw_tables` makes the columns that dlt makes."""
    types = TYPES[harness.database.name]
    found = {
        (row["table_name"], row["column_name"]): row["data_type"]
        for row in harness.database.execute(
            "select table_name, column_name, data_type from information_schema.columns "
            f"where table_schema = '{harness.database.dataset}'"
        )
    }
    for table in (*TABLES, SYNC_RUNS, LEDGER):
        for name, kind in table.columns.items():
            assert found[table.name, name] == types[kind], (table.name, name)
