"""A view as it should be, the mark that says that it is ours, and what became of it.

The comment of a view of ours ends with `SIGNATURE`. What does not is not ours. Comments of earlier
versions end with the hash of the view's definition, which is in a table now: see `definitions.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from captaindata_source.sqltext import literal, quoted
from captaindata_source.times import UTC_NAME
from captaindata_source.views.shipped import load_views

__all__ = [
    "Change",
    "State",
    "View",
    "comment_of",
    "comments",
    "hash_in",
    "is_ours",
    "shipped_views",
    "unmarked",
]

HASH_VERSION = 1
SIGNATURE = "Made by captaindata_source."
OLD_MARK = re.compile(r"\s*\[captaindata_source ([0-9a-f]{16})\]$")


class State(StrEnum):
    """How a view stands after a change was wanted."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    """What it reads is not there."""
    BLOCKED = "blocked"
    """It should change and can't."""
    FAILED = "failed"
    """It should be there and is not."""
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a view, and why.

    Args:
        view: Its name.
        state: How it stands.
        reason: Why it is blocked or skipped.
        is_stale: It is a table that lacks rows, for it could not be made or refreshed.
        left_out: Rows that it had until now, and that are left out because they are repeated.
    """

    view: str
    state: State
    reason: str = ""
    is_busy: bool = field(default=False, compare=False)
    """Others hold it; later it may work."""
    is_stale: bool = False
    left_out: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view as it should be.

    Args:
        name: Its name in the schema of views.
        query: The select.
        comment: What it is.
        columns: Column to description.
        tables: Tables of the dataset that it reads.
        views: Other views that it reads.
        basis: The hashes of those: it is made again when one of them changes.
        query_keeping: Makes a query that keeps the columns that are there, with their types, and
            appends the new ones: for a view that others hold.
    """

    name: str
    query: str
    comment: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    tables: Collection[str] = ()
    views: Collection[str] = ()
    basis: tuple[str, ...] = ()
    query_keeping: Callable[[Sequence[tuple[str, str]]], str] | None = None

    @property
    def hash(self) -> str:
        parts = (self.query, self.comment, *map("\x1e".join, self.columns.items()), *self.basis)
        text = "\x1f".join(parts)
        return hashlib.blake2b(f"{HASH_VERSION}{text}".encode(), digest_size=8).hexdigest()


@cache
def shipped_views(dataset: str, *, dialect: str, report_timezone: str = UTC_NAME) -> Sequence[View]:
    """The views of `sql/views/`, each after those that it reads.

    Args:
        dataset: Holds the tables that they read.
        dialect: Of the database.
        report_timezone: Time zone of the days and months of runs.
    """
    made: dict[str, View] = {}
    for definition in load_views():
        made[definition.name] = View(
            name=definition.name,
            query=definition.query_on(dataset, dialect=dialect, report_timezone=report_timezone),
            comment=definition.comment,
            columns=definition.columns,
            tables=definition.tables,
            views=definition.views,
            basis=tuple(made[name].hash for name in sorted(definition.views)),
        )
    return tuple(made.values())


def is_ours(comment: str) -> bool:
    """Whether a comment is that of a view, or of a table of results, that the connector made."""
    return comment.endswith(SIGNATURE) or hash_in(comment) is not None


def hash_in(comment: str) -> str | None:
    """The hash in a comment of an earlier version, None where it has none."""
    found = OLD_MARK.search(comment)
    return found[1] if found else None


def unmarked(comment: str) -> str:
    """A comment of ours without its end."""
    return OLD_MARK.sub("", comment).removesuffix(SIGNATURE).rstrip()


def comments(target: str, view: View, *, kind: str, is_lake: bool = False) -> str:
    """Statements that describe a view, or a table that holds the same, and mark it as ours.

    Args:
        target: Its name.
        view: What it holds.
        kind: "view" or "table".
        is_lake: Whether it is in a DuckLake, where columns of views have no comments.
    """
    statements = [f"comment on {kind} {target} is {literal(comment_of(view))}"]
    if is_lake and kind == "view":
        return statements[0]
    statements += [
        f"comment on column {target}.{quoted(column)} is {literal(text)}"
        for column, text in view.columns.items()
        if text
    ]
    return ";\n".join(statements)


def comment_of(view: View) -> str:
    """The comment of a view, with its end."""
    return f"{view.comment} {SIGNATURE}".lstrip()
