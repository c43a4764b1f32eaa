"""Reads the mentions that are in the results of some jobs."""

from __future__ import annotations

from collections.abc import Sequence

from captaindata_source.people_fields import Entity
from captaindata_source.sqltext import quoted
from captaindata_source.tables import JOB_RESULTS, JOBS, views_schema
from captaindata_source.times import EARLIEST, LATEST
from captaindata_source.views.people.engine import Engine
from captaindata_source.views.people.extraction import found_column, mention_columns, mentions_query
from captaindata_source.views.people.paths import Plan
from captaindata_source.views.people.store import PeopleStore, declared
from captaindata_source.views.results.origin import RESULTS
from captaindata_source.warehouse.database import Database

__all__ = ["mark_repeated", "read_mentions"]

REPEATED = "is_repeated"


def read_mentions(
    engine: Engine, store: PeopleStore, plans: Sequence[Plan], entities: Sequence[Entity]
) -> None:
    """Makes the temporary tables `person_found` and `company_found`.

    Args:
        engine: The temporary table `changed_now` is there.
        store: Of the dataset.
        plans: What is read of results.
        entities: People and companies, with all keys that feed them.
    """
    for entity in entities:
        columns = declared({**mention_columns(entity), "is_repeated": "boolean"})
        engine.run(f"create or replace temp table {entity.name}_found ({columns})")
    times = f"timestamptz '{EARLIEST}' and timestamptz '{LATEST}'"
    created = f"case when r.created_at between {times} then r.created_at end"
    rows = f"""
        select r.workspace_uid, r.workflow_uid, r.job_uid, r.result_uid,
            coalesce({created}, r.loaded_at) as seen_at, cast(r.data as text) as data, c.plan
        from {store.named(JOB_RESULTS.name)} as r
        inner join changed_now as c
            on c.workspace_uid = r.workspace_uid and c.job_uid = r.job_uid
        where c.plan is not null
    """
    wanted = engine.arrow("select distinct plan from changed_now where plan is not null")
    numbers = sorted(wanted["plan"].to_pylist())
    if not numbers:
        return
    query = mentions_query({n: plans[n] for n in numbers}, entities, "{}")
    for part in engine.stream(rows, ["changed_now"]):
        engine.run(f"create or replace temp table found_now as {query.replace('{}', part)}")
        for entity in entities:
            columns = ", ".join(
                quoted(found_column(entity, each)) for each in mention_columns(entity)
            )
            some_id = " or ".join(
                f"{quoted(found_column(entity, each))} <> ''" for each in entity.ids
            )
            engine.run(
                f"insert into {entity.name}_found "
                f"select {columns}, false from found_now where {some_id}"
            )
    engine.run("drop table if exists found_now")


def mark_repeated(
    engine: Engine, database: Database, dataset: str, entities: Sequence[Entity]
) -> None:
    """Notes which mentions are in results of retries that the main run has too.

    The view of results says which these are. The retries of a job are read again with it.

    Args:
        engine: After `read_mentions`.
        database: Holds the view.
        dataset: Holds the results.
        entities: As there.
    """
    schema = views_schema(dataset)
    if REPEATED not in {name for name, _ in database.columns(schema, RESULTS)}:
        return
    if not _has_retries(engine, database, dataset):
        return
    repeated = f"""
        select workspace_id, result_id from {quoted(schema)}.{RESULTS}
        where {REPEATED} and (workspace_id, job_id) in (
            select workspace_uid, job_uid from changed_now
        )
    """
    engine.run("create or replace temp table repeated_now (workspace_uid text, uid text)")
    for part in engine.stream(repeated, ["changed_now"]):
        engine.run(f"insert into repeated_now select * from {part} as part")
    for entity in entities:
        engine.run(
            f"update {entity.name}_found set is_repeated = true where "
            "(workspace_uid, result_uid) in (select workspace_uid, uid from repeated_now)"
        )
    engine.run("drop table repeated_now")


def _has_retries(engine: Engine, database: Database, dataset: str) -> bool:
    """Whether a job that is read again may be a retry: the view takes long on many results."""
    if JOBS.name not in database.relations(dataset):
        return False
    retries = f"""
        select 1 as found from {quoted(dataset)}.{JOBS.name} as j
        inner join changed_now as c
            on c.workspace_uid = j.workspace_uid and c.job_uid = j.uid
        where j.main_job_uid <> j.uid limit 1
    """
    counts = [
        engine.arrow(f"select count(*) as found from {part} as part")["found"][0].as_py()
        for part in engine.stream(retries, ["changed_now"])
    ]
    return any(counts)
