"""The newest results of a workflow, as text."""

from __future__ import annotations

import dlt
import pyarrow as pa

from captaindata_source.export.results import Listed
from captaindata_source.sqltext import quoted
from captaindata_source.tables import views_schema
from captaindata_source.warehouse.database import open_database, schema_of

__all__ = ["preview"]

NULL = "NULL"


def preview(
    pipeline: dlt.Pipeline, each: Listed, *, limit: int
) -> tuple[list[str], list[list[str]]]:
    """The newest results of a workflow: its fields first, ids and times last.

    Args:
        pipeline: Gives destination and dataset.
        each: The workflow.
        limit: Rows.

    Returns:
        Names of the columns, and rows of text; times are UTC.
    """
    with open_database(pipeline) as database:
        assert database is not None  # noqa: S101 - it was listed
        schema = views_schema(schema_of(pipeline))
        target = f"{quoted(schema)}.{quoted(each.view)}"
        there = database.columns(schema, each.view)
        last = [
            *(name for name, _ in there if name in each.labels),
            *("created_at", "started_at", "job_id", "result_id"),
        ]
        names = [*(name for name, _ in there if name not in last), *last]
        query = (
            f"select {', '.join(map(quoted, names))} from {target} "
            f"order by created_at desc nulls last, result_id limit {limit}"
        )
        with database.reader(query, limit) as reader:
            columns = [_texts(column) for column in reader.read_all().columns]
    return names, [list(row) for row in zip(*columns, strict=True)]


def _texts(column: pa.ChunkedArray) -> list[str]:
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            column = column.cast(pa.timestamp("us", "UTC"))
        texts = column.cast(pa.string()).to_pylist()  # Python has no years beyond 9999
        return [NULL if text is None else text.replace(".000000", "") for text in texts]
    return [NULL if value is None else _text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
