"""`captaindata listen`: what events tell of is loaded within seconds, exactly and once."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from captaindata_source.sandbox.event_drafts import EventOptions
from captaindata_source.sandbox.sending import Disorder, Sender
from tests.conftest import MakeHarness
from tests.support import mishaps
from tests.support.asked import listed_now, outputs_of, results_of
from tests.support.harness import Harness, Synced
from tests.support.listener import Listener
from tests.support.marks import INTEGRATION
from tests.support.oracle import FINAL, V4_FINAL, Oracle, assert_equal
from tests.support.waiting import WAIT_SECONDS, wait_for

SECRET = "0123456789abcdef"
BOTH = [("duckdb", "v3"), pytest.param("postgres", "v4", marks=INTEGRATION)]
CROSSED = [
    pytest.param("duckdb", "v4", marks=INTEGRATION),
    pytest.param("postgres", "v3", marks=INTEGRATION),
]


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness over a small world whose jobs end often."""
    return make_harness(workflows=3, mean_results=3, jobs_per_day=6)


def begun(harness: Harness, version: str) -> Oracle:
    harness.options |= {"api_version": version, "event_secret": SECRET}
    oracle = Oracle(harness.world, version)
    oracle.look()
    harness.sync()
    return oracle


def sender_for(harness: Harness, listener: Listener, version: str, **options: object) -> Sender:
    workspace = harness.world.workspaces[0]
    return Sender(
        harness.world,
        listener.url,
        secret=SECRET,
        generation=version,  # type: ignore[arg-type]
        names={workspace.uid: harness.config(workspace)["name"]},
        **options,  # type: ignore[arg-type]
    )


def fetched(synced: Synced) -> set[str]:
    return results_of(synced) | outputs_of(synced)


@pytest.mark.parametrize(("database", "version"), [*BOTH, *CROSSED], indirect=["database"])
def test_the_warehouse_follows_events_and_a_sync_finds_nothing(
    harness: Harness, version: str
) -> None:
    oracle = begun(harness, version)
    with Listener(harness) as listener, sender_for(harness, listener, version) as sender:
        sender.advance(harness.world.now + timedelta(days=1))
        assert sender.counts["accepted"] > 10
        assert sender.waiting == 0
        listener.wait_until_done()

    events = harness.rows("webhook_events")
    assert {row["action"] for row in events} <= {"results_loaded", "job_loaded", "unchanged"}
    assert sum(row["action"] == "results_loaded" for row in events) > 3
    oracle.look()
    told = {row["job_uid"] for row in events} & ended(oracle)
    before = loaded(harness, told)
    synced = harness.sync()
    assert fetched(synced).isdisjoint(told)
    assert loaded(harness, told) == before
    assert_equal(harness, oracle)
    runs = harness.rows("sync_runs")
    assert len(runs) == 2  # a turn is no sync


def ended(oracle: Oracle) -> set[str]:
    """Jobs that change no more by themselves: others do without an event."""
    return {uid for (_, uid), job in oracle.jobs.items() if job["status"] in (*FINAL, *V4_FINAL)}


