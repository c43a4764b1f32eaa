"""Delta and Iceberg tables in a folder or bucket: a load replaces the rows of its keys.

dlt appends to such tables, or updates them row by row: a job that is fetched again would keep the
rows that it no longer has, and rows that only say what to remove would stay. So the loads of our
tables, which dlt believes to append, remove what was there of the keys that they bring, and add the
rows, in one commit of the table. A load that is repeated changes nothing.

dlt reads such tables with extensions of DuckDB that are downloaded when they are first used. Here
the files that a table consists of are read, which needs none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.impl.filesystem import filesystem
from dlt.destinations.impl.filesystem.sql_client import FilesystemSqlClient

from captaindata_source.dlt_internals import delta_tables, iceberg_tables
from captaindata_source.dlt_internals.row_keys import RowKeys
from captaindata_source.tables import ALL_TABLES, DELETE_MARK

__all__ = ["ARE_READ", "OURS", "is_ours", "missing_package", "replace_rows_in_open_tables"]

MARK = "_captaindata_source"
ARE_READ = hasattr(FilesystemSqlClient, "create_view_select")
"""Whether dlt is new enough to be told how tables are read: 1.26 or newer."""
PART_BYTES = 64 * 1024 * 1024
"""Results that are in memory at once."""
FORMATS: dict[str, Any] = {"delta": delta_tables, "iceberg": iceberg_tables}
PACKAGES = {"delta": ("deltalake",), "iceberg": ("pyiceberg", "sqlalchemy")}
OURS = {table.name: table for table in ALL_TABLES}


def missing_package(table_format: str) -> str | None:
    """A package that a format of tables needs and that is not installed."""
    return next((name for name in PACKAGES[table_format] if find_spec(name) is None), None)


def replace_rows_in_open_tables() -> None:
    """Lets dlt, in this process, replace rows in Delta and Iceberg tables of this source, and read
    these tables by their files. Installed once; a second call does nothing."""
    jobs: dict[str, Any] = {
        "delta": filesystem.DeltaLoadFilesystemJob,
        "iceberg": filesystem.IcebergLoadFilesystemJob,
    }
    for table_format, job in jobs.items():
        if not hasattr(job.run, MARK):
            job.run = _replacing(job.run, table_format)
    if ARE_READ and not hasattr(FilesystemSqlClient.create_view_select, MARK):
        reading: Any = _reading(FilesystemSqlClient.create_view_select)
        FilesystemSqlClient.create_view_select = reading  # type: ignore[method-assign]


def is_ours(table: Any) -> bool:
    """Whether a table of a schema of dlt is one of this source: by its name and its owner."""
    return table["name"] in OURS and "workspace_uid" in table.get("columns", {})


def _replacing(original: Callable[[Any], None], table_format: str) -> Callable[[Any], None]:
    @functools.wraps(original)
    def run(job: Any) -> None:
        if not is_ours(job._load_table):
            original(job)
            return
        table = OURS[job.load_table_name]
        rows = _dataset(job.file_paths)
        keys = RowKeys(table.key)
        for batch in rows.scanner(columns=list(table.key)).to_batches():
            keys.add(batch)
        # where a key stands for many rows, there may be too many of them to be in memory at once
        parts = _parts(rows) if table.replaces_by_key else iter([_newest(rows, table.key)])
        parts = map(_without_marks, parts)
        FORMATS[table_format].replace_rows(job._job_client, table.name, rows.schema, keys, parts)

    setattr(run, MARK, True)
    return run


def _dataset(paths: Sequence[str]) -> Any:
    """The files of a load, with all columns that any of them has; each may be null."""
    schemas = [_all_nullable(pq.read_schema(path)) for path in paths]
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    return ds.dataset(list(paths), schema=schema, format="parquet")


def _all_nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True).remove_metadata() for field in schema])


def _parts(rows: Any) -> Iterator[pa.Table]:
    """The rows, some megabytes at a time."""
    waiting: list[pa.RecordBatch] = []
    for batch in rows.scanner(batch_readahead=1, fragment_readahead=1).to_batches():
        waiting.append(batch)
        if sum(each.nbytes for each in waiting) >= PART_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _without_marks(rows: pa.Table) -> pa.Table:
    """Without the rows that only say what to remove."""
    if DELETE_MARK not in rows.column_names:
        return rows
    return rows.filter(pc.invert(pc.fill_null(rows[DELETE_MARK], False)))


def _newest(found: Any, key: Sequence[str]) -> pa.Table:
    """Of rows with one key the one with the latest `loaded_at`, or the last one."""
    rows = found.to_table()
    if "loaded_at" in rows.column_names:
        rows = rows.take(pc.sort_indices(rows, [("loaded_at", "ascending")]))
    numbered = rows.select(list(key)).append_column("row", pa.array(range(rows.num_rows)))
    last = numbered.group_by(list(key)).aggregate([("row", "max")])["row_max"]
    return rows if len(last) == rows.num_rows else rows.take(last)


def _reading(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_view_select(client: Any, table_schema: Any, *args: Any, **kwargs: Any) -> Any:
        table_format = table_schema.get("table_format")
        if table_format not in FORMATS or not is_ours(table_schema):
            return original(client, table_schema, *args, **kwargs)
        name, remote = table_schema["name"], client.remote_client
        files = FORMATS[table_format].files_of(remote, name)
        if files is None:  # someone else changed the table in a way that files do not tell
            return original(client, table_schema, *args, **kwargs)
        if not files:
            raise DestinationUndefinedEntity(name)
        location = remote.get_open_table_location(table_format, name)
        return location, _select(client, table_schema, files)

    setattr(create_view_select, MARK, True)
    return create_view_select


def _select(client: Any, table: Any, files: Sequence[str]) -> str:
    """The rows of files with all columns of the table: some may be in none of the files."""
    paths = ", ".join("'{}'".format(path.replace("'", "''")) for path in files)
    mapper = client.capabilities.get_type_mapper()
    names, empty = [], []
    for column in table["columns"].values():
        if "data_type" not in column:
            continue
        name = client.escape_column_name(column["name"])
        is_json = column["data_type"] == "json"
        kind = "varchar" if is_json else mapper.to_destination_type(column, table)
        names.append(name)
        empty.append(f"cast(null as {kind}) as {name}")
    return (
        f"select {', '.join(names)} from (from read_parquet([{paths}], union_by_name = true) "  # noqa: S608 - names are quoted
        f"union all by name select {', '.join(empty)} where false)"
    )
