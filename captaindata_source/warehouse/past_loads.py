"""When a workspace was last loaded, and through which version of the API, as its rows tell it.

`sync_runs` tells the version once a sync has ended. A first load that was cut has no row there, and
its rows must not be mixed with those of the other version either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.tables import (
    ACCOUNTS,
    CHECKPOINTS,
    IDENTITIES,
    INTEGRATIONS,
    JOBS,
    LEDGER,
    LOADS,
    QUOTA_READINGS,
    SUCCESSFUL_JOBS,
    SYNC_RUNS,
    WORKFLOWS,
    WORKSPACE_MEMBERS,
    WORKSPACES,
    Table,
)

__all__ = ["last_load", "loaded_version"]

V3, V4 = "v3", "v4"
ANY = "true"


class _Sign(NamedTuple):
    """A row of the table that meets the condition was loaded through the version.

    Args:
        columns: The condition is on these; without them it says nothing.
    """

    version: str
    table: Table
    columns: tuple[str, ...] = ()
    condition: str = ANY


SIGNS = (
    _Sign(V4, CHECKPOINTS, ("covered",), "t.covered is not null"),
    _Sign(V3, CHECKPOINTS, ("is_newest_first",), "t.is_newest_first is not null"),
    _Sign(V4, JOBS, ("execution_mode",), "t.execution_mode is not null"),
    _Sign(V4, JOBS, ("action_id",), "t.action_id is not null"),
    _Sign(V4, JOBS, ("status",), "upper(t.status) in ('SUCCEEDED', 'PARTIAL_SUCCEEDED')"),
    _Sign(V4, QUOTA_READINGS, ("unit",), "t.unit = 'credits'"),
    _Sign(V4, IDENTITIES),
    _Sign(V4, INTEGRATIONS),
    _Sign(V4, WORKSPACE_MEMBERS),
    _Sign(V3, JOBS),
    _Sign(V3, QUOTA_READINGS, ("unit",), "t.unit = 'tasks'"),
    _Sign(V3, ACCOUNTS),
    _Sign(V3, WORKSPACES, ("tasks_left",), "t.tasks_left is not null"),
    _Sign(V4, WORKSPACES, ("credits_left",), "t.credits_left is not null"),
    _Sign(V3, WORKFLOWS, ("details",), "t.details is not null"),
)
"""The first one that is there decides: what v4 alone has comes before what both have."""
TABLES = (WORKSPACES, WORKFLOWS, JOBS, SUCCESSFUL_JOBS, LEDGER, SYNC_RUNS)
"""Every load leaves rows in one of them at least; those of a later load may replace them."""
FAILED = "coalesce(t.outcome, '') = 'failed'"
"""A row of `sync_runs` that a sync wrote that did not load, not even begin maybe."""


def loaded_version(
    has_row: Callable[[Table, str], bool], columns_of: Callable[[Table], Collection[str]]
) -> str | None:
    """The version, whether or not the loads of its rows were committed; None: nothing tells.

    Args:
        has_row: Whether a table has a row of the workspace that meets a condition on `t`.
        columns_of: The columns that a table has.
    """
    for sign in SIGNS:
        if set(sign.columns) <= set(columns_of(sign.table)) and has_row(sign.table, sign.condition):
            return sign.version
    return None


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
