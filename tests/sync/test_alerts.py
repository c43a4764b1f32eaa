"""Alerts after syncs and by themselves, in processes that are killed, and run at once.

What is wrong here is the outcome of the newest syncs, which the tests write.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from captaindata_source.tables import SYNC_RUNS
from tests.conftest import MakeHarness
from tests.support import leaks, mishaps, processes, python_calls
from tests.support.databases import DuckDb
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES
from tests.support.raw_tables import insert
from tests.support.results import Warehouse
from tests.support.waiting import wait_for
from tests.support.webhook_server import HANG, Receiver, receiving

MARK = "s3cr3t-path-91f2"
PREFIX = "SOURCES__CAPTAINDATA__"
STORE, DELIVERIES = "captaindata_source.alerts.store", "captaindata_source.alerts.deliveries"
KILLS = [
    f"{STORE}:Store.create:1",
    f"{STORE}:Store.change:1",
    f"{DELIVERIES}:Deliveries.settle:1",
    f"{DELIVERIES}:Deliveries.claim:2",
    "captaindata_source.http.posting:Webhooks.post:2",
    f"{DELIVERIES}:Deliveries.finish:2",
]
"""Each step; what is sent in two messages dies at the second, so that the first is behind it."""
KILLS_AT_FIRST = [place.replace(":2", ":1") for place in KILLS if place.endswith(":2")]


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def harness(make_harness: MakeHarness, server: Receiver) -> Harness:
    """A harness of two workspaces with a webhook."""
    harness = make_harness(workspaces=2, workflows=2, mean_results=2)
    harness.extra |= {
        f"{PREFIX}CREATE_VIEWS": "true",
        f"{PREFIX}CREATE_PEOPLE": "false",
        f"{PREFIX}ALERT_WEBHOOKS": json.dumps([{"name": "hook", "url": server.url(f"/{MARK}")}]),
    }
    return harness


def command(harness: Harness) -> list[str]:
    return ["--destination", harness.database.name, "--dataset", harness.database.dataset]


def alerts(harness: Harness, *arguments: str, expect: int = 0, **extra: str) -> Any:
    """Runs `captaindata alerts`; its JSON if it was asked for, else its text."""
    environment = {**harness.environment(), **extra}
    done = processes.run(
        ["alerts", *command(harness), *arguments], environment=environment, folder=harness.folder
    )
    assert done.code == expect, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    said = done.stdout + done.stderr
    return json.loads(done.stdout) if "--json" in arguments and expect != 2 else said


def set_outcomes(harness: Harness, outcome: str) -> None:
    harness.database.execute("update sync_runs set outcome = %s", (outcome,))


def failed_syncs(server: Receiver) -> list[tuple[str, str]]:
    """Workspace and state of the alerts that arrived about syncs, in their order."""
    return [
        (got.body["workspace"]["name"], each["state"])
        for got in server.accepted
        for each in got.body["alerts"]
        if each["kind"] == "failed_sync"
    ]


@INTEGRATION
@ON_DUCKDB
def test_a_sync_tells_what_is_new_and_what_is_over(harness: Harness, server: Receiver) -> None:
    first, second = harness.world.workspaces
    configs = [harness.config(first), harness.config(second, api_key="wrong")]
    copy = harness.folder / "copy.duckdb"
    harness.extra[f"{PREFIX}PUBLISH_COPY"] = str(copy)
    synced = harness.sync(configs=configs, expect=1)
    told = synced.summary["alerts"]
    assert told["ok"] is True
    assert [each["workspace"]["name"] for each in told["new"] if each["kind"] == "failed_sync"] == [
        "northwind"
    ]
    assert failed_syncs(server) == [("northwind", "open")]
    with duckdb.connect(str(copy), read_only=True) as connection:
        rows = connection.sql("select status from captaindata.alert_deliveries").fetchall()
    assert set(rows) == {("delivered",)}

    alone = harness.sync(configs=[harness.config(first)])
    assert alone.summary["alerts"]["over"] == [], "the other workspace was not looked at"

    server.usual = 404
    synced = harness.sync("--table", "workspaces", expect=1)
    assert [each["outcome"] for each in synced.summary["workspaces"]] == ["loaded", "loaded"]
    (hook,) = synced.summary["alerts"]["webhooks"]
    assert (hook["name"], hook["error"]) == ("hook", "answered 404")
    server.usual = 200
    assert harness.sync("--table", "workspaces").summary["ok"]
    assert failed_syncs(server) == [("northwind", "open"), ("northwind", "over")]


@INTEGRATION
@ON_DUCKDB
def test_without_webhooks_a_sync_does_nothing_about_alerts(harness: Harness) -> None:
    del harness.extra[f"{PREFIX}ALERT_WEBHOOKS"]
    assert "alerts" not in harness.sync("--table", "workspaces", "--workspace", "acme").summary
    tables = "select 1 from information_schema.tables where table_name in %s"
    names = "('alerts', 'alert_deliveries')"
    assert harness.database.execute(tables.replace("%s", names)) == []
    harness.extra[f"{PREFIX}ALERTS"] = "true"
    told = harness.sync("--workspace", "acme").summary["alerts"]
    assert told["webhooks"] == []
    assert len(harness.database.execute(tables.replace("%s", names))) == 2


@pytest.fixture
def loaded(harness: Harness) -> Harness:
    """A harness whose warehouse holds a good sync of each workspace, and nothing else."""
    warehouse = Warehouse(harness.database)
    insert(
        harness.database,
        SYNC_RUNS,
        [
            {
                "workspace_uid": each.uid,
                "uid": each.uid,
                "workspace_name": harness.config(each)["name"],
                "started_at": datetime.now(UTC),
                "finished_at": datetime.now(UTC),
                "outcome": "loaded",
                "rows_by_table": {},
            }
            for each in harness.world.workspaces
        ],
    )
    warehouse.where.release()
    return harness


@ON_DUCKDB
def test_the_command(loaded: Harness, server: Receiver) -> None:
    set_outcomes(loaded, "partly_loaded")
    assert "alerts: 2 new alerts; 2 open" in alerts(loaded, "--dry-run")
    assert server.got == []
    uid = loaded.world.workspaces[1].uid
    text = alerts(loaded, "--workspace", uid)
    assert (
        "  new   northwind  failed_sync  The last sync could not load everything: It ended " in text
    )
    assert "alerts: webhook hook: 1 delivered" in text
    (row,) = alerts(loaded, "--open", "--json", "--workspace", "northwind")
    assert (row["state"], row["workspace"]) == ("open", {"id": uid, "name": "northwind"})
    server.usual = 404
    told = alerts(loaded, "--json", expect=1)
    assert (told["ok"], len(told["new"]), told["open"]) == (False, 1, 2)
    server.usual = 200
    assert alerts(loaded, "--json")["webhooks"][0]["delivered"] == 1
    assert Counter(failed_syncs(server)) == {("northwind", "open"): 1, ("acme", "open"): 1}


@INTEGRATION
@ON_DUCKDB
def test_what_is_open_and_what_the_command_refuses(loaded: Harness, server: Receiver) -> None:
    assert "no open alerts" in alerts(loaded, "--open")
    set_outcomes(loaded, "partly_loaded")
    alerts(loaded)
    assert "northwind  failed_sync  The last sync could" in alerts(loaded, "--open")
    assert "alerts: no news; 2 open" in alerts(loaded)
    assert len(server.got) == 2
    assert "Unknown workspace 'x'; there are 'acme', 'northwind'" in alerts(
        loaded, "--workspace", "x", expect=2
    )
    files = {"DESTINATION__FILESYSTEM__BUCKET_URL": str(loaded.folder / "files")}
    done = processes.run(
        ["alerts", "--destination", "filesystem"],
        environment=loaded.environment() | files,
        folder=loaded.folder,
    )
    assert (done.code, done.stderr) == (2, "captaindata: Alerts need DuckDB or Postgres\n")
    (loaded.folder / "warehouse.duckdb").unlink()
    assert "run `captaindata sync` first" in alerts(loaded, expect=2)


@INTEGRATION
def test_kills_at_each_step_double_nothing(loaded: Harness, server: Receiver) -> None:
    is_duckdb = loaded.database.name == "duckdb"
    places = [*KILLS, *(KILLS_AT_FIRST if is_duckdb else ())]
    for number, place in enumerate(places):
        outcome = "loaded" if number % 2 else "partly_loaded"
        set_outcomes(loaded, outcome)
        before = len(server.states())
        alerts(loaded, expect=-signal.SIGKILL, **{mishaps.DIE_IN: place})
        is_unknown = "post" in place or "finish" in place
        said = alerts(loaded, expect=1 if is_unknown else 0)
        assert ("UNCONFIRMED: 1 may have arrived" in said) is is_unknown, place
        arrived = server.states()[before:]
        assert len(arrived) == (1 if "post" in place else 2), place
        assert {state for _, state in arrived} == {"over" if number % 2 else "open"}, place
    assert "no news" in alerts(loaded)
    assert max(Counter(server.states()).values()) == 1, "each state of each alert at most once"
    statuses = Counter(row["status"] for row in loaded.rows("alert_deliveries"))
    unknown = sum("post" in place or "finish" in place for place in places)
    assert statuses == {"delivered": 2 * len(places) - unknown, "unconfirmed": unknown}


@INTEGRATION
def test_a_signal_while_the_server_takes_its_time(loaded: Harness, server: Receiver) -> None:
    loaded.database.execute("delete from sync_runs where workspace_name <> 'acme'")
    for outcome, way in (("partly_loaded", signal.SIGKILL), ("loaded", signal.SIGTERM)):
        set_outcomes(loaded, outcome)
        server.script.append(HANG)
        before = len(server.got)
        process = processes.start(
            ["alerts", *command(loaded)],
            environment=loaded.environment(),
            folder=loaded.folder,
            name=f"killed-{way}",
        )
        wait_for(lambda: len(server.got) > before)  # noqa: B023 - it is called at once
        assert process.pid is not None
        os.kill(process.pid, way)
        done = processes.finish(process, folder=loaded.folder, name=f"killed-{way}")
        assert done.code == (-way if way == signal.SIGKILL else 1)
        assert "Traceback" not in done.stderr
        server.is_over.set()
        assert "UNCONFIRMED: 1 may have arrived" in alerts(loaded, expect=1)
        server.is_over.clear()
    assert failed_syncs(server) == [("acme", "open"), ("acme", "over")]


@INTEGRATION
@ON_POSTGRES
def test_two_processes_at_once_tell_once(loaded: Harness, server: Receiver) -> None:
    set_outcomes(loaded, "partly_loaded")
    running = []
    for name in ("one", "two", "three"):
        process = processes.start(
            ["alerts", "--json", *command(loaded)],
            environment=loaded.environment(),
            folder=loaded.folder,
            name=name,
        )
        running.append((process, name))
    done = [processes.finish(process, folder=loaded.folder, name=n) for process, n in running]
    assert [each.code for each in done] == [0, 0, 0], [each.stdout for each in done]
    assert sorted(len(json.loads(each.stdout)["new"]) for each in done) == [0, 0, 2]
    assert Counter(failed_syncs(server)) == {("acme", "open"): 1, ("northwind", "open"): 1}


@INTEGRATION
@ON_POSTGRES
def test_two_syncs_at_once_tell_once(harness: Harness, server: Receiver) -> None:
    configs = [harness.config(each, api_key="wrong") for each in harness.world.workspaces]
    harness.sync()
    server.got.clear()
    for each in [harness.start(configs=[config]) for config in configs]:
        assert harness.finish(*each).code == 1
    assert Counter(failed_syncs(server)) == {("acme", "open"): 1, ("northwind", "open"): 1}


@INTEGRATION
@ON_POSTGRES
def test_the_address_is_in_no_log_file_or_table(harness: Harness, server: Receiver) -> None:
    harness.extra |= {"RUNTIME__LOG_LEVEL": "DEBUG", processes.LOG_LEVEL: "DEBUG"}
    kept = str(harness.folder / "kept")
    harness.sync(data_dir=kept)
    set_outcomes(harness, "partly_loaded")
    server.script.extend([503, (307, {"location": server.url(f"/{MARK}/elsewhere")})])
    assert "answered 307, a redirect" in alerts(harness, expect=1)
    assert MARK not in alerts(harness)
    assert server.accepted
    assert leaks.in_files(harness.folder, MARK) == []
    assert leaks.in_tables(harness.database, MARK) == []


@INTEGRATION
@ON_DUCKDB
def test_a_call_from_python(harness: Harness, server: Receiver, database: DuckDb) -> None:
    hooks = json.loads(harness.extra.pop(f"{PREFIX}ALERT_WEBHOOKS"))
    first, second = harness.world.workspaces
    given = {
        "workspaces": [harness.config(first), harness.config(second, api_key="wrong")],
        "destination": database.name,
        "dataset": database.dataset,
        "alert_webhooks": hooks,
    }
    environment = {**harness.environment([]), python_calls.KWARGS: json.dumps(given)}
    done = processes.run(
        [processes.CALL, "plainly"], environment=environment, folder=harness.folder
    )
    told = json.loads(done.stdout)
    assert told["dict"]["alerts"]["webhooks"][0]["delivered"] > 0
    assert "alerts: webhook hook: " in told["text"]
    assert failed_syncs(server) == [("northwind", "open")]
    assert Path(database.path).exists()
