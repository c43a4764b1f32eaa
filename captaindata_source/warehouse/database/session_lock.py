"""Advisory locks of Postgres on a connection that does nothing else; they end with its process."""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from typing import Any

from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.remedies import explained

__all__ = ["SessionLock", "this_process"]

logger = logging.getLogger(__name__)

RETAKE_TRIES = 25
RETAKE_POLL_SECONDS = 0.2
KEEPALIVE: dict[str, Any] = {
    # an idle connection stays known to what stands between, and a dead one is noticed
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
SESSION = (
    "set timezone = 'UTC'",
    # the same from the server's side: a machine that is gone holds no lock for long
    "set tcp_keepalives_idle = 30",
    "set tcp_keepalives_interval = 10",
    "set tcp_keepalives_count = 3",
    "set idle_session_timeout = 0",
)
KEYS = {1: "hashtext(%s)", 2: "hashtext(%s), hashtext(%s)"}
HOLDER = """
    select a.pid, a.application_name, host(a.client_addr), a.backend_start
    from pg_locks as l inner join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.pid <> pg_backend_pid()
        and l.database = (select oid from pg_database where datname = current_database())
        and """
OF_KEYS = {
    1: "l.objsubid = 1 and l.objid = (hashtext(%s)::bigint & 4294967295)::oid",
    2: "l.objsubid = 2 and l.classid = (hashtext(%s)::bigint & 4294967295)::oid "
    "and l.objid = (hashtext(%s)::bigint & 4294967295)::oid",
}
OURS = "select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()"
END = "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s and backend_start = %s"
MAX_APPLICATION_NAME = 63


def this_process() -> str:
    """Who holds a lock, for who waits for it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


class SessionLock:
    """Each lock is held from `take` on, until it is given back or the connection ends.

    Nothing else is asked on the connection: whatever resets it would let go of the locks.

    Args:
        address: libpq's connection string.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection: Any = None
        self._guard = threading.RLock()
        self._session: tuple[Any, ...] = ()
        self._held: dict[tuple[str, ...], tuple[Any, ...]] = {}
        """The session in which each lock was last taken."""

    def take(self, *names: str) -> str | None:
        """Tries once. Returns who else holds it, None where it is ours now.

        Args:
            names: What is locked, in one or two parts.

        Raises:
            DestinationError: Postgres can't be reached.
        """
        with self._guard:
            return self._take(names)

    @explained()
    def _take(self, names: tuple[str, ...]) -> str | None:
        import psycopg2  # noqa: PLC0415 - an extra

        try:
            if not self._is_open():
                self._connect()
            count = len(names)
            if self._query(f"select pg_try_advisory_lock({KEYS[count]})", *names)[0]:
                self._held[names] = self._session
                return None
            holder = self._query(f"{HOLDER}{OF_KEYS[count]}", *names)
        except psycopg2.Error:
            self.release()
            raise
        return _described(*holder) if holder else "which has just ended"

    def give_back(self, *names: str) -> None:
        """Gives one lock back; does nothing where it is not held."""
        import psycopg2  # noqa: PLC0415 - an extra

        with self._guard, suppress(psycopg2.Error):  # the lock ends with the connection
            if self._held.pop(names, None) == self._session and self._connection is not None:
                self._query(f"select pg_advisory_unlock({KEYS[len(names)]})", *names)

    def is_held(self, *names: str) -> bool:
        """Whether a lock is held still: its connection may have broken."""
        with self._guard:
            if self._is_open() and self._held.get(names) == self._session:
                return True
        logger.info("The connection that holds the lock of the workspace broke")
        return False

    def retake(self, *names: str) -> str | None:
        """Takes a lock again after its connection broke.

        Returns:
            Who else took it meanwhile; None where it is ours.

        Raises:
            DestinationError: Postgres can't be reached.
        """
        lost = self._held.get(names, ())
        holder: str | None = None
        for _ in range(RETAKE_TRIES):
            if (holder := self.take(*names)) is None:
                return None
            self._end(lost)
            wait_seconds(RETAKE_POLL_SECONDS)
        return holder

    def release(self) -> None:
        """Gives all back."""
        with self._guard:
            if self._connection is not None:
                with suppress(Exception):
                    self._connection.close()
                self._connection = None
            self._session = ()

    def _is_open(self) -> bool:
        import psycopg2  # noqa: PLC0415 - an extra

        if self._connection is None:
            return False
        try:
            self._query("select 1")
        except psycopg2.Error:
            self.release()
            return False
        return True

    def _end(self, session: tuple[Any, ...]) -> None:
        """Ends our own lost session, of which the server does not know that it is lost."""
        import psycopg2  # noqa: PLC0415 - an extra

        if session and session != self._session:
            with suppress(psycopg2.Error):
                self._query(END, *session)

    def _connect(self) -> None:
        import psycopg2  # noqa: PLC0415 - an extra

        name = f"captaindata sync, {this_process()}"[:MAX_APPLICATION_NAME]
        self._connection = psycopg2.connect(self.address, application_name=name, **KEEPALIVE)
        self._connection.autocommit = True
        for statement in SESSION:
            with suppress(psycopg2.errors.UndefinedObject):  # an older server
                self._query(statement)
        self._session = self._query(OURS)

    def _query(self, sql: str, *parameters: object) -> tuple[Any, ...]:
        with self._guard, self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return tuple(cursor.fetchone() or ()) if cursor.description else ()


def _described(pid: int, name: str | None, address: str | None, since: Any) -> str:
    """A session, as far as the role may see it."""
    started = f", since {since:%Y-%m-%d %H:%M:%S %Z}" if since else ""
    return (
        f"{(name or '').partition(', ')[2] or name or 'another role'}"
        f"{f' at {address}' if address else ''}{started}; Postgres session {pid}"
    )
