"""Comments on the raw tables and their columns.

What someone else wrote stays, until a later version of this package describes the table in other
words.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from contextlib import suppress

from captaindata_source.sqltext import literal, quoted
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.table_texts import CATALOGUE_TEXTS, DLT_COLUMNS, table_texts
from captaindata_source.warehouse.database import Database, RefusedError

__all__ = ["describe_tables"]

logger = logging.getLogger(__name__)

PREFIX = "table "
"""In the table of hashes, before the name of a raw table."""
MARKDOWN = re.compile(r"`|\*\*")


def describe_tables(database: Database, dataset: str) -> None:
    """Writes the comments that are missing, and those that changed since an earlier version.

    A table that can't be described now stays as it is, and the log names it.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
    """
    there = database.relations(dataset)
    columns = database.column_comments(dataset)
    definitions = Definitions(database, dataset)
    known = definitions.all()
    waiting: dict[str, tuple[list[str], str]] = {}
    for name, text in {**CATALOGUE_TEXTS, **table_texts()}.items():
        if name not in there or there[name].is_view:
            continue
        wanted = {
            column: _without_markdown(meaning)
            for column, meaning in {**text.columns, **DLT_COLUMNS}.items()
            if column in columns.get(name, {})
        }
        comment = _without_markdown(text.description)
        mark = _hash(comment, wanted)
        is_new = known.get(PREFIX + name, mark) != mark
        target = f"{quoted(dataset)}.{quoted(name)}"
        statements = [
            f"comment on column {target}.{quoted(column)} is {literal(meaning)}"
            for column, meaning in wanted.items()
            if not (is_there := columns[name][column]) or (is_new and is_there != meaning)
        ]
        if not there[name].comment or (is_new and there[name].comment != comment):
            statements.insert(0, f"comment on table {target} is {literal(comment)}")
        if statements or known.get(PREFIX + name) != mark:
            waiting[name] = statements, mark
    if len(waiting) > 1:
        with suppress(RefusedError):  # then each is tried on its own
            _describe(database, definitions, waiting)
            return
    for name, each in waiting.items():
        try:
            _describe(database, definitions, {name: each})
        except RefusedError as error:
            logger.info("Table %s.%s can't be described now: %s", dataset, name, error)


def _describe(
    database: Database, definitions: Definitions, tables: Mapping[str, tuple[list[str], str]]
) -> None:
    statements = [each for own, _mark in tables.values() for each in own]
    with database.transaction():
        if statements:
            database.run(";\n".join(statements))
        definitions.note({PREFIX + name: mark for name, (_own, mark) in tables.items()})


def _without_markdown(text: str) -> str:
    return MARKDOWN.sub("", text)


def _hash(comment: str, columns: Mapping[str, str]) -> str:
    text = "\x1f".join((comment, *map("\x1e".join, sorted(columns.items()))))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
