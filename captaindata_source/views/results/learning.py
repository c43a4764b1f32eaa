"""Takes the fields and kinds of values that a batch of results has into the catalogue."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from captaindata_source.views.results.fields import BASE_COLUMNS, Field, FieldStore, WorkflowKey
from captaindata_source.views.results.names import assign_names
from captaindata_source.views.results.types import value_type

__all__ = ["learn_fields"]

logger = logging.getLogger(__name__)

MAX_FIELDS = 10_000
"""Keys of a workflow that the catalogue takes; more are data, not keys."""
MAX_COLUMNS = 1_500
"""Columns of a workflow's view; Postgres ends at 1,600."""
Path = tuple[str, str | None]
"""A key, and the key within its object, if any."""


def learn_fields(store: FieldStore, workflow: WorkflowKey) -> None:
    """Adds the fields of a workflow that are new, and changes those with new kinds of values.

    Args:
        store: Of the dataset; the temporary table `batch_values` is there.
        workflow: One that has values in it.
    """
    known = {(field.key, field.nested_key): field for field in store.of(workflow)}
    kinds = _kinds_of(store, workflow)
    fresh = [path for path in kinds if path not in known]
    room = max(0, MAX_FIELDS - len(known))
    if len(fresh) > room:
        logger.warning(
            "Workflow %s: %s keys are not in the catalogue, which takes %s of a workflow",
            workflow[1],
            f"{len(fresh) - room:,}",
            f"{MAX_FIELDS:,}",
        )
        fresh = fresh[:room]
    places = _Places(known.values())
    now = datetime.now(UTC)
    taken = {*BASE_COLUMNS, *store.label_names(workflow)} if fresh else set()
    new = _new_fields({path: kinds[path] for path in fresh}, known.values(), places, taken)
    store.insert(workflow, list(new), now)
    for path, field in known.items():
        if not kinds.get(path, set()) <= field.kinds:
            seen = field.kinds | kinds[path]
            kind = value_type(seen, is_nested=field.nested_key is not None)
            place = field.column_place
            if kind is not None and place is None:
                place = places.next()
            wider = replace(field, kinds=seen, column_type=kind, column_place=place)
            store.change(workflow, field, wider, now)


def _kinds_of(store: FieldStore, workflow: WorkflowKey) -> Mapping[Path, set[str]]:
    """The kinds of values of each field in the batch, in the order of the fields."""
    kinds: dict[Path, set[str]] = defaultdict(set)
    for key, nested, kind in store.query(
        """
        select v.key, v.nested_key, v.kind
        from batch_values as v
        left join batch_values as p
            on p.workspace_uid = v.workspace_uid and p.workflow_uid = v.workflow_uid
            and p.job_uid = v.job_uid and p.key = v.key and v.nested_key is not null
            and p.nested_key is null and p.kind = 'object'
        where v.workspace_uid = %s and v.workflow_uid = %s
        group by v.key, v.nested_key, v.kind
        order by min(coalesce(p.place, v.place)), v.key, min(v.place), v.nested_key
        """,
        workflow,
    ):
        kinds[key, nested].add(kind)
    return kinds


def _new_fields(
    kinds: Mapping[Path, set[str]],
    known: Collection[Field],
    places: _Places,
    taken: Collection[str],
) -> Iterable[Field]:
    names = assign_names(
        ((path, [[part for part in path if part is not None]]) for path in kinds),
        taken={*taken, *(field.column_name for field in known)},
    )
    next_id = 1 + max((field.field_id for field in known), default=0)
    for number, (path, seen) in enumerate(kinds.items(), start=next_id):
        key, nested = path
        kind = value_type(seen, is_nested=nested is not None)
        yield Field(
            field_id=number,
            key=key,
            nested_key=nested,
            column_name=names[path],
            column_type=kind,
            column_place=places.next() if kind is not None else None,
            kinds=frozenset(seen),
        )


class _Places:
    """Hands out places of columns up to the limit, then none."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._last = max((field.column_place or 0 for field in fields), default=0)

    def next(self) -> int | None:
        if self._last >= MAX_COLUMNS:
            return None
        self._last += 1
        return self._last
