"""`captaindata listen`: what events tell of is loaded within seconds, exactly and once."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from captaindata_source.sandbox.events import EventOptions
from captaindata_source.sandbox.sending import Disorder, Sender
from tests.conftest import MakeHarness
from tests.support.asked import outputs_of, results_of
from tests.support.harness import Harness, Synced
from tests.support.listener import Listener
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal
from tests.support.waiting import wait_for

SECRET = "0123456789abcdef"
BOTH = [("duckdb", "v3"), pytest.param("postgres", "v4", marks=INTEGRATION)]
CROSSED = [
    pytest.param("duckdb", "v4"),
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
    told = {row["job_uid"] for row in events}
    before = loaded(harness, told)
    oracle.look()
    synced = harness.sync()
    assert fetched(synced).isdisjoint(told)
    assert loaded(harness, told) == before
    assert_equal(harness, oracle)
    runs = harness.rows("sync_runs")
    assert len(runs) == 2  # a turn is no sync


def loaded(harness: Harness, uids: set[str]) -> dict[str, list[object]]:
    """When the rows of jobs were written."""
    found: dict[str, list[object]] = {}
    for table, key in (("jobs", "uid"), ("successful_jobs", "uid"), ("job_results", "job_uid")):
        for row in harness.rows(table):
            if row[key] in uids:
                found.setdefault(row[key], []).append((table, row["_dlt_load_id"]))
    return {uid: sorted(map(str, rows)) for uid, rows in found.items()}
