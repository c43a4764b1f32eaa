"""Comments on the raw tables and their columns, from `sql/tables.md`.

What someone else wrote stays, until a later version of this package describes the table in other
words.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import ALL_TABLES, DELETE_MARK
from captaindata_source.views.definitions import Definitions
from captaindata_source.views.shipped import sql_folder
from captaindata_source.warehouse.database import Database, RefusedError

__all__ = ["DLT_COLUMNS", "TableText", "describe_tables", "table_texts"]

logger = logging.getLogger(__name__)

DLT_COLUMNS = {
    "_dlt_load_id": "load package that wrote the row; valid if it is in `_dlt_loads`",
    "_dlt_id": "dlt's key of the row; a new one each time the row is written",
}
"""They are in each table that dlt loads."""
MEANINGS = {
    ("successful_jobs", DELETE_MARK): "null; on destinations that cannot merge, true if the job"
    " is no longer successful",
}
"""Columns that `sql/tables.md` does not list."""
PREFIX = "table "
"""In the table of hashes, before the name of a raw table."""
MARKDOWN = re.compile(r"`|\*\*")


@dataclass(frozen=True, slots=True)
class TableText:
    """What `sql/tables.md` says of a table, in Markdown without links.

    Args:
        description: What a row is.
        columns: Column to meaning; columns of dlt are not among them.
    """

    description: str
    columns: Mapping[str, str]


@cache
def table_texts() -> Mapping[str, TableText]:
    """Table to its texts, for each table whose section opens with what a row is."""
    readme = (sql_folder() / "tables.md").read_text(encoding="utf-8")
    openings = re.findall(r"^## (\w+)\n\n(One row per .+?)\n\n", readme, re.DOTALL | re.MULTILINE)
    meanings = _columns(readme)
    return {
        name: TableText(
            _plain(text),
            {column: found for column in columns if (found := _meaning(name, column, meanings))},
        )
        for name, text in openings
        for columns in [[*_names(name), *meanings.get(name, {})]]
    }


def _names(table: str) -> list[str]:
    return [
        column
        for each in ALL_TABLES
        if each.name == table
        for column in (*each.columns, *([DELETE_MARK] if each.has_delete_mark else []))
    ]


def _plain(markdown: str) -> str:
    """Without line breaks and links."""
    return re.sub(r"\[(.+?)\]\(.+?\)", r"\1", " ".join(markdown.split()))


def _columns(readme: str) -> dict[str, dict[str, str]]:
    """Table to column to meaning."""
    found: dict[str, dict[str, str]] = {}
    for name, text in re.findall(r"^#+ (\w+)\n(.*?)(?=\n#+ |\Z)", readme, re.DOTALL | re.MULTILINE):
        rows = re.findall(r"^\| (`.+?) \|.*?\| *(.*?) *\|$", text, re.MULTILINE)
        found[name] = {
            column: text for names, text in rows for column in re.findall(r"`(\w+)`", names)
        }
    return found


def _meaning(table: str, column: str, meanings: Mapping[str, Mapping[str, str]]) -> str:
    """`successful_jobs` refers to `jobs`, which refers to `workspaces`."""
    for name in (table, "jobs", "workspaces"):
        text = MEANINGS.get((name, column)) or meanings.get(name, {}).get(column)
        if text and not text.startswith("as in "):
            return text
    return ""


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
    for name, text in table_texts().items():
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
        if not statements and known.get(PREFIX + name) == mark:
            continue
        try:
            with database.transaction():
                if statements:
                    database.run(";\n".join(statements))
                definitions.note(PREFIX + name, mark)
        except RefusedError as error:
            logger.info("Table %s.%s can't be described now: %s", dataset, name, error)


def _without_markdown(text: str) -> str:
    return MARKDOWN.sub("", _plain(text))


def _hash(comment: str, columns: Mapping[str, str]) -> str:
    text = "\x1f".join((comment, *map("\x1e".join, sorted(columns.items()))))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
