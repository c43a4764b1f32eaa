"""What dlt does while it extracts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from dlt.extract import DltResource
from dlt.extract import extract as extract_step
from dlt.extract.items_transform import FilterItem, LimitItem, MapItem, YieldMapItem

__all__ = ["is_mapped_or_filtered", "limit_of", "without_descriptions"]

USER_STEPS = (MapItem, YieldMapItem, FilterItem)
_is_skipped = ContextVar("_is_skipped", default=False)


def is_mapped_or_filtered(resource: DltResource) -> bool:
    """Whether someone added a map or a filter to a resource."""
    return any(isinstance(step, USER_STEPS) for step in resource._pipe.steps)


def limit_of(resource: DltResource) -> LimitItem | None:
    """The last `add_limit` of a resource."""
    limits = [step for step in resource._pipe.steps if isinstance(step, LimitItem)]
    return limits[-1] if limits else None


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
