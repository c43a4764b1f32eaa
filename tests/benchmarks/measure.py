"""Runs one process and says what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 1800
OWN_SETTINGS = ("SOURCES__", "DESTINATION__", "EXTRACT__", "NORMALIZE__", "LOAD__", "DLT_")
QUIET_SECONDS, QUIET_SHARE = 2.0, 0.1
TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A run that failed, or did not load what the server serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one process took: seconds and megabytes; the last two are processor seconds."""

    wall: float
    cpu: float
    peak_mb: float
    server_cpu: float
    rest_cpu: float


def run_measured(
    command: Sequence[str], *, place: Path, env: Mapping[str, str], server_pid: int
) -> tuple[Usage, str]:
    """Runs a command and measures it.

    Args:
        command: What to run.
        place: Directory to run in; dlt's state goes there too.
        env: Added to the environment, from which all of dlt's settings are removed.
        server_pid: The page server's process.

    Returns:
        What it took, and its standard output.

    Raises:
        BenchError: It failed, or took more than half an hour.
    """
    out, err = place / "stdout", place / "stderr"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OWN_SETTINGS)}
    settings = {
        "DLT_DATA_DIR": str(place / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        **env,
    }
    with out.open("wb") as stdout, err.open("wb") as stderr:
        machine, server = machine_cpu(), process_cpu(server_pid)
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=place,
            env={**inherited, **settings},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        timer = threading.Timer(TIMEOUT_SECONDS, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        server_cpu = process_cpu(server_pid) - server
        machine = machine_cpu() - machine
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


def process_cpu(pid: int) -> float:
    """Processor seconds of a process."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS
