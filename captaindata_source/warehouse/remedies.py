"""From what a database, a disk or dlt says to what happened and what to do about it.

One table. Drivers are not imported: they are extras, and an error tells by itself who raised it.

What they say may hold rows and passwords. `message_of` and `words_of` are the only ways from an
error to a person, a log or a table, and leave both out.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from captaindata_source.errors import CaptainDataError, DestinationError, causes, root_error
from captaindata_source.tabular import one_line

__all__ = [
    "as_destination_error",
    "driver_of",
    "explained",
    "is_passing",
    "message_of",
    "spares_package",
    "words_of",
]


class _Case(NamedTuple):
    """What an error is known by, what it means, and what helps.

    `pattern` is matched with `driver code type: message`, of which no row is a part. What is
    passing may work a moment later. Where the package may be to blame that was loaded, or the
    folder that it is in, another package may load where this one never will.
    """

    pattern: str
    what: str
    remedy: str
    is_passing: bool = False
    may_be_package: bool = False


LIBPQ = r"postgres (?:-----|08...|28...|3D...|53...|57...|58...) .*"
"""Where libpq speaks, or the server about itself; other messages may quote what was loaded."""
PG_CREDENTIALS = "destination.postgres.credentials"
DUCKDB_CREDENTIALS = "destination.duckdb.credentials"
NO_FOLDER = "dlt's working folder can't be written"
GO_ON = "what was committed is kept, and the next sync goes on from there"

CASES = (
    # -- Postgres: SQLSTATE where there is one, ----- where the driver or libpq speaks
    _Case(
        rf"postgres 53100|{LIBPQ}No space left on device",
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
        rf"{LIBPQ}unsupported startup parameter",
        "A connection pooler stands before Postgres and refuses what a session needs",
        f"let {PG_CREDENTIALS} name the server itself, or a pool that keeps sessions and accepts "
        "the parameter (pgbouncer: ignore_startup_parameters)",
    ),
    _Case(
        rf"{LIBPQ}(unrecognized configuration parameter|invalid value for parameter"
        r"|parameter \S+ cannot be)",
        "Postgres refuses an option of the connection",
        f"correct options in {PG_CREDENTIALS}",
    ),
    _Case(
        rf"{LIBPQ}(SSL (connection )?(is |was )?required|requires? (SSL|TLS)|certificate"
        r"|server does not support SSL|failed: SSL error|private key file)",
        "Postgres and the address don't agree on TLS",
        f"set sslmode in {PG_CREDENTIALS} to what the server has (?sslmode=require; disable where "
        "it has no TLS), sslrootcert to the file of the authority that signed its certificate",
    ),
    _Case(
        rf"{LIBPQ}(expected authentication request|invalid response to|frontend protocol"
        r"|unexpected (message|response) from server)",
        "What answers at the address is no Postgres server that can be used",
        f"check host and port in {PG_CREDENTIALS}",
    ),
    _Case(
        rf"{LIBPQ}pg_hba\.conf",
        "Postgres lets nobody in from here",
        "let an administrator add this host, user and database to its pg_hba.conf; where it says "
        f"no encryption, set sslmode=require in {PG_CREDENTIALS}",
    ),
    _Case(
        rf"{LIBPQ}FATAL:.*permission denied for database",
        "The Postgres role lacks a right",
        "let an administrator run grant connect on the database to it",
    ),
    _Case(
        rf"postgres (28...|3D000)|{LIBPQ}(no password supplied|authentication"
        r"|no such (user|database)|FATAL:.* (role|database|[Tt]enant|user) .*"
        r"(does not exist|not found|not permitted))",
        "Postgres refuses the login",
        f"check user, password and database in {PG_CREDENTIALS}",
    ),
    _Case(
        rf"(postgres 53300|{LIBPQ}).*too many connections for role",
        "The Postgres role may open too few sessions",
        "raise its limit (alter role … connection limit 6): a sync needs one for each workspace, "
        f"and up to five more while it loads; {GO_ON}",
        is_passing=True,
    ),
    _Case(
        rf"postgres 53300|{LIBPQ}(too many (clients|connections)|connection slots"
        r"|no more connections|query_wait_timeout)",
        "Postgres has no connection free",
        f"end some sessions or raise max_connections; {GO_ON}",
        is_passing=True,
    ),
    _Case(
        rf"{LIBPQ}(invalid (port|connection option|dsn|integer value|percent-encoded|URI)"
        r"|missing [\"…]|sslmode|unexpected spaces)",
        "The address of Postgres can't be used",
        f"check host, port and options in {PG_CREDENTIALS}",
    ),
    _Case(
        rf"{LIBPQ}connection to server .*failed: (FATAL|ERROR):"
        r"(?!.*(starting up|shutting down|recovery|not yet accepting))",
        "Postgres refuses the connection",
        f"do as it says, or check {PG_CREDENTIALS}",
    ),
    _Case(
        rf"{LIBPQ}(connection to server .*failed|could not translate host name"
        r"|Connection refused|No route to host|Network is unreachable|timeout expired"
        r"|starting up|shutting down|could not connect)"
        r"|postgres 57P03",
        "Postgres can't be reached",
        f"see that it runs, and that host and port in {PG_CREDENTIALS} are right and no firewall "
        "stands between",
        is_passing=True,
    ),
    _Case(
        rf"postgres (08...|57P0.)|{LIBPQ}(server closed the connection|connection (already|"
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
        "raise statement_timeout for the role that loads; a smaller package_max_results makes what "
        "is fetched from then on load faster",
    ),
    _Case(
        r"postgres 53200",
        "Postgres ran out of memory",
        "give it more, or make package_max_results smaller",
        may_be_package=True,
    ),
    _Case(
        r"postgres (42P01|3F000)",
        "A table or schema vanished while it was used",
        "let nothing drop it while a sync runs; the next sync makes it anew",
        may_be_package=True,
    ),
    # -- DuckDB
    _Case(
        r"duckdb IOException: .*Could not set lock on file",
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
        r"duckdb .*(Cannot execute statement of type|read-only mode|read only mode|readonly)",
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
        may_be_package=True,
    ),
    _Case(
        r"duckdb .*(database has been invalidated|FATAL Error|INTERNAL Error)",
        "DuckDB gave up after an earlier error",
        f"sync again; {GO_ON}",
        may_be_package=True,
    ),
    _Case(
        r"duckdb (OutOfMemory|.*Out of Memory|.*could not allocate)",
        "DuckDB ran out of memory",
        "give the process more, or make package_max_results smaller",
        may_be_package=True,
    ),
    _Case(
        r"duckdb TransactionException: [^\"]*([Cc]onflict|write-write)",
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
        r"system (EACCES|EPERM|EROFS)",
        NO_FOLDER,
        "give this user the right to, or let DLT_DATA_DIR name another folder",
    ),
    _Case(
        r"system (ENOTDIR|EISDIR|EEXIST)",
        NO_FOLDER,
        "give this user the right to, or let DLT_DATA_DIR name another folder",
        may_be_package=True,
    ),
    _Case(
        r"system ENOENT|dlt (LoadPackageNotFound|LoadPackageAlreadyCompleted|SchemaNotFoundError"
        r"|LoadPackageNotCompleted|LoadPackageInconsistent)",
        "A file of dlt's working folder is gone",
        "let nothing clean it up while a sync runs, or let DLT_DATA_DIR name another folder; "
        + GO_ON,
        may_be_package=True,
    ),
    _Case(
        r"system (EMFILE|ENFILE)",
        "Too many files are open",
        "raise the limit (ulimit -n)",
    ),
    _Case(
        r"system EIO",
        "The disk failed",
        f"check it; {GO_ON}",
        may_be_package=True,
    ),
)

ELSEWHERE = (
    (("ENOSPC", "EDQUOT", "EFBIG"), "The disk of {path} is full", "free some space there"),
    (
        ("EACCES", "EPERM", "EROFS"),
        "{path} can't be read or written",
        "give this user the right to",
    ),
    (("ENOTDIR", "EEXIST"), "{path} can't be made", "a file is where a folder is needed; move it"),
    (("EISDIR",), "{path} is a folder", "name a file in it"),
    (("ENOENT",), "{path} does not exist", "make it"),
)
"""What the operating system says of a path that is not dlt's."""

