"""Errors as an assistant gets them: a sentence, without data, secrets or traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import ValidationError

from captaindata_source.assistant.answers import clean
from captaindata_source.warehouse.remedies.words import DATA, MORE, PLAIN_POSTGRES, SECRETS

__all__ = [
    "ONE_SELECT",
    "TOO_MUCH_MEMORY",
    "duckdb_failed",
    "postgres_failed",
    "sendable",
    "shown",
    "too_slow",
    "unknown_arguments",
    "wrong_arguments",
]

ONE_SELECT = (
    "The query must be one select (or with … select, values, or table) that returns rows, without "
    "a semicolon: nothing else can be run here"
)
TOO_MUCH_MEMORY = "The query needs too much memory: ask for less, or aggregate fewer rows"
MAX_WORDS = 300
MAX_SHOWN = 80
PLAIN = frozenset({"BinderException", "CatalogException", "ParserException", "SyntaxException"})
"""Errors of DuckDB that speak of the query alone."""
REFUSED = frozenset({"PermissionException", "InvalidInputException"})
CANCELLED = "57014"
MARKERS = ("Failed to prepare query: ", "could not begin COPY: ", "PGRES_FATAL_ERROR]: ")
"""After which ADBC repeats the words of the server."""
SEVERAL = ("cannot insert multiple commands", "INTO is not allowed")


def shown(text: str) -> str:
    """An argument within a message."""
    short = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return repr(clean(short))


def sendable(value: str) -> str:
    """A value that both databases take.

    Raises:
        ToolError: Postgres would not.
    """
    if "\x00" in value:
        raise ToolError("An argument holds a null character, which no text of the data has")
    return value.encode("utf-8", "replace").decode()


def too_slow(seconds: int) -> ToolError:
    """The query took longer than it may."""
    return ToolError(
        f"The query took longer than {seconds} seconds and was ended: narrow it, or raise "
        "timeout_seconds"
    )


def duckdb_failed(answer: Mapping[str, Any]) -> ToolError:
    """What the process of a query says."""
    if answer["error"] == "select":
        return ToolError(ONE_SELECT)
    if answer["error"] == "memory" or answer["kind"] == "OutOfMemoryException":
        return ToolError(TOO_MUCH_MEMORY)
    said = _first_line(answer["words"])
    if answer["kind"] in REFUSED and ("file system" in said or "disabled" in said):
        return ToolError("The query may not use files, extensions or the network")
    if answer["kind"] not in PLAIN:  # it may quote a value
        said = DATA.sub("…", said)
    return ToolError(f"The query failed: {said}")


def postgres_failed(error: BaseException, *, seconds: int) -> ToolError:
    """What Postgres, or the way to it, says."""
    code = getattr(error, "sqlstate", None) or ""
    if code == CANCELLED:
        return too_slow(seconds)
    words = str(error)
    for start in MARKERS:
        words = words.rpartition(start)[2]
    words = _first_line(words.strip().removeprefix("ERROR:").strip())
    words = MORE.sub("", words)
    if any(part in words for part in SEVERAL):
        return ToolError(ONE_SELECT)
    if code.startswith("22"):  # it may quote a value
        words = DATA.sub("…", words)
    elif not PLAIN_POSTGRES.fullmatch(code):
        words = f"SQLSTATE {code}" if code else "the connection to Postgres broke"
    return ToolError(f"The query failed: {words}")


def wrong_arguments(error: ValidationError) -> ToolError:
    """What is wrong with the arguments of a call; names them and leaves their values out."""
    said = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"])
        said.append(f"{place}: {each['msg'][:1].lower()}{each['msg'][1:]}")
    return ToolError(f"Wrong arguments: {'; '.join(said)[:MAX_WORDS]}")


def unknown_arguments(names: Sequence[str], known: Sequence[str]) -> ToolError:
    """Arguments that the tool does not take."""
    return ToolError(
        f"Unknown argument {', '.join(map(shown, names))[:MAX_WORDS]}; the tool takes "
        f"{', '.join(known) or 'none'}"
    )


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    return clean(SECRETS.sub("…", line)[:MAX_WORDS])
