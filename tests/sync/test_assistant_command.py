"""`captaindata mcp` as a process: over standard input and output, over HTTP, to its end."""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from captaindata_source.assistant.answers import NOTE
from captaindata_source.cli import main
from tests.support import attacks, leaks, processes
from tests.support.assistants import PASSWORD, Asked, asked, fill, role_of
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.marks import INTEGRATION, ON_POSTGRES

READER = "DESTINATION__POSTGRES_READER__CREDENTIALS"
COMMAND = [sys.executable, "-m", "captaindata_source.cli", "mcp"]
SLOW = {
    "duckdb": "select count(*) from range(1000000000000)",
    "postgres": "select pg_sleep(100)",
}
SECONDS = 60
"""A busy machine is no failure."""


@contextmanager
def configured(where: Database, folder: Path) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Arguments and environment for a warehouse; of Postgres it has the reader's address alone."""
    arguments = ["--destination", where.name, "--dataset", where.dataset]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DLT_DATA_DIR": str(folder)}
    if isinstance(where, DuckDb):
        yield arguments, environment | where.environment()
        return
    assert isinstance(where, Postgres)
    with role_of(where, f"assistant_{where.dataset}") as address:
        yield arguments, environment | {READER: address}


@pytest.fixture
def filled(database: Database) -> Database:
    fill(database)
    return database