DRIVERS = {
    "psycopg2": "postgres",
    "adbc_driver_manager": "postgres",
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "dlt": "dlt",
}
NO_CODE = "-----"
MAX_LENGTH = 300
HINTS = re.compile(r"[.,]? (See also|However, you would) .*")
SECRETS = re.compile(
    r"(?<=://)\S*@|(?<=\")[^\"\s]*@"
    r"|(?i:password)[\"']?\s*[=:]\s*(?:'(?:[^'\\]|\\.)*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)|\S+)"
)
MORE = re.compile(r"\s*\b(DETAIL|CONTEXT|HINT|LINE \d+|QUERY|Query was|SQLSTATE):.*")
"""What follows the first sentence of Postgres, where it is on the same line."""
DATA = re.compile(r"(?:\d|[\"'{\[]|\bwith message\b).*")
"""From where on a message may hold what was to be loaded."""
PLAIN_POSTGRES = re.compile(r"(0[8A]|2[35BDF]|28|3[BDF]|4[024]|5[3-8]|XX)...")
"""SQLSTATEs whose first sentence names tables, columns and roles, and holds no value of a row."""
QUOTING = re.compile(rf"22|{NO_CODE}")
"""Those that quote what they speak of; all others are words of whoever wrote a trigger."""
PLAIN_LIBPQ = re.compile(r"connection to server |could not translate host name")
"""What else libpq quotes may be a piece of a password that it took for something else."""
PLAIN_DUCKDB = {
    "BinderException",
    "CatalogException",
    "ConnectionException",
    "DependencyException",
    "IOException",
    "NotImplementedException",
    "OutOfMemoryException",
    "PermissionException",
    "SerializationException",
}
TELLING_DUCKDB = PLAIN_DUCKDB | {"FatalException", "InternalException", "TransactionException"}
"""Whose cause is known by their words, which may come with a value."""
PLAIN_PYTHON = {AttributeError, NameError, NotImplementedError}
"""Python's own, which speak of code and never of a value."""
WORD = re.compile(r"[^\W\d_]{2}")
OF_A_FILE = re.compile(r"[^\"'{\[]*\b(Could not|Cannot|Failed to) \w+( \w+)? file \"")