def loaded(harness: Harness, uids: set[str]) -> dict[str, list[str]]:
    """When the rows of jobs were written."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table, key in (("jobs", "uid"), ("successful_jobs", "uid"), ("job_results", "job_uid")):
        for row in harness.rows(table):
            if row[key] in uids:
                found.setdefault(row[key], []).append((table, row["_dlt_load_id"]))
    return {uid: sorted(map(str, rows)) for uid, rows in found.items()}


@pytest.mark.parametrize(("database", "version"), BOTH, indirect=["database"])
@pytest.mark.parametrize("seed", [1])
@pytest.mark.integration
def test_nothing_acknowledged_is_lost_when_the_receiver_is_killed(
    harness: Harness, version: str, seed: int
) -> None:
    """Kills of the receiver and its loader at random moments, while events come twice, late and in
    batches."""
    kills_and_events(harness, version, seed=seed, kills=4)


@INTEGRATION
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_termination_ends_the_scheduled_sync_too(harness: Harness) -> None:
    harness.options["event_secret"] = SECRET
    listener = Listener(harness, "--every", "1h", "--quiet")
    is_asked, goes_on = threading.Event(), threading.Event()

    def hold(_path: str) -> None:
        is_asked.set()
        goes_on.wait()

    harness.sandbox.before_request = hold
    try:
        with listener:
            assert is_asked.wait(WAIT_SECONDS)
            processes = listener.loaders
            assert len(processes) == 2
            assert listener.stop(signal.SIGTERM) == 0
    finally:
        goes_on.set()
        harness.sandbox.before_request = None
    assert [each for each in processes if Path(f"/proc/{each}").exists()] == []


@pytest.mark.parametrize(("database", "version"), BOTH, indirect=["database"])
@pytest.mark.integration
def test_a_long_sync_gives_way_to_events(harness: Harness, version: str) -> None:
    """A first load that takes some seconds; the oldest job of all would be its last."""
    harness.options |= {
        "api_version": version,
        "event_secret": SECRET,
        "requests_per_minute": 1_200,
    }
    harness.options["max_parallel_requests"] = 1
    # the load is over within seconds
    harness.extra[mishaps.CONSTANTS] = json.dumps(
        {"captaindata_source.engine.doorbell:LEAST_SECONDS": 0.2}
    )
    oracle = Oracle(harness.world, version)
    oracle.look()
    oldest = sorted(
        (
            job
            for job in listed_now(harness.world)
            if job["finish_time"]
            and job["row_count"]
            and not job["main_job_uid"]
            and job["status"] == "finished"
        ),
        key=lambda job: job["finish_time"],
    )[:3]
    with Listener(harness) as listener:
        process, name = harness.start()
        wait_for(lambda: harness.sandbox.log.entries)
        wait_for(lambda: asked_for_results(harness))
        for job in oldest:
            post(listener, body_for(job, version))
        wait_for(lambda: any("results" in line for line in listener.lines))
        assert process.is_alive(), listener.lines
        synced = harness.finish(process, name)
        listener.wait_until_done()

    assert synced.code == 0, synced.stderr
    times = Counter(path for path in asked_for_results(harness))
    assert {path for path, count in times.items() if count > 1} == set()
    assert_equal(harness, oracle)
    told = {row["job_uid"] for row in harness.rows("webhook_events")}
    assert told == {job["uid"] for job in oldest}


def kills_and_events(harness: Harness, version: str, *, seed: int, kills: int) -> None:
    """Sends the events of a day, kills the receiver meanwhile, and compares."""
    oracle = begun(harness, version)
    chance = random.Random(seed)
    disorder = Disorder(doubles=0.3, late=0.3, late_hours=3, missing=0.1, seed=seed)
    options = EventOptions(on="mixed", batch_rows=2)
    listener = Listener(harness)
    with (
        listener,
        sender_for(harness, listener, version, disorder=disorder, options=options) as sender,
    ):
        end = harness.world.now + timedelta(days=1)
        for _ in range(kills):
            step = timedelta(hours=chance.uniform(0.2, 1.8) * 24 / kills)
            sender.advance(min(harness.world.now + step, end))
            listener.hurry()
            threading.Event().wait(chance.uniform(0, 5))
            listener.kill()
            listener.start(port=listener.port)
        sender.flush()
        assert sender.waiting == 0
        listener.wait_until_done()
    assert sender.counts["accepted"] > 10
    events = harness.rows("webhook_events")
    assert len({row["uid"] for row in events}) == len(events)
    oracle.look()
    told = {row["job_uid"] for row in events} & ended(oracle)
    before = loaded(harness, told)
    harness.sync()
    assert loaded(harness, told) == before
    assert_equal(harness, oracle)


def asked_for_results(harness: Harness) -> list[str]:
    paths = [f"{r.path}?{r.query}" for r in list(harness.sandbox.log.entries)]
    return [path for path in paths if "/results" in path or "/outputs" in path]


def body_for(job: dict[str, Any], version: str) -> dict[str, Any]:
    if version == "v4":
        run = {"run_uid": job["uid"], "batch_uid": "b", "status": "SUCCEEDED"}
        return {"callback_ref_uid": f"c {job['uid']}", "run": run, "results": None}
    return {
        "uid": "e",
        "job_uid": job["uid"],
        "recipe_ref": job["uid"],
        "workflow_uid": job["workflow_uid"],
        "message": "Job x finished",
        "error": None,
    }


def post(listener: Listener, body: dict[str, Any], *, workspace: str = "") -> None:
    name = workspace or listener.workspaces[0]
    headers = {"Authorization": f"Bearer {SECRET}"}
    answer = httpx.post(f"{listener.url}/{name}", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 202, answer.text
