"""The columns of `results_…` that say where a result is from, and their place among the others.

A new view has them behind its first four columns. A view of an earlier version gets them behind the
keys that it has: Postgres appends columns and never inserts them. Names and place are kept, so that
the columns stay where they are. A key of the same name keeps its column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, count

from captaindata_source.sqltext import quoted
from captaindata_source.views.results.fields import (
    BASE_COLUMNS,
    VIEW_LABELS,
    Field,
    WorkflowKey,
)
from captaindata_source.warehouse.database import Database

__all__ = [
    "IS_REPEATED",
    "IS_SUB_JOB",
    "LABELS",
    "LABEL_TYPES",
    "Labels",
    "ensure_labels",
    "free_name",
    "labels_of",
]

LABELS: Mapping[str, str] = {
    "workspace_name": "name of the workspace",
    "workflow_name": "name of the workflow",
    "job_name": "name of the job",
    "is_sub_job": "true if the job retries another job",
    "is_repeated": "true if the job retries another job that holds an equal result",
}
"""What the columns hold, by the name that they have unless a key has it."""
LABEL_TYPES = ("text", "text", "text", "boolean", "boolean")
IS_SUB_JOB, IS_REPEATED = 3, 4
"""Places in `LABELS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The columns of one view.

    Args:
        names: Their names, in the order of `LABELS`.
        behind: The last `column_place` before them; 0: they are before all keys.
        keeps_repeated: Whether the view had the results that are repeated when it was last made;
            None: it is of a version that left none out.
    """

    names: tuple[str, ...] = tuple(LABELS)
    behind: int = 0
    keeps_repeated: bool | None = None

    @property
    def descriptions(self) -> dict[str, str]:
        """Name to what it holds."""
        return dict(zip(self.names, LABELS.values(), strict=True))


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first of it with a number behind that is not taken."""
    numbered = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(each for each in numbered if each not in taken)


def _create_table(database: Database, dataset: str) -> None:
    """Makes the table that keeps this."""
    table = f"{quoted(dataset)}.{VIEW_LABELS}"
    key = "" if database.is_lake else ", primary key (workspace_uid, workflow_uid)"
    database.run(
        f"create table if not exists {table} (workspace_uid text not null, "
        "workflow_uid text not null, label_names text not null, labels_behind bigint not null, "
        f"keeps_repeated boolean{key})"
    )


def ensure_labels(
    database: Database,
    dataset: str,
    *,
    views: Mapping[WorkflowKey, str],
    fields: Mapping[WorkflowKey, list[Field]],
    there: Collection[str],
) -> dict[WorkflowKey, Labels]:
    """The columns of each view; those that have none yet get them.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        views: Name of each workflow's view.
        fields: Fields of each workflow.
        there: Views and tables that exist.
    """
    table = f"{quoted(dataset)}.{VIEW_LABELS}"
    if VIEW_LABELS not in database.relations(dataset):
        _create_table(database, dataset)
    found = labels_of(database, dataset)
    for key, view in views.items():
        if key in found:
            continue
        own = fields.get(key, [])
        taken = {*BASE_COLUMNS, *(field.column_name for field in own)}
        places = [field.column_place or 0 for field in own] if view in there else []
        found[key] = Labels(
            names=tuple(free_name(name, taken) for name in LABELS), behind=max(places, default=0)
        )
        database.query(
            f"insert into {table} values (%s, %s, %s, %s, null)"
            + ("" if database.is_lake else " on conflict do nothing"),
            (*key, " ".join(found[key].names), found[key].behind),
        )
    return found


def labels_of(database: Database, dataset: str) -> dict[WorkflowKey, Labels]:
    """The columns of each view that has them; the table that keeps this is there."""
    return {
        (workspace, workflow): Labels(
            names=tuple(names.split()), behind=behind, keeps_repeated=keeps
        )
        for workspace, workflow, names, behind, keeps in database.query(
            "select workspace_uid, workflow_uid, label_names, labels_behind, keeps_repeated "
            f"from {quoted(dataset)}.{VIEW_LABELS}"
        )
    }
