"""Flows of Edges as workflows, their runs as jobs: equal to the world, with few calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.sandbox import SECRET_MARKER, World
from captaindata_source.settings.named_jobs import NamedJobs
from captaindata_source.tables import (
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    SUCCESSFUL_JOBS,
    TABLES,
    WORKFLOWS,
    Row,
)
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import WorldSynced, WorldSyncs

Json = dict[str, Any]
FLOWS: Json = {"extra_tables": ["flows"]}
HOURLY: Json = {**FLOWS, "deep_listing_hours": 24}
SUCCESS = ("SUCCEEDED", "PARTIAL_SUCCEEDED")
LIST, OUTPUTS = "/v4/flows/runs", "/v4/flows/runs/"


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    world = World(5, workspaces=1, workflows=3, days=10, jobs_per_day=1.5, mean_results=5)
    with FaultySandbox(world) as running:
        yield running


@pytest.fixture
def syncs(sandbox: FaultySandbox, tmp_path: Path) -> WorldSyncs:
    return WorldSyncs(sandbox, tmp_path, {"api_version": "v4"})


def of_flows(rows: list[Row], name: str = "uid") -> list[Row]:
    return [row for row in rows if str(row[name]).startswith("flow:")]


def asked(synced: WorldSynced) -> list[str]:
    """Raw uids of the flow runs that were asked for outputs."""
    return [each.path.split("/")[4] for each in synced.requests if each.path.startswith(OUTPUTS)]


def lists(synced: WorldSynced) -> int:
    return sum(each.path == LIST for each in synced.requests)


def said(synced: WorldSynced) -> list[tuple[str, str]]:
    return [(str(issue.kind), str(issue.action)) for issue in synced.issues]


def listed(syncs: WorldSyncs, *runs: Json) -> None:
    """Lets the list of flow runs have these, once it is asked for the first page."""
    fault = Fault(match=f"{LIST}$", kind="replace", body=json.dumps(runs))
    syncs.sandbox.faults.clear()
    syncs.sandbox.faults.add(fault)


def assert_equal(syncs: WorldSyncs) -> None:
    """Rows of flows are those of the server, and runs of loaded flow runs are sub-jobs."""
    world, workspace = syncs.world, syncs.workspace
    there = {f"flow:{run['uid']}": run for run in world.flows.runs(workspace)}
    jobs = {row["uid"]: row for row in of_flows(syncs.rows("jobs")) if not row["is_deleted"]}
    assert jobs.keys() == there.keys()
    for uid, run in there.items():
        row, flow = jobs[uid], run["workflow"]
        assert (row["status"], row["id"]) == (run["status"], str(run["id"]))
        assert row["workflow_uid"] == f"flow:{flow['uid']}"
        assert row["workflow_name"] == flow["metadata"]["name"]
        assert (row["finish_time"] is None) == (run["finished_at"] is None)
        assert (row["is_sub_job"], row["main_job_uid"]) == (False, None)
    successes = {row["uid"] for row in of_flows(syncs.rows("successful_jobs"))}
    assert successes == {uid for uid, run in there.items() if run["status"] in SUCCESS}
    results: dict[str, list[Row]] = {}
    for row in of_flows(syncs.rows("job_results"), "job_uid"):
        results.setdefault(row["job_uid"], []).append(row)
    for uid in successes:
        found = sorted(results.pop(uid, []), key=lambda row: row["position"])
        raw = world.flows.outputs(workspace, uid.removeprefix("flow:"))
        assert [row["data"] for row in found] == [json.loads(text) for text in raw]
        assert {row["workflow_uid"] for row in found} <= {jobs[uid]["workflow_uid"]}
    assert not results
    kinds = {row["uid"]: (row["kind"], row["name"]) for row in syncs.rows("workflows")}
    flows = {run["workflow"]["uid"]: run["workflow"]["metadata"]["name"] for run in there.values()}
    assert {uid for uid, (kind, _) in kinds.items() if kind == "flow"} == {
        f"flow:{uid}" for uid in flows
    }
    assert all(kinds[f"flow:{uid}"] == ("flow", name) for uid, name in flows.items())
    assert {kind for kind, _ in kinds.values()} == {"flow", "action"}
    for table in ("jobs", "successful_jobs"):
        for row in syncs.rows(table):
            main = f"flow:{row['flow_run_id']}" if row["flow_run_id"] else None
            main = main if main in jobs else None
            assert (row["main_job_uid"], row["is_sub_job"]) == (main, main is not None)


def test_flows_are_those_of_the_world_over_several_days(syncs: WorldSyncs) -> None:
    first = syncs.sync(**HOURLY)
    assert_equal(syncs)
    assert not said(first)
    subs = [row for row in syncs.rows("jobs") if row["is_sub_job"]]
    assert subs
    statuses = {row["status"] for row in of_flows(syncs.rows("jobs"))}
    assert {"SUCCEEDED", "FAILED", "BLOCKED", "RUNNING"} <= statuses
    again = syncs.sync(**HOURLY)
    assert (asked(again), lists(again), again.total) == ([], 1, {})
    for hours in (7, 17, 9, 40):
        syncs.world.advance(hours=hours)
        syncs.sync(**FLOWS)
        assert_equal(syncs)
    assert SECRET_MARKER not in str(syncs.tables)
    assert SECRET_MARKER in str(syncs.world.flows.secrets())


def test_hourly_syncs_take_a_call_each_for_the_list(syncs: WorldSyncs) -> None:
    syncs.sync(**HOURLY)
    total = 0
    for _ in range(6):
        syncs.world.advance(hours=3)
        syncs.now = syncs.world.now
        synced = syncs.sync(**HOURLY)
        total += lists(synced)
        assert len(asked(synced)) == len(set(asked(synced)))
        assert all(
            each.query == "limit=1000"
            for each in synced.requests
            if "outputs" in each.path and each.path.startswith(OUTPUTS)
        )
    assert_equal(syncs)
    assert total == 6


def test_without_the_switch_there_is_no_call_and_nothing_of_flows(syncs: WorldSyncs) -> None:
    synced = syncs.sync()
    assert not [each for each in synced.requests if "/flows" in each.path]
    assert not of_flows(syncs.rows("jobs"))
    assert any(row["flow_run_id"] for row in syncs.rows("jobs"))
    assert not any(row["is_sub_job"] for row in syncs.rows("jobs"))


def test_switched_on_later_runs_become_sub_jobs_without_a_call(syncs: WorldSyncs) -> None:
    syncs.sync(deep_listing_hours=24)
    before = syncs.rows("job_results")
    synced = syncs.sync(**HOURLY)
    assert_equal(syncs)
    runs = [each.path for each in synced.requests if each.path.startswith("/v4/runs")]
    assert runs == ["/v4/runs"]
    assert [row for row in syncs.rows("job_results") if row in before] == before
    assert syncs.sync(**HOURLY).total == {}


def test_switched_off_later_rows_stay_and_no_call_is_made(syncs: WorldSyncs) -> None:
    syncs.sync(**FLOWS)
    before = {name: of_flows(syncs.rows(name)) for name in ("jobs", "workflows")}
    results = of_flows(syncs.rows("job_results"), "job_uid")
    syncs.world.advance(days=2)
    for options in ({}, {"full_refresh": True}, {}):
        synced = syncs.sync(**options)
        assert not [each for each in synced.requests if "/flows" in each.path]
        for name, rows in before.items():
            fields = ("uid", "name", "kind", "status", "is_deleted")
            found = [[row.get(each) for each in fields] for row in of_flows(syncs.rows(name))]
            assert sorted(map(str, found)) == sorted(
                str([row.get(each) for each in fields]) for row in rows
            )
        assert of_flows(syncs.rows("job_results"), "job_uid") == results
    loaded = {row["uid"] for row in before["jobs"]}
    for row in syncs.rows("jobs"):
        if not row["uid"].startswith("flow:"):
            assert row["is_sub_job"] == (f"flow:{row['flow_run_id']}" in loaded)
    syncs.sync(**FLOWS)
    assert_equal(syncs)


def test_v3_has_no_flows(sandbox: FaultySandbox, tmp_path: Path) -> None:
    syncs = WorldSyncs(sandbox, tmp_path, {"api_version": "v3", **FLOWS})
    synced = syncs.sync()
    assert not [each for each in synced.requests if "/flows/" in each.path]
    assert {row["kind"] for row in syncs.rows("workflows")} == {"workflow"}


def test_a_uid_may_be_that_of_a_run_and_of_a_flow_run(syncs: WorldSyncs) -> None:
    world, workspace = syncs.world, syncs.workspace
    shared = next(
        run["uid"]
        for run in world.v4.runs(workspace)
        if run["status"] in SUCCESS and run["output_count"] and run["execution_mode"] == "ASYNC"
    )
    world.content(workspace).flows.shared_uid = shared
    run = next(each for each in world.flows.runs(workspace) if each["uid"] == shared)
    other = {**run, "status": "SUCCEEDED", "workflow": {"uid": syncs_action(syncs)}}
    listed(syncs, other)
    syncs.sync(**FLOWS)
    of_run = [row for row in syncs.rows("job_results") if row["job_uid"] == shared]
    of_flow = [row for row in syncs.rows("job_results") if row["job_uid"] == f"flow:{shared}"]
    assert len(of_run) == syncs.row("jobs", shared)["row_count"]
    assert len(of_flow) == len(world.flows.outputs(workspace, shared)) > 0
    actions = {row["uid"]: row["kind"] for row in syncs.rows("workflows")}
    action = syncs_action(syncs)
    assert (actions[action], actions[f"flow:{action}"]) == ("action", "flow")
    again = syncs.sync(**HOURLY)
    assert again.total == {}


def syncs_action(syncs: WorldSyncs) -> str:
    """The name of an action, which is its uid."""
    return str(syncs.world.v4.runs(syncs.workspace)[0]["action_name"])


def test_no_inputs_of_flow_runs_are_asked(syncs: WorldSyncs) -> None:
    synced = syncs.sync(*TABLES, JOB_INPUTS, job_inputs_of="all", **FLOWS)
    assert synced.paths("/inputs")
    assert not [path for path in synced.paths("/inputs") if "/flows/" in path]
    assert not of_flows(syncs.rows("job_inputs"), "job_uid")


def test_a_flow_run_that_is_gone(syncs: WorldSyncs) -> None:
    """One that is final stays; of one that was open is said why it is gone."""
    world, workspace = syncs.world, syncs.workspace
    syncs.sync(**FLOWS)
    runs = world.flows.runs(workspace)
    ended = next(run for run in runs if run["status"] == "SUCCEEDED")
    blocked = [run for run in runs if run["status"] == "BLOCKED"]
    for run in (ended, blocked[0]):
        world.flows.remove(workspace, run["uid"])
    synced = syncs.sync(**FLOWS)
    assert asked(synced) == [blocked[0]["uid"]]
    assert said(synced) == [("not_found", "kept")]
    marks = {row["uid"]: (row["is_deleted"], row["is_archived"]) for row in syncs.rows("jobs")}
    assert marks[f"flow:{ended['uid']}"] == (False, False)
    assert marks[f"flow:{blocked[0]['uid']}"] == (True, False)
    again = syncs.sync(**FLOWS)
    assert (asked(again), again.total[JOBS.name]) == ([], 0)
    world.flows.remove(workspace, blocked[-1]["uid"])
    syncs.now = datetime.now(UTC) + timedelta(days=95)
    syncs.sync(JOBS, **FLOWS)
    late = syncs.row("jobs", f"flow:{blocked[-1]['uid']}")
    assert (late["is_deleted"], late["is_archived"]) == (False, True)


def many(world: World, number: int, monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """Lets the list have so many flow runs, of the last two days, newest first."""
    minutes = [2 * 24 * 60 * place // number for place in range(number)]
    runs = [
        {
            "uid": f"r{place:04}",
            "status": "FAILED",
            "workflow": {"uid": "f"},
            "created_at": (world.start - timedelta(minutes=each)).isoformat(),
        }
        for place, each in enumerate(minutes)
    ]
    monkeypatch.setattr(world.flows, "runs", lambda _workspace: runs)
    return runs


def test_an_open_flow_run_is_looked_for_down_the_list(
    syncs: WorldSyncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = many(syncs.world, 250, monkeypatch)
    syncs.now = syncs.world.start + timedelta(minutes=1)
    runs[130]["status"] = "RUNNING"
    runs[240]["status"] = "BLOCKED"
    syncs.sync(JOBS, **HOURLY)
    assert len(of_flows(syncs.rows("jobs"))) == 250
    runs[130]["status"] = runs[240]["status"] = "SUCCEEDED"
    synced = syncs.sync(JOBS, **HOURLY)
    assert syncs.row("jobs", "flow:r0130")["status"] == "SUCCEEDED"
    assert lists(synced) <= 3
    assert syncs.row("jobs", "flow:r0240")["status"] == "BLOCKED", "it rests"
    assert lists(syncs.sync(JOBS, **HOURLY)) == 1, "nothing is open"
    syncs.sync(JOBS, **FLOWS)
    assert syncs.row("jobs", "flow:r0240")["status"] == "SUCCEEDED"


def test_a_first_load_that_is_cut_goes_on_where_it_was(
    syncs: WorldSyncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = many(syncs.world, 350, monkeypatch)
    syncs.sandbox.faults.add(Fault(match=f"{LIST}$", kind="html", skip=2))
    syncs.now = syncs.world.start + timedelta(minutes=1)
    assert syncs.sync(JOBS, **HOURLY).set_aside
    before = len(of_flows(syncs.rows("jobs")))
    assert 100 < before < 250
    assert [row for row in syncs.rows("jobs") if not row["uid"].startswith("flow:")]
    syncs.sandbox.faults.clear()
    runs.insert(0, {**runs[0], "uid": "new", "created_at": syncs.now.isoformat()})
    synced = syncs.sync(JOBS, **HOURLY)
    assert len(of_flows(syncs.rows("jobs"))) == 351
    assert not synced.set_aside
    assert lists(syncs.sync(JOBS, **HOURLY)) == 1


def test_the_host_may_have_no_flows(syncs: WorldSyncs) -> None:
    syncs.sync(**FLOWS)
    before = of_flows(syncs.rows("jobs"))
    fault = Fault(match=f"{LIST}$", kind="status", status=404, body="<h1>None</h1>")
    syncs.sandbox.faults.add(fault)
    syncs.world.advance(days=1)
    synced = syncs.sync(**FLOWS)
    assert (said(synced), synced.set_aside) == ([("not_found", "kept")], [])
    assert of_flows(syncs.rows("jobs")) == before
    assert asked(synced) == []
    syncs.sandbox.faults.clear()
    syncs.sync(**FLOWS)
    assert_equal(syncs)


def test_a_list_in_another_order_is_read_whole(
    syncs: WorldSyncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(syncs.world, 130, monkeypatch).reverse()
    syncs.now = syncs.world.start + timedelta(minutes=1)
    for _ in range(2):
        synced = syncs.sync(JOBS, **HOURLY)
        assert said(synced) == [("unsorted_listing", "kept")]
        assert len(of_flows(syncs.rows("jobs"))) == 130


@pytest.mark.parametrize("of", ["uid", "id"])
def test_a_run_names_its_flow_run_by_uid_or_id(syncs: WorldSyncs, of: str) -> None:
    flow_run = syncs.world.flows.runs(syncs.workspace)[0]
    run = syncs.world.v4.runs(syncs.workspace)[0]
    body = json.dumps([{**run, "flow_run_id": flow_run[of]}])
    syncs.sandbox.faults.add(Fault(match="/v4/runs$", kind="replace", body=body))
    syncs.sync(**FLOWS)
    assert syncs.row("jobs", run["uid"])["main_job_uid"] == f"flow:{flow_run['uid']}"


@pytest.mark.parametrize(
    ("given", "uid", "name"),
    [
        ({"workflow": {"uid": "f", "metadata": {"name": "Mine"}}}, "f", "Mine"),
        ({"workflow": {"uid": "f", "name": "Mine", "metadata": None}}, "f", "Mine"),
        ({"workflow": {"uid": 7, "metadata": {"title": 3}}}, "7", "3"),
        ({"workflow": {"uid": "f", "metadata": []}}, "f", "f"),
        ({"workflow": "f"}, "f", "f"),
        ({"workflow_uid": "f", "workflow_name": "Mine"}, "f", "Mine"),
    ],
)
def test_whatever_a_flow_run_says_of_its_flow(
    syncs: WorldSyncs, given: Json, uid: str, name: str
) -> None:
    listed(syncs, {"uid": "r", "status": "FAILED", "created_at": "2026-01-10T12:00:00Z", **given})
    syncs.sync(**FLOWS)
    row = syncs.row("workflows", f"flow:{uid}")
    assert (row["name"], row["kind"]) == (name, "flow")
    assert syncs.row("jobs", "flow:r")["workflow_name"] == name


# -- outputs


def served(syncs: WorldSyncs, *pages: tuple[int, int] | Fault) -> WorldSynced:
    """Syncs a flow run whose outputs come so: numbers of the first and the last row."""
    run = {"uid": "r", "status": "SUCCEEDED", "workflow": {"uid": "f"}}
    listed(syncs, {**run, "created_at": "2026-01-10T12:00:00Z"})
    for page in pages:
        if isinstance(page, Fault):
            fault = page
        else:
            body = json.dumps([{"n": number} for number in range(*page)])
            fault = Fault(match="/flows/runs/r/outputs$", kind="replace", body=body, times=1)
        syncs.sandbox.faults.add(fault)
    return syncs.sync(**FLOWS)


def numbers(syncs: WorldSyncs) -> list[int]:
    rows = of_flows(syncs.rows("job_results"), "job_uid")
    return [row["data"]["n"] for row in sorted(rows, key=lambda row: row["position"])]


def queries(synced: WorldSynced) -> list[str]:
    return [each.query for each in synced.requests if each.path.startswith(OUTPUTS)]


def refusal(times: int) -> Fault:
    body = json.dumps({"error_label": "BAD", "error_scope": "param", "status_code": 400})
    return Fault(match="r/outputs$", kind="status", status=400, body=body, times=times)


@pytest.mark.parametrize(
    ("pages", "calls", "rows"),
    [
        ([(0, 3)], ["limit=1000"], 3),
        ([(0, 0)], ["limit=1000"], 0),
        ([(0, 1000), (1000, 1003)], ["limit=1000", "limit=1000&offset=1000"], 1003),
        ([(0, 1000), (0, 0)], ["limit=1000", "limit=1000&offset=1000"], 1000),
        ([(0, 100), (100, 130)], ["limit=1000", "limit=1000&offset=100"], 130),
        ([(0, 100), (0, 100)], ["limit=1000", "limit=1000&offset=100"], 100),
        ([refusal(1), (0, 7)], ["limit=1000", "limit=500"], 7),
        (
            [refusal(2), (0, 100), (100, 101)],
            ["limit=1000", "limit=500", "limit=100", "limit=100&offset=100"],
            101,
        ),
    ],
)
def test_pages_of_outputs(syncs: WorldSyncs, pages: list[Any], calls: list[str], rows: int) -> None:
    synced = served(syncs, *pages)
    assert queries(synced) == calls
    assert numbers(syncs) == list(range(rows))
    assert not synced.set_aside


def test_links_to_further_outputs_are_followed(syncs: WorldSyncs) -> None:
    body = json.dumps([{"n": number} for number in range(3)])
    headers = {"X-Pagination-Next": "?cursor=c"}
    link = Fault(match="r/outputs$", kind="replace", body=body, headers=headers, times=1)
    synced = served(syncs, link, (3, 103))
    assert queries(synced) == ["limit=1000", "cursor=c"]
    assert numbers(syncs) == list(range(103))


def test_a_server_that_ignores_the_offset_doubles_nothing(syncs: WorldSyncs) -> None:
    synced = served(syncs, (0, 1000), (0, 1000))
    assert said(synced) == [("endless_pages", "set_aside")]
    assert numbers(syncs) == []


def test_named_flow_runs_are_fetched_again(syncs: WorldSyncs) -> None:
    syncs.sync(**HOURLY)
    results = syncs.tables["job_results"]
    tables = (JOBS, SUCCESSFUL_JOBS, JOB_RESULTS, WORKFLOWS)
    uid = next(str(rows[0]["job_uid"]) for rows in results.values() if of_flows(rows, "job_uid"))
    flow = syncs.row("jobs", uid)["workflow_uid"]
    for named in (NamedJobs(jobs=(uid,)), NamedJobs(workflows=(flow,))):
        for rows in results.values():
            for row in of_flows(rows, "job_uid"):
                row["data"] = {"altered": row["job_uid"] == uid}
        synced = syncs.sync(*tables, full_refresh=True, named_jobs=named, **HOURLY)
        assert uid.removeprefix("flow:") in asked(synced)
        if named.jobs:
            assert len(synced.requests) == len(asked(synced)) == 1
        assert not [row for row in syncs.rows("job_results") if row["data"] == {"altered": True}]
