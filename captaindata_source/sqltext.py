"""Names and strings in SQL, for both databases."""

from __future__ import annotations

__all__ = ["MAX_IDENTIFIER", "literal", "quoted"]

MAX_IDENTIFIER = 63
"""Bytes that Postgres keeps of an identifier; ours are ASCII."""


def quoted(identifier: str) -> str:
    """An identifier in SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string in SQL. On both databases, a backslash is a plain character in it."""
    return "'" + text.replace("'", "''") + "'"
