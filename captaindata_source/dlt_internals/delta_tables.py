"""Delta tables, by `deltalake`: rows are replaced in one commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from captaindata_source.dlt_internals.row_keys import RowKeys

__all__ = ["files_of", "replace_rows"]

FORMAT = "delta"
PLAIN_FEATURES = {"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}
"""Of a table whose files hold its rows as they are."""


def replace_rows(
    client: Any, name: str, schema: pa.Schema, keys: RowKeys, parts: Iterator[pa.Table]
) -> None:
    """Replaces the rows of keys.

    Args:
        client: Of the `filesystem` destination.
        name: Of the table; it is made where it is missing.
        schema: Of the new rows.
        keys: All keys of the load.
        parts: The new rows.
    """
    from deltalake import write_deltalake  # noqa: PLC0415 - an extra
    from dlt.common.libs.deltalake import (  # noqa: PLC0415
        deltalake_storage_options,
        ensure_delta_compatible_arrow_schema,
        evolve_delta_table_schema,
    )

    schema = ensure_delta_compatible_arrow_schema(schema)
    try:
        table = client.load_open_table(FORMAT, name)
    except DestinationUndefinedEntity:
        write_deltalake(
            client.get_open_table_location(FORMAT, name),
            pa.RecordBatchReader.from_batches(schema, _batches(parts, schema)),
            storage_options=deltalake_storage_options(
                client.config.credentials, client.config.deltalake_storage_options
            ),
            configuration=client.config.deltalake_configuration,
        )
        return
    evolve_delta_table_schema(table, schema)
    schema = pa.schema(table.schema().to_arrow())
    is_there = len(keys.among(_rows_of(table, keys))) > 0
    first = next(iter(batches := _batches(parts, schema)), None)
    if first is None:
        if is_there:
            table.delete(_condition(keys))
        return
    rows = pa.RecordBatchReader.from_batches(schema, _again(first, batches))
    if is_there:
        write_deltalake(table, rows, mode="overwrite", predicate=_condition(keys))
    else:
        write_deltalake(table, rows, mode="append")


def files_of(client: Any, name: str) -> list[str] | None:
    """The files of a table; None where its rows are not all that
    they hold.

    Raises:
        DestinationUndefinedEntity: There is no such table.
    """
    table = client.load_open_table(FORMAT, name)
    features = set(table.protocol().reader_features or ())
    if not features <= PLAIN_FEATURES or table.metadata().partition_columns:
        return None
    return [str(file).removeprefix("file://") for file in table.file_uris()]


def _rows_of(table: Any, keys: RowKeys) -> Iterator[pa.RecordBatch]:
    import pyarrow.dataset as ds  # noqa: PLC0415

    owned = ds.field(keys.columns[0]).isin(keys.owners)
    rows = table.to_pyarrow_dataset().scanner(columns=list(keys.columns), filter=owned)
    yield from rows.to_batches()


def _batches(parts: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for part in parts:
        columns = [
            part[field.name].cast(field.type)
            if field.name in part.column_names
            else pa.nulls(part.num_rows, field.type)
            for field in schema
        ]
        yield from pa.Table.from_arrays(columns, schema=schema).to_batches()


def _again(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def _condition(keys: RowKeys) -> str:
    conditions = []
    for fixed, column, values in keys.groups():
        equal = [f"{name} = {_literal(value)}" for name, value in fixed.items()]
        among = f"{column} in ({', '.join(map(_literal, values))})"
        conditions.append(f"({' and '.join([*equal, among])})")
    return " or ".join(conditions)


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
