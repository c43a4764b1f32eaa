"""The catalogue of what results hold, kept up to date job by job.

`job_result_fields` tells, for each workflow and key, the column and what was seen. It is the sum of
`job_result_field_counts`, which has a row for each job, field and kind of value, so that a job
whose results were replaced is counted once. `job_result_field_jobs` says which load of a job is
counted; only jobs that the ledger shows in another load are looked at.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from captaindata_source.database import Database, RefusedError
from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, LEDGER
from captaindata_source.typed.dialects import dialect_of
from captaindata_source.typed.names import assign_names
from captaindata_source.typed.types import ValueType, json_types, value_type

__all__ = ["BASE_COLUMNS", "FIELDS", "FIELD_COUNTS", "FIELD_JOBS", "GONE", "Catalogue", "Field"]

logger = logging.getLogger(__name__)

FIELDS = "job_result_fields"
FIELD_COUNTS = "job_result_field_counts"
FIELD_JOBS = "job_result_field_jobs"
BASE_COLUMNS = ("job_id", "result_id", "started_at", "created_at")
"""Columns of a workflow's view before those of its keys."""
MAX_FIELDS = 10_000
"""Keys of a workflow that the catalogue takes; more are data, not keys."""
MAX_COLUMNS = 1_500
"""Columns of a workflow's view; Postgres ends at 1,600."""
GONE = ""
"""In place of a load, until its table was refreshed: the workflow no longer has the job."""
BATCH_ROWS = 50_000
"""Results that are looked at in one transaction."""

OF_WORKFLOW = "workspace_uid = %s and workflow_uid = %s"
WorkflowKey = tuple[str, str]
"""Workspace uid and workflow uid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key of a workflow's results, or a key within the objects that it holds.

    Args:
        field_id: Its number within the workflow.
        key: The key.
        nested_key: The key within the object.
        column_name: Its column in the workflow's view.
        column_type: Type of that column; None while it needs none.
        column_place: Place of the column behind the first four; None where it has no column.
        kinds: Kinds of values ever seen.
    """

    field_id: int
    key: str
    nested_key: str | None
    column_name: str
    column_type: ValueType | None
    column_place: int | None
    kinds: frozenset[str]


