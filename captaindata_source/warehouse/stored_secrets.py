"""Finds rows that were loaded with secrets, by an earlier version or with `keep_secrets`.

The database searches; only what it finds is looked at here. A sync that left nothing says so in
`sync_runs.secrets_rule`, and the next one need not search.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.api.credentials import CANDIDATE, RULE, is_secret, strip_record
from captaindata_source.errors import DestinationError
from captaindata_source.tables import (
    JOBS,
    LOADS,
    SUCCESSFUL_JOBS,
    SYNC_RUNS,
    WORKFLOWS,
    WORKSPACES,
    Row,
    Table,
)
from captaindata_source.warehouse.database import (
    DUCKDB,
    POSTGRES,
    RUN_BY_DUCKDB,
    Database,
    note_secrets,
    overwrite_if_noted,
)
from captaindata_source.warehouse.remedies import as_destination_error, message_of

__all__ = ["StoredSecrets", "overwrite_secrets"]

CLEANED_TABLES = (WORKSPACES, WORKFLOWS, JOBS, SUCCESSFUL_JOBS)
"""Tables that may hold what the API sends without our knowing what it is."""
ROWS_PER_BATCH = 500
_MATCHES = {
    **dict.fromkeys(RUN_BY_DUCKDB, "regexp_matches(cast(t.{} as varchar), %s, 'i')"),
    POSTGRES: "cast(t.{} as text) ~* %s",
}


class StoredSecrets:
    """One workspace's rows in the dataset of a pipeline.

    Args:
        pipeline: Gives destination and dataset; nothing is found where we do not connect by
            ourselves.
        workspace_uid: The workspace.
    """

    def __init__(self, pipeline: dlt.Pipeline, *, workspace_uid: str) -> None:
        self._pipeline = pipeline
        self._kind = pipeline.destination.destination_type
        self._workspace_uid = workspace_uid

    def find(
        self,
        read_rows: Callable[[Table, Sequence[str]], Iterator[Row]],
        *,
        fresh: Collection[str] = (),
    ) -> dict[str, set[str]]:
        """By name of a table: uids of the rows that may hold a secret.

        Where one does, in DuckDB, the free space of its file is to be overwritten after the sync.

        Args:
            read_rows: Reads whole rows.
            fresh: Tables that are about to be emptied.

        Raises:
            DestinationError: The destination can't be read.
        """
        if self._kind not in _MATCHES:
            return {}
        found: dict[str, set[str]] = {}
        with self._pipeline.sql_client() as client:
            if self._is_clean(client):
                return {}
            for table in CLEANED_TABLES:
                if table.name not in fresh and (uids := self._search(client, table)):
                    found[table.name] = uids
            if self._kind == DUCKDB and any(
                self._is_certain(read_rows, table, found.get(table.name, set()))
                for table in CLEANED_TABLES
            ):
                note_secrets(client)
        return found

    def _is_clean(self, client: SqlClientBase[Any]) -> bool:
        """Whether the last sync left nothing, and nothing was loaded since."""
        name = client.make_qualified_table_name
        if "secrets_rule" not in self._columns(client, SYNC_RUNS):
            return False
        last = self._query(
            client,
            f"select t.secrets_rule, t.finished_at from {name(SYNC_RUNS.name)} as t "
            f"join {name(LOADS)} as l on l.load_id = t._dlt_load_id and l.status = 0 "
            "where t.workspace_uid = %s order by t.started_at desc limit 1",
        )
        if not last or last[0][0] != RULE:
            return False
        return not any(
            self._query(
                client,
                f"select 1 from {name(table.name)} as t "
                "where t.workspace_uid = %s and t.loaded_at > %s limit 1",
                last[0][1],
            )
            for table in CLEANED_TABLES
        )

    def _search(self, client: SqlClientBase[Any], table: Table) -> set[str]:
        conditions = []
        parameters = []
        for column in self._columns(client, table):
            name = client.escape_column_name(column)
            if is_secret(column):
                conditions.append(f"t.{name} is not null")
            elif _may_hold(table, column):
                conditions.append(_MATCHES[self._kind].format(name))
                parameters.append(CANDIDATE)
        if not conditions:
            return set()
        rows = self._query(
            client,
            f"select t.uid from {client.make_qualified_table_name(table.name)} as t "
            f"where t.workspace_uid = %s and ({' or '.join(conditions)})",
            *parameters,
        )
        return {str(uid) for (uid,) in rows}

    def _is_certain(
        self,
        read_rows: Callable[[Table, Sequence[str]], Iterator[Row]],
        table: Table,
        uids: Collection[str],
    ) -> bool:
        named = list(uids)
        return any(
            strip_record(row) != row
            for first in range(0, len(named), ROWS_PER_BATCH)
            for row in read_rows(table, named[first : first + ROWS_PER_BATCH])
        )

    def _columns(self, client: SqlClientBase[Any], table: Table) -> list[str]:
        name = client.make_qualified_table_name(table.name)
        try:
            with client.execute_query(f"select * from {name} where 1 = 0") as cursor:
                return [column[0] for column in cursor.native_cursor.description]
        except DestinationUndefinedEntity:
            return []

    def _query(
        self, client: SqlClientBase[Any], sql: str, *parameters: object
    ) -> list[tuple[Any, ...]]:
        try:
            with client.execute_query(sql, self._workspace_uid, *parameters) as cursor:
                return list(cursor.fetchall())
        except DestinationUndefinedEntity:
            return []
        except DatabaseException as error:
            raise as_destination_error(error) or DestinationError(
                f"What was loaded before could not be searched for secrets: {message_of(error)}"
            ) from error


def overwrite_secrets(database: Database, dataset: str) -> None:
    """Overwrites what a DuckDB file keeps of rows that were cleaned, once after each cleaning.

    Args:
        database: Outside of a transaction; nothing else is connected to it.
        dataset: Schema of the tables.
    """
    overwrite_if_noted(database, dataset, {table.name for table in CLEANED_TABLES})


def _may_hold(table: Table, column: str) -> bool:
    """Whether a column is searched; unknown ones are, whatever their type."""
    if column.startswith("_") or column.endswith(("uid", "row_hash", "results_version")):
        return False
    return table.columns.get(column, "text") in ("text", "json")
