"""The tables that people and companies are kept in; views show them."""

from __future__ import annotations

from collections.abc import Mapping

from captaindata_source.people_fields import COMPANY, PERSON, Entity
from captaindata_source.sqltext import quoted
from captaindata_source.views.people.extraction import mention_columns
from captaindata_source.views.people.linking import CONFLICT_COLUMNS
from captaindata_source.warehouse.database import Database

__all__ = [
    "CONFLICTS",
    "JOBS_READ",
    "TABLES",
    "PeopleStore",
    "kept_mentions",
    "mentions_of",
    "row_columns",
    "rows_of",
]

CONFLICTS = "mention_conflicts"
JOBS_READ = "mention_jobs"
"""The version of each job whose results were read."""


def mentions_of(entity: Entity) -> str:
    """Name of the table of mentions."""
    return f"{entity.name}_mentions"


def rows_of(entity: Entity) -> str:
    """Name of the table of people or companies."""
    return f"{entity.name}_rows"


def kept_mentions(entity: Entity) -> dict[str, str]:
    """Columns and types of the table of mentions.

    `component` is the same for all mentions that any value links, directly or by way of others,
    over all workspaces. `is_only` marks the only mention of somebody in a workspace: its facts are
    in the table of people, and null here.
    """
    return {
        **mention_columns(entity),
        "is_repeated": "boolean",
        "own_id": "text",
        "component": "bigint",
        "is_only": "boolean",
    }


def row_columns(entity: Entity) -> dict[str, str]:
    """Columns and types of the table of people or companies.

    A row with `is_own` is one of its workspace's, a row with `is_overall` one over all workspaces.
    """
    facts = {field.name: mention_columns(entity)[field.name] for field in entity.facts}
    return {
        "is_own": "boolean",
        "is_overall": "boolean",
        "workspace_uid": "text",
        "uid": "text",
        **dict.fromkeys(entity.ids, "text"),
        **facts,
        "first_seen_at": "timestamp with time zone",
        "last_seen_at": "timestamp with time zone",
        "times_seen": "bigint",
        "jobs": "bigint",
        "workflows": "bigint",
        "workflow_uids": "text",
        "workspaces": "bigint",
        "workspace_uids": "text",
        "component": "bigint",
    }


TABLES: Mapping[str, Mapping[str, str]] = {
    JOBS_READ: {"workspace_uid": "text", "job_uid": "text", "version": "text"},
    mentions_of(PERSON): kept_mentions(PERSON),
    mentions_of(COMPANY): kept_mentions(COMPANY),
    rows_of(PERSON): row_columns(PERSON),
    rows_of(COMPANY): row_columns(COMPANY),
    CONFLICTS: CONFLICT_COLUMNS,
}
INDEXES = {
    mentions_of(PERSON): ("component", "own_id"),
    mentions_of(COMPANY): ("component", "own_id"),
    rows_of(PERSON): ("component", "uid"),
    rows_of(COMPANY): ("component", "uid"),
}
"""On Postgres."""


class PeopleStore:
    """The tables in a dataset.

    Args:
        database: The database.
        dataset: Where they are.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset

    def named(self, table: str) -> str:
        """The table with its schema."""
        return f"{quoted(self._dataset)}.{quoted(table)}"

    def create(self) -> None:
        """Creates the tables and columns that are missing."""
        there = self._database.relations(self._dataset)
        with self._database.transaction():
            for table, columns in TABLES.items():
                if table not in there:
                    self._database.run(f"create table {self.named(table)} ({declared(columns)})")
                    continue
                known = {name for name, _ in self._database.columns(self._dataset, table)}
                for name, kind in columns.items():
                    if name not in known:
                        self._database.run(
                            f"alter table {self.named(table)} add column {quoted(name)} {kind}"
                        )

    def create_indexes(self) -> None:
        """After the first rows: to fill a table with indexes takes longer."""
        if self._database.kind == "postgres":
            self._database.run(
                ";\n".join(
                    f"create index if not exists {table}_by_{column} "
                    f"on {self.named(table)} ({column})"
                    for table, columns in INDEXES.items()
                    for column in columns
                )
            )

    def analyze(self) -> None:
        """After many rows at once: Postgres takes a table that it never counted for a small one."""
        if self._database.kind == "postgres":
            self._database.run(";\n".join(f"analyze {self.named(table)}" for table in TABLES))


def declared(columns: Mapping[str, str]) -> str:
    """Columns as `create table` takes them."""
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
