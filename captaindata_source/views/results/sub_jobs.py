"""What changes in a table of results although its jobs were not loaded again.

Which results of a retry are repeated depends on its main job, and names change by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import views_schema
from captaindata_source.views.results.fields import FIELD_JOBS, GONE
from captaindata_source.views.results.labels import IS_REPEATED, IS_SUB_JOB
from captaindata_source.views.results.origin import RESULTS, names_of
from captaindata_source.views.results.tables import ResultView
from captaindata_source.warehouse.database import Database

__all__ = ["forget_changed", "rename", "sub_job_results"]


@contextmanager
def sub_job_results(database: Database, dataset: str) -> Iterator[None]:
    """A temporary table of the results of all retries, with whether they are repeated."""
    view = f"{quoted(views_schema(dataset))}.{RESULTS}"
    database.run(
        "create temporary table sub_job_results as "
        "select workspace_id, workflow_id, job_id, result_id, is_repeated "
        f"from {view} where is_sub_job"
    )
    try:
        yield
    finally:
        database.run("drop table sub_job_results")


def forget_changed(database: Database, dataset: str, wanted: ResultView) -> None:
    """Makes jobs of a table count as not in it, if other results of them are retries' or repeated.

    Args:
        database: Within a transaction; the temporary table `sub_job_results` is there.
        dataset: Holds the tables.
        wanted: What the table holds; it has all columns of `labels`.
    """
    target = f"{quoted(views_schema(dataset))}.{quoted(wanted.view.name)}"
    sub_job, repeated = (quoted(wanted.labels.names[n]) for n in (IS_SUB_JOB, IS_REPEATED))
    kept = "true" if wanted.keeps_repeated else "not is_repeated"
    database.run(
        f"""
        update {quoted(dataset)}.{FIELD_JOBS} set table_load_id = null
        where workspace_uid = {literal(wanted.workspace_uid)} and load_id <> '{GONE}'
            and job_uid in (
                select coalesce(there.job_id, fresh.job_id)
                from (
                    select job_id, result_id, {repeated} as is_repeated
                    from {target} where {sub_job}
                ) as there
                full outer join (
                    select job_id, result_id, is_repeated from sub_job_results
                    where workspace_id = {literal(wanted.workspace_uid)}
                        and workflow_id = {literal(wanted.workflow_uid)} and {kept}
                ) as fresh
                    on fresh.result_id = there.result_id
                where there.result_id is null or fresh.result_id is null
                    or there.is_repeated <> fresh.is_repeated
            )
        """
    )


def rename(database: Database, dataset: str, wanted: ResultView) -> bool:
    """Writes the current names of workspace and workflow into a table, if they changed.

    Args:
        database: Within a transaction.
        dataset: Holds the tables.
        wanted: What the table holds; all its rows have the same names.
    """
    target = f"{quoted(views_schema(dataset))}.{quoted(wanted.view.name)}"
    key = (wanted.workspace_uid, wanted.workflow_uid)
    names = names_of(key, dataset, database.relations(dataset))
    columns = [quoted(name) for name in wanted.labels.names[: len(names)]]
    (current,) = database.query(f"select {', '.join(names)}")
    there = database.query(f"select {', '.join(columns)} from {target} limit 1")
    changed = {
        column: name
        for row in there
        for column, name, old in zip(columns, current, row, strict=True)
        if name is not None and name != old
    }
    for column, name in changed.items():
        database.query(f"update {target} set {column} = %s", (name,))
    return bool(changed)
