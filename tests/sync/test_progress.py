"""What a sync shows while it runs, on a terminal and in a log."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from captaindata_source.cli import output, progress
from captaindata_source.cli.output import Stream
from captaindata_source.cli.progress import Display
from captaindata_source.engine.status import Status, Wait
from captaindata_source.tabular import width_of
from tests.conftest import MakeHarness
from tests.support import mishaps
from tests.support.faults import Fault
from tests.support.waiting import wait_for

COLUMNS, ROWS = 60, 8
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ACME = Status(
    name="acme", step="fetching", calls=55, jobs_listed=700, jobs_done=41, jobs_to_do=544, results=9
)


class Terminal:
    """The other end of a pseudo-terminal: what is on its screen."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.stream = Stream(self.slave, encoding="utf-8", errors="replace")
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)
        self._lines = [""]

    def screen(self) -> list[str]:
        """The lines since the beginning, as far as nothing has replaced them."""
        os.write(self.slave, b"\0")
        text = ""
        while not text.endswith("\0"):
            text += os.read(self.master, 65536).decode()
        for part in re.findall(r"\x1b\[\d*[A-Z]|\r\n|[^\x1b\r]+", text[:-1]):
            if part == "\r\n":
                self._lines.append("")
            elif part == "\x1b[J":
                self._lines[-1] = ""
            elif up := re.fullmatch(r"\x1b\[(\d+)F", part):
                del self._lines[-int(up[1]) :]
            else:
                self._lines[-1] += part
        return self._lines[:-1]

    @property
    def fits(self) -> bool:
        """Whether no line goes on in the next row."""
        return all(width_of(line) < COLUMNS for line in self.screen())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    terminal = Terminal()
    for module in (output, progress):
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=terminal.stream))
    monkeypatch.setenv("TERM", "xterm")
    yield terminal
    os.close(terminal.master)
    os.close(terminal.slave)


def test_lines_are_redrawn_and_leave_nothing_behind(terminal: Terminal) -> None:
    with Display() as display:
        display.note("starting")
        assert terminal.screen() == ["starting"]
        display.show([ACME, replace(ACME, name="架空", wait=Wait(until=NOON))])
        assert terminal.screen() == [
            "acme  fetching, 41 of 544 jobs, 9 results, 55 calls",
            "架空  waiting for the limit until 12:00:00, 41 of 544 jobs…",
        ]
        display.show([replace(ACME, jobs_to_do=0), replace(ACME, name="架空")])
    assert terminal.screen() == []


def test_what_is_logged_meanwhile_stands_above(terminal: Terminal) -> None:
    display = Display()
    display.show([ACME])
    terminal.stream.write("WARNING one\n")
    assert terminal.screen() == ["WARNING one"]
    display.show([ACME])
    print("two,", end="", file=terminal.stream)
    display.show([ACME])
    print(" in parts", file=terminal.stream)
    display.show([ACME])
    display.show([ACME])
    above, last = terminal.screen()[:-1], terminal.screen()[-1]
    assert above == ["WARNING one", "two, in parts"]
    assert last.startswith("acme ")


def test_nothing_is_drawn_over_what_a_signal_printed(terminal: Terminal) -> None:
    with Display() as display:
        display.show([ACME])
        os.write(terminal.slave, b"^CCTRL-C received\n")
        display.show([replace(ACME, is_stopping=True)])
        display.show([replace(ACME, is_stopping=True)])
        assert terminal.screen()[1:] == [
            "^CCTRL-C received",
            "acme  stopping, 41 of 544 jobs, 9 results, 55 calls",
        ]
    assert terminal.screen()[1:] == ["^CCTRL-C received"]


@pytest.mark.parametrize(
    "name", ["👩🏽‍💻" * 20, "e\u0301" * 50, "two\nlines\x1b[2J", "架空" * 30, "\u200b"]
)
def test_odd_names_take_one_row(terminal: Terminal, name: str) -> None:
    display = Display()
    for _ in range(3):
        display.show([replace(ACME, name=name), ACME])
    assert len(terminal.screen()) == 2
    assert terminal.fits


def test_more_workspaces_than_rows(terminal: Terminal) -> None:
    statuses = [replace(ACME, name=f"w{number}", is_over=number < 10) for number in range(12)]
    Display().show(statuses)
    lines = terminal.screen()
    assert len(lines) == ROWS - 2
    assert [line.split()[0] for line in lines] == ["w0", "w1", "w2", "w10", "w11", "and"]
    assert lines[-1] == "and 7 more"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_log_gets_a_line_a_minute(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    seconds = [0.0]
    display = Display(monotonic=lambda: seconds[0], now=lambda: NOON)
    display.note("starting")
    for seconds[0] in range(0, 125, 5):
        display.show([ACME, replace(ACME, name="done", is_over=True)])
    line = "2026-11-27 12:00:00 acme: fetching, 41 of 544 jobs, 9 results, 55 calls"
    assert terminal.screen() == [line, line]


def test_quiet(terminal: Terminal) -> None:
    with Display(is_on=False) as display:
        display.note("starting")
        display.show([ACME])
    assert terminal.screen() == []


def test_a_wait_tells_its_reason() -> None:
    said = str(replace(ACME, wait=Wait(until=NOON, kind="server_error")))
    assert said.startswith("server error, next try at 12:00:00, 41 of 544 jobs")
    assert str(replace(ACME, jobs_to_do=0, results=0)) == "fetching, 700 jobs listed, 55 calls"


@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_a_sync_tells_how_far_it_is_and_what_it_waits_for(make_harness: MakeHarness) -> None:
    harness = make_harness(workflows=2)
    harness.sandbox.faults.add(
        Fault(match="/results", kind="status", status=429, headers={"Retry-After": "600"})
    )
    harness.extra[mishaps.CONSTANTS] = json.dumps(
        {"captaindata_source.cli.progress:LOG_SECONDS": 0}
    )
    process, name = harness.start()
    log = harness.folder / f"{name}.err"
    wait_for(lambda: log.exists() and "limit until" in log.read_text(encoding="utf-8"))
    os.kill(process.pid or 0, signal.SIGTERM)
    done = harness.finish(process, name)
    assert done.code == 1
    waiting = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d acme: waiting for the limit until \d\d:\d\d:\d\d, "
    assert re.search(waiting + r"0 of \d+ jobs, 0 results, \d+ calls$", done.stderr, re.MULTILINE)
    assert "Interrupted" in done.workspaces["acme"]["error"]


def test_a_bar_that_was_interrupted_is_erased(terminal: Terminal) -> None:
    os.write(terminal.slave, b"Jobs with results:   7%")
    output.erase_below()
    terminal.stream.write("the summary\n")
    assert terminal.screen() == ["the summary"]
