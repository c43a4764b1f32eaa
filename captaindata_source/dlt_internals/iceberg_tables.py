"""Iceberg tables, by `pyiceberg`: rows are replaced in one commit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity

from captaindata_source.dlt_internals.row_keys import RowKeys

__all__ = ["files_of", "replace_rows"]

FORMAT = "iceberg"
LOCAL = "file://"


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
    from dlt.common.libs.pyiceberg import (  # noqa: PLC0415 - an extra
        create_table,
        ensure_iceberg_compatible_arrow_schema,
    )

    schema = ensure_iceberg_compatible_arrow_schema(schema)
    try:
        table = client.load_open_table(FORMAT, name, schema=schema)
    except DestinationUndefinedEntity:
        create_table(
            client.get_open_table_catalog(FORMAT),
            f"{client.dataset_name}.{name}",
            table_location=client.get_open_table_location(FORMAT, name),
            schema=schema,
        )
        table = client.load_open_table(FORMAT, name, schema=schema)
    known = keys.among(_rows_of(table, keys))
    with table.transaction() as transaction:
        if len(known):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of files without such rows
                transaction.delete(_condition(known))
        for part in parts:
            if part.num_rows:
                transaction.append(part.cast(_fields(schema, part)))


def files_of(client: Any, name: str) -> list[str] | None:
    """The files of a table; None where its rows are not all that
    they hold.

    Raises:
        DestinationUndefinedEntity: There is no such table.
    """
    table = client.load_open_table(FORMAT, name)
    tasks = list(table.scan().plan_files())
    if any(task.delete_files for task in tasks) or table.spec().fields:
        return None
    return [task.file.file_path.removeprefix(LOCAL) for task in tasks]


def _rows_of(table: Any, keys: RowKeys) -> Iterator[pa.RecordBatch]:
    from pyiceberg.expressions import In  # noqa: PLC0415 - an extra

    owned = In(keys.columns[0], keys.owners)
    rows = table.scan(row_filter=owned, selected_fields=keys.columns)
    yield from rows.to_arrow_batch_reader()


def _fields(schema: pa.Schema, part: pa.Table) -> pa.Schema:
    return pa.schema([schema.field(name) for name in part.column_names])


def _condition(keys: RowKeys) -> Any:
    from pyiceberg.expressions import And, EqualTo, In, Or  # noqa: PLC0415 - an extra

    conditions = []
    for fixed, column, values in keys.groups():
        condition: Any = In(column, values)
        for name, value in fixed.items():
            condition = And(EqualTo(name, value), condition)
        conditions.append(condition)
    return conditions[0] if len(conditions) == 1 else Or(*conditions)
