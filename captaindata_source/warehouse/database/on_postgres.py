"""Postgres as the views need it. Its drivers are an extra: they are imported when they are used."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
from pyarrow import csv

from captaindata_source.dlt_internals.adbc import shared_connection
from captaindata_source.sqltext import quoted
from captaindata_source.warehouse.database.base import RefusedError, Relation, Rows, nested
from captaindata_source.warehouse.database.statements import (
    LOCK_SECONDS,
    SET_TIMEOUT,
    holder,
    watch,
)
from captaindata_source.warehouse.remedies import words_of

__all__ = ["PostgresDatabase"]

LEAST_MS = 20
"""Milliseconds that a statement waits for a lock late in a transaction."""


class PostgresDatabase:
    """A psycopg2 connection to Postgres, in autocommit, and the address for other drivers."""

    kind = dialect = "postgres"
    is_lake = False

    def __init__(self, connection: Any, address: str) -> None:
        self._connection = connection
        self._address = address
        self._ends: float | None = None
        """Within a transaction: until when it waits for locks. It may hold some meanwhile."""
        self._last = ""
        self._execute(SET_TIMEOUT)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        return self._execute(sql, tuple(parameters) or None)

    def run(self, sql: str) -> None:
        self._execute(sql)

    def _execute(self, sql: str, parameters: tuple[object, ...] | None = None) -> Rows:
        import psycopg2  # noqa: PLC0415 - an extra

        self._last = sql
        with self._connection.cursor() as cursor:
            try:
                if self._ends is not None:
                    left = max(LEAST_MS, round(1000 * (self._ends - time.monotonic())))
                    cursor.execute(f"set local lock_timeout = {left}")
                cursor.execute(sql, parameters)
            except psycopg2.errors.LockNotAvailable as error:
                if self._ends is not None:
                    raise
                raise self._busy(error) from error
            return list(cursor.fetchall()) if cursor.description else []

    def _busy(self, error: Exception) -> RefusedError:
        """Names who holds what the last statement needed; its transaction has ended."""
        who = holder(lambda sql, *parameters: self._execute(sql, parameters), self._last)
        return RefusedError(f"{words_of(error)}{f': {who}' if who else ''}", is_busy=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        import psycopg2  # noqa: PLC0415 - an extra

        self._execute("begin")
        self._ends = time.monotonic() + LOCK_SECONDS
        try:
            yield
            self._execute("commit")
        except BaseException as error:
            self._ends, last = None, self._last
            if not self._connection.closed:
                self._execute("rollback")
            if isinstance(error, psycopg2.errors.LockNotAvailable):
                self._last = last
                raise self._busy(error) from error
            if isinstance(error, psycopg2.Error):
                raise RefusedError(words_of(error)) from error
            raise
        finally:
            self._ends = None

    @contextmanager
    def reader(
        self,
        sql: str,
        rows: int = 0,  # noqa: ARG002 - ADBC has its own size
        *,
        tables: Mapping[str, pa.Table] | None = None,
    ) -> Iterator[Any]:
        """As `Database.reader`, in a session of its own, which sees what is committed.

        Args:
            sql: The query.
            rows: Not used.
            tables: Temporary tables that the query names.
        """
        import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - an extra

        opened = shared_connection(self._address, partial(adbc.connect, self._address))
        with opened as connection, connection.cursor() as cursor:
            watch(connection)
            cursor.execute(SET_TIMEOUT)
            cursor.execute("set timezone = 'UTC'")
            for name, table in (tables or {}).items():
                cursor.adbc_ingest(name, _typed(table), mode="create", temporary=True)
                cursor.execute(f"analyze {name}")
            cursor.execute(sql)
            yield cursor.fetch_record_batch()

    def fill(self, table: str, rows: pa.Table) -> None:
        text = io.BytesIO()
        csv.write_csv(rows, text, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
        text.seek(0)
        with self._connection.cursor() as cursor:
            cursor.copy_expert(f"copy {table} from stdin (format csv)", text)

    def has_schema(self, schema: str) -> bool:
        return bool(self.query("select 1 from pg_namespace where nspname = %s", (schema,)))

    def relations(self, schema: str) -> dict[str, Relation]:
        rows = self.query(
            """
            select c.relname, c.relkind = 'v', obj_description(c.oid, 'pg_class')
            from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
            where n.nspname = %s and c.relkind in ('r', 'v', 'm', 'p', 'f')
            """,
            (schema,),
        )
        return {name: Relation(is_view, comment or "") for name, is_view, comment in rows}

    def columns(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        return [
            (name, kind)
            for name, kind in self.query(
                """
                select a.attname, format_type(a.atttypid, a.atttypmod)
                from pg_attribute as a
                inner join pg_class as c on c.oid = a.attrelid
                inner join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
                order by a.attnum
                """,
                (schema, relation),
            )
        ]

    def column_comments(self, schema: str) -> dict[str, dict[str, str]]:
        return nested(
            self.query(
                """
                select c.relname, a.attname, coalesce(d.description, '')
                from pg_class as c
                inner join pg_namespace as n on n.oid = c.relnamespace
                inner join pg_attribute as a on a.attrelid = c.oid
                left join pg_description as d
                    on d.objoid = c.oid and d.objsubid = a.attnum
                    and d.classoid = 'pg_class'::regclass
                where n.nspname = %s and c.relkind in ('r', 'p')
                    and a.attnum > 0 and not a.attisdropped
                """,
                (schema,),
            )
        )

    def dependents(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        return [
            (found_schema, name)
            for found_schema, name in self.query(
                """
                with recursive dependent(oid) as (
                    select c.oid
                    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
                    where n.nspname = %s and c.relname = %s
                    union
                    select r.ev_class
                    from dependent
                    inner join pg_depend as d on d.refobjid = dependent.oid
                    inner join pg_rewrite as r on r.oid = d.objid
                )
                select n.nspname, c.relname
                from dependent
                inner join pg_class as c on c.oid = dependent.oid
                inner join pg_namespace as n on n.oid = c.relnamespace
                where not (n.nspname = %s and c.relname = %s)
                order by 1, 2
                """,
                (schema, relation, schema, relation),
            )
        ]

    def grants(self, schema: str, relation: str, /) -> list[str]:
        rows = self.query(
            """
            with target as (
                select c.oid, c.relacl, c.relowner
                from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
                where n.nspname = %s and c.relname = %s
            ),
            granted as (
                select null as attname, (aclexplode(relacl)).*, relowner from target
                union all
                select a.attname, (aclexplode(a.attacl)).*, t.relowner
                from target as t inner join pg_attribute as a on a.attrelid = t.oid
                where a.attacl is not null and a.attnum > 0 and not a.attisdropped
            )
            select attname, privilege_type, is_grantable,
                case when grantee = 0 then null else pg_get_userbyid(grantee) end
            from granted
            where grantee <> relowner
            """,
            (schema, relation),
        )
        target = f"{quoted(schema)}.{quoted(relation)}"
        return [
            f"grant {privilege}{f' ({quoted(column)})' if column else ''} on {target} to "
            f"{'public' if role is None else quoted(role)}"
            f"{' with grant option' if is_grantable else ''}"
            for column, privilege, is_grantable, role in rows
        ]


def _typed(table: pa.Table) -> pa.Table:
    """Text instead of a column of nulls, which ADBC 1.10 and older refuse."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_null(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