class Catalogue:
    """The catalogue of a dataset.

    Args:
        database: Outside of a transaction.
        dataset: Where the tables are.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset
        self._dialect = dialect_of(database.kind)

    def refresh(self) -> int:
        """Counts the results of jobs that were loaded since the last time.

        Returns:
            Jobs looked at.
        """
        if not {JOB_RESULTS.name, LEDGER.name} <= set(self._database.relations(self._dataset)):
            return 0
        self._create_tables()
        batches = self._changed_jobs()
        try:
            (jobs,) = self._database.query("select count(*) from changed_jobs")[0]
            if jobs:
                self._create_indexes()
            for number in range(batches):
                with self._database.transaction():
                    self._count(number)
        finally:
            self._database.run("drop table changed_jobs")
        return int(jobs)

    def fields(self) -> dict[WorkflowKey, list[Field]]:
        """All fields, by workflow, in the order of their numbers."""
        if FIELDS not in self._database.relations(self._dataset):
            return {}
        return self._fields("true", ())

    def _fields(
        self, condition: str, parameters: Sequence[object]
    ) -> dict[WorkflowKey, list[Field]]:
        found: dict[WorkflowKey, list[Field]] = defaultdict(list)
        for workspace, workflow, number, key, nested, name, kind, place, kinds in self._query(
            f"""
            select workspace_uid, workflow_uid, field_id, key, nested_key, column_name,
                column_type, column_place, value_kinds
            from {{{FIELDS}}} where {condition} order by workspace_uid, workflow_uid, field_id
            """,
            parameters,
        ):
            found[workspace, workflow].append(
                Field(
                    field_id=number,
                    key=key,
                    nested_key=nested,
                    column_name=name,
                    column_type=ValueType(kind) if kind else None,
                    column_place=place,
                    kinds=frozenset(kinds.split()),
                )
            )
        return dict(found)

    def _create_tables(self) -> None:
        if FIELDS in self._database.relations(self._dataset):
            return
        with self._database.transaction():
            self._run(
                f"""
                create table {{{FIELDS}}} (
                    workspace_uid text not null, workflow_uid text not null,
                    field_id bigint not null, key text not null, nested_key text,
                    column_name text not null, column_type text, column_place bigint,
                    json_types text not null, value_kinds text not null,
                    rows_with_value bigint not null,
                    first_seen_at timestamp with time zone, last_seen_at timestamp with time zone,
                    previous_type text, type_changed_at timestamp with time zone,
                    added_at timestamp with time zone not null
                );
                create table {{{FIELD_COUNTS}}} (
                    workspace_uid text not null, job_uid text not null,
                    workflow_uid text not null, field_id bigint not null, kind text not null,
                    result_rows bigint not null
                );
                create table {{{FIELD_JOBS}}} (
                    workspace_uid text not null, job_uid text not null,
                    workflow_uid text not null, load_id text not null, table_load_id text
                )
                """
            )

    def _create_indexes(self) -> None:
        """On Postgres; the views do without where the tables are someone else's."""
        if self._database.kind != "postgres":
            return
        for table, column in (
            (JOB_RESULTS.name, "job_uid"),
            (JOB_RESULTS.name, "workflow_uid"),
            (FIELD_COUNTS, "job_uid"),
            (FIELD_JOBS, "job_uid"),
        ):
            try:
                with self._database.transaction():
                    self._run(
                        f"create index if not exists {table}_by_{column} "
                        f"on {{{table}}} (workspace_uid, {column})"
                    )
            except RefusedError as error:
                logger.info("%s has no index by %s: %s", table, column, error)

    def _changed_jobs(self) -> int:
        """Lists, in batches, the jobs whose committed load is not the one that is counted."""
        self._run(
            f"""
            create temporary table changed_jobs as
            with loaded as (
                select l.workspace_uid, l.job_uid, l._dlt_load_id as load_id,
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
            select workspace_uid, job_uid, load_id, cast(floor(cast(sum(result_rows) over (
                order by workspace_uid, job_uid rows unbounded preceding) as double precision)
                / {BATCH_ROWS}) as bigint) as batch
            from changed
            """
        )
        self._analyze("changed_jobs")
        found = self._query("select distinct batch from changed_jobs order by batch")
        numbers = [number for (number,) in found]
        if numbers != list(range(len(numbers))):
            for new, old in enumerate(numbers):
                self._run(f"update changed_jobs set batch = {new} where batch = {old}")
        return len(numbers)

    def _count(self, batch: int) -> None:
        """Counts one batch anew: takes away what its jobs had, adds what they have."""
        rows = f"""
            select r.workspace_uid, coalesce(r.workflow_uid, '') as workflow_uid, r.job_uid,
                coalesce(r.created_at, r.loaded_at) as created_at, r.data
            from {{{JOB_RESULTS.name}}} as r
            inner join changed_jobs as c
                on c.workspace_uid = r.workspace_uid and c.job_uid = r.job_uid
            where c.batch = {batch} and c.load_id is not null
        """
        self._run(
            f"""
            create temporary table batch_values as
            select workspace_uid, workflow_uid, job_uid, key, nested_key, kind,
                count(*) as result_rows, min(created_at) as first_at, max(created_at) as last_at,
                min(place) as place
            from ({self._dialect.values(rows)}) as found
            group by workspace_uid, workflow_uid, job_uid, key, nested_key, kind
            """
        )
        self._analyze("batch_values")
        workflows = [
            (workspace, workflow)
            for workspace, workflow in self._query(
                "select distinct workspace_uid, workflow_uid from batch_values"
            )
        ]
        for workspace, workflow in sorted(workflows):
            self._learn((workspace, workflow))
        jobs = f"(select workspace_uid, job_uid from changed_jobs where batch = {batch})"
        self._run(
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
            create temporary table batch_jobs as
            select c.workspace_uid, c.job_uid, c.load_id, j.table_load_id,
                coalesce(found.workflow_uid, j.workflow_uid, '') as workflow_uid,
                j.workflow_uid as old_workflow_uid
            from changed_jobs as c
            left join (
                select r.workspace_uid, r.job_uid, min(r.workflow_uid) as workflow_uid
                from {{{JOB_RESULTS.name}}} as r
                inner join changed_jobs as b
                    on b.workspace_uid = r.workspace_uid and b.job_uid = r.job_uid
                where b.batch = {batch}
                group by r.workspace_uid, r.job_uid
            ) as found
                on found.workspace_uid = c.workspace_uid and found.job_uid = c.job_uid
            left join {{{FIELD_JOBS}}} as j
                on j.workspace_uid = c.workspace_uid and j.job_uid = c.job_uid
                and j.load_id <> '{GONE}'
            where c.batch = {batch};
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
        known = {
            (field.key, field.nested_key): field
            for fields in self._fields(OF_WORKFLOW, workflow).values()
            for field in fields
        }
        kinds: dict[tuple[str, str | None], set[str]] = defaultdict(set)
        for key, nested, kind in self._query(
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
        self._insert_fields(inserts)
        for path, field in known.items():
            if not kinds.get(path, set()) <= field.kinds:
                self._widen(workflow, field, field.kinds | kinds[path], places, now)

    def _insert_fields(self, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join(["%s"] * 12)
        for start in range(0, len(rows), 500):
            batch = rows[start : start + 500]
            self._query(
                f"""
                insert into {{{FIELDS}}} (workspace_uid, workflow_uid, field_id, key, nested_key,
                    column_name, column_type, column_place, json_types, value_kinds,
                    rows_with_value, added_at)
                values {", ".join([f"({marks})"] * len(batch))}
                """,
                [value for row in batch for value in row],
            )

    def _widen(
        self,
        workflow: WorkflowKey,
        field: Field,
        kinds: frozenset[str],
        places: _Places,
        now: datetime,
    ) -> None:
        kind = value_type(kinds, is_nested=field.nested_key is not None)
        new = replace(field, kinds=kinds, column_type=kind)
        if kind is not None and field.column_place is None:
            new = replace(new, column_place=places.next())
        sets = ["json_types = %s", "value_kinds = %s", "column_type = %s", "column_place = %s"]
        values: list[object] = [
            ", ".join(json_types(kinds)),
            " ".join(sorted(kinds)),
            kind,
            new.column_place,
        ]
        if kind is not field.column_type and field.column_type is not None:
            sets += ["previous_type = %s", "type_changed_at = %s"]
            values += [field.column_type, now]
        self._query(
            f"update {{{FIELDS}}} set {', '.join(sets)} where {OF_WORKFLOW} and field_id = %s",
            [*values, *workflow, field.field_id],
        )

    def _analyze(self, table: str) -> None:
        """Counts a fresh temporary table: Postgres takes it for tiny and joins row by row."""
        if self._database.kind == "postgres":
            self._run(f"analyze {table}")

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._database.query(self._named(sql), parameters)

    def _run(self, sql: str) -> None:
        self._database.run(self._named(sql))

    def _named(self, sql: str) -> str:
        """Puts the dataset before `{table}`."""
        for table in (
            FIELDS,
            FIELD_COUNTS,
            FIELD_JOBS,
            JOB_RESULTS.name,
            LEDGER.name,
            "_dlt_loads",
        ):
            sql = sql.replace(f"{{{table}}}", f"{quoted(self._dataset)}.{quoted(table)}")
        return sql


class _Places:
    """Hands out places of columns up to the limit, then none."""

    def __init__(self, fields: Any) -> None:
        self._last = max((field.column_place or 0 for field in fields), default=0)

    def next(self) -> int | None:
        if self._last >= MAX_COLUMNS:
            return None
        self._last += 1
        return self._last
