"""No statement waits long for a lock or past a signal: what waits for a lock keeps all readers
waiting behind it, and drivers heed no signal while they wait.

The timeout is set by a statement, for poolers refuse it among the options of a connection, and once
more after each reset of dlt's.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from captaindata_source.dlt_internals.clients import adapt_job, explain_queries, on_connection
from captaindata_source.errors import DestinationError, causes

__all__ = [
    "LOCK_SECONDS",
    "SET_TIMEOUT",
    "HeldError",
    "bound_job",
    "bound_waits",
    "end_statements",
    "holder",
    "is_held",
    "watch",
]

LOCK_SECONDS = 2
"""How long a statement waits for others' locks: readers wait behind it."""
SET_TIMEOUT = f"set lock_timeout = '{LOCK_SECONDS}s'"
TIMED_OUT = "55P03"
CHANGES = re.compile(r"(?:^|;)\s*(alter|truncate|drop|create|comment)\b", re.IGNORECASE)
MAX_TEXT = 20_000
HOLDER = """
    select l.pid, a.application_name, a.usename, host(a.client_addr), a.xact_start, c.relname
    from pg_locks as l
    inner join pg_class as c on c.oid = l.relation
    left join pg_stat_activity as a on a.pid = l.pid
    where l.granted and l.locktype = 'relation' and l.pid is distinct from pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
        and strpos(%s, c.relname) > 0 and (%s or l.mode <> 'AccessShareLock')
    order by l.mode = 'AccessShareLock', a.xact_start, l.pid
    limit 1
"""
Ask = Callable[..., Any]
CANCELS = ("adbc_cancel", "interrupt", "cancel")
"""How ADBC, DuckDB and psycopg2 call it."""
_guard = threading.Lock()
_connections: weakref.WeakSet[Any] = weakref.WeakSet()
"""Of this process, as its signals are."""


class HeldError(DestinationError):
    """Another session holds what a statement needs; later it may work."""


def is_held(error: BaseException) -> bool:
    """Whether it is that others hold a lock."""
    return any(isinstance(each, HeldError) or _code(each) == TIMED_OUT for each in causes(error))


def holder(ask: Ask, statement: str) -> str:
    """Who holds what a statement waited for, in words; empty where nobody does any more.

    Args:
        ask: Runs a query with parameters, outside of a transaction, and gives its rows.
        statement: What waited.
    """
    text = statement[:MAX_TEXT]
    for pid, name, role, address, since, table in ask(HOLDER, text, bool(CHANGES.search(text))):
        if pid is None:
            return f"a prepared transaction holds {table} (pg_prepared_xacts names it)"
        who = " ".join(filter(None, [name, f"of role {role}" if role else "of another role"]))
        return (
            f"Postgres session {pid} ({who}{f' at {address}' if address else ''}"
            f"{f', since {since:%Y-%m-%d %H:%M:%S %Z}' if since else ''}) holds {table}"
        )
    return ""


def bound_waits(client: Any) -> None:
    """Bounds the waits of a dlt client for Postgres, in this session and each after a reset.

    Args:
        client: Of dlt, not connected yet.
    """

    def bound(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(SET_TIMEOUT)
        watch(connection)

    if on_connection(client, bound):
        explain_queries(client, _held)


def bound_job(job: Any) -> Any:
    """The same for a load job of dlt that connects by itself."""

    def bound(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(SET_TIMEOUT)
        connection.commit()
        watch(connection)

    return adapt_job(job, on_connect=bound, explain=_held)


def _held(client: Any, error: BaseException, statement: str) -> HeldError | None:
    cause = next((each for each in causes(error) if _code(each) == TIMED_OUT), None)
    if cause is None:
        return None
    who = ""
    # the first error is the one to report
    with suppress(Exception), client.native_connection.cursor() as cursor:
        who = holder(lambda *query: _rows(cursor, *query), statement)
    found = HeldError(
        f"A table could not be changed within {LOCK_SECONDS} s: "
        f"{who or 'another session held it'}; end that session, or sync when it has ended; what "
        "was committed is kept"
    )
    found.__cause__ = cause
    return found


def _rows(cursor: Any, sql: str, *parameters: object) -> Any:
    cursor.execute(sql, parameters)
    return cursor.fetchall()


def _code(error: BaseException) -> str | None:
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)


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
