"""Connections to Postgres through ADBC that share what it knows of a database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["shared_connection"]

_databases: dict[str, tuple[Any, Any, Any]] = {}
"""By address: what ADBC knows of a database, and its classes of connections."""
_opening = threading.Lock()


def shared_connection(address: str, connect: Callable[[], Any]) -> Any:
    """A new connection. ADBC reads the types of a database when it first opens it, one or two for
    each table and view: later connections share them.

    Args:
        address: Of the database and role.
        connect: Opens the first connection.
    """
    with _opening:
        database = _databases.get(address)
        if database is None:
            first = connect()
            if hasattr(getattr(first, "_db", None), "clone"):  # else ADBC shares nothing
                _databases[address] = first._db.clone(), type(first), type(first._conn)
            return first
    shared, connection, inner = database
    return connection(shared, inner(shared._db))
