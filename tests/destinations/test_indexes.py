"""Large tables in Postgres get an index, while they are read and written."""

from __future__ import annotations

import json

import pytest

from captaindata_source.warehouse.indexes import COLUMNS, ENDING
from tests.support import mishaps
from tests.support.databases import Postgres
from tests.support.harness import Harness
from tests.support.oracle import Oracle, assert_equal

pytestmark = [
    pytest.mark.integration,
    pytest.mark.parametrize("database", ["postgres"], indirect=True),
]


def indexed(postgres: Postgres) -> dict[str, bool]:
    """By table that has the index: whether it is whole."""
    rows = postgres.execute(
        "select t.relname as name, x.indisvalid as is_valid from pg_index as x "
        "inner join pg_class as i on i.oid = x.indexrelid "
        "inner join pg_class as t on t.oid = x.indrelid "
        f"where i.relname = t.relname || '{ENDING}' and t.relnamespace = %s::regnamespace",
        [postgres.dataset],
    )
    return {row["name"]: row["is_valid"] for row in rows}


def test_large_tables_are_indexed_and_loads_stay_exact(
    harness: Harness, postgres: Postgres
) -> None:
    oracle = Oracle(harness.world)
    oracle.look()
    harness.sync()
    assert indexed(postgres) == {}  # these are small

    harness.extra[mishaps.CONSTANTS] = json.dumps(
        {"captaindata_source.warehouse.indexes:LARGE_ROWS": 1}
    )
    for table in COLUMNS:
        postgres.execute(f"analyze {table}")
    harness.sync()
    assert indexed(postgres) == dict.fromkeys(COLUMNS, True)

    postgres.execute(  # as an interrupted `create index concurrently` leaves it
        "update pg_index set indisvalid = false where indexrelid = %s::regclass",
        [f"{postgres.dataset}.jobs{ENDING}"],
    )
    harness.world.advance(days=1)
    oracle.look()
    harness.sync()
    assert indexed(postgres) == dict.fromkeys(COLUMNS, True)
    assert_equal(harness, oracle)
