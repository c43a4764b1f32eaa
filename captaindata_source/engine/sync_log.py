"""The dlt source of what a sync tells about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.extract import DltSource

from captaindata_source.source import SOURCE_NAME
from captaindata_source.tables import SYNC_ISSUES, SYNC_RUNS

__all__ = ["sync_log"]


def sync_log(
    runs: Callable[[], Iterator[dict[str, Any]]],
    issues: Callable[[], Any],
    *,
    name: str = SOURCE_NAME,
    table_format: str | None = None,
) -> DltSource:
    """A source of `sync_runs` and `sync_issues`; extracted after the workspace's, into the same
    package.

    Args:
        runs: Rows of the first.
        issues: Rows of the second.
        name: Of the source.
        table_format: See `Table.hints`.
    """

    @dlt.source(name=name, section=SOURCE_NAME, max_table_nesting=0)
    def tables() -> object:
        return [
            dlt.resource(runs, name=SYNC_RUNS.name, **SYNC_RUNS.hints(table_format)),
            dlt.resource(issues, name=SYNC_ISSUES.name, **SYNC_ISSUES.hints(table_format)),
        ]

    return tables()
