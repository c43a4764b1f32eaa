"""The tables of the catalogue, and its fields as they are kept."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, LEDGER
from captaindata_source.views.results.types import ValueType, json_types
from captaindata_source.warehouse.database import Database, RefusedError

__all__ = [
    "BASE_COLUMNS",
    "FIELDS",
    "FIELD_COUNTS",
    "FIELD_JOBS",
    "GONE",
    "RESULT_VIEWS",
    "VIEW_LABELS",
    "Field",
    "FieldStore",
    "Path",
    "WorkflowKey",
]

logger = logging.getLogger(__name__)

FIELDS = "job_result_fields"
FIELD_COUNTS = "job_result_field_counts"
FIELD_JOBS = "job_result_field_jobs"
RESULT_VIEWS = "job_result_views"
"""The name of each workflow's view."""
BASE_COLUMNS = ("job_id", "result_id", "started_at", "created_at")
"""Columns of a workflow's view before those of its keys."""
GONE = ""
"""In place of a load, until its table was refreshed: the workflow no longer has the job."""
OF_WORKFLOW = "workspace_uid = %s and workflow_uid = %s"
VIEW_LABELS = "job_result_view_labels"
"""Which columns of each view say where a result is from."""
WorkflowKey = tuple[str, str]
"""Workspace uid and workflow uid."""
Path = tuple[str, str | None]
"""A key of a result, and the key within its object, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key of a workflow's results, or a key within the objects that it holds.

    Args:
        field_id: Its number within the workflow.
        key: The key.
        nested_key: The key within the object.
        column_name: Its column in the workflow's view.
        column_type: Type of that column; None while it needs none.
        column_place: Place of the column behind the first four; None where it has no column.
        kinds: Kinds of values ever seen.
    """

    field_id: int
    key: str
    nested_key: str | None
    column_name: str
    column_type: ValueType | None
    column_place: int | None
    kinds: frozenset[str]


