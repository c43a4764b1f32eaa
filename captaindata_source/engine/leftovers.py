"""What an earlier process left in dlt's working folder: loaded, or dropped and fetched again.

The destination is the memory. The folder only saves calls, so that nothing in it is worth a sync
that can't begin.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.client import WithStagingDataset
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.runtime import signals
from dlt.common.schema.utils import new_table
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.dlt_internals.packages import packages
from captaindata_source.dlt_internals.schema_changes import add_columns, make_what_is_missing
from captaindata_source.source import SOURCE_NAME
from captaindata_source.tables import ALL_TABLES, LOADS
from captaindata_source.warehouse.past_loads import last_load
from captaindata_source.warehouse.remedies import message_of, spares_package

__all__ = ["make_missing_tables", "settle"]

logger = logging.getLogger(__name__)

TRIED = "leftovers.tried"
"""A file that is there while leftovers are loaded: whoever finds it knows that it can't be done."""
FOLDERS = ("load", "normalize", "schemas", "result_files")


def settle(
    pipeline: dlt.Pipeline,
    client: SqlClientBase[Any] | None,
    *,
    workspace: str,
    workspace_uid: str,
) -> None:
    """Loads what an earlier sync left behind; drops it where that fails, or failed before, or
    where the workspace was synced since from another folder.

    Args:
        pipeline: Of the workspace, whose lock is held.
        client: Connected to its destination; None where there is no such thing.
        workspace: Its name.
        workspace_uid: The workspace.

    Raises:
        Exception: The destination can't be used now; what was left behind is kept.
    """
    tried = Path(pipeline.working_dir) / TRIED
    try:
        _require_folders(Path(pipeline.working_dir))
        _refuse_second_try(tried)
        _remove_remains(pipeline)
        for name in pipeline.schemas.list_schemas():
            pipeline.schemas.load_schema(name)
        left = [*pipeline.list_extracted_load_packages(), *packages(pipeline)]
        if not left:
            return
        tried.touch()
        if client is not None:
            _refuse_outdated(left, last_load(client, workspace_uid))
        _forget_loaded(pipeline, client)
        pipeline.normalize()
        while packages(pipeline):
            pipeline.load()
        tried.unlink()
    except Exception as error:
        if signals.was_signal_received() or spares_package(error):
            with suppress(OSError):
                tried.unlink(missing_ok=True)
            raise
        logger.warning(
            "Workspace %s: what an earlier sync left in dlt's working folder can't be loaded and "
            "is dropped; its jobs are fetched again (%s)",
            workspace,
            message_of(error),
        )
        pipeline.drop()


def make_missing_tables(pipeline: dlt.Pipeline) -> None:
    """Makes tables and columns again that someone dropped: dlt believes that they are there.

    Args:
        pipeline: In step with its destination.
    """
    added = _add_columns(pipeline)
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase) or not client.is_storage_initialized():
            return
        if not pipeline.default_schema_name:
            _add_columns_unseen(client)
            _forget_schema(client)
            return
        _make_missing(client, added)
        if isinstance(client, WithStagingDataset):
            with client.with_staging_dataset():
                if client.is_storage_initialized():
                    _make_missing(client, added, client.should_load_data_to_staging_dataset)


def _forget_schema(client: SqlJobClientBase) -> None:
    """Lets dlt look at the tables again where it knows no state: none of a finished load."""
    if client.get_stored_schema(SOURCE_NAME) is not None:
        table = client.sql_client.make_qualified_table_name(client.schema.version_table_name)
        sql = f"delete from {table} where schema_name = %s"  # noqa: S608 - dlt's own name
        client.sql_client.execute_sql(sql, SOURCE_NAME)


