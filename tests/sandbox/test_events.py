"""What the simulated API sends by itself agrees with what it answers at that moment."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from captaindata_source.sandbox import (
    SECRET_MARKER,
    Dialect,
    Event,
    EventOptions,
    Generation,
    NotFoundError,
    Workspace,
    World,
    events_between,
)

Json = dict[str, Any]
PLAIN = Dialect(jobs_page_size=10, results_page_size=20, outputs_page_size=20)
SIZES: Json = {"days": 15, "workflows": 5, "jobs_per_day": 1.0, "mean_results": 25}
DAYS = 6
JOB_FIELDS = {
    "uid", "job_uid", "recipe_ref", "workflow_uid", "workflow_name", "job_name", "project_uid",
    "message", "error",
}  # fmt: skip
CALLBACK_FIELDS = {"callback_ref_uid", "run", "input", "custom_data", "error", "results"}
ENDINGS = {"created": "created", "succeeded": "finished", "failed": "failed"}


def new_world(**options: Any) -> World:
    return World(7, dialect=PLAIN, **{**SIZES, **options})


def lived(
    world: World, generation: Generation, options: EventOptions | None = None, *, days: float = DAYS
) -> Iterator[tuple[Event, Json]]:
    """Moves the clock from event to event."""
    workspace = world.workspaces[0]
    end = world.now + timedelta(days=days)
    events = events_between(
        world, workspace, world.now, end, generation=generation, options=options
    )
    for event in events:
        assert world.now <= event.moment <= end
        world.now = event.moment
        yield event, json.loads(event.body)


def outputs(world: World, workspace: Workspace, uid: str) -> list[Json]:
    rows, _ = world.v4.outputs_page(workspace, uid, first=0, count=10**6)
    return [json.loads(row) for row in rows]


def test_webhooks_of_jobs_agree_with_the_api() -> None:
    world = new_world()
    workspace = world.workspaces[0]
    seen: dict[str, list[str]] = defaultdict(list)
    retries = 0
    for event, body in lived(world, "v3"):
        job = world.job(workspace, body["job_uid"])
        assert job is not None
        assert set(body) == JOB_FIELDS
        assert body["recipe_ref"] == body["job_uid"] == event.subject
        assert (body["workflow_uid"], body["job_name"]) == (job["workflow_uid"], job["name"])
        assert (body["project_uid"], event.workspace) == (workspace.uid, "acme")
        assert body["message"].endswith(f" {ENDINGS[event.kind]}")
        if event.kind == "succeeded":
            assert job["status"] == "finished"
        elif event.kind == "failed":
            assert job["status"] in {"warning", "shutdown"}
            assert body["error"] == job["error_message"]
        assert (body["error"] is not None) == (event.kind == "failed")
        retries += job["main_job_uid"] is not None
        seen[event.subject].append(event.kind)
    assert retries
    assert all(kinds in (["created"], [kinds[-1]], ["created", kinds[-1]])
               for kinds in seen.values())  # fmt: skip
    assert {kind for kinds in seen.values() for kind in kinds} == set(ENDINGS)


def test_every_job_that_ended_was_told_of() -> None:
    world = new_world()
    workspace = world.workspaces[0]
    before = {job["uid"]: job for job in world.all_jobs(workspace)}
    told = {(e.subject, e.kind) for e, _ in lived(world, "v3")}
    here = {workflow["uid"] for workflow in world.workflows(workspace)}
    new = ended = 0
    for job in world.all_jobs(workspace):
        if job["workflow_uid"] in here and job["uid"] not in before:
            new += 1
            assert (job["uid"], "created") in told
            if job["status"] == "finished" and job["main_job_uid"] is None:
                ended += 1
                assert (job["uid"], "succeeded") in told or (job["uid"], "failed") in told
    assert min(new, ended) > 10


def test_the_last_callback_has_what_the_api_serves() -> None:
    world = new_world()
    workspace = world.workspaces[0]
    statuses: Counter[str] = Counter()
    again: Counter[str] = Counter()
    for event, body in lived(world, "v4"):
        if event.kind != "final":
            assert event.kind == "integration"
            continue
        run = world.v4.run(workspace, event.subject)
        assert run is not None
        assert set(body) == CALLBACK_FIELDS
        assert body["callback_ref_uid"] == event.uid
        assert body["run"]["run_uid"] == run["uid"]
        assert body["run"]["status"] == run["status"]
        assert body["error"] == run["last_error"]
        served = outputs(world, workspace, run["uid"])
        assert (body["results"] or []) == served
        assert len(served) == run["output_count"]
        assert body["results"] is not None or run["last_error"]
        statuses[run["status"]] += 1
        again[run["uid"]] += 1
    assert {"SUCCEEDED", "FAILED", "PARTIAL_SUCCEEDED", "STOPPED"} <= set(statuses)
    assert max(again.values()) > 1, "a retry ends the run again"


@pytest.mark.parametrize("repeats", [False, True])
def test_batches_part_the_outputs_in_their_order(repeats: bool) -> None:
    world = new_world()
    workspace = world.workspaces[0]
    options = EventOptions(on="all", batch_rows=7, final_repeats=repeats)
    at_work = {run["uid"] for run in world.v4.runs(workspace) if run["status"] == "RUNNING"}
    got: dict[str, list[Json]] = defaultdict(list)
    refs: list[str] = []
    moments: dict[str, set[datetime]] = defaultdict(set)
    checked = 0
    for event, body in lived(world, "v4", options):
        uid = event.subject
        if event.kind == "integration" or uid in at_work:
            continue
        refs.append(body["callback_ref_uid"])
        served = outputs(world, workspace, uid)
        if event.kind == "batch":
            assert body["run"]["status"] == "RUNNING"
            assert 1 <= len(body["results"]) <= 7
            got[uid] += body["results"]
            moments[uid].add(event.moment)
            assert served[: len(got[uid])] == got[uid]
            continue
        run = world.v4.run(workspace, uid)
        assert run is not None
        assert got[uid] == served
        checked += bool(served)
        tail = served[-1 - (len(served) - 1) % 7 :] if served else None
        assert body["results"] == (tail if repeats else None)
        assert (body["run"]["batch_uid"] is None) == (body["results"] is None)
        got[uid] = []
    assert len(set(refs)) == len(refs)
    assert checked > 10
    assert max(map(len, moments.values())) > 2, "batches come while the run is at work"


def test_a_continued_run_ends_again() -> None:
    world = new_world()
    workspace = world.workspaces[0]
    runs = [r for r in world.v4.runs(workspace) if r["status"] == "SUCCEEDED"]
    run = next(r for r in runs if r["output_count"] and r["execution_mode"] == "ASYNC")
    for answers in ("all", "newest"):
        world.dialect = dataclasses.replace(PLAIN, continued_outputs=answers)
        world.v4.continue_run(workspace, run["uid"], rows=4)
        (body,) = [
            b for e, b in lived(world, "v4", days=0.2)
            if e.subject == run["uid"] and e.kind == "final"
        ]  # fmt: skip
        assert body["results"] == outputs(world, workspace, run["uid"])
        assert body["run"]["status"] == "SUCCEEDED"
        world.advance(hours=1)


def test_forms_of_callbacks() -> None:
    def bodies(**options: Any) -> list[Json]:
        found = lived(new_world(), "v4", EventOptions(**options), days=2)
        return [body for event, body in found if event.kind == "final"]

    everyone = bodies()
    assert all(body["input"] for body in everyone)
    assert SECRET_MARKER in json.dumps(everyone[0]["input"])
    older = bodies(has_refs=False)
    assert {frozenset(body) for body in older} == {
        frozenset(CALLBACK_FIELDS - {"callback_ref_uid"})
    }
    assert [body["run"] for body in older] == [body["run"] for body in everyone]
    assert {body["results"] is None for body in bodies(final_results=False)} == {True}
    assert 0 < len(bodies(callbacks="named")) < len(everyone)
    mixed = [body["results"] is None for body in bodies(on="mixed")]
    assert {True, False} == set(mixed)


def test_changes_of_integrations_agree_with_the_api() -> None:
    seen: Counter[str] = Counter()
    for seed in range(4):
        world = World(seed, dialect=PLAIN, **SIZES)
        workspace = world.workspaces[0]
        for event, body in lived(world, "v4"):
            if event.kind != "integration":
                continue
            seen[body["event"]] += 1
            asked = (workspace, body["identity_uid"], body["integration_permalink"])
            if body["event"] == "DELETED":
                with pytest.raises(NotFoundError):
                    world.v4.identity_integration(*asked)
                continue
            found = world.v4.identity_integration(*asked)
            assert found["uid"] == body["integration_uid"]
            status = {"AUTH_SUCCESS": "VALID", "AUTH_PENDING": "PENDING"}
            assert found["status"] == status.get(body["event"], "INVALID")
            needs_login = body["action_to_be_taken"] == "RETRY_LOGIN"
            assert needs_login == (found["status"] == "INVALID")
    assert set(seen) >= {"AUTH_SUCCESS", "DELETED"}
    assert seen["AUTH_FAILED"] + seen["AUTH_EXPIRED"]


def test_events_can_come_before_the_api_shows_their_job() -> None:
    world = new_world()
    workspace = world.workspaces[0]
    hidden = running = 0
    for event, _ in lived(world, "v3", EventOptions(before_api=True), days=20):
        job = world.job(workspace, event.subject)
        hidden += job is None
        running += event.kind != "created" and job is not None and job["status"] == "running"
    assert hidden
    assert running


@pytest.mark.parametrize("generation", ["v3", "v4"])
def test_windows_side_by_side_have_each_event_once(generation: Generation) -> None:
    world = new_world()
    workspace, start = world.workspaces[0], world.start

    def of(first: float, last: float) -> list[Event]:
        moments = [start + timedelta(days=day) for day in (first, last)]
        return list(
            events_between(
                world, workspace, *moments, generation=generation, options=EventOptions(on="all")
            )
        )

    whole = of(0, 4)
    assert [event for day in range(16) for event in of(day / 4, day / 4 + 0.25)] == whole
    assert len({event.uid for event in whole}) == len(whole)
    world.advance(days=5)
    assert of(0, 4) == whole, "wherever the clock stands"
    assert all(a.moment <= b.moment for a, b in pairwise(whole))
