"""DuckDB as the views need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa

from captaindata_source.duckdb_arrow import arrow_batches
from captaindata_source.sqltext import OLD_DUCKDB, literal, quoted
from captaindata_source.warehouse.database.base import RefusedError, Relation, Rows, nested
from captaindata_source.warehouse.remedies import words_of

__all__ = ["DuckDbDatabase"]

READS = re.compile(r"\s*(?:select|with|from)\b", re.IGNORECASE)
"""Statements that make and drop nothing."""
NEW_STORAGE = "v2"
"""Storage versions from here on are read by DuckDB 2 and later alone; a database in memory has
none."""


class DuckDbDatabase:
    """A connection to DuckDB, the only one that makes or drops relations while it is open.

    `relations` takes 3 ms, and a refresh of the views asks for them two dozen times: they are
    remembered until the connection changes something.

    Args:
        connection: The connection.
        is_lake: Whether it is a DuckLake.
    """

    kind = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, is_lake: bool = False) -> None:
        self._connection = connection
        self.is_lake = is_lake
        self._relations: dict[str, dict[str, Relation]] = {}

    @cached_property
    def dialect(self) -> str:
        found = self.query(
            "select tags['storage_version'] from duckdb_databases() "
            "where database_name = current_database()"
        )
        is_new = bool(found) and str(found[0][0]) >= NEW_STORAGE
        return self.kind if is_new else OLD_DUCKDB

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        if parameters:
            sql = sql.replace("%s", "?")
        if not READS.match(sql):
            self._relations.clear()
        return self._connection.execute(sql, list(parameters)).fetchall()

    def run(self, sql: str) -> None:
        self._relations.clear()
        self._connection.execute(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._relations.clear()
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException as error:
            with suppress(duckdb.TransactionException):  # DuckDB may have ended it by itself
                self._connection.rollback()
            if isinstance(error, duckdb.Error):
                raise RefusedError(words_of(error)) from error
            raise
        finally:
            self._relations.clear()

    @contextmanager
    def reader(self, sql: str, rows: int) -> Iterator[Any]:
        self._connection.execute("set timezone = 'UTC'")
        reader = arrow_batches(self._connection.sql(sql), rows)
        try:
            yield reader
        finally:
            reader.close()  # an open result keeps the connection from the next statement

    def fill(self, table: str, rows: pa.Table) -> None:
        self._connection.register("rows_to_add", rows)
        sql = f"insert into {table} select * from rows_to_add"
        self._connection.execute(sql)
        self._connection.unregister("rows_to_add")

    def has_schema(self, schema: str) -> bool:
        found = "select 1 from duckdb_schemas() where schema_name = %s"
        return bool(self.query(f"{found} and database_name = current_database()", (schema,)))

    def relations(self, schema: str) -> dict[str, Relation]:
        if schema not in self._relations:
            self._relations[schema] = self._read_relations(schema)
        return dict(self._relations[schema])

    def _read_relations(self, schema: str) -> dict[str, Relation]:
        rows = self.query(
            """
            select view_name, true, comment from duckdb_views()
            where schema_name = %s and database_name = current_database()
            union all
            select table_name, false, comment from duckdb_tables()
            where schema_name = %s and database_name = current_database()
            """,
            (schema, schema),
        )
        return {name: Relation(is_view, comment or "") for name, is_view, comment in rows}

    def columns(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        found = self.relations(schema).get(relation)
        if found is None:
            return []
        if not found.is_view:  # duckdb_columns() describes all columns of the database first
            name = literal(f"{quoted(schema)}.{quoted(relation)}")
            return self.query(f"select name, type from pragma_table_info({name})")
        return self.query(
            """
            select column_name, data_type from duckdb_columns()
            where schema_name = %s and table_name = %s and database_name = current_database()
            order by column_index
            """,
            (schema, relation),
        )

    def column_comments(self, schema: str) -> dict[str, dict[str, str]]:
        return nested(
            self.query(
                """
                select table_name, column_name, coalesce(comment, '') from duckdb_columns()
                where schema_name = %s and database_name = current_database()
                """,
                (schema,),
            )
        )

    def dependents(self, _schema: str, _relation: str) -> list[tuple[str, str]]:
        return []  # nothing that depends on it holds a view back

    def grants(self, _schema: str, _relation: str) -> list[str]:
        return []