def as_destination_error(error: BaseException) -> DestinationError | None:
    """What an error means and what helps; None where the table does not know it."""
    found = _find(error)
    if found is None:
        return None
    case, cause = found
    return _elsewhere(cause) or DestinationError(f"{case.what}: {case.remedy} ({words_of(cause)})")


def _elsewhere(error: BaseException) -> DestinationError | None:
    """What an error means that names a path outside of dlt's working folder."""
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, bytes)):
        return None
    path = os.fsdecode(error.filename)
    code = errno.errorcode.get(error.errno or 0, "")
    for codes, what, remedy in () if _is_dlts(path) else ELSEWHERE:
        if code in codes:
            return DestinationError(
                f"{what.format(path=one_line(path))}: {remedy}, or name another path "
                f"({error.strerror})"
            )
    return None


def _is_dlts(path: str) -> bool:
    if "dlt" not in sys.modules:
        return False
    from dlt.common.pipeline import get_dlt_pipelines_dir  # noqa: PLC0415 - slow to import

    folder = Path(get_dlt_pipelines_dir()).parent
    return Path(path).resolve().is_relative_to(folder.resolve())


@contextmanager
def explained(otherwise: str = "") -> Iterator[None]:
    """Turns an error that the table knows into a `DestinationError`.

    Args:
        otherwise: What failed and what helps, for those that it does not know; empty: they pass as
            they are.
    """
    try:
        yield
    except CaptainDataError:
        raise
    except Exception as error:
        if (known := as_destination_error(error)) is not None:
            raise known from error
        if otherwise:
            raise DestinationError(f"{otherwise} ({message_of(error)})") from error
        raise


