"""`captaindata_source.sync`: what the command does, in a process that is someone else's."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import captaindata_source
from tests.conftest import MakeHarness
from tests.support import processes, python_calls
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES, POSTGRES_LATER
from tests.support.oracle import Oracle, assert_equal


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    return make_harness(workflows=3)


@pytest.fixture
def harness_of_two(make_harness: MakeHarness) -> Harness:
    return make_harness(workspaces=2, workflows=3)


def call(
    harness: Harness, function: str, *, configs: list[dict[str, Any]] | None = None, **kwargs: Any
) -> tuple[dict[str, Any], str, str]:
    """Runs a function of `python_calls`: what it told, and what else it printed and logged."""
    kwargs = {
        "destination": harness.database.name,
        "dataset": harness.database.dataset,
        **kwargs,
    }
    harness.sandbox.log.clear()
    done = processes.run(
        [processes.CALL, function],
        environment={
            **harness.environment(configs),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            python_calls.KWARGS: json.dumps(kwargs),
        },
        folder=harness.folder,
    )
    assert done.code == 0, done.stderr
    *printed, told = done.stdout.rsplit("\n--\n", 1)
    return json.loads(told), "".join(printed), done.stderr


@INTEGRATION
@ON_DUCKDB
def test_from_a_thread_and_twice_in_a_process_that_stays_as_it_was(harness: Harness) -> None:
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    oracle.look()
    told, printed, logged = call(harness, "from_threads")
    assert (printed, logged) == ("", "")
    first, second = told["first"], told["second"]
    for report in (first, second):
        assert report["is_ok"] is True
        assert report["after"] == report["before"]
        assert report["before"]["pipeline"] == "of_the_host"
    assert told["seen"] == ["acme", "views"]
    assert told["frozen"] == 0
    assert first["dict"]["workspaces"][0]["rows"]["job_results"] > 0
    assert first["dict"]["views"]["created"]
    assert first["text"].splitlines()[0].split() == ["acme"]
    assert f"schema {harness.database.dataset}, views in" in first["text"].splitlines()[-1]
    assert second["dict"]["workspaces"][0]["results_fetched"] == 0
    assert second["dict"]["views"] == {}
    assert len(harness.rows("sync_runs")) == 2
    assert_equal(harness, oracle)


@ON_DUCKDB
def test_the_report_is_what_the_command_prints(harness: Harness) -> None:
    told, printed, _ = call(harness, "as_the_command")
    assert told["code"] == 0
    assert json.loads(printed) == told["dict"]
    assert list(told["dict"]) == [
        *("ok", "destination", "dataset", "workspaces"),
        *("views", "views_error", "published", "publish_error"),
    ]


@POSTGRES_LATER
def test_a_workspace_that_fails_is_in_the_report(harness_of_two: Harness) -> None:
    harness = harness_of_two
    acme, northwind = harness.world.workspaces
    workspaces = [harness.config(acme, api_key="wrong"), harness.config(northwind)]
    oracle = Oracle(harness.world)
    oracle.look(northwind)
    told, printed, logged = call(harness, "plainly", configs=[], workspaces=workspaces)
    assert told["is_ok"] is False
    assert [each["outcome"] for each in told["dict"]["workspaces"]] == ["failed", "loaded"]
    assert "copy it again" in told["text"]
    assert "wrong" not in told["text"]
    assert logged.count("watch raised an error and is not called again") == 1
    assert printed == ""
    assert_equal(harness, oracle)


@ON_DUCKDB
def test_workspaces_of_the_call_take_other_options_from_the_configuration(harness: Harness) -> None:
    harness.options.pop("max_parallel_requests")
    harness.extra["SOURCES__CAPTAINDATA__RESULT_STATUSES"] = '["warning"]'
    given = harness.config(harness.world.workspaces[0])
    told, _, _ = call(harness, "plainly", configs=[], workspaces=[given], tables=["job_results"])
    (report,) = told["dict"]["workspaces"]
    assert report["rows"].keys() == {"job_results"}
    oracle = Oracle(harness.world)
    oracle.look()
    warned = {uid for (_, uid), job in oracle.jobs.items() if job["status"] == "warning"}
    assert {row["job_uid"] for row in harness.rows("job_results_ledger")} == warned != set()


@INTEGRATION
@ON_POSTGRES
def test_calls_side_by_side(harness_of_two: Harness) -> None:
    harness = harness_of_two
    oracle = Oracle(harness.world)
    oracle.look()
    harness.extra["NAMES"] = '["acme", "northwind"]'
    told, _, _ = call(harness, "side_by_side")
    assert [each["is_ok"] for each in told["reports"]] == [True, True]
    assert_equal(harness, oracle)


@INTEGRATION
@ON_DUCKDB
def test_two_calls_for_one_workspace_do_not_meet(harness: Harness) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    waits = {"Retry-After": "3"}
    harness.sandbox.faults.add(
        Fault(match="/workflows$", kind="status", status=429, headers=waits, times=1)
    )
    harness.extra["NAMES"] = '["acme", "acme"]'
    told, _, _ = call(harness, "side_by_side")
    (failed,) = [each for each in told["reports"] if not each["is_ok"]]
    assert "Another sync of this workspace" in failed["text"]
    assert_equal(harness, oracle)


@ON_DUCKDB
def test_a_signal_ends_the_sync_and_then_goes_to_the_process(harness: Harness) -> None:
    waits = {"Retry-After": "600"}
    harness.sandbox.faults.add(Fault(match="/results", kind="status", status=429, headers=waits))
    told, _, _ = call(harness, "interrupted")
    assert told["caught"] == ["KeyboardInterrupt", "SIGTERM"]
    assert "Interrupted" in told["dict"]["workspaces"][0]["error"]
    harness.sandbox.faults.clear()
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)


KEYS = {"api_key": "k", "project_uid": "p"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"workspaces": []}, "workspaces must be a list of names or of options; leave it out to sync"),
    ({"workspaces": "acme"}, "workspaces must be a list of names or of options"),
    ({"workspaces": ["nobody"]}, "Unknown workspace 'nobody'; configured are 'acme'"),
    ({"workspaces": [7]}, "Workspace number 1 must be the name of a configured workspace"),
    ({"workspaces": [{**KEYS, "api_keys": "k"}]}, "Workspace number 1: unknown option 'api_keys'"),
    ({"workspaces": [{"project_uid": "p"}]}, "Workspace 'default': api_key is missing or empty"),
    ({"workspaces": [{**KEYS, "lookback_days": "3"}]}, "lookback_days must be a number of days"),
    ({"workspaces": [KEYS, {**KEYS, "name": "b"}]}, "Workspace number 1: name is missing"),
    (
        {"workspaces": ["acme", {**KEYS, "name": "acme"}]},
        "name 'acme' is configured for more than one",
    ),
    ({"destination": "nowhere"}, "Destination 'nowhere' can't be used: dlt does not know it"),
    ({"dataset": ""}, "The dataset (--dataset) is empty"),
    ({"dataset": "warehouse"}, "warehouse.duckdb and the dataset 'warehouse'"),
    ({"tables": ["job"]}, "Unknown table job; there are "),
    ({"tables": "jobs"}, "tables must be a list of "),
    ({"tables": ["members"]}, "Unknown table members"),
    ({"max_minutes": 0}, "max_minutes must be a number above 0, such as 30"),
    ({"max_requests": 1.5}, "max_requests must be a whole number from 1, such as 500"),
    ({"package_max_results": 0}, "package_max_results must be above 0, such as 200000"),
    ({"package_max_minutes": "5"}, "package_max_minutes must be above 0, such as 5"),
    ({"create_views": "yes"}, "create_views must be true or false"),
    ({"materialize_results": 1}, "materialize_results must be true or false"),
    ({"report_timezone": "Paris"}, "report_timezone must be UTC or the name of a time zone"),
    ({"publish_copy": " "}, "publish_copy must be a path, or left out"),
    ({"publish_copy": "warehouse.duckdb"}, "is the warehouse itself"),
]


@ON_DUCKDB
def test_what_can_not_work_is_refused_before_anything_is_sent(harness: Harness) -> None:
    harness.extra["CALLS"] = json.dumps([kwargs for kwargs, _ in REFUSED])
    told, printed, logged = call(harness, "refusals")
    assert len(told["said"]) == len(REFUSED)
    for message, (_, expected) in zip(told["said"], REFUSED, strict=True):
        assert expected in message
    assert (printed, logged) == ("", "")
    assert harness.sandbox.log.entries == []
    assert not list(harness.folder.glob("*.duckdb"))


def test_it_is_imported_when_it_is_used() -> None:
    code = (
        "import sys, captaindata_source\n"
        "assert not {'dlt', 'duckdb', 'pyarrow', 'httpx'} & set(sys.modules)\n"
        "from captaindata_source import captaindata, refresh_views, sync\n"
        "import captaindata_source.engine.workspace_sync\n"
        "assert callable(captaindata_source.sync) and captaindata_source.sync is sync\n"
        "for name in captaindata_source.__all__: getattr(captaindata_source, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    names = captaindata_source.__all__
    assert names == sorted(names)
