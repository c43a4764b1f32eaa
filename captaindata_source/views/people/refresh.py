"""Brings people and companies up to date: reads the jobs whose results changed, links what they
mention with what was known, and replaces the rows of those who are concerned."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

import pyarrow as pa

from captaindata_source.people_fields import Entity
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import JOBS
from captaindata_source.views.people.changed import ChangedJob, batches, changed_jobs
from captaindata_source.views.people.engine import Engine, opened_engine
from captaindata_source.views.people.extraction import mention_columns
from captaindata_source.views.people.linking import CONFLICT_COLUMNS, link
from captaindata_source.views.people.paths import Plan, make_plan, with_more_keys
from captaindata_source.views.people.reading import mark_repeated, read_mentions
from captaindata_source.views.people.rows import gather_rows, place, placed_mentions
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
from captaindata_source.views.results.fields import FieldStore, Path, WorkflowKey
from captaindata_source.warehouse.database import Database

__all__ = ["PeopleRefresh"]

logger = logging.getLogger(__name__)

MANY_ROWS = 50_000
"""Results after which the tables are analyzed."""
CHANGED = {"workspace_uid": "text", "job_uid": "text", "version": "text", "plan": "bigint"}


class PeopleRefresh:
    """Brings people and companies up to date.

    Args:
        database: Outside of a transaction. The catalogue is up to date.
        dataset: Holds the tables.
        more_keys: Field to keys that feed it beside those of the package.
        workspaces: Uids of those whose results are looked at; None: all.
    """

    def __init__(
        self,
        database: Database,
        dataset: str,
        more_keys: Mapping[str, Sequence[str]] | None = None,
        workspaces: Collection[str] | None = None,
    ) -> None:
        self._workspaces = workspaces
        self._database = database
        self._dataset = dataset
        self._entities = with_more_keys(more_keys)
        self._store = PeopleStore(database, dataset)

    def prepare(self) -> None:
        """Creates what is missing of the tables, once results have ids."""
        tables = self._database.relations(self._dataset).keys()
        if not TABLES.keys() <= tables and (JOBS_READ in tables or self._plans[1]):
            self._store.create()

    def run(self) -> int:
        """Reads the jobs whose results changed, if the tables are there.

        Returns:
            Jobs that were read again, or are gone.
        """
        tables = self._database.relations(self._dataset)
        if not TABLES.keys() <= tables.keys():
            return 0
        plans, numbers = self._plans
        changed = changed_jobs(
            self._database,
            self._store,
            plans,
            numbers,
            has_jobs=JOBS.name in tables,
            workspaces=self._workspaces,
        )
        if not changed:
            return 0
        self._store.create()
        with opened_engine(self._database) as engine:
            for batch in batches(changed, engine.batch_rows):
                self._replace(engine, batch)
        self._store.create_indexes()
        if sum(job.result_rows for job in changed) >= MANY_ROWS:
            self._store.analyze()
        return len(changed)

    @cached_property
    def _plans(self) -> tuple[Sequence[Plan], Mapping[WorkflowKey, int]]:
        """Plans, and the number of that of each workflow looked at whose results have ids."""
        plans: list[Plan] = []
        numbers: dict[str, int] = {}
        found = {}
        made: dict[frozenset[Path], Plan | None] = {}  # many workflows have the same keys
        for workflow, fields in FieldStore(self._database, self._dataset).all().items():
            if self._workspaces is not None and workflow[0] not in self._workspaces:
                continue
            paths = frozenset((field.key, field.nested_key) for field in fields)
            if paths not in made:
                made[paths] = make_plan(paths, self._entities)
            if (plan := made[paths]) is not None:
                number = numbers.setdefault(plan.digest, len(numbers))
                if number == len(plans):
                    plans.append(plan)
                found[workflow] = number
        return plans, found

    def _replace(self, engine: Engine, jobs: Sequence[ChangedJob]) -> None:
        """Replaces what some jobs mention, and the rows of all who are concerned."""
        columns = list(zip(*(job[:4] for job in jobs), strict=True))
        types = [pa.string(), pa.string(), pa.string(), pa.int64()]
        table = pa.table(
            [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)],
            [*CHANGED],
        )
        engine.put("changed_now", declared(CHANGED), table)
        read_mentions(engine, self._store, self._plans[0], self._entities)
        mark_repeated(engine, self._database, self._dataset, self._entities)
        for entity in self._entities:
            self._work_out(engine, entity)
        with self._database.transaction(), self._handed_over(engine):
            self._write(engine)
        for entity in self._entities:
            names = ("touched_now", "placed_now", "seen_now", "conflicts_now", "rows_now", "found")
            engine.run(";".join(f"drop table {entity.name}_{name}" for name in (*names, "ids")))

    def _work_out(self, engine: Engine, entity: Entity) -> None:
        """Links fresh mentions with the known ones that they touch."""
        name = entity.name
        kept = self._store.named(mentions_of(entity))
        rows = self._store.named(rows_of(entity))
        facts = {field.name for field in entity.facts}
        known = ", ".join(
            f"case when m.is_only then r.{quoted(column)} else m.{quoted(column)} end"
            if column in facts
            else f"m.{quoted(column)}"
            for column in mention_columns(entity)
        )
        ids = ", ".join(entity.ids)
        engine.run(
            f"""
            drop table if exists {name}_conflicts_now;
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
                left join {rows} as r on m.is_only and r.is_own and r.component = m.component
                    and r.workspace_uid = m.workspace_uid and r.uid = m.own_id
                left join changed_now as c
                    on c.workspace_uid = m.workspace_uid and c.job_uid = m.job_uid
                where c.job_uid is null
            """
            for part in engine.stream(others, ["changed_now", f"{name}_touched_now"]):
                engine.run(f"insert into {name}_found select * from {part} as part")
        link(engine, entity, f"{name}_found")
        engine.run(f"alter table conflicts rename to {name}_conflicts_now")
        place(engine, entity)
        gather_rows(engine, entity)

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
            "(select workspace_uid, job_uid, version from changed_now where version is not null)",
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
                (mentions_of(entity), kept_mentions(entity), placed_mentions(entity)),
                (rows_of(entity), row_columns(entity), f"{entity.name}_rows_now"),
                (CONFLICTS, CONFLICT_COLUMNS, f"{entity.name}_conflicts_now"),
            ):
                engine.write(named(target), [*columns], source)