def message_of(error: BaseException) -> str:
    """One line for people: our own words where there are some, else what the table knows, else the
    root of the error."""
    root = root_error(error)
    if isinstance(root, CaptainDataError):
        return str(root)
    if known := as_destination_error(error):
        return str(known)
    return words_of(root)


def words_of(error: BaseException) -> str:
    """What an error itself says, in one line, without secrets and without what was to be loaded."""
    if isinstance(error, CaptainDataError):
        return str(error)
    said = _first_sentence(error)
    if not _is_plain(error):
        is_raised = driver_of(error) == "postgres" and not QUOTING.match(_code(error))
        said = f"SQLSTATE {_code(error)}" if is_raised else DATA.sub("…", said)
    said = SECRETS.sub("…", HINTS.sub("", said))[:MAX_LENGTH]
    return said if WORD.search(said) else _place_of(error)


def is_passing(error: BaseException) -> bool:
    """Whether the same may work a moment later."""
    found = _find(error)
    return found is not None and found[0].is_passing


def spares_package(error: BaseException) -> bool:
    """Whether it is the destination or the machine that failed, whatever is loaded."""
    found = _find(error)
    return found is not None and not found[0].may_be_package


def _find(error: BaseException) -> tuple[_Case, BaseException] | None:
    """The case of the deepest error that has one."""
    for cause in reversed(list(causes(error))):
        signature = _signature(cause)
        for case in CASES if signature else ():
            if re.match(case.pattern, signature):
                return case, cause
    return None


def _signature(error: BaseException) -> str:
    said = _first_sentence(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"system {errno.errorcode.get(error.errno, error.errno)} {said}"
    driver = driver_of(error)
    name = type(error).__name__
    if driver == "postgres":
        return f"{driver} {_code(error)} {name}: {said}"
    if driver == "duckdb" and name not in TELLING_DUCKDB:
        said = DATA.sub("…", said)
    return f"{driver} {name}: {said}" if driver else ""


def driver_of(error: BaseException) -> str:
    """Whose error it is: `postgres`, `duckdb` or `dlt`; empty: of none of them."""
    modules = [kind.__module__.split(".")[0] for kind in type(error).__mro__]
    return next((DRIVERS[name] for name in modules if name in DRIVERS), "")


def _code(error: BaseException) -> str:
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or NO_CODE


def _first_sentence(error: BaseException) -> str:
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = (line.strip() for line in str(primary or error).splitlines())
    return MORE.sub("", next(filter(None, lines), ""))


def _is_plain(error: BaseException) -> bool:
    """Whether its first sentence holds nothing of a row; names and addresses it may hold."""
    driver = driver_of(error)
    if driver == "duckdb":
        if type(error).__name__ in TELLING_DUCKDB and OF_A_FILE.match(_first_sentence(error)):
            return True
        return type(error).__name__ in PLAIN_DUCKDB
    if driver == "postgres":
        code = _code(error)
        if code == NO_CODE:
            return PLAIN_LIBPQ.search(_first_sentence(error)) is not None
        return PLAIN_POSTGRES.fullmatch(code) is not None
    return isinstance(error, (OSError, ImportError)) or type(error) in PLAIN_PYTHON


def _place_of(error: BaseException) -> str:
    """Where an error was raised that has no words of its own that can be shown."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"an unexpected error{place}"
