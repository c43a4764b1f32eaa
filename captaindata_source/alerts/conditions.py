"""What each kind of alert looks for: one query each, whose rows are what holds now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from captaindata_source.alerts import findings
from captaindata_source.alerts.kinds import Found, Kind
from captaindata_source.tables import ACCOUNTS, JOBS, LEDGER, SYNC_RUNS

__all__ = ["CONDITIONS", "Condition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What holds now of some kinds.

    Args:
        kinds: Kinds that the query is about, all of them each time.
        query: Its rows; `{views}` and `{raw}` are the schemas, `{workspaces}` is a list of uids,
            `{syncs}` tells syncs from resyncs.
        read: A row to what holds.
        views: Views that it reads.
        tables: Tables that it reads.
        is_optional: Whether what it reads is loaded only where someone asks for it.
        is_timed: Whether its last parameter is the time before which a sync is stale.
    """

    kinds: tuple[Kind, ...]
    query: str
    read: Callable[[findings.Row], Iterator[Found]]
    views: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    is_optional: bool = False
    is_timed: bool = False


CONDITIONS = (
    Condition(
        kinds=(Kind.FAILED_SYNC,),
        tables=(SYNC_RUNS.name,),
        read=findings.failed_sync,
        query="""
            with runs as (
                select
                    workspace_uid, outcome, left(error, 1000) as error,
                    coalesce(finished_at, started_at) as ended_at,
                    row_number() over (
                        partition by workspace_uid
                        order by coalesce(finished_at, started_at) desc nulls last,
                            uid collate "C" desc
                    ) as newest_first
                from {raw}.sync_runs
                where workspace_uid in ({workspaces}) and {syncs}
            )
            select workspace_uid, outcome, error, ended_at from runs
            where newest_first = 1 and outcome in ('failed', 'partly_loaded', 'quota')
        """,
    ),
    Condition(
        kinds=(Kind.STALE_SYNC,),
        tables=(SYNC_RUNS.name,),
        read=findings.stale_sync,
        is_timed=True,
        query="""
            with last_syncs as (
                select
                    workspace_uid,
                    max(finished_at) filter (
                        where outcome not in ('failed', 'quota')
                    ) as ended_at,
                    min(started_at) as first_at
                from {raw}.sync_runs
                where workspace_uid in ({workspaces}) and {syncs}
                group by workspace_uid
            )
            select workspace_uid, ended_at from last_syncs
            where coalesce(ended_at, first_at) < %s
        """,
    ),
    Condition(
        kinds=(Kind.FAILING_WORKFLOW, Kind.SLOWER_WORKFLOW),
        views=("failing_workflows",),
        read=findings.workflow,
        query="""
            select
                workspace_id, coalesce(workflow_id, ''), left(workflow_name, 500),
                is_failing_often, is_slower, recent_runs, recent_failed_runs, times_as_long,
                recent_duration_p50_seconds, earlier_duration_p50_seconds,
                left(last_error_message, 1000)
            from {views}.failing_workflows
            where workflow_status is distinct from 'archived' and workspace_id in ({workspaces})
        """,
    ),
    Condition(
        kinds=(Kind.STUCK_RUN,),
        views=("stuck_runs",),
        read=findings.stuck_run,
        query="""
            select
                workspace_id, job_id, left(workflow_name, 500), left(job_name, 500), status,
                since_at, hours, usual_duration_seconds, left(reason, 1000)
            from {views}.stuck_runs
            where workspace_id in ({workspaces})
        """,
    ),
    Condition(
        kinds=(Kind.INTEGRATION_NEEDS_LOGIN,),
        views=("integration_health",),
        is_optional=True,
        read=findings.integration,
        query="""
            select
                workspace_id, identity_id, integration, left(identity_name, 500),
                left(integration_name, 500), status, needs, left(error, 1000)
            from {views}.integration_health
            where needs <> 'wait for the limit or spread the load'
                and workspace_id in ({workspaces})
        """,
    ),
    Condition(
        kinds=(Kind.ACCOUNT_NEEDS_LOGIN,),
        tables=(ACCOUNTS.name,),
        is_optional=True,
        read=findings.account,
        query="""
            select
                workspace_uid, integration, uid, left(coalesce(full_name, name, email), 500), status
            from {raw}.accounts
            where not is_valid and not coalesce(is_deleted, false)
                and workspace_uid in ({workspaces})
        """,
    ),
    Condition(
        kinds=(Kind.QUOTA,),
        views=("workspaces",),
        read=findings.quota,
        query=f"""
            with quotas as (
                select
                    workspace_id, 'tasks' as unit, quota_month_ends_at,
                    cast(tasks_max as double precision) as most,
                    cast(coalesce(tasks_used, tasks_max - tasks_left) as double precision) as used
                from {{views}}.workspaces
                union all
                select
                    workspace_id, 'credits', quota_month_ends_at, credits_max,
                    coalesce(credits_used, credits_max - credits_left)
                from {{views}}.workspaces
            )
            select workspace_id, unit, used, most, quota_month_ends_at from quotas
            where most > 0 and used * 100 > most * {findings.QUOTA_PERCENT}
                and workspace_id in ({{workspaces}})
        """,
    ),
    Condition(
        kinds=(Kind.RESULTS_DIFFER,),
        views=("results_reconciliation",),
        tables=(LEDGER.name, JOBS.name),
        read=findings.results,
        # results that the next sync fetches again may be right then
        query="""
            select
                r.workspace_id, coalesce(r.workflow_id, ''), left(max(r.workflow_name), 500),
                cast(count(*) filter (where r.state = 'missing') as bigint),
                cast(coalesce(-sum(r.difference) filter (
                    where r.state = 'missing'), 0) as bigint),
                cast(count(*) filter (where r.state = 'surplus') as bigint),
                cast(coalesce(sum(r.difference) filter (
                    where r.state = 'surplus'), 0) as bigint)
            from {views}.results_reconciliation as r
            inner join {raw}.job_results_ledger as l
                on r.workspace_id = l.workspace_uid and r.job_id = l.job_uid
            inner join {raw}.jobs as j
                on r.workspace_id = j.workspace_uid and r.job_id = j.uid
            where r.state in ('missing', 'surplus') and r.workspace_id in ({workspaces})
                and l.result_rows is not null
                and (l.next_check_at is null or l.equal_answers > 1)
                and not coalesce(l.fingerprint <> j.results_version, false)
            group by r.workspace_id, coalesce(r.workflow_id, '')
        """,
    ),
)
