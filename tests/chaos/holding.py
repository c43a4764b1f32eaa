"""Whether a database takes JSON texts, and gives each back as it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import psycopg2
import pyarrow as pa
from psycopg2.extras import execute_values

from tests.chaos.places import POSTGRES, Place
from tests.support.databases import Postgres

BATCH = 500


def not_held(place: Place, texts: Sequence[str]) -> list[str]:
    """The texts that the place's kind of database refuses or changes, each with the reason."""
    if place.kind == POSTGRES:
        with place.database() as database:
            assert isinstance(database, Postgres)
            connection = psycopg2.connect(database.uri)
            try:
                return _search(texts, lambda batch: _through_postgres(connection, batch))
            finally:
                connection.close()
    with duckdb.connect() as session:
        return _search(texts, lambda batch: _through_duckdb(session, batch))


def _search(texts: Sequence[str], store: Callable[[Sequence[str]], list[str]]) -> list[str]:
    found = []
    for first in range(0, len(texts), BATCH):
        batch = texts[first : first + BATCH]
        reason = _reason(batch, store)
        if reason and len(batch) > 1:
            found += [f"{text[:300]}: {why}" for text in batch if (why := _reason([text], store))]
        elif reason:
            found.append(f"{batch[0][:300]}: {reason}")
    return found


def _reason(batch: Sequence[str], store: Callable[[Sequence[str]], list[str]]) -> str:
    try:
        back = store(batch)
    except (duckdb.Error, psycopg2.Error) as error:
        return f"refused: {str(error)[:300]}"
    return "" if back == list(batch) else "changed"


def _through_duckdb(session: duckdb.DuckDBPyConnection, batch: Sequence[str]) -> list[str]:
    texts = pa.table({"place": range(len(batch)), "data": pa.array(batch, pa.string())})
    session.register("texts", texts)
    session.execute("create or replace table stored (place bigint, data json)")
    session.execute("insert into stored select place, data from texts")
    session.execute("select cast(data as varchar) from stored order by place")
    return [row[0] for row in session.fetchall()]


def _through_postgres(
    connection: psycopg2.extensions.connection, batch: Sequence[str]
) -> list[str]:
    with connection.cursor() as cursor:
        try:
            cursor.execute("create temporary table stored (place bigint, data json)")
            execute_values(cursor, "insert into stored values %s", list(enumerate(batch)))
            cursor.execute("select data::text from stored order by place")
            return [row[0] for row in cursor.fetchall()]
        finally:
            connection.rollback()
