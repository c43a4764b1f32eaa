"""Brings people and companies up to date: reads the jobs whose results changed, links what they
mention with what was known, and replaces the rows of those who are concerned."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa

from captaindata_source.people_fields import Entity
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import JOB_RESULTS, JOBS, LEDGER, views_schema
from captaindata_source.times import EARLIEST, LATEST
from captaindata_source.views.people.engine import Engine, opened_engine
from captaindata_source.views.people.extraction import ORIGIN, mention_columns, mentions_query
from captaindata_source.views.people.linking import CONFLICT_COLUMNS, link
from captaindata_source.views.people.paths import Path, Plan, make_plan, with_more_keys
from captaindata_source.views.people.rows import gather_rows
from captaindata_source.views.people.store import (
    CONFLICTS,
    JOBS_READ,
    TABLES,
    PeopleStore,
    declared,
    kept_mentions,
    mentions_of,
    row_columns,
    rows_of,
)
from captaindata_source.views.results.fields import FIELD_JOBS, FieldStore, WorkflowKey
from captaindata_source.warehouse.database import Database

__all__ = ["PeopleRefresh"]

logger = logging.getLogger(__name__)

RULES = 1
"""To be raised when results are to be read again, for they are understood in another way."""
BATCH_ROWS = 400_000
"""Results that are read in one transaction."""
RESULTS_VIEW, REPEATED = "job_results", "is_repeated"
CHANGED = {"workspace_uid": "text", "job_uid": "text", "version": "text", "plan": "bigint"}


class PeopleRefresh:
    """Brings people and companies up to date.

    Args:
        database: Outside of a transaction. The catalogue is up to date.
        dataset: Holds the tables.
        more_keys: Field to keys that feed it beside those of the package.
    """

    def __init__(
        self,
        database: Database,
        dataset: str,
        more_keys: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._database = database
        self._dataset = dataset
        self._entities = with_more_keys(more_keys)
        self._store = PeopleStore(database, dataset)
        self._plans: list[Plan] = []

    def prepare(self) -> None:
        """Creates what is missing of the tables, once results have ids."""
        tables = self._database.relations(self._dataset).keys()
        if not TABLES.keys() <= tables and (JOBS_READ in tables or self._plans_of_workflows()):
            self._store.create()

    def run(self) -> int:
        """Reads the jobs whose results changed, if the tables are there.

        Returns:
            Jobs that were read again, or are gone.
        """
        tables = self._database.relations(self._dataset)
        if not TABLES.keys() <= tables.keys():
            return 0
        changed = self._changed_jobs(self._plans_of_workflows(), has_jobs=JOBS.name in tables)
        if not changed:
            return 0
        self._store.create()
        with opened_engine(self._database) as engine:
            for batch in _batches(changed):
                self._replace(engine, batch)
        self._store.create_indexes()
        return len(changed)

    def _plans_of_workflows(self) -> dict[WorkflowKey, int]:
        """The number of the plan of each workflow whose results have ids."""
        numbers: dict[str, int] = {}
        found = {}
        for workflow, fields in FieldStore(self._database, self._dataset).all().items():
            paths: list[Path] = [(field.key, field.nested_key) for field in fields]
            plan = make_plan(paths, self._entities)
            if plan is not None:
                number = numbers.setdefault(plan.digest, len(numbers))
                if number == len(self._plans):
                    self._plans.append(plan)
                found[workflow] = number
        return found

    def _changed_jobs(
        self, plans: Mapping[WorkflowKey, int], *, has_jobs: bool
    ) -> list[tuple[str, str, str | None, int | None, int]]:
        """Jobs with another version than was read: workspace, job, version, plan and results."""
        values = ", ".join(
            f"({literal(workspace)}, {literal(workflow)}, {plan}, "
            f"{literal(f'{RULES} {self._plans[plan].digest} ')})"
            for (workspace, workflow), plan in plans.items()
        )
        planned = f"values {values}" if values else "select '', '', 0, '' where false"
        named = self._store.named
        families = (
            f"""
            union
            select w.workspace_uid, w.job_uid from wanted as w
            inner join {named(JOBS.name)} as j
                on j.workspace_uid = w.workspace_uid and j.uid = w.job_uid
            inner join differing as d
                on d.workspace_uid = j.workspace_uid
                and d.job_uid in (j.main_job_uid, j.flow_run_id)
            """
            if has_jobs
            else ""
        )
        return self._database.query(
            f"""
            with plans (workspace_uid, workflow_uid, plan, prefix) as ({planned}),
            wanted as (
                select j.workspace_uid, j.job_uid, p.plan, p.prefix || j.load_id as version
                from {named(FIELD_JOBS)} as j
                inner join plans as p
                    on p.workspace_uid = j.workspace_uid and p.workflow_uid = j.workflow_uid
                where j.load_id <> ''
            ),
            differing as (
                select coalesce(w.workspace_uid, r.workspace_uid) as workspace_uid,
                    coalesce(w.job_uid, r.job_uid) as job_uid
                from wanted as w
                full outer join {named(JOBS_READ)} as r
                    on r.workspace_uid = w.workspace_uid and r.job_uid = w.job_uid
                where w.version is null or r.version is null or w.version <> r.version
            ),
            changed as (
                select workspace_uid, job_uid from differing
                {families}
            )
            select c.workspace_uid, c.job_uid, w.version, w.plan, coalesce(l.result_rows, 0)
            from changed as c
            left join wanted as w
                on w.workspace_uid = c.workspace_uid and w.job_uid = c.job_uid
            left join {named(LEDGER.name)} as l
                on l.workspace_uid = c.workspace_uid and l.job_uid = c.job_uid
            order by c.workspace_uid, c.job_uid
            """
        )

    def _replace(self, engine: Engine, jobs: Sequence[tuple[object, ...]]) -> None:
        """Replaces what some jobs mention, and the rows of all who are concerned."""
        columns = list(zip(*(job[:4] for job in jobs), strict=True))
        types = [pa.string(), pa.string(), pa.string(), pa.int64()]
        table = pa.table(
            [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)],
            [*CHANGED],
        )
        engine.put("changed_now", declared(CHANGED), table)
        for entity in self._entities:
            self._find(engine, entity)
        self._read(engine)
        for entity in self._entities:
            self._work_out(engine, entity)
        with self._database.transaction(), self._handed_over(engine):
            self._write(engine)
        for entity in self._entities:
            for name in ("touched", "linked", "conflicts", "rows"):
                engine.run(f"drop table {entity.name}_{name}_now")

    def _find(self, engine: Engine, entity: Entity) -> None:
        columns = declared({**mention_columns(entity), "is_repeated": "boolean"})
        engine.run(f"create or replace temp table {entity.name}_found ({columns})")

    def _read(self, engine: Engine) -> None:
        """Fills the tables of fresh mentions from the results."""
        times = f"timestamptz '{EARLIEST}' and timestamptz '{LATEST}'"
        created = f"case when r.created_at between {times} then r.created_at end"
        rows = f"""
            select r.workspace_uid, r.workflow_uid, r.job_uid, r.result_uid,
                coalesce({created}, r.loaded_at) as seen_at, r.data, c.plan
            from {self._store.named(JOB_RESULTS.name)} as r
            inner join changed_now as c
                on c.workspace_uid = r.workspace_uid and c.job_uid = r.job_uid
            where c.plan is not null
        """
        plans = engine.arrow("select distinct plan from changed_now where plan is not null")
        numbers = sorted(plans["plan"].to_pylist())
        if not numbers:
            return
        origin = ", ".join(ORIGIN)
        for part in engine.stream(rows, ["changed_now"]):
            for number in numbers:
                plan = self._plans[number]
                for entity in self._entities:
                    if plan.of(entity):
                        source = f"select {origin}, data from {part} as part where plan = {number}"
                        found = mentions_query(plan, entity, self._entities[0], source)
                        engine.run(
                            f"insert into {entity.name}_found select *, false from ({found})"
                        )
        self._mark_repeated(engine)

    def _mark_repeated(self, engine: Engine) -> None:
        """Notes which mentions are in results of retries that the main run has too.

        The view of results says which these are. The retries of a job are read again with it.
        """
        schema = views_schema(self._dataset)
        columns = self._database.columns(schema, RESULTS_VIEW)
        if REPEATED not in {name for name, _ in columns}:
            return
        repeated = f"""
            select workspace_id, result_id from {quoted(schema)}.{RESULTS_VIEW}
            where {REPEATED} and (workspace_id, job_id) in (
                select workspace_uid, job_uid from changed_now
            )
        """
        engine.run("create or replace temp table repeated_now (workspace_uid text, uid text)")
        for part in engine.stream(repeated, ["changed_now"]):
            engine.run(f"insert into repeated_now select * from {part} as part")
        for entity in self._entities:
            engine.run(
                f"update {entity.name}_found set is_repeated = true where "
                "(workspace_uid, result_uid) in (select workspace_uid, uid from repeated_now)"
            )
        engine.run("drop table repeated_now")

    def _work_out(self, engine: Engine, entity: Entity) -> None:
        """Links fresh mentions with the known ones that they touch."""
        name = entity.name
        kept = self._store.named(mentions_of(entity))
        known = ", ".join(f"m.{quoted(column)}" for column in mention_columns(entity))
        ids = ", ".join(entity.ids)
        engine.run(
            f"""
            create or replace temp table {name}_ids as
            select distinct {ids} from {name}_found;
            create or replace temp table {name}_touched_now (component bigint)
            """
        )
        if self._database.query(f"select 1 from {kept} limit 1"):
            by_id = " ".join(
                f"union all select m.component from {kept} as m inner join "
                f"(select distinct {each} from {name}_ids where {each} <> '') as i "
                f"on i.{each} = m.{each}"
                for each in entity.ids
            )
            touched = f"""
                select distinct component from (
                    select m.component from {kept} as m inner join changed_now as c
                        on c.workspace_uid = m.workspace_uid and c.job_uid = m.job_uid
                    {by_id}
                ) as found
            """
            for part in engine.stream(touched, ["changed_now", f"{name}_ids"]):
                engine.run(f"insert into {name}_touched_now select component from {part} as part")
            others = f"""
                select {known}, m.is_repeated from {kept} as m
                inner join {name}_touched_now as t on t.component = m.component
                left join changed_now as c
                    on c.workspace_uid = m.workspace_uid and c.job_uid = m.job_uid
                where c.job_uid is null
            """
            for part in engine.stream(others, ["changed_now", f"{name}_touched_now"]):
                engine.run(f"insert into {name}_found select * from {part} as part")
        link(engine, entity, f"{name}_found")
        same = " and ".join(f"l.{each} = m.{each}" for each in entity.ids)
        engine.run(
            f"""
            create or replace temp table {name}_linked_now as
            select m.*, l.own_id, l.overall_id, l.is_shared, l.component
            from {name}_found as m
            inner join links as l on l.workspace_uid = m.workspace_uid and {same};
            drop table links;
            drop table {name}_found;
            drop table {name}_ids;
            alter table conflicts rename to {name}_conflicts_now
            """
        )
        gather_rows(engine, entity, f"{name}_linked_now")
        engine.run(f"alter table gathered_rows rename to {name}_rows_now")

    @contextmanager
    def _handed_over(self, engine: Engine) -> Iterator[None]:
        """Lets the destination see which jobs and whose rows are replaced."""
        engine.hand_over("changed_now", declared(CHANGED))
        for entity in self._entities:
            engine.hand_over(f"{entity.name}_touched_now", "component bigint")
        yield
        engine.take_back("changed_now")
        for entity in self._entities:
            engine.take_back(f"{entity.name}_touched_now")

    def _write(self, engine: Engine) -> None:
        named = self._store.named
        jobs = "(workspace_uid, job_uid) in (select workspace_uid, job_uid from changed_now)"
        self._database.run(f"delete from {named(JOBS_READ)} where {jobs}")
        engine.write(
            named(JOBS_READ),
            [*TABLES[JOBS_READ]],
            "select workspace_uid, job_uid, version from changed_now where version is not null",
        )
        for entity in self._entities:
            touched = f"component in (select component from {entity.name}_touched_now)"
            self._database.run(
                f"delete from {named(mentions_of(entity))} where {touched};\n"
                f"delete from {named(rows_of(entity))} where {touched};\n"
                f"delete from {named(CONFLICTS)} where entity = {literal(entity.name)} "
                f"and {touched}"
            )
            for target, columns, source in (
                (mentions_of(entity), kept_mentions(entity), "linked"),
                (rows_of(entity), row_columns(entity), "rows"),
                (CONFLICTS, CONFLICT_COLUMNS, "conflicts"),
            ):
                engine.write(named(target), [*columns], f"select * from {entity.name}_{source}_now")


def _batches(
    jobs: Sequence[tuple[str, str, str | None, int | None, int]],
) -> Iterator[list[tuple[str, str, str | None, int | None, int]]]:
    """Jobs that are read in one transaction."""
    batch: list[tuple[str, str, str | None, int | None, int]] = []
    rows = 0
    for job in jobs:
        if batch and rows + job[4] > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(job)
        rows += job[4]
    if batch:
        yield batch
