"""What dlt does while it extracts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from dlt.extract import DltResource
from dlt.extract import extract as extract_step
from dlt.extract.extractors import Extractor, MaterializedEmptyList
from dlt.extract.items_transform import FilterItem, LimitItem, MapItem, YieldMapItem

__all__ = ["is_mapped_or_filtered", "limit_of", "make_empty_tables", "without_descriptions"]

MARK = "_captaindata_source"
BY_RESOURCE = "resources_with_empty"
"""What dlt 1.27 and older note of an empty list: the resource, not the table."""

USER_STEPS = (MapItem, YieldMapItem, FilterItem)
_is_skipped = ContextVar("_is_skipped", default=False)


def is_mapped_or_filtered(resource: DltResource) -> bool:
    """Whether someone added a map or a filter to a resource."""
    return any(isinstance(step, USER_STEPS) for step in resource._pipe.steps)


def limit_of(resource: DltResource) -> LimitItem | None:
    """The last `add_limit` of a resource."""
    limits = [step for step in resource._pipe.steps if isinstance(step, LimitItem)]
    return limits[-1] if limits else None


def make_empty_tables() -> None:
    """Lets dlt, in this process, make a table that is yielded without rows beside a resource's own.

    dlt 1.27 and older make the resource's own table in its place, and fail if that is not in the
    schema. Newer ones need no help. Installed once; a second call does nothing.
    """
    original: Any = Extractor._write_item
    made: Any = inspect.unwrap(Extractor.__init__)
    if BY_RESOURCE not in made.__code__.co_names or hasattr(original, MARK):
        return

    @functools.wraps(original)
    def write_item(self: Extractor, table_name: str, resource_name: str, *args: Any) -> None:
        if isinstance(args[0], MaterializedEmptyList) and table_name != resource_name:
            self.write_empty_items_file(table_name)
        else:
            original(self, table_name, resource_name, *args)

    setattr(write_item, MARK, True)
    Extractor._write_item = write_item  # type: ignore[method-assign, assignment]


@contextmanager
def without_descriptions() -> Iterator[None]:
    """Leaves the columns of resources out of the metrics of what this thread extracts.

    dlt writes them as YAML for each source, which takes 60 ms a sync (November 2026). They are
    shown in a trace alone, and the command's pipelines have none.
    """
    extract_step.yaml = _YAML  # type: ignore[attr-defined]
    before = _is_skipped.set(True)
    try:
        yield
    finally:
        _is_skipped.reset(before)


_dump: Any = extract_step.yaml.dump  # type: ignore[attr-defined]
_YAML: Any = SimpleNamespace(dump=lambda *a, **k: "" if _is_skipped.get() else _dump(*a, **k))
