"""The catalogue of what results hold, kept up to date job by job.

`job_result_fields` tells, for each workflow and key, the column and what was seen. It is the sum of
`job_result_field_counts`, which has a row for each job, field and kind of value, so that a job
whose results were replaced is counted once. `job_result_field_jobs` says which load of a job is
counted; only jobs that the ledger shows in another load are looked at.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from captaindata_source.sqltext import hash_sums, literal, quoted
from captaindata_source.tables import JOB_RESULTS, LEDGER, WORKSPACES
from captaindata_source.views.results.batches import analyze, count_batch
from captaindata_source.views.results.counting import Counted
from captaindata_source.views.results.fields import FIELD_JOBS, GONE, FieldStore
from captaindata_source.views.results.keys import ensure_keys
from captaindata_source.warehouse.database import Database

__all__ = ["Catalogue", "among_many"]

RESULTS_LOAD = "results_load_id"
"""Column of the ledger: the load that wrote a job's results."""
BATCH_ROWS = 25_000
"""Results that are looked at in one transaction."""

COUNTED = f"select workspace_uid, job_uid, load_id from {{{FIELD_JOBS}}} where load_id <> '{GONE}'"
MANY_WORKSPACES = 20
"""Beyond so many, a sync looks only at the results of the workspaces that it loaded."""


def among_many(
    database: Database, dataset: str, workspaces: Collection[str] | None
) -> Collection[str] | None:
    """The workspaces whose results are looked at after a load; None: all.

    Where there are many, most of them are loaded by other processes, which look at theirs.

    Args:
        database: The database.
        dataset: Where the tables are.
        workspaces: Uids of those that were loaded; None: it is not known.
    """
    if workspaces is None or WORKSPACES.name not in database.relations(dataset):
        return None
    (count,) = database.query(f"select count(*) from {quoted(dataset)}.{WORKSPACES.name}")[0]
    return workspaces if count > max(MANY_WORKSPACES, len(workspaces)) else None


class Catalogue:
    """The catalogue of a dataset.

    Args:
        database: Outside of a transaction.
        dataset: Where the tables are.
        workspaces: Uids of those whose results are looked at; None: all.
    """

    def __init__(
        self, database: Database, dataset: str, workspaces: Collection[str] | None = None
    ) -> None:
        self._where = ""
        if workspaces is not None:
            uids = ", ".join(map(literal, sorted(workspaces))) or "null"
            self._where = f" and {{alias}}workspace_uid in ({uids})"
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
        loaded = self._loaded()
        is_up_to_date = counted is None and self._is_up_to_date(loaded)  # else there is news
        is_doubled = ensure_keys(self._database, self._dataset, are_jobs_distinct=is_up_to_date)
        if is_up_to_date and not is_doubled:
            return 0
        self._take_counted(counted)
        batches = self._changed_jobs(loaded)
        try:
            (jobs,) = self._database.query("select count(*) from changed_jobs")[0]
            if jobs:
                self._store.create_indexes()
            for batch in batches:
                with self._database.transaction():
                    count_batch(self._database, self._store, batch)
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
            analyze(self._database, self._store, "counted_jobs")
            analyze(self._database, self._store, "counted_values")

    def _is_up_to_date(self, loaded: str) -> bool:
        """Whether each job's committed load is the one that is counted."""
        sums = hash_sums(self._database.kind, "workspace_uid", "job_uid", "load_id")
        found = [
            self._store.query(f"select {sums} from ({jobs}) as jobs")
            for jobs in (loaded, self._counted)
        ]
        return found[0] == found[1]

    @property
    def _counted(self) -> str:
        return COUNTED + self._where.replace("{alias}", "")

    def _loaded(self) -> str:
        """A select of the jobs that are committed, and the load of their results."""
        columns = {name for name, _ in self._database.columns(self._dataset, LEDGER.name)}
        load_id = "l._dlt_load_id"
        if RESULTS_LOAD in columns:  # the row is younger than the results where they came again
            load_id = f"coalesce(l.{RESULTS_LOAD}, {load_id})"
        return f"""
            select l.workspace_uid, l.job_uid, {load_id} as load_id,
                coalesce(l.result_rows, 0) as result_rows
            from {{{LEDGER.name}}} as l
            where exists (
                select 1 from {{_dlt_loads}} as d
                where d.load_id = l._dlt_load_id and d.status = 0
            ){self._where.replace("{alias}", "l.")}
        """

    def _changed_jobs(self, loaded: str) -> list[int]:
        """Lists the jobs whose committed load is not the one that is counted.

        Args:
            loaded: The select of `_loaded`.

        Returns:
            The numbers of the batches that they are in.
        """
        self._store.run(
            f"""
            create temporary table changed_jobs as
            with loaded as ({loaded}),
            changed as (
                select
                    coalesce(loaded.workspace_uid, counted.workspace_uid) as workspace_uid,
                    coalesce(loaded.job_uid, counted.job_uid) as job_uid,
                    loaded.load_id,
                    coalesce(loaded.result_rows, 0) as result_rows
                from loaded
                full outer join ({self._counted}) as counted
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
        analyze(self._database, self._store, "changed_jobs")
        found = self._store.query("select distinct batch from changed_jobs order by batch")
        return [batch for (batch,) in found]
