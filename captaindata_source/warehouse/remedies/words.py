"""What an error itself says, without secrets and without what was to be loaded."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from captaindata_source.errors import CaptainDataError

__all__ = ["NO_CODE", "TELLING_DUCKDB", "driver_of", "first_sentence", "sqlstate_of", "words_of"]

DRIVERS = {
    "psycopg2": "postgres",
    "adbc_driver_manager": "postgres",
    "duckdb": "duckdb",
    "_duckdb": "duckdb",
    "dlt": "dlt",
}
NO_CODE = "-----"
"""In the place of a SQLSTATE: libpq has none for what happens while it connects."""
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


def words_of(error: BaseException) -> str:
    """What an error itself says, in one line, without secrets and without what was to be loaded."""
    if isinstance(error, CaptainDataError):
        return str(error)
    said = first_sentence(error)
    if not _is_plain(error):
        is_raised = driver_of(error) == "postgres" and not QUOTING.match(sqlstate_of(error))
        said = f"SQLSTATE {sqlstate_of(error)}" if is_raised else DATA.sub("…", said)
    said = SECRETS.sub("…", HINTS.sub("", said))[:MAX_LENGTH]
    return said if WORD.search(said) else _place_of(error)


def driver_of(error: BaseException) -> str:
    """Whose error it is: `postgres`, `duckdb` or `dlt`; empty: of none of them."""
    modules = [kind.__module__.split(".")[0] for kind in type(error).__mro__]
    return next((DRIVERS[name] for name in modules if name in DRIVERS), "")


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of an error of Postgres; `NO_CODE` where it has none."""
    return getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or NO_CODE


def first_sentence(error: BaseException) -> str:
    """What an error says before details, hints and the statement."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    lines = (line.strip() for line in str(primary or error).splitlines())
    return MORE.sub("", next(filter(None, lines), ""))


def _is_plain(error: BaseException) -> bool:
    """Whether its first sentence holds nothing of a row; names and addresses it may hold."""
    driver = driver_of(error)
    if driver == "duckdb":
        if type(error).__name__ in TELLING_DUCKDB and OF_A_FILE.match(first_sentence(error)):
            return True
        return type(error).__name__ in PLAIN_DUCKDB
    if driver == "postgres":
        code = sqlstate_of(error)
        if code == NO_CODE:
            return PLAIN_LIBPQ.search(first_sentence(error)) is not None
        return PLAIN_POSTGRES.fullmatch(code) is not None
    return isinstance(error, (OSError, ImportError)) or type(error) in PLAIN_PYTHON


def _place_of(error: BaseException) -> str:
    """Where an error was raised that has no words of its own that can be shown."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"an unexpected error{place}"