class FieldStore:
    """The catalogue's tables in a dataset.

    Args:
        database: The database.
        dataset: Where the tables are.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset

    def all(self) -> dict[WorkflowKey, list[Field]]:
        """All fields, by workflow, in the order of their numbers."""
        if not self.is_there:
            return {}
        return self._fields("true", ())

    def _fields(
        self, condition: str, parameters: Sequence[object]
    ) -> dict[WorkflowKey, list[Field]]:
        found: dict[WorkflowKey, list[Field]] = defaultdict(list)
        for workspace, workflow, number, key, nested, name, kind, place, kinds in self.query(
            f"""
            select workspace_uid, workflow_uid, field_id, key, nested_key, column_name,
                column_type, column_place, value_kinds
            from {{{FIELDS}}} where {condition} order by workspace_uid, workflow_uid, field_id
            """,
            parameters,
        ):
            found[workspace, workflow].append(
                Field(
                    field_id=number,
                    key=key,
                    nested_key=nested,
                    column_name=name,
                    column_type=ValueType(kind) if kind else None,
                    column_place=place,
                    kinds=frozenset(kinds.split()),
                )
            )
        return dict(found)

    @property
    def is_there(self) -> bool:
        """Whether the tables were created."""
        return FIELDS in self._database.relations(self._dataset)

    def of(self, workflow: WorkflowKey) -> list[Field]:
        """The fields of a workflow."""
        return self._fields(OF_WORKFLOW, workflow).get(workflow, [])

    def label_names(self, workflow: WorkflowKey) -> list[str]:
        """Columns of a workflow's view, if it was made, that say where a result is from."""
        if VIEW_LABELS not in self._database.relations(self._dataset):
            return []
        found = self.query(
            f"select label_names from {{{VIEW_LABELS}}} where {OF_WORKFLOW}", workflow
        )
        return [name for (names,) in found for name in names.split()]

    def create_tables(self) -> None:
        """Creates the tables where they are missing."""
        if self.is_there:
            return
        with self._database.transaction():
            self.run(
                f"""
                create table {{{FIELDS}}} (
                    workspace_uid text not null, workflow_uid text not null,
                    field_id bigint not null, key text not null, nested_key text,
                    column_name text not null, column_type text, column_place bigint,
                    json_types text not null, value_kinds text not null,
                    rows_with_value bigint not null,
                    first_seen_at timestamp with time zone, last_seen_at timestamp with time zone,
                    previous_type text, type_changed_at timestamp with time zone,
                    added_at timestamp with time zone not null
                );
                create table {{{FIELD_COUNTS}}} (
                    workspace_uid text not null, job_uid text not null,
                    workflow_uid text not null, field_id bigint not null, kind text not null,
                    result_rows bigint not null
                );
                create table {{{FIELD_JOBS}}} (
                    workspace_uid text not null, job_uid text not null,
                    workflow_uid text not null, load_id text not null, table_load_id text
                )
                """
            )

    def create_indexes(self) -> None:
        """On Postgres; the views do without where the tables are someone else's."""
        if self._database.kind != "postgres":
            return
        for table, column in (
            (JOB_RESULTS.name, "job_uid"),
            (JOB_RESULTS.name, "workflow_uid"),
            (FIELD_COUNTS, "job_uid"),
            (FIELD_JOBS, "job_uid"),
        ):
            try:
                with self._database.transaction():
                    self.run(
                        f"create index if not exists {table}_by_{column} "
                        f"on {{{table}}} ({column}, workspace_uid)"
                    )
            except RefusedError as error:
                logger.info("%s has no index by %s: %s", table, column, error)

    def insert(self, workflow: WorkflowKey, fields: Sequence[Field], now: datetime) -> None:
        """Inserts new fields of a workflow; nothing is counted of them yet."""
        rows = [
            (
                *workflow,
                field.field_id,
                field.key,
                field.nested_key,
                field.column_name,
                field.column_type,
                field.column_place,
                ", ".join(json_types(field.kinds)),
                " ".join(sorted(field.kinds)),
                0,
                now,
            )
            for field in fields
        ]
        marks = ", ".join(["%s"] * 12)
        for start in range(0, len(rows), 500):
            batch = rows[start : start + 500]
            self.query(
                f"""
                insert into {{{FIELDS}}} (workspace_uid, workflow_uid, field_id, key, nested_key,
                    column_name, column_type, column_place, json_types, value_kinds,
                    rows_with_value, added_at)
                values {", ".join([f"({marks})"] * len(batch))}
                """,
                [value for row in batch for value in row],
            )

    def change(self, workflow: WorkflowKey, old: Field, new: Field, now: datetime) -> None:
        """Takes what was seen anew into a field."""
        sets = ["json_types = %s", "value_kinds = %s", "column_type = %s", "column_place = %s"]
        values: list[object] = [
            ", ".join(json_types(new.kinds)),
            " ".join(sorted(new.kinds)),
            new.column_type,
            new.column_place,
        ]
        if new.column_type is not old.column_type and old.column_type is not None:
            sets += ["previous_type = %s", "type_changed_at = %s"]
            values += [old.column_type, now]
        self.query(
            f"update {{{FIELDS}}} set {', '.join(sets)} where {OF_WORKFLOW} and field_id = %s",
            [*values, *workflow, old.field_id],
        )

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """As `Database.query`; `{table}` is one of the dataset."""
        return self._database.query(self.named(sql), parameters)

    def run(self, sql: str) -> None:
        """As `Database.run`; `{table}` is one of the dataset."""
        self._database.run(self.named(sql))

    def named(self, sql: str) -> str:
        """Puts the dataset before `{table}`."""
        for table in (
            FIELDS,
            FIELD_COUNTS,
            FIELD_JOBS,
            RESULT_VIEWS,
            VIEW_LABELS,
            JOB_RESULTS.name,
            LEDGER.name,
            "_dlt_loads",
        ):
            sql = sql.replace(f"{{{table}}}", f"{quoted(self._dataset)}.{quoted(table)}")
        return sql
