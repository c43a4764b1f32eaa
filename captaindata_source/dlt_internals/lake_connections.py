"""Connections to a DuckLake share one DuckDB in a process.

dlt starts a DuckDB for each of some forty connections in a load, and each loads the extensions
again, which takes most of a small load. Connections of one DuckDB have them at once.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import Any

from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

__all__ = ["share_duckdb"]

MARK = "_captaindata_shares"
_guard = threading.RLock()
_open: Counter[str] = Counter()
"""By name of a DuckDB in memory: connections to it."""


def share_duckdb(client: Any, name: str) -> None:
    """Lets a SQL client of a lake connect to a DuckDB that others of its lake use too.

    Args:
        client: Not connected yet.
        name: Of the DuckDB; others of the lake give the same.
    """
    if hasattr(client, MARK):
        return
    setattr(client, MARK, True)
    client.credentials._conn_str = lambda: f":memory:{name}"
    open_connection = client.open_connection

    def opened() -> Any:
        with _guard:
            _open[name] += 1
            try:
                return open_connection()
            except BaseException:
                _open[name] -= 1
                raise

    def close_connection() -> None:
        connection = client._conn
        if connection is None:
            return
        with _guard:
            _open[name] -= 1
            with suppress(Exception):  # there may be no transaction
                connection.execute("rollback")
            if not _open[name]:  # the catalogue is to be detached before its DuckDB ends
                with suppress(Exception):
                    connection.execute(f'use memory; detach "{client.credentials.ducklake_name}"')
            DuckDbSqlClient.close_connection(client)

    client.open_connection, client.close_connection = opened, close_connection
