"""Load packages of this source are loaded as a whole, or from their beginning.

A load job may have done its work when its process or its connection ended, and dlt was not told.
dlt goes on with such a package where it stopped and runs the job once more, which puts its rows
into staging twice, and from there into the tables. So a package that holds tables of ours and was
begun is always loaded from its beginning: staging is emptied first, and merging the same rows again
changes nothing. What such a job appended, as dlt's own state, is removed before.

Tables that keep changes are loaded before all others: what they say of the old values can't be told
any more once those are replaced.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dlt.common.runtime import signals
from dlt.common.schema import Schema
from dlt.common.schema.utils import get_write_disposition
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.load import Load
from dlt.load import load as load_module
from dlt.load.exceptions import LoadClientJobRetry

from captaindata_source.dlt_internals.clients import is_appending
from captaindata_source.dlt_internals.packages import restart_package, unfinished
from captaindata_source.table import TABLE_FORMATS
from captaindata_source.tables import ALL_TABLES, CHANGE_TABLES
from captaindata_source.waiting import wait_seconds

__all__ = ["load_packages_as_a_whole"]

logger = logging.getLogger(__name__)

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try of a package whose job failed in a way that may pass."""
MARK = "_captaindata_source"
APPEND = "append"
LOAD_ID = "_dlt_load_id"
CHANGES = frozenset(table.name for table in CHANGE_TABLES.values())


def load_packages_as_a_whole() -> None:
    """Lets dlt, in this process, load packages of this source as a whole or from the beginning.

    A package without a table of this source is loaded as dlt does by itself. dlt's option
    `load.raise_on_max_retries` says how often one is tried. Installed once; a second call does
    nothing.
    """
    original: Callable[[Load, str, Schema], None] = Load.load_single_package
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def load_single_package(self: Load, load_id: str, schema: Schema) -> None:
        if not _is_ours(schema):
            original(self, load_id, schema)
            return
        storage = self.load_storage.normalized_packages
        folder = Path(storage.storage.make_full_path(storage.get_package_path(load_id)))
        configured = self.config
        more = list(WAITS)[: max(0, (configured.raise_on_max_retries or 1) - 1)]
        if is_appending(self.destination):
            more = []  # whoever loads so tries again without
        self.config = configured.copy()
        self.config.raise_on_max_retries = 1  # not the job is tried again, but the package
        try:
            while True:
                appended = _appended(schema)
                removed = _remove_appended(self, load_id, schema, unfinished(folder) & {*appended})
                restart_package(folder, appended=[*{*appended} - removed])
                try:
                    original(self, load_id, schema)
                except LoadClientJobRetry:
                    if not more or signals.was_signal_received():
                        raise
                    seconds = more.pop(0)
                    logger.warning("Loading package %s again in %.0f s", load_id, seconds)
                    wait_seconds(seconds)
                else:
                    return
        finally:
            self.config = configured

    setattr(load_single_package, MARK, True)
    Load.load_single_package = load_single_package  # type: ignore[method-assign]
    _load_changes_first()


def _load_changes_first() -> None:
    """Lets other tables of a package wait until those that keep changes are loaded and merged."""
    original: Callable[..., Sequence[str]] = vars(load_module)["filter_new_jobs"]

    @functools.wraps(original)
    def filter_new_jobs(
        file_names: Sequence[str],
        capabilities: Any,
        config: Any,
        running_jobs: Any,
        available_slots: int,
    ) -> Sequence[str]:
        first = [
            name for name in file_names if ParsedLoadJobFileName.parse(name).table_name in CHANGES
        ]
        is_waiting = first or any(job.job_file_info().table_name in CHANGES for job in running_jobs)
        chosen = first if is_waiting else file_names
        return original(chosen, capabilities, config, running_jobs, available_slots)

    vars(load_module)["filter_new_jobs"] = filter_new_jobs


def _remove_appended(load: Load, load_id: str, schema: Schema, tables: set[str]) -> set[str]:
    """Removes what jobs of a package appended that may not have ended.

    Returns:
        The tables that hold nothing of the package now.
    """
    client = load.get_destination_client(schema) if tables else None
    removed: set[str] = set()
    if not isinstance(client, SqlJobClientBase):
        return removed
    with client:
        for table in sorted(tables):
            name = client.sql_client.make_qualified_table_name(table)
            try:
                client.sql_client.execute_sql(
                    f"delete from {name} where {LOAD_ID} = %s",  # noqa: S608 - the name is dlt's
                    load_id,
                )
            except DatabaseException:  # no such table yet, or no such column
                logger.debug("Rows of %s were not removed", table, exc_info=True)
            else:
                removed.add(table)
    return removed


def _is_ours(schema: Schema) -> bool:
    """By its tables: a source may be given another name."""
    names = {table.name for table in ALL_TABLES} & schema.tables.keys()
    return any("workspace_uid" in schema.tables[name].get("columns", {}) for name in names)


def _appended(schema: Schema) -> list[str]:
    """Tables to which loads append; what `open_tables` writes may be repeated."""
    tables: Any = schema.tables
    return [
        name
        for name, table in tables.items()
        if get_write_disposition(tables, name) == APPEND
        and table.get("table_format") not in TABLE_FORMATS
    ]
