"""Counts one batch of jobs for the catalogue: takes away what its jobs had, adds what they have.

Steps hand over to one another in temporary tables, which `count_batch` drops.
"""

from __future__ import annotations

from captaindata_source.tables import JOB_RESULTS
from captaindata_source.views.results.fields import (
    FIELD_COUNTS,
    FIELD_JOBS,
    FIELDS,
    GONE,
    FieldStore,
)
from captaindata_source.views.results.learning import learn_fields
from captaindata_source.views.results.values import find_values
from captaindata_source.warehouse.database import Database

__all__ = ["analyze", "count_batch"]


def count_batch(database: Database, store: FieldStore, batch: int) -> None:
    """Counts the results of a batch.

    Args:
        database: Within a transaction; the temporary tables `changed_jobs` and `counted_values` are
            there.
        store: Of the dataset.
        batch: Number of the batch in that table.
    """
    _list_jobs(store, batch)
    if store.query("select 1 from batch_jobs where not is_counted limit 1"):
        find_values(database, store)
    store.run(
        """
        create temporary table batch_values as
        select b.workspace_uid, b.workflow_uid, b.job_uid, v.key, v.nested_key, v.kind,
            v.result_rows, v.first_at, v.last_at, v.place
        from job_values as v inner join batch_jobs as b on b.number = v.number;
        drop table job_values
        """
    )
    analyze(database, store, "batch_values")
    workflows = store.query("select distinct workspace_uid, workflow_uid from batch_values")
    for workspace, workflow in sorted(workflows):
        learn_fields(store, (workspace, workflow))
    jobs = f"(select workspace_uid, job_uid from changed_jobs where batch = {batch})"
    _replace_counts(store, jobs)
    _replace_jobs(store, jobs)
    store.run("drop table batch_jobs; drop table batch_values")


def analyze(database: Database, store: FieldStore, table: str) -> None:
    """Counts a fresh temporary table: Postgres takes it for tiny and joins row by row."""
    if database.kind == "postgres":
        store.run(f"analyze {table}")


def _list_jobs(store: FieldStore, batch: int) -> None:
    """Makes `batch_jobs`, with each job's workflow, and `job_values`, with what was counted."""
    store.run(
        f"""
        create temporary table batch_jobs as
        select row_number() over () as number, c.workspace_uid, c.job_uid, c.load_id,
            c.is_counted, j.table_load_id, j.workflow_uid as old_workflow_uid,
            coalesce(c.workflow_uid, found.workflow_uid, j.workflow_uid, '') as workflow_uid
        from changed_jobs as c
        left join (
            select r.workspace_uid, r.job_uid, min(r.workflow_uid) as workflow_uid
            from {{{JOB_RESULTS.name}}} as r
            inner join changed_jobs as b
                on b.workspace_uid = r.workspace_uid and b.job_uid = r.job_uid
            where b.batch = {batch} and not b.is_counted
            group by r.workspace_uid, r.job_uid
        ) as found
            on found.workspace_uid = c.workspace_uid and found.job_uid = c.job_uid
        left join {{{FIELD_JOBS}}} as j
            on j.workspace_uid = c.workspace_uid and j.job_uid = c.job_uid
            and j.load_id <> '{GONE}'
        where c.batch = {batch};
        create temporary table job_values (
            number bigint, key text, nested_key text, kind text, result_rows bigint,
            first_at timestamp with time zone, last_at timestamp with time zone, place bigint
        );
        insert into job_values
        select b.number, v.key, v.nested_key, v.kind, v.result_rows, v.first_at, v.last_at,
            v.place
        from counted_values as v inner join batch_jobs as b on b.job_uid = v.job_uid
        where b.is_counted
        """
    )


def _replace_counts(store: FieldStore, jobs: str) -> None:
    """Counts of fields and of jobs.

    Args:
        store: Of the dataset.
        jobs: A select of the batch's jobs.
    """
    store.run(
        f"""
        create temporary table batch_counts as
        select v.workspace_uid, v.job_uid, v.workflow_uid, f.field_id, v.kind,
            v.result_rows, v.first_at, v.last_at
        from batch_values as v
        inner join {{{FIELDS}}} as f
            on f.workspace_uid = v.workspace_uid and f.workflow_uid = v.workflow_uid
            and f.key = v.key and coalesce(f.nested_key, '') = coalesce(v.nested_key, '')
            and (f.nested_key is null) = (v.nested_key is null);
        update {{{FIELDS}}} as f
        set rows_with_value = f.rows_with_value + d.result_rows,
            first_seen_at = least(f.first_seen_at, d.first_at),
            last_seen_at = greatest(f.last_seen_at, d.last_at)
        from (
            select workspace_uid, workflow_uid, field_id,
                cast(sum(result_rows) as bigint) as result_rows,
                min(first_at) as first_at, max(last_at) as last_at
            from (
                select workspace_uid, workflow_uid, field_id, result_rows, first_at, last_at
                from batch_counts where kind <> 'null'
                union all
                select workspace_uid, workflow_uid, field_id, -result_rows, null, null
                from {{{FIELD_COUNTS}}}
                where kind <> 'null' and (workspace_uid, job_uid) in {jobs}
            ) as changes
            group by workspace_uid, workflow_uid, field_id
        ) as d
        where d.workspace_uid = f.workspace_uid and d.workflow_uid = f.workflow_uid
            and d.field_id = f.field_id;
        delete from {{{FIELD_COUNTS}}} where (workspace_uid, job_uid) in {jobs};
        insert into {{{FIELD_COUNTS}}}
            (workspace_uid, job_uid, workflow_uid, field_id, kind, result_rows)
        select workspace_uid, job_uid, workflow_uid, field_id, kind, result_rows
        from batch_counts;
        drop table batch_counts
        """
    )


def _replace_jobs(store: FieldStore, jobs: str) -> None:
    """Which load of each job is counted; a workflow that lost a job is told so, for its table."""
    store.run(
        f"""
        delete from {{{FIELD_JOBS}}}
        where load_id <> '{GONE}' and (workspace_uid, job_uid) in {jobs};
        insert into {{{FIELD_JOBS}}}
            (workspace_uid, job_uid, workflow_uid, load_id, table_load_id)
        select workspace_uid, job_uid, workflow_uid, load_id,
            case when workflow_uid = old_workflow_uid then table_load_id end
        from batch_jobs where load_id is not null
        union all
        select workspace_uid, job_uid, old_workflow_uid, '{GONE}', table_load_id
        from batch_jobs
        where table_load_id is not null
            and (load_id is null or workflow_uid <> old_workflow_uid)
        """
    )
