"""What opens an alert of each kind and when it is over, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.errors import ConfigError
from captaindata_source.tables import (
    ACCOUNTS,
    IDENTITIES,
    INTEGRATIONS,
    JOBS,
    WORKFLOWS,
    WORKSPACES,
)
from tests.support.alert_world import NOW, AlertWorld
from tests.support.databases import Database
from tests.support.marks import INTEGRATION, POSTGRES_LATER

NOTHING: tuple[list[Any], list[Any]] = ([], [])


pytestmark = POSTGRES_LATER


@pytest.fixture
def world(database: Database, tmp_path: Path) -> AlertWorld:
    return AlertWorld(database, tmp_path)


def test_a_workflow_fails_is_right_again_and_fails_again(world: AlertWorld) -> None:
    """It is told once, once more when it is over, and anew when it returns."""
    failing = ("failing_workflow", "w")
    assert world.told() == NOTHING
    world.add_runs("w", ["finished"] * 7 + ["failed"] * 3, error_message="No <credits> & so on")
    report = world.run()
    (first,) = report.opened
    assert (first.title, first.detail) == (
        "w fails often",
        "3 of its last 10 runs failed. Last error: No <credits> & so on",
    )
    assert (first.workspace_name, first.opened_at, report.over) == ("configured a", world.now, [])
    assert world.told() == NOTHING
    world.execute("update jobs set status = 'finished' where uid = 'w 9'")
    assert world.told() == ([], [failing])
    assert world.told() == NOTHING
    world.execute("update jobs set status = 'failed' where uid = 'w 9'")
    report = world.run()
    assert [each.uid for each in report.opened] != [first.uid]
    assert [each.identity for each in report.opened] == [first.identity]
    kept = world.execute("select uid, over_at from alerts order by opened_at")
    assert [each["over_at"] is None for each in kept] == [False, True]
    # a workflow that is archived is over; it is the same one when it is back
    world.add(WORKFLOWS, {"workspace_uid": "a", "uid": "w", "name": "W", "is_deleted": True})
    assert world.told() == ([], [failing])
    assert [each.uid for each in world.open()] == []


def test_a_workflow_becomes_slower(world: AlertWorld) -> None:
    world.add_runs("w", ["finished"] * 60)
    assert world.told() == NOTHING
    for number in range(50, 60):
        world.execute(
            "update jobs set finish_time = %s where uid = %s",
            (NOW - timedelta(days=1) + timedelta(hours=number - 60, minutes=40), f"w {number}"),
        )
    report = world.run()
    assert [(each.kind, each.subject) for each in report.opened] == [("slower_workflow", "w")]
    assert report.opened[0].detail == (
        "Its recent runs took 8.0 times as long as earlier ones; median 40 minutes, "
        "before that 5 minutes."
    )


def test_runs_are_stuck_end_or_are_gone(world: AlertWorld) -> None:
    world.add_stuck(2)
    report = world.run()
    assert [each.subject for each in report.opened] == ["stuck 0000", "stuck 0001"]
    assert report.opened[0].title == "A run of Slow one is stuck"
    assert "run 0000 is running since 2023-11-14 12:13 UTC, for 10.0 hours" in (
        report.opened[0].detail
    )
    world.execute("update jobs set status = 'finished' where uid = 'stuck 0000'")
    assert world.told() == ([], [("stuck_run", "stuck 0000")])
    world.execute("update jobs set is_deleted = true where uid = 'stuck 0001'")
    assert world.told() == ([], [("stuck_run", "stuck 0001")])


def test_accounts_that_need_a_login(world: AlertWorld) -> None:
    states = {"one": "INVALID", "two": "PENDING", "full": "LIMIT_REACHED", "fine": "VALID"}
    identity = {"workspace_uid": "a", "uid": "i", "name": "Ada", "is_deleted": False}
    world.add(IDENTITIES, identity)
    world.add(
        INTEGRATIONS,
        *(
            {
                "workspace_uid": "a",
                "uid": f"i {name}",
                "identity_uid": "i",
                "integration_permalink": name,
                "name": name,
                "status": status,
                "error": "expired",
            }
            for name, status in states.items()
        ),
    )
    account = {"workspace_uid": "a", "integration": "linkedin", "is_valid": False}
    world.add(ACCOUNTS, {**account, "uid": "x", "full_name": "Grace", "status": "expired"})
    world.add(ACCOUNTS, {**account, "uid": "y", "is_deleted": True})
    opened, _ = world.told()
    assert opened == [
        ("account_needs_login", '["linkedin", "x"]'),
        ("integration_needs_login", '["i", "one"]'),
        ("integration_needs_login", '["i", "two"]'),
    ]
    assert {each.title for each in world.open()} == {
        "linkedin: Grace needs a login",
        "one of Ada needs a login",
        "two of Ada needs a login",
    }
    world.execute("update integrations set status = 'LIMIT_REACHED'")
    world.execute("update accounts set is_valid = true")
    assert world.told() == ([], [opened[0], opened[1], opened[2]])


QUOTAS = {
    "b": ("tasks", 80, 100, False),
    "c": ("tasks", 81, 100, True),
    "d": ("credits", 800.5, 1000, True),
    "e": ("credits", 800.0, 1000, False),
    "f": ("tasks", 10, 0, False),
}


def test_a_quota_over_80_percent(world: AlertWorld) -> None:
    for workspace, (unit, used, most, _) in QUOTAS.items():
        row = {f"{unit}_used": used, f"{unit}_max": most, f"{unit}_left": most - used}
        world.add(WORKSPACES, {"workspace_uid": workspace, "uid": workspace, **row})
    report = world.run()
    assert [(each.workspace_uid, each.kind, each.subject) for each in report.opened] == [
        (workspace, "quota", unit) for workspace, (unit, _, _, is_over) in QUOTAS.items() if is_over
    ]
    assert report.opened[0].detail == "81 of 100 tasks are used (81%)."
    world.execute("update workspaces set tasks_used = null, credits_used = null")
    assert world.told() == NOTHING, "what is left says the same"
    world.execute("update workspaces set tasks_used = 0, credits_used = 0")
    assert world.told() == ([], [("quota", "tasks"), ("quota", "credits")])


def test_a_sync_that_failed(world: AlertWorld) -> None:
    outcomes = ("failed", "partly_loaded", "quota")
    for outcome in outcomes:
        world.sync(outcome, workspace=outcome, error="The key is refused\nCheck it")
    report = world.run()
    assert [(each.workspace_uid, each.kind) for each in report.opened] == [
        (outcome, "failed_sync") for outcome in outcomes
    ]
    for each in report.opened:
        said = f"outcome {each.workspace_uid}. The key is refused Check it"
        assert said in each.detail
    for outcome in outcomes:
        world.sync("failed", workspace=outcome, error="another reason")
    assert world.told() == NOTHING, "they fail still"
    for outcome in outcomes:
        world.sync("stopped_early", workspace=outcome)
    assert world.told() == ([], [("failed_sync", "")] * 3)


def test_a_sync_that_is_stale(world: AlertWorld) -> None:
    assert world.told(hours=25, stale_hours=26) == NOTHING
    world.sync("failed")
    opened, _ = world.told(hours=2, stale_hours=26)
    assert opened == [("failed_sync", ""), ("stale_sync", "")]
    world.sync("partly_loaded")
    assert world.told(stale_hours=26) == ([], [("stale_sync", "")])


def test_a_resync_is_no_sync(world: AlertWorld) -> None:
    """It fetches named jobs again; whether syncs run and load, it does not tell."""
    world.sync("failed")
    assert world.told(hours=27, stale_hours=26)[0] == [("failed_sync", ""), ("stale_sync", "")]
    world.sync("loaded", is_resync=True)
    assert world.told(stale_hours=26) == NOTHING
    world.sync("loaded")
    assert world.told(stale_hours=26)[1] == [("failed_sync", ""), ("stale_sync", "")]
    world.sync("failed", is_resync=True)
    assert world.told(stale_hours=26) == NOTHING
    world.execute("alter table sync_runs drop column is_resync cascade")  # as in older versions
    assert [each.kind for each in world.run(stale_hours=26).opened] == ["failed_sync"]


def test_results_that_differ(world: AlertWorld) -> None:
    world.add_runs("w", ["finished"] * 3, row_count=2)
    ledger = "insert into job_results_ledger (workspace_uid, job_uid, result_rows) values "
    world.execute(ledger + ", ".join(f"('a', 'w {number}', 2)" for number in range(3)))
    for number in range(3):
        for position in range((2, 0, 3)[number]):
            world.execute(
                "insert into job_results (workspace_uid, job_uid, workflow_uid, result_uid, "
                "position, data) values ('a', %s, 'w', %s, %s, '{}')",
                (f"w {number}", f"{number} {position}", position),
            )
    report = world.run()
    assert [(each.kind, each.subject) for each in report.opened] == [("results_differ", "w")]
    assert report.opened[0].detail == (
        "1 job has fewer results than the API reports; missing: 2. "
        "1 job has more results than the API reports; too many: 1."
    )
    world.execute("update job_results_ledger set next_check_at = %s, equal_answers = 1", (NOW,))
    assert world.told() == ([], [("results_differ", "w")]), "they are read again first"
    world.execute("update job_results_ledger set equal_answers = 2")
    assert world.told() == ([("results_differ", "w")], [])
    world.execute("update job_results_ledger set fingerprint = 'before'")
    world.execute("update jobs set results_version = 'after'")
    assert world.told() == ([], [("results_differ", "w")]), "they changed since"
    world.execute("update jobs set results_version = 'before'")
    assert world.told() == ([("results_differ", "w")], [])
    world.execute("update job_results_ledger set result_rows = null")
    assert world.told() == ([], [("results_differ", "w")]), "the API did not return them"
    world.execute("update job_results_ledger set result_rows = 2")
    assert world.told() == ([("results_differ", "w")], [])
    world.execute("delete from job_results_ledger where job_uid in ('w 1', 'w 2')")
    assert world.told() == ([], [("results_differ", "w")]), "they were not fetched yet"


def test_what_can_not_be_evaluated_stays_as_it_is(world: AlertWorld) -> None:
    world.add_stuck(1)
    world.add_runs("w", ["failed"] * 3)
    world.told()
    views = f"{world.where.dataset}_views"
    world.execute(f"drop view {views}.automation_health; drop view {views}.stuck_runs")
    world.execute("alter table integrations rename to elsewhere")
    world.execute("delete from jobs where workflow_uid = 'w'")
    report = world.run()
    assert [each.kind for each in report.over] == ["failing_workflow"]
    assert "stuck_run: view stuck_runs is not there" in report.problems
    assert not report.is_ok
    assert report.still_open == 1
    assert "alerts: NOT EVALUATED: stuck_run: view stuck_runs is not there" in str(report)


def test_views_of_tables_that_are_not_loaded_are_no_failure(world: AlertWorld) -> None:
    world.execute(f"drop view {world.where.dataset}_views.integration_health")
    world.execute("drop table accounts")
    assert world.told() == NOTHING


def test_a_broken_view_does_not_stop_the_others(world: AlertWorld) -> None:
    world.add_stuck(1)
    world.sync("failed")
    views = f"{world.where.dataset}_views"
    world.execute(
        f"drop view {views}.integration_health;"
        f"create view {views}.integration_health as select 1 as workspace_id"
    )
    report = world.run()
    assert [each.kind for each in report.opened] == ["failed_sync", "stuck_run"]
    (problem,) = report.problems
    assert problem.startswith("integration_needs_login: ")


def test_workspaces_that_are_not_looked_at_stay_as_they_are(world: AlertWorld) -> None:
    world.sync("failed", workspace="a")
    world.sync("failed", workspace="b")
    assert world.told(names=["configured a"])[0] == [("failed_sync", "")]
    assert world.told(synced=["a", "unknown"]) == NOTHING
    report = world.run(names=["b"])
    assert [each.workspace_uid for each in report.opened] == ["b"]
    world.sync(workspace="a")
    world.sync(workspace="b")
    assert [each.workspace_uid for each in world.run(synced=["a"]).over] == ["a"]
    assert [each.workspace_uid for each in world.run().over] == ["b"]
    with pytest.raises(ConfigError, match="Unknown workspace 'c'; there are 'configured a', 'conf"):
        world.run(names=["c"])


def test_a_dry_run_keeps_nothing(world: AlertWorld) -> None:
    world.sync("failed")
    for _ in range(2):
        assert world.told(is_dry=True) == ([("failed_sync", "")], [])
    assert world.open() == []
    tables = "select 1 from information_schema.tables where table_schema = %s and table_name = %s"
    assert world.execute(tables, (world.where.dataset, "alerts")) == []
    world.told()
    assert [each.kind for each in world.open("a")] == ["failed_sync"]


def test_an_empty_dataset_has_no_alerts(world: AlertWorld) -> None:
    world.execute("delete from sync_runs")
    assert world.told(synced=["a"]) == NOTHING
    with pytest.raises(ConfigError, match="has no syncs"):
        world.run()
    world.execute("drop table sync_runs cascade")
    assert world.told(synced=["a"]) == NOTHING
    with pytest.raises(ConfigError, match="has no syncs"):
        world.open()


def test_names_of_strangers_become_one_line(world: AlertWorld) -> None:
    name = "\u202eevil\u2066 \t<!channel>\n\x1b[31m & " + "x" * 5_000
    world.add_runs("w", ["failed"] * 3)
    world.execute("update jobs set workflow_name = %s, error_message = %s", (name, name))
    report = world.run()
    (alert,) = report.opened
    assert alert.subject_name.startswith(r"evil <!channel> \x1b[31m & xxx")
    assert (len(alert.subject_name), len(alert.detail)) < (201, 601)
    assert alert.title.isprintable()
    assert alert.detail.isprintable()
    assert len(str(report).splitlines()) == 2


@INTEGRATION
def test_a_thousand_are_kept_and_some_are_listed(world: AlertWorld) -> None:
    world.add_stuck(1_000)
    report = world.run()
    assert len(report.opened) == report.still_open == 1_000
    assert str(report).splitlines()[-1].endswith("stuck_run  and 990 more")
    assert world.execute("select count(distinct subject) as n from alerts") == [{"n": 1_000}]
    world.execute(f"delete from {JOBS.name}")
    assert len(world.run().over) == 1_000
    assert world.execute("select count(*) as n from alerts where over_at is null") == [{"n": 0}]
