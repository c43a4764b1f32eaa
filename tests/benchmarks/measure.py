"""Runs one process and says what it took."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TIMEOUT_SECONDS = 1800
OWN_SETTINGS = (
    *("SOURCES__", "DESTINATION__", "EXTRACT__", "NORMALIZE__", "LOAD__"),
    *("RUNTIME__", "DATA_WRITER__", "DLT_"),
)
WATCH_SECONDS = 0.5
QUIET_SECONDS, QUIET_SHARE = 2.0, 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A run that failed, or did not load what the server serves."""


class TooLargeError(BenchError):
    """A run that was ended because it needed too much memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process took: seconds and megabytes; the last two are processor seconds."""

    wall: float
    cpu: float
    peak_mb: float
    server_cpu: float
    rest_cpu: float


def child_environment(place: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a measured process: this one's without any of dlt's settings, and `env`.

    Args:
        place: Directory for dlt's state.
        env: What is added.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OWN_SETTINGS)}
    settings = {"DLT_DATA_DIR": str(place / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    return {**inherited, **settings, **env}


def run_measured(
    command: Sequence[str],
    *,
    place: Path,
    env: Mapping[str, str],
    server_pid: int,
    most_mb: float = math.inf,
) -> tuple[Usage, str]:
    """Runs a command and measures it.

    Args:
        command: What to run.
        place: Directory to run in; dlt's state goes there too.
        env: Added to the environment.
        server_pid: The page server's process.
        most_mb: Memory beyond which it is ended.

    Returns:
        What it took, and its standard output.

    Raises:
        TooLargeError: It needed more memory.
        BenchError: It failed, or took more than half an hour.
    """
    out, err = place / "stdout", place / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        machine, server = machine_cpu(), tree_cpu(server_pid)
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=place,
            env=child_environment(place, env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        with _Watch(process.pid, most_mb) as watch:
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                process.wait()
                raise
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        server_cpu = tree_cpu(server_pid) - server
        machine = machine_cpu() - machine
    if watch.is_too_large:
        raise TooLargeError(f"needs more than {most_mb / 1000:g} GB")
    if process.returncode != 0:
        said = err.read_text(errors="replace").strip() or " ".join(out.read_text().split())
        last = (said or "no message").splitlines()[-1]
        raise BenchError(f"exit code {process.returncode}: {last[:300]}")
    cpu = usage.ru_utime + usage.ru_stime
    return (
        Usage(
            wall=wall,
            cpu=cpu,
            peak_mb=usage.ru_maxrss / 1024,
            server_cpu=server_cpu,
            rest_cpu=max(0.0, machine - cpu - server_cpu),
        ),
        out.read_text(),
    )


class _Watch:
    """Kills a process that takes too long or too much memory, while its parent waits for it."""

    def __init__(self, pid: int, most_mb: float) -> None:
        self.is_too_large = False
        self._pid = pid
        self._most_mb = most_mb
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        end = time.monotonic() + TIMEOUT_SECONDS
        while not self._is_over.wait(WATCH_SECONDS):
            self.is_too_large = resident_mb(self._pid) > self._most_mb
            if self.is_too_large or time.monotonic() > end:
                os.kill(self._pid, signal.SIGKILL)
                return


def wait_until_quiet(*, at_most: float) -> None:
    """Waits until all else leaves the processors alone, or so many seconds have passed."""
    end = time.monotonic() + at_most
    while time.monotonic() < end:
        before = machine_cpu()
        time.sleep(QUIET_SECONDS)
        if machine_cpu() - before < QUIET_SHARE * QUIET_SECONDS:
            return


def machine_cpu() -> float:
    """Seconds that all processors were busy, since the machine started."""
    user, nice, system, _idle, _wait, irq, softirq = map(
        int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    )
    return (user + nice + system + irq + softirq) / TICKS


def resident_mb(pid: int) -> float:
    """Memory of a process; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * PAGE_BYTES / 1024**2


def tree_cpu(pid: int) -> float:
    """Processor seconds of a process and its children that run."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(after_name[11]) + int(after_name[12])) / TICKS
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(tree_cpu(int(child)) for child in children)
