"""DuckDB files that an earlier DuckDB made: they are loaded, and stay what they are."""

from __future__ import annotations

from typing import Any

import dlt
import duckdb
import pytest

from captaindata_source.warehouse.database import open_database
from captaindata_source.warehouse.database.opening import DETACHING
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.parametrize("database", ["duckdb"], indirect=True)

OF_DUCKDB_2 = "json_normalize"


def make_file(harness: Harness, storage_version: str) -> None:
    path = harness.folder / "warehouse.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as w (storage_version '{storage_version}')")
        connection.execute("create table w.theirs as select 1 as a")


@pytest.mark.parametrize(
    ("storage_version", "kept_as", "is_compressed"),
    [
        pytest.param("v0.10.2", "v1.0.0+", False, marks=pytest.mark.integration),
        ("v1.2.0", "v1.2.0+", True),
    ],
)
def test_a_file_that_an_earlier_duckdb_made(
    harness: Harness, storage_version: str, kept_as: str, is_compressed: bool
) -> None:
    make_file(harness, storage_version)
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)
    if storage_version == "v0.10.2":  # a column that comes later, and one that is lost
        harness.database.execute("alter table jobs drop column configuration")
        harness.sync("--full-refresh")
        assert_equal(harness, oracle)
    [found] = harness.database.execute(
        "select tags['storage_version'] as v from duckdb_databases() "
        "where database_name = current_database()"
    )
    assert found["v"] == kept_as
    stored = harness.database.execute(
        "select compression from pragma_storage_info('captaindata.job_results') "
        "where column_name = 'data' and segment_type <> 'VALIDITY'"
    )
    assert stored
    assert ("ZSTD" in {row["compression"] for row in stored}) == is_compressed


def test_a_new_file_in_an_older_format_has_views_that_an_older_duckdb_can_read(
    harness: Harness,
) -> None:
    """As the page about SQL says: dlt sets options of DuckDB once the file is there."""
    path = str(harness.folder / "warehouse.duckdb")
    duckdb.connect(path, config={"storage_compatibility_version": "v1.0.0"}).close()
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert_equal(harness, oracle)
    [found] = harness.database.execute(
        "select tags['storage_version'] as v from duckdb_databases() "
        "where database_name = current_database()"
    )
    assert found["v"] == "v1.0.0+"
    views = harness.database.execute(
        "select view_name, sql from duckdb_views() where schema_name = 'captaindata_views'"
    )
    assert "job_results" in {view["view_name"] for view in views}
    assert not [view["view_name"] for view in views if OF_DUCKDB_2 in view["sql"]]


def test_a_file_that_another_thread_is_closing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB refuses to open it in that moment, which is a matter of chance."""
    connect, refused = duckdb.connect, iter(range(2))

    def closing(*args: Any, **named: Any) -> Any:
        if next(refused, None) is not None:
            raise duckdb.Error(f"{DETACHING}: Cannot attach")
        return connect(*args, **named)

    destination = dlt.destinations.duckdb(str(harness.folder / "warehouse.duckdb"))
    pipeline = dlt.pipeline(
        "own",
        destination=destination,
        pipelines_dir=str(harness.folder / "pipelines"),
    )
    monkeypatch.setattr(duckdb, "connect", closing)
    with open_database(pipeline) as database:
        assert database is not None
        assert database.query("select 1") == [(1,)]
    assert next(refused, None) is None
