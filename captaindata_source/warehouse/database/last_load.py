"""When a workspace was last loaded, from whichever folder."""

from __future__ import annotations

from typing import Any

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.tables import (
    JOBS,
    LEDGER,
    LOADS,
    SUCCESSFUL_JOBS,
    SYNC_RUNS,
    WORKFLOWS,
    WORKSPACES,
)

__all__ = ["last_load"]

TABLES = (WORKSPACES, WORKFLOWS, JOBS, SUCCESSFUL_JOBS, LEDGER, SYNC_RUNS)
"""Every load leaves rows in one of them at least; those of a later load may replace them."""
FAILED = "coalesce(t.outcome, '') = 'failed'"
"""A row of `sync_runs` that a sync wrote that did not load, not even begin maybe."""


def last_load(client: SqlClientBase[Any], workspace_uid: str) -> str:
    """The id of the last load of a workspace that was committed, which is the time of its
    beginning: ids compare as texts. Empty where there is none.

    Args:
        client: Connected.
        workspace_uid: The workspace.
    """
    name = client.make_qualified_table_name
    found = ""
    for table in TABLES:
        condition = f"and not ({FAILED})" if table is SYNC_RUNS else ""
        sql = (
            f"select max(l.load_id) from {name(LOADS)} as l "
            f"where l.status = 0 and exists (select 1 from {name(table.name)} as t "
            f"where t._dlt_load_id = l.load_id and t.workspace_uid = %s {condition})"
        )
        try:
            rows = client.execute_sql(sql, workspace_uid)
        except DestinationUndefinedEntity:
            continue
        found = max(found, (rows and rows[0][0]) or "")
    return found
