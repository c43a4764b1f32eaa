"""A dlt destination as a sync uses it: it reads its configuration once, DuckDB compresses JSON, all
drivers of Postgres get one well-formed address, no statement waits long for a lock or past a
signal, and few sessions are open at once.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, Self
from urllib.parse import quote, unquote

import dlt
from dlt.common.configuration import configspec
from dlt.common.destination import AnyDestination
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TColumnSchema
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.factory import DuckDbTypeMapper
from dlt.destinations.impl.postgres.configuration import PostgresCredentials

from captaindata_source.dlt_internals.clients import (
    LookUps,
    change_capabilities,
    change_clients,
    change_jobs,
    look_up_once,
)
from captaindata_source.dlt_internals.lake_connections import share_duckdb
from captaindata_source.warehouse.database import DUCKDB, DUCKLAKE, POSTGRES, watched
from captaindata_source.warehouse.database.statements import bound_job
from captaindata_source.warehouse.folders import short_hash

__all__ = ["as_we_use_it"]

POSTGRES_LOADS = 2
"""Files that are loaded into Postgres at once where `load.workers` is not configured. Each takes a
session; one more is open meanwhile, one holds locks, and one that was closed may not have ended."""
ZSTD_SINCE = (1, 2)
"""Version of DuckDB's storage from which on it compresses JSON with zstd."""
ENCODING = "UTF8"


class CompressedJson(DuckDbTypeMapper):
    """JSON columns with the compression that suits them: a fifth of the file, and a quarter of the
    time to write it, against what DuckDB chooses by itself.

    A file keeps the storage version of the DuckDB that made it; older ones lack this compression.

    Args:
        client: Is connected when a column is made.
    """

    def __init__(self, client: DuckDbClient) -> None:
        super().__init__(client.capabilities)
        self._sql_client = client.sql_client

    def to_destination_type(
        self, column: TColumnSchema, table: PreparedTableSchema | None = None
    ) -> str:
        kind: str = super().to_destination_type(column, table)  # type: ignore[arg-type]
        if kind != "JSON" or not self._has_zstd:
            return kind
        return f"{kind} using compression zstd"

    @cached_property
    def _has_zstd(self) -> bool:
        found = self._sql_client.execute_sql(
            "select tags['storage_version'] from duckdb_databases() "
            "where database_name = current_database()"
        )
        version = re.match(r"v(\d+)\.(\d+)", str(found[0][0])) if found else None
        return version is not None and tuple(map(int, version.groups())) >= ZSTD_SINCE


@configspec(init=False)
class LibpqCredentials(PostgresCredentials):
    """Credentials whose address libpq reads as it was meant, whichever driver hands it over.

    dlt writes a space in a password as it is and one in an option as `+`. psycopg2 takes some of
    that, ADBC does not, and libpq takes `+` for itself. What is sent and read is UTF-8, whatever
    the role or the environment has set: ADBC knows nothing else.
    """

    def parse_native_representation(self, native_value: Any) -> None:
        super().parse_native_representation(native_value)
        if self.query and not self.host:  # dlt wants one; libpq takes that of the query
            self.host = _joined(self.query.get("host", ""))

    def resolve(self) -> Self:
        """Keeps the spaces around a password, which dlt takes off; a line feed is the end of the
        file that it was read from."""
        password = self.password
        super().resolve()
        if password:
            self.password = password.strip("\r\n")
        return self

    def get_query(self) -> dict[str, Any]:
        return {**super().get_query(), "client_encoding": ENCODING}

    def to_native_representation(self) -> str:
        """A URI as libpq defines it: all that is not plain is percent-encoded."""
        # what was cut out of an address is encoded still, but for user and password
        host, database = unquote(self.host or ""), unquote(self.database or "")
        user = _encoded(self.username or "")
        if self.password:
            user += f":{_encoded(str(self.password))}"
        host = f"[{host}]" if re.fullmatch(r"[\da-fA-F.]*:[\da-fA-F:.%]*", host) else _encoded(host)
        port = f":{self.port}" if self.port else ""
        query = "&".join(
            f"{_encoded(name)}={_encoded(_joined(value))}"
            for name, value in sorted(self.get_query().items())
            if value is not None
        )
        return f"postgresql://{user}{'@' if user else ''}{host}{port}/{_encoded(database)}?{query}"


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _joined(value: object) -> str:
    """As libpq lists several hosts or ports."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def as_we_use_it(destination: AnyDestination, known: LookUps) -> AnyDestination:
    """The same destination, with what this module adds to it.

    Args:
        destination: Of one pipeline.
        known: What the command has looked up so far.
    """
    kind = destination.destination_type
    look_up_once(destination, known, LibpqCredentials if kind == POSTGRES else None)

    def change(client: Any) -> None:
        if (sql_client := getattr(client, "sql_client", None)) is not None:
            watched(sql_client, kind)
            if kind == DUCKLAKE:
                share_duckdb(sql_client, short_hash(sql_client.attach_statement))
        if kind == DUCKDB:
            client.type_mapper = CompressedJson(client)
        elif kind == POSTGRES:
            change_jobs(client, bound_job)

    change_clients(destination, change)
    if kind == POSTGRES and dlt.config.get("load.workers") is None:
        change_capabilities(destination, _load_few_at_once)
    return destination


def _load_few_at_once(capabilities: Any) -> None:
    capabilities.max_parallel_load_jobs = capabilities.max_parallel_load_jobs or POSTGRES_LOADS
