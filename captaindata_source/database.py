"""DuckDB and Postgres as the views need them: what is there, and changes in transactions.

Other destinations get the raw tables alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import dlt
import duckdb

from captaindata_source.errors import CaptainDataError, DestinationError
from captaindata_source.sqltext import quoted

__all__ = [
    "DUCKDB",
    "POSTGRES",
    "Database",
    "DuckDbDatabase",
    "PostgresDatabase",
    "RefusedError",
    "Relation",
    "open_database",
    "schema_of",
]

DUCKDB, POSTGRES = "dlt.destinations.duckdb", "dlt.destinations.postgres"
LOCK_TIMEOUT_SECONDS = 3
"""How long a change waits for queries that hold a view, such as those of a dashboard."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that is there."""

    is_view: bool
    comment: str


class RefusedError(DestinationError):
    """The database did not do it; its transaction is undone.

    Args:
        message: What the database said.
        is_busy: Others hold what was to be changed; later it may work.
    """

    def __init__(self, message: str, *, is_busy: bool = False) -> None:
        super().__init__(message)
        self.is_busy = is_busy


class Database(Protocol):
    """An open connection, outside of a transaction."""

    kind: str

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        """Runs one statement; parameters are `%s`."""

    def run(self, sql: str) -> None:
        """Runs statements without parameters."""

    def transaction(self) -> Any:
        """A context: all or nothing. Raises `RefusedError` for what the database refuses."""

    def reader(self, sql: str, rows: int) -> Any:
        """A context: the rows of a query as Arrow batches, as they come; times are UTC."""

    def has_schema(self, schema: str) -> bool:
        """Whether a schema is there."""

    def relations(self, schema: str) -> dict[str, Relation]:
        """Tables and views of a schema, with their comments."""

    def columns(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        """Names and types of a table's or view's columns, in their order."""

    def dependents(self, schema: str, relation: str, /) -> list[tuple[str, str]]:
        """Schema and name of what depends on a relation, directly or not."""

    def grants(self, schema: str, relation: str, /) -> list[str]:
        """Statements that grant again what is granted on a relation."""


@contextmanager
def open_database(pipeline: dlt.Pipeline) -> Iterator[Database | None]:
    """Opens the destination of a pipeline; None where it is neither DuckDB nor Postgres.

    Raises:
        DestinationError: It can't be opened.
    """
    kind = pipeline.destination.destination_type
    if kind not in (DUCKDB, POSTGRES):
        yield None
        return
    try:
        with pipeline.sql_client() as client:
            connection = client.native_connection
            if kind == DUCKDB:
                yield DuckDbDatabase(connection)
            else:
                address = client.credentials.to_native_representation()
                yield PostgresDatabase(connection, address)
    except Exception as error:
        if isinstance(error, (CaptainDataError, OSError)) or not _is_of_database(error):
            raise
        raise DestinationError(
            f"{pipeline.destination.destination_name} can't be read or written: "
            f"{_first_line(error)}"
        ) from error


def _is_of_database(error: Exception) -> bool:
    """Whether dlt, DuckDB, psycopg2 or ADBC raised it."""
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return bool(modules & {"dlt", "duckdb", "_duckdb", "psycopg2", "adbc_driver_manager"})


def schema_of(pipeline: dlt.Pipeline) -> str:
    """The schema that a pipeline's dataset is: dlt puts its name into snake case."""
    name: str = pipeline.sql_client().dataset_name
    return name


class DuckDbDatabase:
    """A connection to DuckDB."""

    kind = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        if parameters:
            sql = sql.replace("%s", "?")
        return self._connection.execute(sql, list(parameters)).fetchall()

    def run(self, sql: str) -> None:
        self._connection.execute(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException as error:
            with suppress(duckdb.TransactionException):  # DuckDB may have ended it by itself
                self._connection.rollback()
            if isinstance(error, duckdb.Error):
                raise RefusedError(_first_line(error)) from error
            raise

    @contextmanager
    def reader(self, sql: str, rows: int) -> Iterator[Any]:
        self._connection.execute("set timezone = 'UTC'")
        yield self._connection.sql(sql).to_arrow_reader(rows)

    def has_schema(self, schema: str) -> bool:
        found = "select 1 from duckdb_schemas() where schema_name = %s"
        return bool(self.query(f"{found} and database_name = current_database()", (schema,)))

    def relations(self, schema: str) -> dict[str, Relation]:
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
        return [
            (name, kind)
            for name, kind in self.query(
                """
                select column_name, data_type from duckdb_columns()
                where schema_name = %s and table_name = %s and database_name = current_database()
                order by column_index
                """,
                (schema, relation),
            )
        ]

    def dependents(self, _schema: str, _relation: str) -> list[tuple[str, str]]:
        return []  # nothing that depends on it holds a view back

    def grants(self, _schema: str, _relation: str) -> list[str]:
        return []


class PostgresDatabase:
    """A psycopg2 connection to Postgres, in autocommit, and the address for other drivers."""

    kind = "postgres"

    def __init__(self, connection: Any, address: str) -> None:
        self._connection = connection
        self._address = address

    def query(self, sql: str, parameters: Sequence[object] = ()) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return list(cursor.fetchall()) if cursor.description else []

    def run(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        import psycopg2  # noqa: PLC0415 - an extra

        self.run(f"begin; set local lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
        try:
            yield
            self.run("commit")
        except BaseException as error:
            if not self._connection.closed:
                self.run("rollback")
            if isinstance(error, psycopg2.Error):
                is_busy = isinstance(error, psycopg2.errors.LockNotAvailable)
                raise RefusedError(_first_line(error), is_busy=is_busy) from error
            raise

    @contextmanager
    def reader(self, sql: str, rows: int) -> Iterator[Any]:  # noqa: ARG002 - ADBC has its own size
        import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415 - an extra

        with adbc.connect(self._address) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            yield cursor.fetch_record_batch()

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


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