def _add_columns_unseen(client: SqlJobClientBase) -> None:
    """Adds columns that an earlier version did not have to the tables of a destination of which
    the pipeline knows nothing: its first sync from this folder, or under this name."""
    columns = {table.name: table.dlt_columns() for table in ALL_TABLES}
    behind = [
        (name, there)
        for name, there in client.get_storage_tables(list(columns))
        if there and not columns[name].keys() <= there.keys()
    ]
    if not behind:
        return
    for name, _ in behind:
        client.schema.update_table(
            new_table(name, write_disposition="append", columns=[*columns[name].values()])
        )
    add_columns(client, behind)


def _add_columns(pipeline: dlt.Pipeline) -> dict[str, set[str]]:
    """Tells a pipeline's schema of columns that an earlier version of this package did not have:
    views read them before any row has them.

    Returns:
        Names of those columns by table.
    """
    if not pipeline.default_schema_name:
        return {}
    added = {}
    schema = pipeline.default_schema
    for table in ALL_TABLES:
        known = schema.tables.get(table.name, {}).get("columns", {})
        columns = {
            name: column for name, column in table.dlt_columns().items() if name not in known
        }
        if known and columns:
            schema.update_table({"name": table.name, "columns": columns})
            added[table.name] = set(columns)
    if added:
        pipeline.schemas.save_schema(schema)
    return added


def _make_missing(
    client: SqlJobClientBase,
    added: Mapping[str, set[str]],
    is_wanted: Callable[[str], bool] = lambda _: True,
) -> None:
    schema = client.schema
    known = [*schema.data_table_names(seen_data_only=True), schema.loads_table_name]
    names = [name for name in known if is_wanted(name)]
    wanted = {name: set(schema.get_table_columns(name)) for name in names}
    there = {name: set(columns) for name, columns in client.get_storage_tables(names)}
    missing = {name: wanted[name] - there.get(name, set()) for name in names}
    if any(missing.values()):
        dropped = sorted(n for n, columns in missing.items() if columns - added.get(n, set()))
        if dropped:
            logger.warning("Made again, for it was dropped: %s", ", ".join(dropped))
        make_what_is_missing(client, names)


def _require_folders(folder: Path) -> None:
    for name in FOLDERS:
        if (folder / name).exists() and not (folder / name).is_dir():
            raise NotADirectoryError(str(folder / name))


def _refuse_second_try(tried: Path) -> None:
    if tried.exists():
        raise RuntimeError("an earlier try failed")


def _refuse_outdated(left: Sequence[str], last: str) -> None:
    """Older rows would replace newer ones, for good where the API no longer lists the job."""
    if min(left) < last:
        raise RuntimeError("the workspace was synced since, from another folder")


def _remove_remains(pipeline: dlt.Pipeline) -> None:
    """What a killed process had not extracted as a whole, and the records of past loads."""
    folder = Path(pipeline.working_dir)
    for remains in (folder / "normalize").glob("*/"):
        if remains.name != "extracted":
            shutil.rmtree(remains)
    for past in (folder / "load" / "loaded").glob("*/"):
        shutil.rmtree(past)
    for package in packages(pipeline):  # dlt takes two steps to move on; it was killed between
        shutil.rmtree(folder / "normalize" / "extracted" / package, ignore_errors=True)


def _forget_loaded(pipeline: dlt.Pipeline, client: SqlClientBase[Any] | None) -> None:
    """Drops packages whose load was committed: their process ended before it noted so."""
    found = packages(pipeline)
    for load_id in _loaded(client, list(found)) if found and client else ():
        shutil.rmtree(found[load_id])


def _loaded(client: SqlClientBase[Any], load_ids: Sequence[str]) -> list[str]:
    marks = ", ".join(["%s"] * len(load_ids))
    table = client.make_qualified_table_name(LOADS)
    try:
        rows = client.execute_sql(
            f"select load_id from {table} where load_id in ({marks})",  # noqa: S608 - dlt's own name
            *load_ids,
        )
    except DestinationUndefinedEntity:
        return []
    return sorted({row[0] for row in rows or ()})
