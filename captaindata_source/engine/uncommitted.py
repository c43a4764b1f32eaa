"""Removes results of loads that were never committed.

Results of new jobs are appended, so that a process that dies between that and the commit leaves
rows that no load stands for. They would stay where the next fetch of their job finds nothing, or
fails.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.tables import JOB_RESULTS, JOBS, LEDGER, LOADS
from captaindata_source.warehouse.memory import INCREMENTAL

__all__ = ["remove_uncommitted"]

logger = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_NAMED = 1_000
"""Jobs that are named in one statement."""


def remove_uncommitted(client: SqlClientBase[Any], *, workspace_uid: str, days: float) -> int:
    """Removes what no committed load brought; their jobs are fetched again.

    Nothing may be waiting for its load.

    Args:
        client: Connected to DuckDB or Postgres; the lock of the workspace is held.
        workspace_uid: The workspace.
        days: Results of jobs that ended so long before the newest one stay: the API may no longer
            have them.

    Returns:
        How many rows.
    """
    found = _found(client, workspace_uid)
    if found:
        old = _old_jobs(client, workspace_uid, list(found), timedelta(days=days))
        old |= _continuable(client, workspace_uid, list(found))
        found = {uid: loads for uid, loads in found.items() if uid not in old}
    removed = 0
    by_loads: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for uid, loads in found.items():
        by_loads[tuple(sorted(loads))].append(uid)
        removed += sum(loads.values())
    for names, uids in by_loads.items():
        for named in _parts(uids):
            _remove(client, workspace_uid, named, names)
    if removed:
        logger.warning(
            "Removed %s results of %s jobs, whose load was never committed; they are fetched again",
            f"{removed:,}",
            f"{len(found):,}",
        )
    return removed


def _found(client: SqlClientBase[Any], workspace_uid: str) -> dict[str, dict[str, int]]:
    """By job the loads that were not committed, with their rows."""
    name = client.make_qualified_table_name
    found: dict[str, dict[str, int]] = defaultdict(dict)
    results = f"from {name(JOB_RESULTS.name)} as r where r.workspace_uid = %s"
    try:
        loads = client.execute_sql(  # there are few, so that this takes little where all are well
            f"select f.load_id from (select distinct r._dlt_load_id as load_id {results}) as f "  # noqa: S608 - our own names
            f"where f.load_id not in (select l.load_id from {name(LOADS)} as l where l.status = 0)",
            workspace_uid,
        )
        names = [load_id for (load_id,) in loads or ()]
        if not names:
            return {}
        rows = client.execute_sql(
            f"select r.job_uid, r._dlt_load_id, count(*) {results} "
            f"and r._dlt_load_id in ({_marks(names)}) group by r.job_uid, r._dlt_load_id",
            workspace_uid,
            *names,
        )
    except DestinationUndefinedEntity:  # nothing was loaded yet
        return {}
    for uid, load_id, count in rows or ():
        found[uid][load_id] = count
    return dict(found)


def _old_jobs(
    client: SqlClientBase[Any], workspace_uid: str, uids: Sequence[str], age: timedelta
) -> set[str]:
    table = client.make_qualified_table_name(JOBS.name)
    ended: set[str] = set()
    try:
        newest = client.execute_sql(
            f"select max(finish_time) from {table} where workspace_uid = %s "  # noqa: S608
            "and finish_time between %s and %s",
            workspace_uid,
            EPOCH,
            datetime.now(UTC),
        )
        if not newest or newest[0][0] is None:
            return set()
        for named in _parts(uids):
            rows = client.execute_sql(
                f"select uid from {table} where workspace_uid = %s and finish_time < %s "  # noqa: S608
                f"and uid in ({_marks(named)})",
                workspace_uid,
                newest[0][0] - age,
                *named,
            )
            ended.update(uid for (uid,) in rows or ())
    except DestinationUndefinedEntity:  # only the results were loaded
        pass
    return ended


def _continuable(client: SqlClientBase[Any], workspace_uid: str, uids: Sequence[str]) -> set[str]:
    """Runs whose results stay: the API may no longer give all of them. They are fetched again, and
    what is there already is not doubled."""
    name = client.make_qualified_table_name
    found: set[str] = set()
    for table, column, condition in (
        (JOBS, "uid", f"lower(sync_mode) = '{INCREMENTAL}'"),
        (JOB_RESULTS, "job_uid", "is_carried"),
    ):
        for named in _parts(uids):
            try:
                rows = client.execute_sql(
                    f"select distinct {column} from {name(table.name)} where workspace_uid = %s "  # noqa: S608
                    f"and {condition} and {column} in ({_marks(named)})",
                    workspace_uid,
                    *named,
                )
            except (DestinationUndefinedEntity, DatabaseException):
                break  # an earlier version made the table without the column
            found.update(uid for (uid,) in rows or ())
    return found


def _remove(
    client: SqlClientBase[Any], workspace_uid: str, uids: Sequence[str], loads: Sequence[str]
) -> None:
    """The ledger first: what it said of these jobs may have been replaced by such a load."""
    name = client.make_qualified_table_name
    jobs = f"where workspace_uid = %s and job_uid in ({_marks(uids)})"
    with suppress(DestinationUndefinedEntity):
        client.execute_sql(
            f"delete from {name(LEDGER.name)} {jobs} and _dlt_load_id < %s",  # noqa: S608
            workspace_uid,
            *uids,
            max(loads),
        )
    client.execute_sql(
        f"delete from {name(JOB_RESULTS.name)} {jobs} and _dlt_load_id in ({_marks(loads)})",  # noqa: S608
        workspace_uid,
        *uids,
        *loads,
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(values))


def _parts(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(uids), MAX_NAMED):
        yield uids[start : start + MAX_NAMED]
