"""From what a database, a disk or dlt says to what happened and what to do about it.

One table. Drivers are not imported: they are extras, and an error tells by itself who raised it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import NamedTuple

from captaindata_source.errors import CaptainDataError, DestinationError, root_message

__all__ = ["as_destination_error", "is_passing", "message_of"]


class _Case(NamedTuple):
    """What an error is known by, what it means, and what helps.

    `pattern` is searched in `driver code type: message`. What is passing may work a moment later.
    """

    pattern: str
    what: str
    remedy: str
    is_passing: bool = False


PG_CREDENTIALS = "destination.postgres.credentials"
DUCKDB_CREDENTIALS = "destination.duckdb.credentials"
GO_ON = "what was committed is kept, and the next sync goes on from there"

CASES = (
    # -- Postgres: SQLSTATE where there is one, ----- where the driver or libpq speaks
    _Case(
        r"postgres (53100|\S+ .*No space left on device)",
        "The disk of the Postgres server is full",
        f"free some space there; {GO_ON}",
    ),
    _Case(
        r"postgres 25006",
        "Postgres takes no writes",
        "this is a read-only replica, or default_transaction_read_only is on for the role or the "
        f"database: let {PG_CREDENTIALS} name the primary and a role that may write",
    ),
    _Case(
        r"postgres 42501",
        "The Postgres role lacks a right",
        "let an administrator grant it (create on the database; usage and create on the dataset's "
        "schemas), and load with the one role that made the tables",
    ),
    _Case(
        r"postgres \S+ .*(password authentication failed|no password supplied|pg_hba\.conf"
        r"|authentication|FATAL:.* (role|database) .* does not exist)|postgres (28...|3D000)",
        "Postgres refuses the login",
        f"check user, password and database in {PG_CREDENTIALS}",
    ),
    _Case(
        r"postgres (53300|\S+ .*(too many (clients|connections)|connection slots))",
        "Postgres has no connection free",
        f"end some sessions or raise max_connections; {GO_ON}",
        is_passing=True,
    ),
    _Case(
        r"postgres \S+ .*(invalid port|invalid connection option|invalid dsn|invalid integer value"
        r"|missing \"=\"|sslmode|server does not support SSL)",
        "The address of Postgres can't be used",
        f"check host, port and options in {PG_CREDENTIALS}",
    ),
    _Case(
        r"postgres \S+ .*connection to server .*failed"
        r"|postgres \S+ .*(could not translate host name|Connection refused|No route to host"
        r"|Network is unreachable|timeout expired|starting up|shutting down|could not connect)"
        r"|postgres 57P03",
        "Postgres can't be reached",
        f"see that it runs, and that host and port in {PG_CREDENTIALS} are right and no firewall "
        "stands between",
        is_passing=True,
    ),
    _Case(
        r"postgres (08...|57P0.)|postgres \S+ .*(server closed the connection|connection (already|"
        r"has been|not) (closed|open)|terminating connection|could not (send|receive) data"
        r"|SSL SYSCALL|SSL connection|no connection to the server|lost synchronization"
        r"|Connection reset|Broken pipe)|postgres ----- (Operational|Interface)Error",
        "The connection to Postgres broke",
        f"see that the server runs and stays reachable; {GO_ON}",
        is_passing=True,
    ),
    _Case(
        r"postgres (40001|40P01|55P03)",
        "Postgres undid a change because other sessions hold the same rows or tables",
        f"end or reschedule them; {GO_ON}",
        is_passing=True,
    ),
    _Case(
        r"postgres 57014",
        "Postgres ended a statement of the load",
        "raise statement_timeout for the role that loads, or make package_max_results smaller",
    ),
    _Case(
        r"postgres 53200",
        "Postgres ran out of memory",
        "give it more, or make package_max_results smaller",
    ),
    _Case(
        r"postgres (42P01|3F000)",
        "A table or schema vanished while it was used",
        "let nothing drop it while a sync runs; the next sync makes it anew",
    ),
    # -- DuckDB
    _Case(
        r"duckdb .*Could not set lock on file",
        "The DuckDB file is open in another process, and one alone may write to it",
        "close it there, and let readers use the copy that publish_copy leaves",
        is_passing=True,
    ),
    _Case(
        r"duckdb .*(No space left on device|File too large|Disk quota exceeded)",
        "The disk of the DuckDB file is full",
        f"free some space there; {GO_ON}",
    ),
    _Case(
        r"duckdb .*(read-only mode|read only mode|readonly)",
        "The DuckDB file is opened read-only",
        f"take read_only out of {DUCKDB_CREDENTIALS}",
    ),
    _Case(
        r"duckdb .*(Permission denied|Read-only file system|Operation not permitted)",
        "The DuckDB file can't be written",
        "give this user the right to write it and its folder, where DuckDB keeps its log, or name "
        f"another file in {DUCKDB_CREDENTIALS}",
    ),
    _Case(
        r"duckdb .*Cannot open file .*No such file or directory",
        "The folder of the DuckDB file does not exist",
        f"make it, or name another file in {DUCKDB_CREDENTIALS}",
    ),
    _Case(
        r"duckdb .*(different version|older version|newer version|more recent version)",
        "The DuckDB file was written by another version of DuckDB",
        "install that version, or export the file with it and import it with this one",
    ),
    _Case(
        r"duckdb .*(not a valid DuckDB database|Is a directory|Could not read enough bytes"
        r"|[Cc]hecksum|[Cc]orrupt)",
        "The DuckDB file is no database, or a damaged one",
        f"name another file in {DUCKDB_CREDENTIALS}, or put a backup in its place; without it the "
        "next sync makes a new one, with what the API still lists",
    ),
    _Case(
        r"duckdb .*(database has been invalidated|FATAL Error|INTERNAL Error)",
        "DuckDB gave up after an earlier error",
        f"sync again; {GO_ON}",
    ),
    _Case(
        r"duckdb (OutOfMemory|.*Out of Memory|.*could not allocate)",
        "DuckDB ran out of memory",
        "give the process more, or make package_max_results smaller",
    ),
    _Case(
        r"duckdb .*([Cc]onflict|write-write)",
        "DuckDB undid a change because another one touched the same rows",
        f"sync again; {GO_ON}",
        is_passing=True,
    ),
    # -- files of dlt's working folder and of results
    _Case(
        r"system (ENOSPC|EDQUOT|EFBIG)",
        "The disk of dlt's working folder is full",
        f"free some space, or let DLT_DATA_DIR name a folder on another disk; {GO_ON}",
    ),
    _Case(
        r"system (EACCES|EPERM|EROFS|ENOTDIR|EISDIR|EEXIST)",
        "dlt's working folder can't be written",
        "give this user the right to, or let DLT_DATA_DIR name another folder",
    ),
    _Case(
        r"system ENOENT|dlt (LoadPackageNotFound|LoadPackageAlreadyCompleted|SchemaNotFoundError"
        r"|LoadPackageNotCompleted|LoadPackageInconsistent)",
        "A file of dlt's working folder is gone",
        "let nothing clean it up while a sync runs, or let DLT_DATA_DIR name another folder; "
        + GO_ON,
    ),
    _Case(
        r"system (EMFILE|ENFILE)",
        "Too many files are open",
        "raise the limit (ulimit -n)",
    ),
    _Case(r"system EIO", "The disk failed", "check it; " + GO_ON),
)

DRIVERS = {
    "psycopg2": "postgres",
    "adbc_driver_manager": "postgres",
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "dlt": "dlt",
}
NO_CODE = "-----"
DETAIL_LENGTH = 300
HINTS = re.compile(r"[.,]? (See also|However, you would) .*")
SECRETS = re.compile(r"(?<=://)[^\s@]*@|(?i:password)\s*=\s*\S+")


def as_destination_error(error: BaseException) -> DestinationError | None:
    """What an error means and what helps; None where the table does not know it."""
    found = _find(error)
    if found is None:
        return None
    case, cause = found
    return DestinationError(f"{case.what}: {case.remedy} ({_detail(cause)})")


def message_of(error: BaseException) -> str:
    """One line for people: our own words where there are some, else the root of the error."""
    if any(isinstance(each, CaptainDataError) for each in _chain(error)):
        return root_message(error)
    return str(as_destination_error(error) or SECRETS.sub("…", root_message(error)))


def is_passing(error: BaseException) -> bool:
    """Whether the same may work a moment later."""
    found = _find(error)
    return found is not None and found[0].is_passing


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _find(error: BaseException) -> tuple[_Case, BaseException] | None:
    """The case of the deepest error that has one: dlt wraps errors several layers deep."""
    for cause in reversed(list(_chain(error))):
        signature = _signature(cause)
        for case in CASES if signature else ():
            if re.match(case.pattern, signature):
                return case, cause
    return None


def _signature(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno is not None:
        return f"system {errno.errorcode.get(error.errno, error.errno)} {text}"
    modules = [kind.__module__.split(".")[0] for kind in type(error).__mro__]
    driver = next((DRIVERS[name] for name in modules if name in DRIVERS), "")
    if not driver:
        return ""
    code = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or NO_CODE
    name = type(error).__name__
    return f"{driver} {f'{code} ' if driver == 'postgres' else ''}{name}: {text}"


def _detail(error: BaseException) -> str:
    """The first line of what was said, without secrets."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return SECRETS.sub("…", HINTS.sub("", said))[:DETAIL_LENGTH]
