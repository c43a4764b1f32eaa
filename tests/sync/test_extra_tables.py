"""Inputs, schedules, deliveries and consumption: equal to the world, with few calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.sandbox import SECRET_MARKER, World
from captaindata_source.tables import (
    CALLBACKS,
    CREDIT_CONSUMPTION,
    INPUTS_LEDGER,
    JOB_INPUTS,
    JOBS,
    SCHEDULES,
)
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import WorldSynced, WorldSyncs

Json = dict[str, Any]
FAILED = {"v3": {"warning", "shutdown"}, "v4": {"FAILED", "INVALID", "PARTIAL_SUCCEEDED"}}
ALONE = {"v3": "/v3/jobs/", "v4": "/v4/runs/"}
MANY = 10_000


@pytest.fixture(params=["v3", "v4"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox() -> Iterator[FaultySandbox]:
    world = World(5, workspaces=1, workflows=4, days=12, jobs_per_day=1.5, mean_results=5)
    with FaultySandbox(world) as running:
        yield running


@pytest.fixture
def syncs(sandbox: FaultySandbox, tmp_path: Path, version: str) -> WorldSyncs:
    return WorldSyncs(sandbox, tmp_path, {"api_version": version})


@pytest.fixture
def v4_syncs(sandbox: FaultySandbox, tmp_path: Path) -> WorldSyncs:
    return WorldSyncs(sandbox, tmp_path, {"api_version": "v4"})


def kinds(synced: WorldSynced) -> list[tuple[str, str]]:
    return [(str(issue.kind), str(issue.action)) for issue in synced.issues]


# -- inputs


def inputs_of(syncs: WorldSyncs, version: str, uid: str) -> list[Json]:
    extras = syncs.world.extras
    if version == "v3":
        return extras.job_inputs(syncs.workspace, uid)
    return extras.run_inputs(syncs.workspace, uid)


def asked(synced: WorldSynced) -> list[str]:
    return [path.split("/")[3] for path in synced.paths("/inputs")]


def test_inputs_of_failed_jobs_are_those_of_the_world(syncs: WorldSyncs, version: str) -> None:
    synced = syncs.sync(JOBS, JOB_INPUTS)
    failed = {row["uid"] for row in syncs.rows("jobs") if row["status"] in FAILED[version]}
    failed = {uid for uid in failed if syncs.row("jobs", uid)["has_results"]}
    assert sorted(asked(synced)) == sorted(failed)
    assert failed
    rows = syncs.rows("job_inputs")
    for uid in failed:
        found = sorted(
            (row for row in rows if row["job_uid"] == uid), key=lambda row: row["position"]
        )
        expected = inputs_of(syncs, version, uid)
        assert [row["uid"] for row in found] == [each["uid"] for each in expected]
        assert [row["status"] for row in found] == [each["status"] for each in expected]
        job = syncs.row("jobs", uid)
        for row, each in zip(found, expected, strict=True):
            assert row["workflow_uid"] == job["workflow_uid"]
            data = row["input_data"] if version == "v4" else row["data"]["input"]
            given = each["input_data" if version == "v4" else "input"]
            assert data["email"] == given["email"]
            assert "session_cookie" not in data
            error = each.get("last_error") or {}
            if version == "v4":
                assert row["error_label"] == error.get("label")
                assert row["error_scope"] == error.get("scope")
                assert row["error_reference"] == error.get("error_ref")
                if each["custom_data"]:
                    assert row["custom_data"] == {"crm_id": each["custom_data"]["crm_id"]}
            else:
                assert row["data"]["error_code"] == each["error_code"]
                assert str(row["error_message"]).startswith(each["error_message"].split("(")[0])
    assert SECRET_MARKER not in json.dumps(rows, default=str)
    assert SECRET_MARKER in json.dumps([inputs_of(syncs, version, uid) for uid in failed])


def test_a_job_is_asked_for_its_inputs_once_a_state(syncs: WorldSyncs, version: str) -> None:
    syncs.sync(JOBS, JOB_INPUTS)
    before = {row["job_uid"]: row["fingerprint"] for row in syncs.rows(INPUTS_LEDGER.name)}
    again = syncs.sync(JOBS, JOB_INPUTS)
    assert asked(again) == []
    assert again.total[JOB_INPUTS.name] == 0
    syncs.world.advance(days=2)
    later = syncs.sync(JOBS, JOB_INPUTS)
    after = {row["job_uid"]: row["fingerprint"] for row in syncs.rows(INPUTS_LEDGER.name)}
    changed = {uid for uid, state in after.items() if before.get(uid) != state}
    assert sorted(asked(later)) == sorted(changed)
    assert changed
    assert not asked(syncs.sync(JOBS, JOB_INPUTS))
    refreshed = syncs.sync(JOBS, JOB_INPUTS, full_refresh=True)
    assert len(asked(refreshed)) >= len(changed)
    assert refreshed.total[JOB_INPUTS.name] == 0, "equal inputs are not written again"


def test_inputs_of_all_jobs_that_are_at_rest(v4_syncs: WorldSyncs) -> None:
    synced = v4_syncs.sync(JOBS, JOB_INPUTS, job_inputs_of="all")
    ended = {"SUCCEEDED", "PARTIAL_SUCCEEDED", "FAILED", "INVALID", "STOPPED", "BLOCKED"}
    expected = [
        row["uid"] for row in v4_syncs.rows("jobs") if row["status"] in ended and row["has_results"]
    ]
    assert sorted(asked(synced)) == sorted(expected)
    assert len(expected) > 10


def test_inputs_alone_and_never_with_their_secrets(syncs: WorldSyncs) -> None:
    synced = syncs.sync(JOB_INPUTS, keep_secrets=True)
    assert SECRET_MARKER not in str(syncs.rows("job_inputs"))
    assert asked(synced)
    assert syncs.rows("job_inputs")
    assert not syncs.rows("jobs")


def test_excluded_and_hashed_fields_are_in_no_input(syncs: WorldSyncs, version: str) -> None:
    syncs.sync(
        JOBS, JOB_INPUTS, exclude_fields=["linkedin_profile_url", "crm_id"], hash_fields=["email"]
    )
    rows = syncs.rows("job_inputs")
    text = json.dumps(rows, default=str)
    assert rows
    assert "linkedin.com" not in text
    assert "crm_id" not in text
    assert "@example.com" not in text
    data = [row["input_data"] if version == "v4" else row["data"]["input"] for row in rows]
    assert all(len(each["email"]) == 64 for each in data)


@pytest.mark.parametrize("field", ["input_data", "custom_data", "anything"])
def test_a_message_does_not_quote_what_is_redacted(v4_syncs: WorldSyncs, field: str) -> None:
    person = {"deep": [{"email": "ada@example.com"}], "phone": 5551234, "name": "Ada"}
    message = "Ada has no profile: ada@example.com, 5551234"
    error = {"message": message, "params": person, "validation_errors": [person]}
    body = json.dumps([{"uid": "i", "status": "FAILED", field: person, "last_error": error}])
    v4_syncs.sandbox.faults.add(Fault(match="/inputs$", kind="replace", body=body))
    v4_syncs.sync(JOBS, JOB_INPUTS, exclude_fields=["email"], hash_fields=["phone"])
    rows = v4_syncs.rows("job_inputs")
    assert {row["error_message"] for row in rows} == {"Ada has no profile: [removed], [removed]"}
    assert "ada@example.com" not in str(rows)
    assert "5551234" not in str(rows)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ('{"a": 12345678901234567890123, "a": 1.0}', {"a": 1.0}),
        ('"{\\"url\\": \\"x\\", \\"li_at\\": \\"s\\"}"', {"url": "x"}),
        ('"https://x"', "https://x"),
        ("[1, 2]", [1, 2]),
        ("null", None),
    ],
)
def test_inputs_of_any_form_are_json(v4_syncs: WorldSyncs, given: str, stored: object) -> None:
    body = f'[{{"uid": "i", "status": "FAILED", "input_data": {given}}}]'
    v4_syncs.sandbox.faults.add(Fault(match="/inputs$", kind="replace", body=body))
    v4_syncs.sync(JOBS, JOB_INPUTS)
    assert {str(row["input_data"]) for row in v4_syncs.rows("job_inputs")} == {str(stored)}


def test_a_used_up_quota_leaves_the_other_inputs_to_the_next_sync(v4_syncs: WorldSyncs) -> None:
    v4_syncs.sync(JOBS)
    v4_syncs.sandbox.faults.add(
        Fault(match="/inputs$", kind="status", status=429, headers={"Retry-After": "90000"}, skip=2)
    )
    synced = v4_syncs.sync(JOBS, JOB_INPUTS, max_parallel_requests=1)
    assert len(asked(synced)) == 3
    assert not synced.set_aside
    done = {row["job_uid"] for row in v4_syncs.rows("job_inputs_ledger")}
    assert len(done) == 2
    v4_syncs.sandbox.faults.clear()
    again = asked(v4_syncs.sync(JOBS, JOB_INPUTS))
    assert again
    assert not done & {*again}


def test_pages_of_inputs_are_followed(v4_syncs: WorldSyncs) -> None:
    v4_syncs.sync(JOBS)
    uid = next(row["uid"] for row in v4_syncs.rows("jobs") if row["status"] == "FAILED")
    path = f"/runs/{uid}/inputs$"
    for number, link in enumerate(["?cursor=b", None]):
        headers = {} if link is None else {"X-Pagination-Next": f"/v4/runs/{uid}/inputs{link}"}
        body = json.dumps([{"uid": f"{number}-{n}", "status": "FAILED"} for n in range(3)])
        v4_syncs.sandbox.faults.add(
            Fault(match=path, kind="replace", body=body, headers=headers, times=1)
        )
    synced = v4_syncs.sync(JOBS, JOB_INPUTS)
    rows = [row for row in v4_syncs.rows("job_inputs") if row["job_uid"] == uid]
    assert sorted((row["position"], row["uid"]) for row in rows) == [
        (3 * page + n, f"{page}-{n}") for page in range(2) for n in range(3)
    ]
    queries = [r.query for r in synced.requests if uid in r.path and r.path.endswith("/inputs")]
    assert queries[0] == "limit=500"


def test_a_limit_that_is_refused_is_lowered_once(v4_syncs: WorldSyncs) -> None:
    body = json.dumps({"error_label": "BAD", "error_scope": "param", "status_code": 400})
    v4_syncs.sandbox.faults.add(
        Fault(match="/inputs$", kind="status", status=400, body=body, times=1)
    )
    synced = v4_syncs.sync(JOBS, JOB_INPUTS, max_parallel_requests=1)
    limits = [each.query for each in synced.requests if each.path.endswith("/inputs")]
    assert limits[0] == "limit=500"
    assert set(limits[1:]) == {"limit=100"}
    assert not synced.set_aside
    assert v4_syncs.rows("job_inputs")


def test_a_host_without_inputs_is_asked_thrice(syncs: WorldSyncs) -> None:
    syncs.sandbox.faults.add(Fault(match="/inputs$", kind="status", status=404, body="{}"))
    for _ in range(2):
        synced = syncs.sync(JOBS, JOB_INPUTS, max_parallel_requests=1)
        assert len(asked(synced)) == 3
        assert kinds(synced) == [("not_found", "kept")] * 3
        assert not synced.set_aside
    syncs.sandbox.faults.clear()
    assert len(asked(syncs.sync(JOBS, JOB_INPUTS))) > 3


def test_one_job_without_inputs_is_not_asked_again(syncs: WorldSyncs) -> None:
    syncs.sync(JOBS)
    syncs.sandbox.faults.add(Fault(match="/inputs$", kind="status", status=404, body="{}", times=1))
    synced = syncs.sync(JOBS, JOB_INPUTS, max_parallel_requests=1)
    assert kinds(synced) == [("not_found", "kept")]
    assert asked(syncs.sync(JOBS, JOB_INPUTS)) == []


def test_inputs_that_can_not_be_read_are_set_aside(syncs: WorldSyncs) -> None:
    syncs.sandbox.faults.add(
        Fault(match="/inputs$", kind="html", times=1),
        Fault(match="/inputs$", kind="status", status=403, body="{}", times=1),
    )
    synced = syncs.sync(JOBS, JOB_INPUTS, max_parallel_requests=1)
    assert sorted(kinds(synced)) == [("forbidden", "set_aside"), ("not_json", "set_aside")]
    assert all(issue.job_uid for issue in synced.set_aside)
    missing = {issue.job_uid for issue in synced.set_aside}
    assert missing.isdisjoint(row["job_uid"] for row in syncs.rows("job_inputs"))
    again = syncs.sync(JOBS, JOB_INPUTS)
    assert set(asked(again)) == missing


def test_inputs_that_vanish_are_removed(v4_syncs: WorldSyncs) -> None:
    v4_syncs.sync(JOBS, JOB_INPUTS)
    uid = v4_syncs.rows("job_inputs")[0]["job_uid"]
    v4_syncs.sandbox.faults.add(Fault(match=f"/{uid}/inputs$", kind="replace", body="[]"))
    v4_syncs.sync(JOBS, JOB_INPUTS, full_refresh=True)
    rows = v4_syncs.rows("job_inputs")
    assert rows
    assert uid not in {row["job_uid"] for row in rows}


# -- schedules


def shown(row: Json, names: tuple[str, ...]) -> Json:
    return {name: row[name] for name in names}


def test_schedules_of_actions_and_flows_are_kept_apart(v4_syncs: WorldSyncs) -> None:
    world, workspace = v4_syncs.world, v4_syncs.workspace
    names = ("uid", "name", "status", "cron", "timezone", "user_uid")
    for days in (0, 2, 1):
        world.advance(days=days)
        synced = v4_syncs.sync(SCHEDULES)
        rows = v4_syncs.rows("schedules")
        for kind in ("action", "flow"):
            expected = world.extras.schedules(workspace, kind)
            there = [row for row in rows if row["kind"] == kind and not row["is_deleted"]]
            assert sorted(map(str, [shown(row, names) for row in there])) == sorted(
                map(str, [shown(each, names) for each in expected])
            )
        assert synced.paths("/runs") == []
    assert {row["status"] for row in rows} == {"ACTIVE", "PAUSED"}
    assert sum(row["is_deleted"] for row in rows) == 2
    assert len({row["uid"] for row in rows}) == len(rows) - 1, "a uid of both kinds"
    assert SECRET_MARKER not in str(rows)
    assert v4_syncs.sync(SCHEDULES).total == {}


@pytest.mark.parametrize("gone", ["flow", "action"])
def test_a_host_without_one_kind_of_schedules(v4_syncs: WorldSyncs, gone: str) -> None:
    v4_syncs.sync(SCHEDULES)
    before = v4_syncs.rows("schedules")
    v4_syncs.world.advance(days=3)
    path = {"flow": "/flows/schedules$", "action": "/v4/schedules$"}[gone]
    v4_syncs.sandbox.faults.add(Fault(match=path, kind="status", status=404, body="{}"))
    synced = v4_syncs.sync(SCHEDULES)
    assert kinds(synced) == [("not_found", "kept")]
    rows = v4_syncs.rows("schedules")
    assert len(rows) == len(before)
    assert {row["kind"] for row in rows if row["is_deleted"]} == {"flow", "action"} - {gone}


# -- deliveries


def test_deliveries_are_read_no_further_than_they_can_be_new(v4_syncs: WorldSyncs) -> None:
    world, workspace = v4_syncs.world, v4_syncs.workspace
    names = ("uid", "parent_uid", "run_uid", "status", "http_status", "retry_count")
    calls = []
    for days in (0, 0, 1, 1):
        world.advance(days=days)
        synced = v4_syncs.sync(CALLBACKS, lookback_days=1)
        calls.append(len(synced.paths("/runs/callbacks")))
        rows = v4_syncs.rows("callbacks")
        expected = world.extras.callbacks(workspace)
        assert sorted(map(str, [shown(row, names) for row in rows])) == sorted(
            map(str, [shown(each, names) for each in expected])
        )
        assert SECRET_MARKER not in str(rows)
        assert "hooks.example.com" not in str(rows)
    assert calls == [2, 1, 1, 1]
    assert {row["status"] for row in rows} >= {"SUCCESS", "FAILED"}
    assert any(row["error"] for row in rows)
    assert not {"callback_url", "headers", "http_response"} & rows[0].keys()


def test_a_list_of_deliveries_in_another_order_is_read_whole(v4_syncs: WorldSyncs) -> None:
    extras = v4_syncs.world.extras
    found = extras.callbacks(v4_syncs.workspace)
    body = json.dumps(found[::-1])
    v4_syncs.sandbox.faults.add(Fault(match="/runs/callbacks$", kind="replace", body=body))
    for calls in (2, 2):
        synced = v4_syncs.sync(CALLBACKS, lookback_days=0)
        assert len(synced.paths("/runs/callbacks")) == calls
    assert len(v4_syncs.rows("callbacks")) == len(found)


def test_an_older_server_gives_twenty_deliveries_a_page(v4_syncs: WorldSyncs) -> None:
    body = json.dumps({"error_label": "BAD", "error_scope": "param", "status_code": 400})
    v4_syncs.sandbox.faults.add(
        Fault(match="/runs/callbacks$", kind="status", status=400, body=body, times=1)
    )
    synced = v4_syncs.sync(CALLBACKS)
    queries = [each.query for each in synced.requests]
    assert queries[:2] == ["limit=100&offset=0", "limit=20&offset=0"]
    found = v4_syncs.world.extras.callbacks(v4_syncs.workspace)
    assert len(v4_syncs.rows("callbacks")) == len(found) > 20
    assert not synced.set_aside


def test_deliveries_of_a_list_that_breaks_off_are_not_loaded(v4_syncs: WorldSyncs) -> None:
    v4_syncs.sandbox.faults.add(Fault(match="/runs/callbacks$", kind="html", skip=1, times=1))
    assert v4_syncs.sync(CALLBACKS).set_aside
    assert v4_syncs.rows("callbacks") == []
    v4_syncs.sync(CALLBACKS)
    assert v4_syncs.rows("callbacks")


@pytest.mark.parametrize(
    "error",
    [
        "POST https://h.example/in/S3CRET?key=S3CRET-2 answered 500",
        "h.example/in/S3CRET timed out",
        "no route to /in/S3CRET?key=S3CRET-2",
        {"message": "Authorization: Bearer S3CRET0123456789", "label": "DENIED"},
    ],
)
def test_the_error_of_a_delivery_quotes_no_address(v4_syncs: WorldSyncs, error: object) -> None:
    found = {
        "uid": "c",
        "status": "FAILED",
        "callback_url": "https://h.example/in/S3CRET?key=S3CRET-2",
        "error": error,
        "http_response": "S3CRET",
    }
    body = json.dumps([found])
    v4_syncs.sandbox.faults.add(Fault(match="/runs/callbacks$", kind="replace", body=body))
    v4_syncs.sync(CALLBACKS, keep_secrets=True)
    (row,) = v4_syncs.rows("callbacks")
    assert row["error"]
    assert "S3CRET" not in str(row)


# -- consumption


def test_a_reading_of_what_each_action_used(v4_syncs: WorldSyncs) -> None:
    v4_syncs.sync(CREDIT_CONSUMPTION)
    used = v4_syncs.world.extras.consumption(v4_syncs.workspace)
    rows = v4_syncs.rows("credit_consumption")
    names = ("action_slug", "credits_used", "runs_count")
    assert sorted(map(str, [shown(row, names) for row in rows])) == sorted(
        map(str, used["consumptions"])
    )
    assert len(rows) > 2
    assert v4_syncs.sync(CREDIT_CONSUMPTION).total == {}
    v4_syncs.world.advance(days=1)
    v4_syncs.sync(CREDIT_CONSUMPTION)
    assert len(v4_syncs.rows("credit_consumption")) == len(rows), "the same day and month"
    v4_syncs.world.advance(days=30)
    v4_syncs.sync(CREDIT_CONSUMPTION)
    assert len(v4_syncs.rows("credit_consumption")) > len(rows), "another month"


# -- what a host may lack


@pytest.mark.parametrize(
    ("table", "path"),
    [(CALLBACKS, "/runs/callbacks$"), (CREDIT_CONSUMPTION, "/consumption$"), (SCHEDULES, "dules$")],
)
def test_a_host_without_a_call(v4_syncs: WorldSyncs, table: Any, path: str) -> None:
    fault = Fault(match=path, kind="status", status=404, body="<h1>Not found</h1>")
    v4_syncs.sandbox.faults.add(fault)
    synced = v4_syncs.sync(table)
    assert {*kinds(synced)} == {("not_found", "kept")}
    assert v4_syncs.rows(table.name) == []
    v4_syncs.sandbox.faults.clear()
    v4_syncs.sync(table)
    before = v4_syncs.rows(table.name)
    v4_syncs.sandbox.faults.add(fault)
    v4_syncs.sync(table)
    assert v4_syncs.rows(table.name) == before
