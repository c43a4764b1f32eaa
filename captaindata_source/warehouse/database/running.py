"""Statements that are running, so that a signal can end them: drivers heed none while they wait."""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import Any

__all__ = ["end_statements", "watch"]

CANCELS = ("adbc_cancel", "interrupt", "cancel")
"""How ADBC, DuckDB and psycopg2 call it."""
_guard = threading.Lock()
_connections: weakref.WeakSet[Any] = weakref.WeakSet()
"""Of this process, as its signals are."""


def watch(connection: Any) -> None:
    """Remembers a connection for as long as it is used."""
    with _guard:
        _connections.add(connection)


def end_statements() -> None:
    """Ends whatever runs on any connection, without waiting for it to end."""
    threading.Thread(target=_end_all, daemon=True, name="end statements").start()


def _end_all() -> None:
    with _guard:
        found = list(_connections)
    for connection in found:
        cancel = next(getattr(connection, name) for name in CANCELS if hasattr(connection, name))
        with suppress(Exception):  # it is closed, or its server is gone
            cancel()
