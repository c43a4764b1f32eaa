"""The catalogue of what results hold, kept up to date job by job.

`job_result_fields` tells, for each workflow and key, the column and what was seen. It is the sum of
`job_result_field_counts`, which has a row for each job, field and kind of value, so that a job
whose results were replaced is counted once. `job_result_field_jobs` says which load of a job is
counted; only jobs that the ledger shows in another load are looked at.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa

from captaindata_source.tables import JOB_RESULTS, LEDGER
from captaindata_source.views.results.counting import Counted
from captaindata_source.views.results.fields import (
    BASE_COLUMNS,
    FIELD_COUNTS,
    FIELD_JOBS,
    FIELDS,
    GONE,
    Field,
    FieldStore,
    WorkflowKey,
)
from captaindata_source.views.results.keys import ensure_keys
from captaindata_source.views.results.names import assign_names
from captaindata_source.views.results.types import json_types, value_type
from captaindata_source.views.results.values import find_values
from captaindata_source.warehouse.database import Database

__all__ = ["Catalogue"]

logger = logging.getLogger(__name__)

MAX_FIELDS = 10_000
"""Keys of a workflow that the catalogue takes; more are data, not keys."""
MAX_COLUMNS = 1_500
"""Columns of a workflow's view; Postgres ends at 1,600."""
RESULTS_LOAD = "results_load_id"
"""Column of the ledger: the load that wrote a job's results."""
BATCH_ROWS = 25_000
"""Results that are looked at in one transaction."""


