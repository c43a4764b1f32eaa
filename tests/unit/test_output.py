"""What can't be printed never changes how a command ends, and no command ends in a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MakeHarness
from tests.support import mishaps, processes
from tests.support.databases import DuckDb
from tests.support.harness import Harness

FULL = "captaindata: standard output can't be written: No space left on device"
NAME = "Zoé 架空 🔎"


@pytest.fixture
def database(tmp_path: Path) -> DuckDb:
    """What is printed does not depend on the database."""
    return DuckDb(tmp_path)


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    harness = make_harness(workflows=1, jobs_per_day=0.1, mean_results=2)
    harness.options["name"] = NAME
    return harness


def run(harness: Harness, *arguments: str, **streams: str) -> processes.Completed:
    environment = harness.environment()
    environment[mishaps.STREAMS] = json.dumps(streams)
    done = processes.run(arguments, environment=environment, folder=harness.folder)
    assert "Traceback" not in done.stderr + done.stdout
    assert "Error" not in done.stderr
    return done


@pytest.mark.parametrize(
    "streams",
    [
        {"stdout": "closed", "stderr": "closed"},
        {"stdout": "left"},
        {"stdout": "/dev/full", "stderr": "/dev/full"},
        {"stdout": "ascii", "stderr": "ascii"},
    ],
    ids=str,
)
def test_a_sync_ends_as_its_load_did(harness: Harness, streams: dict[str, str]) -> None:
    assert run(harness, "sync", "--table", "workspaces", **streams).code == 0
    assert harness.rows("workspaces")[0]["configured_name"] == NAME


def test_a_sync_that_fails_does_so_also_where_nobody_reads(harness: Harness) -> None:
    harness.options["api_key"] = "wrong"
    assert run(harness, "sync", stdout="left", stderr="closed").code == 1


@pytest.mark.integration
def test_what_a_full_disk_swallows_is_said(harness: Harness) -> None:
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    done = run(harness, "sync", stdout="/dev/full")
    assert done.code == 0, "all is loaded"
    assert done.stderr.startswith(FULL)
    assert len(done.stderr.splitlines()) == 1
    for command in (["results", "list"], ["views", "list"], ["results", "preview", NAME]):
        command[-1] = command[-1].replace(NAME, harness.rows("workflows")[0]["uid"])
        full = run(harness, *command, stdout="/dev/full")
        assert (full.code, full.stderr[: len(FULL)]) == (1, FULL), "it has done nothing at all"
    assert run(harness, "results", "list", stdout="left").code == 0
    assert run(harness, "views", "list", stdout="closed").code == 0
    shown = run(harness, "results", "list", stdout="ascii").stdout
    assert "Zo? ?? ?" in shown
    harness.extra[mishaps.MAX_FILE_BYTES] = "3000"
    exported = run(harness, "results", "export", "--workspace", NAME)
    assert exported.code == 1
    assert re.fullmatch(
        r"captaindata: exports/zoe/\S+\.csv can't be written: File too large\. "
        r"Free some space there, or name another folder with --output\n",
        exported.stderr,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_json_is_json_in_every_encoding(harness: Harness, encoding: str) -> None:
    done = run(harness, "sync", "--table", "workspaces", "--json", stdout=encoding)
    assert json.loads(done.stdout)["workspaces"][0]["name"] == NAME
    assert (NAME in done.stdout) == (encoding == "utf-8")


COMMAND = [sys.executable, "-m", "captaindata_source.cli"]


@pytest.mark.parametrize(
    ("arguments", "redirected"),
    [
        ("--help", ">/dev/full"),
        ("sync --help", "<&- >&- 2>&-"),
        ("--version", ">&-"),
        ("nonsense", "2>/dev/full"),
    ],
)
def test_help_and_usage(arguments: str, redirected: str) -> None:
    command = f'"$@" {arguments} {redirected}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *COMMAND], capture_output=True, text=True, check=False
    )
    assert "Error" not in done.stderr + done.stdout
    assert done.returncode == (2 if arguments == "nonsense" else 0)


def test_a_descriptor_that_is_closed_is_no_files() -> None:
    """The next file that is opened, a database, must not get what is printed."""
    code = (
        "from captaindata_source.cli.output import safe_output\n"
        "with safe_output():\n"
        "    file = open('/dev/null'); print('lost'); assert file.fileno() > 2, file\n"
    )
    command = f'exec {sys.executable} -c "$CODE" <&- >&- 2>&-'
    done = subprocess.run(["/bin/sh", "-c", command], env={**os.environ, "CODE": code}, check=False)
    assert done.returncode == 0
