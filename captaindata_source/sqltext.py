"""Names and strings in SQL, for DuckDB and Postgres."""

from __future__ import annotations

__all__ = ["MAX_IDENTIFIER", "literal", "quoted"]

MAX_IDENTIFIER = 63
"""Longest identifier of Postgres, in bytes. The connector's names are ASCII."""


def quoted(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal. A backslash has no special meaning in it, on both databases."""
    return "'" + text.replace("'", "''") + "'"
