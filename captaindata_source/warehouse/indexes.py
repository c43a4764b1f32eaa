"""Indexes of large tables in Postgres: without them each merge, and each look at what is loaded of
one workspace, reads the tables of all workspaces."""

from __future__ import annotations

import logging

import dlt

from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, JOBS, LEDGER, SUCCESSFUL_JOBS
from captaindata_source.warehouse.database import POSTGRES, open_database, schema_of
from captaindata_source.warehouse.database.base import Database
from captaindata_source.warehouse.remedies import message_of

__all__ = ["index_large_tables"]

logger = logging.getLogger(__name__)

LARGE_ROWS = 200_000
"""Rows from which on a table is indexed: smaller ones are read as fast without."""
COLUMNS = {
    JOBS.name: ("workspace_uid", "uid"),
    SUCCESSFUL_JOBS.name: ("workspace_uid", "uid"),
    LEDGER.name: ("workspace_uid", "job_uid"),
    JOB_RESULTS.name: ("workspace_uid", "job_uid"),
}
"""By table: what it is merged and read by."""
LOCK_WAIT = "60s"
"""How long an index waits for earlier transactions; it holds up no reader or writer."""
LACKING = """
    select t.relname, i.relname
    from pg_class as t
    inner join pg_namespace as n on n.oid = t.relnamespace
    left join (
        select x.indrelid, x.indisvalid, c.relname
        from pg_index as x inner join pg_class as c on c.oid = x.indexrelid
    ) as i on i.indrelid = t.oid and i.relname = t.relname || %s
    where n.nspname = %s and t.relname in %s and t.relkind = 'r' and t.reltuples >= %s
        and i.indisvalid is not true
    order by 1
"""
ENDING = "_by_workspace"


def index_large_tables(pipeline: dlt.Pipeline) -> list[str]:
    """Makes the indexes that large tables lack, while others read and write.

    Args:
        pipeline: Gives destination and dataset; nothing is done where that is not Postgres.

    Returns:
        The tables that got one.
    """
    if pipeline.destination.destination_type != POSTGRES:
        return []
    made: list[str] = []
    try:
        with open_database(pipeline) as database:
            if database is not None:
                _make(database, schema_of(pipeline), made)
    except Exception as error:  # noqa: BLE001 - the next sync tries again
        logger.info("Large tables have no index yet: %s", message_of(error))
    return made


def _make(database: Database, schema: str, made: list[str]) -> None:
    lacking = database.query(LACKING, (ENDING, schema, tuple(COLUMNS), LARGE_ROWS))
    if not lacking:
        return
    ours = "hashtext('captaindata indexes'), hashtext(%s)"
    if database.query(f"select pg_try_advisory_lock({ours})", (schema,)) != [(True,)]:
        return  # another process is at it
    database.run(f"set lock_timeout = '{LOCK_WAIT}'")
    for table, broken in lacking:
        index = f"{table}{ENDING}"
        logger.info("Indexing %s.%s", schema, table)
        if broken is not None:  # its making was interrupted
            database.run(f"drop index concurrently {quoted(schema)}.{quoted(broken)}")
        columns = ", ".join(map(quoted, COLUMNS[table]))
        database.run(
            f"create index concurrently {quoted(index)} "
            f"on {quoted(schema)}.{quoted(table)} ({columns})"
        )
        made.append(table)
