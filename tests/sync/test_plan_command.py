"""`captaindata plan`, and the line that `sync` says before a long load."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.cli.progress import Display
from captaindata_source.engine.estimate import Estimate
from captaindata_source.engine.status import Status
from captaindata_source.extract.plan.expected import Expected
from captaindata_source.sandbox import Dialect
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION

BIG = Expected(
    new_jobs=5_000,
    changed_jobs=0,
    result_jobs=5_000,
    empty_jobs=0,
    newest_jobs=500,
    workspace_calls=2,
    detail_calls=20,
    job_calls=0,
    result_calls=5_200,
    newest_calls=520,
    input_calls=0,
    extra_calls=0,
    routine_calls=24,
    deep_calls=60,
)


@pytest.fixture
def database(tmp_path: Path) -> DuckDb:
    """Nothing is written, and what is read is read as each sync does."""
    return DuckDb(tmp_path)


def plan(harness: Harness, *arguments: str, code: int = 0) -> tuple[dict[str, Any], list[str]]:
    """What the command says of the first workspace, and the paths that it asked for."""
    harness.sandbox.log.clear()
    done = processes.run(
        ["plan", "--json", *arguments], environment=harness.environment(), folder=harness.folder
    )
    assert done.code == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is (code == 0)
    return found["workspaces"][0], [request.path for request in harness.sandbox.log.entries]


@pytest.mark.parametrize("version", ["v3", pytest.param("v4", marks=INTEGRATION)])
def test_it_tells_the_calls_of_the_sync_that_follows(
    make_harness: MakeHarness, version: Any
) -> None:
    harness = make_harness(workflows=3, dialect=Dialect())
    harness.versions[harness.world.workspaces[0].uid] = version
    harness.options["deep_listing_hours"] = 24
    first, paths = plan(harness, "--requests-per-minute", "10")
    assert not (harness.folder / "warehouse.duckdb").exists()
    assert not [path for path in paths if path.endswith(("/results", "/outputs", "/details"))]
    assert first["calls"]["lists"] == len(paths)
    assert (first["limit"], first["requests_per_minute"]) == ("option", 10)
    assert first["minutes"] == pytest.approx(first["calls"]["total"] / 10, abs=0.1)
    assert 0 < first["newest_7_days"]["calls"] < first["calls"]["total"]
    synced = harness.sync()
    more_members = len(synced.paths("/users")) - 2
    assert first["calls"]["total"] + more_members == len(synced.requests)
    assert first["jobs"]["new"] == synced.total["jobs"]
    asked = set(synced.paths("/results") + synced.paths("/outputs"))
    assert first["jobs"]["with_results_to_fetch"] == len(asked)
    before = harness.rows("jobs"), harness.rows("sync_runs"), harness.rows("_dlt_loads")
    harness.database.release()
    second, paths = plan(harness)
    assert before == (harness.rows("jobs"), harness.rows("sync_runs"), harness.rows("_dlt_loads"))
    assert not [path for path in paths if path.endswith(("/results", "/outputs", "/details"))]
    assert second["jobs"]["new"] == second["jobs"]["with_results_to_fetch"] == 0
    again = harness.sync()
    # a list whose last known job still runs is read further
    assert 0 <= len(again.requests) - first["routine_sync_calls"] <= 2
    assert abs(second["calls"]["total"] - len(again.requests)) <= 1


def test_what_can_not_be_read_is_said_of_its_workspace(make_harness: MakeHarness) -> None:
    harness = make_harness(workspaces=2, workflows=3)
    second = harness.world.workspaces[1]
    configs = [
        harness.config(harness.world.workspaces[0]),
        harness.config(second, name="locked", api_key="wrong-key"),
    ]
    done = processes.run(["plan"], environment=harness.environment(configs), folder=harness.folder)
    assert done.code == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "wrong-key" not in done.stderr + done.stdout
    assert "calls in all" in done.stdout
    assert "No limit is known" in done.stdout
    assert any(line.startswith("locked: ") for line in done.stdout.splitlines())
    harness.sandbox.faults.add(Fault(match="/jobs$", kind="status", status=403, times=1))
    found, _ = plan(harness, "--workspace", "acme", code=1)
    assert "Jobs of workflow" in found["error"]
    assert found["calls"]["total"] > 0
    assert plan_code(harness, "--workspace", "nobody") == 2
    assert plan_code(harness, "--requests-per-minute", "0") == 2


def plan_code(harness: Harness, *arguments: str) -> int:
    done = processes.run(
        ["plan", *arguments], environment=harness.environment(), folder=harness.folder
    )
    assert "Traceback" not in done.stderr
    return done.code


@pytest.mark.parametrize(
    ("per_minute", "said"),
    [
        (
            100.0,
            "acme: about 5,222 calls to come, about 52 minutes at 100 calls a minute; results of "
            "the newest 7 days after about 5 minutes\n",
        ),
        (
            None,
            "acme: about 5,222 calls to come; results of the newest 7 days after about 542 of "
            "them\n",
        ),
    ],
)
def test_a_long_load_says_once_how_long(
    capsys: pytest.CaptureFixture[str], per_minute: float | None, said: str
) -> None:
    estimate = Estimate(expected=BIG, per_minute=per_minute)
    with Display(now=lambda: datetime(2026, 11, 27, tzinfo=UTC)) as display:
        display.show([Status(name="acme", step="fetching")])
        for _ in range(3):
            display.show([Status(name="acme", step="fetching", estimate=estimate)])
    assert capsys.readouterr().err == said


def test_a_short_or_quiet_load_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    short = Estimate(expected=replace(BIG, result_calls=100, newest_calls=10), per_minute=100.0)
    long = Estimate(expected=BIG)
    Display().show([Status(name="acme", step="fetching", estimate=short)])
    Display(is_on=False).show([Status(name="acme", step="fetching", estimate=long)])
    assert capsys.readouterr().err == ""
