"""Our SQL as another database has it, by `sqlglot`: how it limits rows, and what it calls types."""

from __future__ import annotations

import sqlglot
from sqlglot.errors import SqlglotError

__all__ = ["portable"]

PARAMETER = "%s"
MARKED = "'captaindata parameter'"


def portable(sql: str, dialect: str | None) -> str:
    """A statement in another dialect; as it is, where that can't be told.

    Args:
        sql: Parameters are `%s`; names are quoted as the database does.
        dialect: Of the database, as `sqlglot` names it; None: it does not know it.
    """
    if not dialect:
        return sql
    try:
        tree = sqlglot.parse_one(sql.replace(PARAMETER, MARKED), read=dialect)
        return tree.sql(dialect=dialect).replace(MARKED, PARAMETER)
    except (SqlglotError, ValueError):
        return sql