class Catalogue:
    """The catalogue of a dataset.

    Args:
        database: Outside of a transaction.
        dataset: Where the tables are.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset
        self._store = FieldStore(database, dataset)

    def refresh(self, counted: Counted | None = None) -> int:
        """Counts the results of jobs that were loaded since the last time.

        Args:
            counted: What needs not be counted again.

        Returns:
            Jobs looked at.
        """
        if not {JOB_RESULTS.name, LEDGER.name} <= set(self._database.relations(self._dataset)):
            return 0
        self._store.create_tables()
        ensure_keys(self._database, self._dataset)
        self._take_counted(counted)
        batches = self._changed_jobs()
        try:
            (jobs,) = self._database.query("select count(*) from changed_jobs")[0]
            if jobs:
                self._store.create_indexes()
            for batch in batches:
                with self._database.transaction():
                    self._count(batch)
        finally:
            self._database.run("drop table changed_jobs; drop table counted_jobs")
            self._database.run("drop table counted_values")
        return int(jobs)

    def _take_counted(self, counted: Counted | None) -> None:
        self._database.run(
            """
            create temporary table counted_jobs (
                job_uid text, workflow_uid text, result_rows bigint,
                workspace_uid text, load_id text
            );
            create temporary table counted_values (
                job_uid text, key text, nested_key text, kind text, result_rows bigint,
                first_at timestamp with time zone, last_at timestamp with time zone, place bigint
            )
            """
        )
        if counted is not None:
            rows = counted.jobs
            for name, value in (
                ("workspace_uid", counted.workspace_uid),
                ("load_id", counted.load_id),
            ):
                rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
            self._database.fill("counted_jobs", rows)
            self._database.fill("counted_values", counted.values)
            self._analyze("counted_jobs")
            self._analyze("counted_values")

    def _changed_jobs(self) -> list[int]:
        """Lists the jobs whose committed load is not the one that is counted.

        Returns:
            The numbers of the batches that they are in.
        """
        columns = {name for name, _ in self._database.columns(self._dataset, LEDGER.name)}
        load_id = "l._dlt_load_id"
        if RESULTS_LOAD in columns:  # the row is younger than the results where they came again
            load_id = f"coalesce(l.{RESULTS_LOAD}, {load_id})"
        self._store.run(
            f"""
            create temporary table changed_jobs as
            with loaded as (
                select l.workspace_uid, l.job_uid, {load_id} as load_id,
                    coalesce(l.result_rows, 0) as result_rows
                from {{{LEDGER.name}}} as l
                where exists (
                    select 1 from {{_dlt_loads}} as d
                    where d.load_id = l._dlt_load_id and d.status = 0
                )
            ),
            changed as (
                select
                    coalesce(loaded.workspace_uid, counted.workspace_uid) as workspace_uid,
                    coalesce(loaded.job_uid, counted.job_uid) as job_uid,
                    loaded.load_id,
                    coalesce(loaded.result_rows, 0) as result_rows
                from loaded
                full outer join (
                    select workspace_uid, job_uid, load_id
                    from {{{FIELD_JOBS}}} where load_id <> '{GONE}'
                ) as counted
                    on counted.workspace_uid = loaded.workspace_uid
                    and counted.job_uid = loaded.job_uid
                where counted.load_id is null or loaded.load_id is null
                    or counted.load_id <> loaded.load_id
            )
            select c.workspace_uid, c.job_uid, c.load_id, k.workflow_uid,
                k.job_uid is not null as is_counted,
                cast(floor(cast(
                    sum(case when k.job_uid is null then c.result_rows else 0 end) over (
                        order by c.workspace_uid, c.job_uid rows unbounded preceding
                    ) as double precision) / {BATCH_ROWS}) as bigint) as batch
            from changed as c
            left join counted_jobs as k
                on k.workspace_uid = c.workspace_uid and k.job_uid = c.job_uid
                and k.load_id = c.load_id and k.result_rows = c.result_rows
            """
        )
        self._analyze("changed_jobs")
        found = self._store.query("select distinct batch from changed_jobs order by batch")
        return [batch for (batch,) in found]

    def _count(self, batch: int) -> None:
        """Counts one batch anew: takes away what its jobs had, adds what they have."""
        self._store.run(
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
        if self._store.query("select 1 from batch_jobs where not is_counted limit 1"):
            find_values(self._database, self._store)
        self._store.run(
            """
            create temporary table batch_values as
            select b.workspace_uid, b.workflow_uid, b.job_uid, v.key, v.nested_key, v.kind,
                v.result_rows, v.first_at, v.last_at, v.place
            from job_values as v inner join batch_jobs as b on b.number = v.number;
            drop table job_values
            """
        )
        self._analyze("batch_values")
        workflows = [
            (workspace, workflow)
            for workspace, workflow in self._store.query(
                "select distinct workspace_uid, workflow_uid from batch_values"
            )
        ]
        for workspace, workflow in sorted(workflows):
            self._learn((workspace, workflow))
        jobs = f"(select workspace_uid, job_uid from changed_jobs where batch = {batch})"
        self._store.run(
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
                and (load_id is null or workflow_uid <> old_workflow_uid);
            drop table batch_jobs;
            drop table batch_counts;
            drop table batch_values
            """
        )

    def _learn(self, workflow: WorkflowKey) -> None:
        """Takes the fields and kinds of a batch into the catalogue of a workflow."""
        known = {(field.key, field.nested_key): field for field in self._store.of(workflow)}
        kinds: dict[tuple[str, str | None], set[str]] = defaultdict(set)
        for key, nested, kind in self._store.query(
            """
            select v.key, v.nested_key, v.kind
            from batch_values as v
            left join batch_values as p
                on p.workspace_uid = v.workspace_uid and p.workflow_uid = v.workflow_uid
                and p.job_uid = v.job_uid and p.key = v.key and v.nested_key is not null
                and p.nested_key is null and p.kind = 'object'
            where v.workspace_uid = %s and v.workflow_uid = %s
            group by v.key, v.nested_key, v.kind
            order by min(coalesce(p.place, v.place)), v.key, min(v.place), v.nested_key
            """,
            workflow,
        ):
            kinds[key, nested].add(kind)
        fresh = [path for path in kinds if path not in known]
        room = max(0, MAX_FIELDS - len(known))
        if len(fresh) > room:
            logger.warning(
                "Workflow %s: %s keys are not in the catalogue, which takes %s of a workflow",
                workflow[1],
                f"{len(fresh) - room:,}",
                f"{MAX_FIELDS:,}",
            )
            fresh = fresh[:room]
        names = assign_names(
            ((path, [[part for part in path if part is not None]]) for path in fresh),
            taken={*BASE_COLUMNS, *(field.column_name for field in known.values())},
        )
        now = datetime.now(UTC)
        next_id = 1 + max((field.field_id for field in known.values()), default=0)
        places = _Places(known.values())
        inserts = []
        for number, path in enumerate(fresh, start=next_id):
            key, nested = path
            kind = value_type(kinds[path], is_nested=nested is not None)
            inserts.append(
                (
                    *workflow,
                    number,
                    key,
                    nested,
                    names[path],
                    kind,
                    places.next() if kind is not None else None,
                    ", ".join(json_types(kinds[path])),
                    " ".join(sorted(kinds[path])),
                    0,
                    now,
                )
            )
        self._store.insert(inserts)
        for path, field in known.items():
            if not kinds.get(path, set()) <= field.kinds:
                seen = field.kinds | kinds[path]
                kind = value_type(seen, is_nested=field.nested_key is not None)
                place = field.column_place
                if kind is not None and place is None:
                    place = places.next()
                new = replace(field, kinds=seen, column_type=kind, column_place=place)
                self._store.change(workflow, field, new, now)

    def _analyze(self, table: str) -> None:
        """Counts a fresh temporary table: Postgres takes it for tiny and joins row by row."""
        if self._database.kind == "postgres":
            self._store.run(f"analyze {table}")


class _Places:
    """Hands out places of columns up to the limit, then none."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._last = max((field.column_place or 0 for field in fields), default=0)

    def next(self) -> int | None:
        if self._last >= MAX_COLUMNS:
            return None
        self._last += 1
        return self._last
