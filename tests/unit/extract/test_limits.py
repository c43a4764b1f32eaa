"""A sync that ends early leaves a warehouse that is right, and the next goes on."""

from __future__ import annotations

import pytest

from captaindata_source.cli.main import main
from captaindata_source.extract.limits import Limits
from tests.support import processes
from tests.support.harness import Harness
from tests.support.http_script import FakeTime
from tests.support.marks import INTEGRATION
from tests.support.oracle import Oracle, assert_equal

ON_ONE_DATABASE = pytest.mark.parametrize("database", ["duckdb"], indirect=True)


def results_of(harness: Harness) -> list[str]:
    return [request.path for request in harness.sandbox.log.entries if "/results" in request.path]


@pytest.mark.integration
@ON_ONE_DATABASE
def test_max_requests_ends_each_sync_and_all_of_them_load_everything(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    first = harness.sync("--max-requests", "40")
    report = first.summary["workspaces"][0]
    assert report["outcome"] == "stopped_early"
    left = report["results_left"]
    listings = len(first.requests) - len(results_of(harness))
    assert len(first.requests) <= 40 + 3, "what the three threads had in hand is finished"
    assert 0 < report["results_fetched"] == len(harness.rows("job_results_ledger"))
    (run,) = harness.rows("sync_runs")
    assert (run["outcome"], run["results_left"]) == ("stopped_early", left)
    outcome = "stopped_early"
    while outcome != "loaded":
        again = harness.sync("--max-requests", "40").summary["workspaces"][0]
        is_left = again["results_left"] or again["is_listing_left"]
        outcome = again["outcome"]
        assert again["api_calls"] <= 40 + 3
        assert again["results_fetched"] > 0
        assert outcome == ("stopped_early" if is_left else "loaded")
    assert listings < 40
    assert_equal(harness, oracle)


@INTEGRATION
@ON_ONE_DATABASE
def test_however_small_the_limit_the_newest_job_is_finished(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    done = harness.sync("--max-minutes", "0.000001").summary["workspaces"][0]
    assert (done["outcome"], done["results_fetched"], done["load_packages"]) == (
        "stopped_early",
        1,
        1,
    )
    (row,) = harness.rows("job_results_ledger")
    newest = max(
        (job for job in oracle.expected_jobs() if job["status"] in ("finished", "completed")),
        key=lambda job: (job["finish_time"] is not None, job["finish_time"]),
    )
    assert row["job_uid"] == newest["uid"]
    text = processes.run(
        ["sync", "--max-requests", "1"], environment=harness.environment(), folder=harness.folder
    )
    assert text.code == 0
    left = done["results_left"] - 1
    assert f"the results of {left} jobs are left for the next sync" in text.stdout
    harness.sync()
    assert_equal(harness, oracle)


def test_minutes_and_requests_of_all_workspaces_count_together() -> None:
    time = FakeTime()
    limits = Limits(max_minutes=2, max_requests=10, monotonic=time.clock.monotonic)
    calls = {"a": 4, "b": 5}
    limits.count(lambda: calls["a"])
    limits.count(lambda: calls["b"])
    assert not limits.are_reached
    calls["b"] += 1
    assert limits.are_reached
    calls["b"] -= 1
    time.elapsed += 119
    assert not limits.are_reached
    time.elapsed += 1
    assert limits.are_reached


@pytest.mark.parametrize("option", ["--max-minutes", "--max-requests"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "nan", ""])
def test_limits_that_are_none(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["sync", option, value])
    assert caught.value.code == 2
    assert option in capsys.readouterr().err
