"""Unique keys of the catalogue's tables, and how they get them where rows are doubled.

Two processes of an earlier version that loaded side by side could each fill the catalogue. What is
doubled is counted anew from the results.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from captaindata_source.sqltext import quoted
from captaindata_source.views.results.fields import (
    FIELD_COUNTS,
    FIELD_JOBS,
    FIELDS,
    GONE,
    RESULT_VIEWS,
    FieldStore,
)
from captaindata_source.warehouse.database import Database, RefusedError

__all__ = ["ensure_keys"]

logger = logging.getLogger(__name__)

AGAIN = "again"
"""In place of the load that is counted: none, so that the job is counted again."""


class _Key(NamedTuple):
    """A unique index.

    DuckDB checks keys within a transaction too early for rows that are deleted and inserted again,
    and lets one process alone write: `is_everywhere` is false for tables whose rows are.
    """

    name: str
    table: str
    columns: str
    condition: str = ""
    is_everywhere: bool = True


KEYS = (
    _Key("job_result_fields_key", FIELDS, "workspace_uid, workflow_uid, field_id"),
    _Key("job_result_fields_columns", FIELDS, "workspace_uid, workflow_uid, column_name"),
    _Key(
        "job_result_field_jobs_key",
        FIELD_JOBS,
        "workspace_uid, job_uid",
        f"load_id <> '{GONE}'",
        is_everywhere=False,
    ),
    _Key("job_result_views_key", RESULT_VIEWS, "workspace_uid, workflow_uid"),
    _Key("job_result_views_names", RESULT_VIEWS, "view_name"),
)
INDEXES = {
    "postgres": "select indexname from pg_indexes where schemaname = %s",
    "duckdb": "select index_name from duckdb_indexes() "
    "where schema_name = %s and database_name = current_database()",
}


def ensure_keys(database: Database, dataset: str, *, are_jobs_distinct: bool = False) -> bool:
    """Gives the tables that are there their unique keys; mends them first where it must.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        are_jobs_distinct: Whether it is known that no job is counted twice.

    Returns:
        Whether rows were doubled, so that all jobs are to be counted again.

    Raises:
        RefusedError: The tables can't be changed.
    """
    store = FieldStore(database, dataset)
    tables = database.relations(dataset)
    there = {name for (name,) in database.query(INDEXES[database.kind], (dataset,))}
    missing = [key for key in KEYS if key.table in tables and key.name not in there]
    suspect = [key for key in missing if key.table != FIELD_JOBS or not are_jobs_distinct]
    is_doubled = any(_is_doubled(store, key) for key in suspect)
    if is_doubled:
        logger.warning("The catalogue of dataset %s holds rows twice: it is made anew", dataset)
        with database.transaction():
            _mend_fields(store)
            _mend_jobs(store)
            if RESULT_VIEWS in tables:
                _mend_names(store)
    for key in missing:
        if not database.is_lake and (key.is_everywhere or database.kind == "postgres"):
            _create(database, store, key)
    return is_doubled


def _is_doubled(store: FieldStore, key: _Key) -> bool:
    where = f"where {key.condition}" if key.condition else ""
    return bool(
        store.query(
            f"select 1 from {{{key.table}}} {where} group by {key.columns} "
            "having count(*) > 1 limit 1"
        )
    )


def _create(database: Database, store: FieldStore, key: _Key) -> None:
    where = f" where {key.condition}" if key.condition else ""
    try:
        with database.transaction():
            store.run(
                f"create unique index {quoted(key.name)} on {{{key.table}}} ({key.columns}){where}"
            )
    except RefusedError as error:  # the tables are someone else's, or a name is too long for it
        logger.info("%s has no unique key: %s", key.table, error)


def _mend_fields(store: FieldStore) -> None:
    """Each key once, under its first column; a workflow where columns clash is learned anew."""
    columns = (
        "workspace_uid, workflow_uid, field_id, key, nested_key, column_name, column_type, "
        "column_place, json_types, value_kinds, rows_with_value, first_seen_at, last_seen_at, "
        "previous_type, type_changed_at, added_at"
    )
    clashes = " union all ".join(
        "select workspace_uid, workflow_uid from kept_fields "
        f"where {column} is not null group by workspace_uid, workflow_uid, {column} "
        "having count(*) > 1"
        for column in ("field_id", "column_name", "column_place")
    )
    store.run(
        f"""
        create temporary table kept_fields as
        select {columns} from (
            select *, row_number() over (
                partition by workspace_uid, workflow_uid, key, nested_key
                order by field_id, column_name
            ) as nth
            from {{{FIELDS}}}
        ) as numbered
        where nth = 1;
        delete from kept_fields where (workspace_uid, workflow_uid) in ({clashes});
        delete from {{{FIELDS}}};
        insert into {{{FIELDS}}} ({columns}) select {columns} from kept_fields;
        update {{{FIELDS}}} set rows_with_value = 0, first_seen_at = null, last_seen_at = null;
        drop table kept_fields;
        delete from {{{FIELD_COUNTS}}}
        """
    )


def _mend_jobs(store: FieldStore) -> None:
    """Each job once, as one that is to be counted; what its table of results holds stays known."""
    columns = "workspace_uid, job_uid, workflow_uid, load_id, table_load_id"
    store.run(
        f"""
        create temporary table kept_jobs as
        select {columns} from (
            select *, row_number() over (
                partition by workspace_uid, job_uid,
                    case when load_id = '{GONE}' then workflow_uid end
                order by table_load_id
            ) as nth
            from {{{FIELD_JOBS}}}
        ) as numbered
        where nth = 1;
        update kept_jobs set load_id = '{AGAIN}' where load_id <> '{GONE}';
        delete from {{{FIELD_JOBS}}};
        insert into {{{FIELD_JOBS}}} ({columns}) select {columns} from kept_jobs;
        drop table kept_jobs
        """
    )


def _mend_names(store: FieldStore) -> None:
    """Each workflow and each name once; who has none then gets another."""
    columns = "workspace_uid, workflow_uid, view_name, added_at"
    store.run(
        f"""
        create temporary table kept_names as
        select {columns}, row_number() over (
            partition by workspace_uid, workflow_uid order by added_at, view_name
        ) as nth
        from {{{RESULT_VIEWS}}};
        delete from {{{RESULT_VIEWS}}};
        insert into {{{RESULT_VIEWS}}} ({columns})
        select {columns} from (
            select {columns}, row_number() over (
                partition by view_name order by added_at, workspace_uid, workflow_uid
            ) as place
            from kept_names where nth = 1
        ) as numbered
        where place = 1;
        drop table kept_names
        """
    )