@contextmanager
def started(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The command with pipes, which are closed at the end; what is said goes to `stderr`."""
    with (
        (folder / "stderr").open("wb") as errors,
        subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as server,
    ):
        try:
            yield server
        finally:
            server.kill()
            for pipe in (server.stdin, server.stdout):
                with suppress(BrokenPipeError):
                    assert pipe is not None
                    pipe.close()
    assert "Traceback" not in (folder / "stderr").read_text(encoding="utf-8")


async def over_stdio(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> tuple[str, list[Any], list[Asked]]:
    parameters = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *arguments], env=environment, cwd=str(folder)
    )
    with (folder / "stderr").open("w") as errors:
        async with Client(stdio_client(parameters, errlog=errors)) as client:
            return await talk(client)


async def talk(client: Client) -> tuple[str, list[Any], list[Asked]]:
    tools = (await client.list_tools()).tools
    calls = [{"sql": sql.replace("{raw}", "captaindata")} for sql in attacks.BASIC]
    answers = [asked(await client.call_tool("query", arguments)) for arguments in calls]
    answers.append(asked(await client.call_tool("failed_jobs", {})))
    return client.instructions or "", tools, answers


def assert_served(instructions: str, tools: list[Any], answers: list[Asked]) -> None:
    assert NOTE in instructions
    assert {"query", "workflow_results", "search_people"} < {tool.name for tool in tools}
    for tool in tools:
        assert tool.annotations.read_only_hint is True, tool.name
        assert tool.annotations.destructive_hint is False, tool.name
        assert len(tool.description) > 50, tool.name
        assert {"note", "rows", "as_of"} <= {*tool.output_schema["properties"]}, tool.name
    *refused, failed = answers
    assert [each.answer for each in refused] == [None] * len(attacks.BASIC)
    assert [row["job_id"] for row in failed.rows] == ["f2", "f1", "f0"]


@INTEGRATION
@ON_POSTGRES
def test_over_standard_input_and_output(filled: Database, tmp_path: Path) -> None:
    with configured(filled, tmp_path) as (arguments, environment):
        assert_served(*anyio.run(functools.partial(over_stdio, arguments, environment, tmp_path)))
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert leaks.in_files(tmp_path, PASSWORD) == []


@INTEGRATION
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_over_http_for_this_machine_and_no_web_page(filled: Database, tmp_path: Path) -> None:
    with configured(filled, tmp_path) as (arguments, environment):
        http_arguments = ["--http", "--port", "0", *arguments]
        with started(http_arguments, environment, tmp_path) as server:
            assert server.stdout is not None
            line = server.stdout.readline().decode()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/mcp", line)
            assert found is not None
            port = int(found[1])

            async def over_http() -> tuple[str, list[Any], list[Asked]]:
                async with Client(found[0]) as client:
                    return await talk(client)

            assert_served(*anyio.run(over_http))
            own = f"127.0.0.1:{port}"
            assert status(port, Host=own) == 200
            assert status(port, Host="evil.example") == 421
            assert status(port, Host=f"evil.example:{port}") == 421
            assert status(port, Host=own, Origin="http://evil.example") == 403
            assert status(port, Host=own, Origin="null") == 403
            assert status(port, Host=own, Origin=f"http://{own}") == 200
            server.terminate()
            assert server.wait(SECONDS) == 0


def status(port: int, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    usual = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    connection.request("POST", "/mcp", body=json.dumps(START), headers=usual | headers)
    found = connection.getresponse().status
    connection.close()
    return found


START = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@INTEGRATION
@pytest.mark.parametrize(
    ("database", "way"),
    [
        ("duckdb", "end of input"),
        ("postgres", "SIGINT"),
        ("duckdb", "SIGTERM"),
        ("postgres", "client disappears"),
    ],
    indirect=["database"],
)
def test_it_ends_soon_while_a_query_runs(filled: Database, tmp_path: Path, way: str) -> None:
    with (
        configured(filled, tmp_path) as (arguments, environment),
        started(arguments, environment, tmp_path) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        sql = {"name": "query", "arguments": {"sql": SLOW[filled.name], "timeout_seconds": 100}}
        for message in (
            "no JSON",
            json.dumps(START),
            json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": sql}),
            json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}),
        ):
            server.stdin.write(f"{message}\n".encode())
        server.stdin.flush()
        while json.loads(server.stdout.readline()).get("id") != 3:
            pass
        began = time.monotonic()
        if way == "client disappears":
            server.stdout.close()
        if way.startswith("SIG"):
            server.send_signal(getattr(signal, way))
        else:
            server.stdin.close()
        assert server.wait(SECONDS) == 0
        assert time.monotonic() - began < SECONDS / 3


def run(folder: Path, *arguments: str, **more: str) -> processes.Completed:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **more}
    done = processes.run(["mcp", *arguments], environment=environment, folder=folder)
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stderr + done.stdout
    return done


def test_the_role_that_it_needs_on_postgres(tmp_path: Path) -> None:
    role = run(tmp_path, "--print-role", 'odd "name"', "--destination", "postgres")
    assert role.code == 0
    assert 'grant usage on schema "captaindata_views" to "odd ""name""";' in role.stdout
    missing = run(tmp_path, "--destination", "postgres")
    assert missing.code == 2
    assert "destination.postgres_reader.credentials is not set" in missing.stderr


@INTEGRATION
@ON_POSTGRES
def test_what_it_can_not_start_with(
    database: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    postgres = ["--destination", "postgres", "--dataset", database.dataset]
    socket = f"postgresql://postgres:{PASSWORD}@/x?host={tmp_path}"  # no host but that of an option
    for arguments, address, code, words in (
        (postgres, database.uri.replace(":x@", f":{PASSWORD}@"), 2, "superuser"),
        (postgres, f"no address {PASSWORD}", 2, "can't be read"),
        (postgres, socket, 1, "can't be reached"),
        (postgres, f"postgresql://a:{PASSWORD}@127.0.0.1:1/b", 1, "can't be reached"),
        (["--destination", "filesystem"], "", 2, "DuckDB and Postgres alone"),
        ([], "", 2, "run `captaindata sync` first"),
    ):
        monkeypatch.setenv(READER, address)
        assert main.main(["mcp", *arguments]) == code
        said = capsys.readouterr()
        assert words in said.err
        assert "Traceback" not in said.err
        assert PASSWORD not in said.err + said.out


def test_an_extra_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    assert main.main(["mcp"]) == 2
    assert "pip install 'captaindata-source[mcp]'" in capsys.readouterr().err
