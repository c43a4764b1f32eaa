"""What checks look for in a warehouse: a query each, for DuckDB and Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from captaindata_source.extract.report import FAILED
from captaindata_source.issues import Action
from captaindata_source.sqltext import quoted
from captaindata_source.tables import (
    JOB_RESULTS,
    LEDGER,
    LOADS,
    RESULTS_CHANGES,
    SYNC_ISSUES,
    views_schema,
)
from captaindata_source.warehouse.database.base import Database

__all__ = [
    "BROKEN",
    "RECONCILIATION",
    "STALE",
    "Finding",
    "Warehouse",
    "broken_rows",
    "differences",
    "stale_workspaces",
    "troubled_syncs",
]

RECONCILIATION, STALE = "results_reconciliation", "sync_freshness"
BROKEN = (JOB_RESULTS.name, LEDGER.name, RESULTS_CHANGES.name, LOADS)
MOST = 1_000
"""Findings that are read."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """An open warehouse.

    Args:
        database: The connection.
        schema: Schema of the tables.
    """

    database: Database
    schema: str

    @property
    def raw(self) -> str:
        """The schema of the tables, in quotes."""
        return quoted(self.schema)

    @property
    def views(self) -> str:
        """The schema of the views, in quotes."""
        return quoted(views_schema(self.schema))

    def missing(self, relations: Iterable[str]) -> list[str]:
        """Those of the tables and views that are not there."""
        schemas = (self.schema, views_schema(self.schema))
        there = {name for schema in schemas for name in self.database.relations(schema)}
        return [name for name in relations if name not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a check found.

    Args:
        is_error: Whether it is more than a warning.
        fields: What is shown of it; the same names for all findings of a check.
    """

    is_error: bool
    fields: Mapping[str, str | int | None]


def troubled_syncs(warehouse: Warehouse) -> Iterator[Finding]:
    """Workspaces whose last sync did not load all that it began."""
    query = f"""
        with runs as (
            select
                workspace_uid, workspace_name, uid, outcome, results_set_aside,
                left(error, 300) as error,
                row_number() over (
                    partition by workspace_uid
                    order by coalesce(finished_at, started_at) desc nulls last,
                        uid collate "C" desc
                ) as newest_first
            from {warehouse.raw}.sync_runs
            where is_resync is not true
        )
        select workspace_name, outcome, results_set_aside, error, uid from runs
        where newest_first = 1 and outcome in ('failed', 'partly_loaded', 'quota')
        order by workspace_name
    """
    for name, outcome, jobs, error, uid in warehouse.database.query(query):
        fields = {"workspace": name, "outcome": outcome, "jobs_set_aside": jobs, "error": error}
        kinds = ", ".join(_kinds(warehouse, uid))
        yield Finding(is_error=outcome == FAILED, fields={**fields, "issues": kinds})


def _kinds(warehouse: Warehouse, sync_uid: str) -> Iterator[str]:
    """Issues of a sync that ended it or left something out, by their kinds."""
    if warehouse.missing([SYNC_ISSUES.name]):
        return
    query = f"""
        select kind, count(*) from {warehouse.raw}.sync_issues
        where sync_uid = %s and action in ('{Action.SET_ASIDE}', '{Action.FAILED}')
        group by kind order by kind
    """
    for kind, count in warehouse.database.query(query, [sync_uid]):
        yield f"{kind} ({count})"


def broken_rows(warehouse: Warehouse) -> Iterator[Finding]:
    """Jobs that have other rows than were loaded. A job whose results a sync replaces at this
    moment is left out: it has rows of a load that is not committed."""
    query = f"""
        with loads as (
            select load_id from {warehouse.raw}._dlt_loads where status = 0
        ),
        results as (
            select
                workspace_uid, job_uid, count(*) as found, count(distinct position) as positions,
                count(*) filter (
                    where _dlt_load_id not in (select load_id from loads)
                ) as uncommitted
            from {warehouse.raw}.job_results
            group by workspace_uid, job_uid
        ),
        changing as (
            select distinct workspace_uid, job_uid from {warehouse.raw}.results_changes
            where _dlt_load_id not in (select load_id from loads)
        )
        select
            ledger.workspace_uid, ledger.job_uid, ledger.result_rows,
            coalesce(results.found, 0), coalesce(results.found - results.positions, 0)
        from {warehouse.raw}.job_results_ledger as ledger
        left join results
            on ledger.workspace_uid = results.workspace_uid and ledger.job_uid = results.job_uid
        where
            ledger._dlt_load_id in (select load_id from loads)
            and coalesce(results.uncommitted, 0) = 0
            and (
                ledger.result_rows <> coalesce(results.found, 0)
                or results.found <> results.positions
            )
            and not exists (
                select 1 from changing
                where
                    changing.workspace_uid = ledger.workspace_uid
                    and changing.job_uid = ledger.job_uid
            )
        order by 1, 2
        limit {MOST}
    """
    for workspace, job, loaded, there, doubled in warehouse.database.query(query):
        fields = {"workspace_uid": workspace, "job_uid": job, "loaded": loaded, "there": there}
        yield Finding(is_error=True, fields={**fields, "doubled": doubled})


def differences(warehouse: Warehouse) -> Iterator[Finding]:
    """Jobs that have other numbers of results than the API counts, newest first."""
    query = f"""
        select workspace_label, workflow_name, job_id, state, records_processed, results_loaded
        from {warehouse.views}.{RECONCILIATION}
        where state in ('missing', 'surplus')
        order by finished_at desc nulls last, job_id
        limit {MOST}
    """
    names = ("workspace", "workflow", "job_id", "state", "records_processed", "results_loaded")
    for row in warehouse.database.query(query):
        yield Finding(is_error=False, fields=dict(zip(names, row, strict=True)))


def stale_workspaces(
    warehouse: Warehouse,
    *,
    workspaces: Sequence[str] | None,
    warn_after: timedelta,
    fail_after: timedelta,
) -> Iterator[Finding]:
    """Workspaces without a sync lately that did not fail, by the view `sync_freshness`; those that
    had none yet are warnings.

    Args:
        warehouse: Where.
        workspaces: Names of those that are looked at; None: all that were ever synced.
        warn_after: Age of a warning.
        fail_after: Age of an error.
    """
    query = f"""
        select workspace_label, workspace_name, max(last_sync_at) from {warehouse.views}.{STALE}
        group by workspace_label, workspace_name order by workspace_label
    """
    seen: dict[str, datetime | None] = {}
    for label, name, time in warehouse.database.query(query):
        # without the table of workspaces the label is a UID, and the name the configured one
        seen[label if workspaces is None or label in workspaces else name] = time
    now = datetime.now(UTC)
    for name in seen if workspaces is None else workspaces:
        time = seen.get(name)
        age = None if time is None else now - _aware(time)
        if age is None or age > warn_after:
            hours = None if age is None else int(age / timedelta(hours=1))
            fields = {
                "workspace": name,
                "last_sync_at": None if time is None else _aware(time).isoformat(" ", "seconds"),
                "hours": hours,
            }
            yield Finding(is_error=age is not None and age > fail_after, fields=fields)


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
