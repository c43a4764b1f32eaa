"""Results of jobs that have none in the destination are appended; only others need a merge.

A merge loads rows twice, into staging and from there, and looks for what to remove in all that is
there. A load that is tried again, or left to the next sync, is merged: rows that the first try left
are removed then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.dlt_internals.clients import with_append
from captaindata_source.tables import JOB_RESULTS

__all__ = ["LoadedJobs", "appends_results"]

MAX_JOBS = 5_000
"""Jobs that the destination is asked about by name."""


@dataclass(frozen=True, slots=True)
class LoadedJobs:
    """The jobs of a load package whose results are in it.

    Args:
        workspace_uid: Whose jobs.
        uids: All of them.
        empty: Those without results that leave no row that removes what they had.
        has_marks: Whether others leave such a row.
    """

    workspace_uid: str
    uids: Sequence[str]
    empty: Sequence[str]
    has_marks: bool


@contextmanager
def appends_results(
    pipeline: dlt.Pipeline, client: SqlClientBase[Any] | None, jobs: LoadedJobs
) -> Iterator[None]:
    """Loads within append results where the destination has none of these jobs.

    Args:
        pipeline: Loads.
        client: Connected to its destination, which is held; None: there is no such thing.
        jobs: Those of the package.
    """
    if not jobs.uids or client is None or (known := _known(client, jobs)) is None:
        yield
        return
    if left := sorted(known.intersection(jobs.empty)):
        _remove(client, jobs.workspace_uid, left)
    if known or jobs.has_marks:
        yield
        return
    with with_append(pipeline, JOB_RESULTS.name):
        yield


def _known(client: SqlClientBase[Any], jobs: LoadedJobs) -> set[str] | None:
    """The jobs that have results in the destination; None where they are too many to ask."""
    table = client.make_qualified_table_name(JOB_RESULTS.name)
    condition = "where workspace_uid = %s"
    try:
        if not client.execute_sql(
            f"select 1 from {table} {condition} limit 1",
            jobs.workspace_uid,
        ):
            return set()
        if len(jobs.uids) > MAX_JOBS:
            return None
        marks = ", ".join(["%s"] * len(jobs.uids))
        rows = client.execute_sql(
            f"select distinct job_uid from {table} {condition} and job_uid in ({marks})",
            jobs.workspace_uid,
            *jobs.uids,
        )
    except DestinationUndefinedEntity:
        return set()
    return {row[0] for row in rows or ()}


def _remove(client: SqlClientBase[Any], workspace_uid: str, uids: Sequence[str]) -> None:
    """Results whose row of the ledger someone deleted, of jobs that have none any more."""
    table = client.make_qualified_table_name(JOB_RESULTS.name)
    marks = ", ".join(["%s"] * len(uids))
    client.execute_sql(
        f"delete from {table} where workspace_uid = %s and job_uid in ({marks})",
        workspace_uid,
        *uids,
    )
