"""Sums up what a load left behind, to be compared with what the page server serves.

    python -m tests.benchmarks.contents WAY FILE_OR_URL

Prints the rows of `workflows` and `jobs` (not for a floor, which has none) and of `results`, and
the `hash` of the results, as JSON. A process of its own, so that the one that measures stays small:
a child inherits the peak memory of its parent. Rows are read in batches, however many there are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import msgspec
import psycopg2

from tests.benchmarks.cases import NUMBERS_PER_JOB
from tests.benchmarks.fingerprint import Fingerprint

BATCH_ROWS = 1_000
BATCH_PAGES = 10
MEMORY_LIMIT = "256MB"
MEMORY_LIMIT_PAGES = "8GB"
"""DuckDB reads 2,048 rows at a time: pages of 2 MB are 4 GB."""

COUNTS = "select (select count(*) from {0}.workflows), (select count(*) from {0}.jobs)"
SYNCED = "select job_uid, position, cast(data as varchar) from captaindata.job_results"
PAGES = "select job_uid, page, body from pages"
PLAIN = "_jobs_uid, id, first_name, linkedin_url, connections, is_open, summary"
TUNED = f"select {PLAIN}, cast(company as varchar), cast(skills as varchar) from rival.results"
FLATTENED = f"""
    select {PLAIN}, company__name, company__size, skills
    from rival.results
    left join (
        select _dlt_parent_id, list(value order by _dlt_list_idx) as skills
        from rival.results__skills group by _dlt_parent_id
    ) as s on s._dlt_parent_id = results._dlt_id
"""

Rows = Iterator[tuple[Any, ...]]
Result = tuple[str, int, Any]
"""The job's uid, the position in the job, the result."""


def synced(rows: Rows) -> Iterator[Result]:
    """What `captaindata sync` loaded."""
    for job_uid, position, data in rows:
        yield job_uid, position, msgspec.json.decode(data)


def tuned(rows: Rows) -> Iterator[Result]:
    """What the tuned `rest_api` loaded: a column a key, nested values as JSON."""
    for *plain, company, skills in rows:
        yield _rebuilt(plain, msgspec.json.decode(company), msgspec.json.decode(skills))


def flattened(rows: Rows) -> Iterator[Result]:
    """What `rest_api` loaded with defaults: nested keys as columns, lists as child tables."""
    for *plain, company_name, company_size, skills in rows:
        yield _rebuilt(plain, {"name": company_name, "size": company_size}, skills)


def _rebuilt(plain: list[Any], company: Any, skills: Any) -> Result:
    job_uid, number, first_name, linkedin_url, connections, is_open, summary = plain
    result = {
        "id": number,
        "first_name": first_name,
        "linkedin_url": linkedin_url,
        "connections": connections,
        "is_open": is_open,
        "company": company,
        "skills": skills,
        "summary": summary,
    }
    return job_uid, number % NUMBERS_PER_JOB, result


def paged(rows: Rows) -> Iterator[Result]:
    """What a floor loaded: whole pages, each a page's number of results after the one before."""
    for job_uid, page, body in rows:
        results = msgspec.json.decode(body)["results"]
        for index, result in enumerate(results):
            yield job_uid, page * len(results) + index, result


READERS: dict[str, tuple[str, Callable[[Rows], Iterator[Result]]]] = {
    "duckdb": (SYNCED, synced),
    "postgres": (SYNCED, synced),
    "defaults": (FLATTENED, flattened),
    "append": (TUNED, tuned),
    "merge": (TUNED, tuned),
    "floor-duckdb": (PAGES, paged),
    "floor-postgres": (PAGES, paged),
    "reqwest-floor-duckdb": (PAGES, paged),
    "reqwest-floor-postgres": (PAGES, paged),
}


def contents(way: str, address: str) -> dict[str, int]:
    """What a load of that way left in a DuckDB file or a Postgres database."""
    sql, read = READERS[way]
    size = BATCH_PAGES if read is paged else BATCH_ROWS
    if way.endswith("postgres"):
        with psycopg2.connect(address) as connection:
            cursor: Any = connection.cursor("results")  # of the server's, which gives batches
            cursor.itersize = size
            return _sum_up(connection.cursor(), cursor, sql, read, size)
    limit = MEMORY_LIMIT_PAGES if read is paged else MEMORY_LIMIT
    with duckdb.connect(address, read_only=True, config={"memory_limit": limit}) as file:
        return _sum_up(file.cursor(), file.cursor(), sql, read, size)


def _sum_up(
    counting: Any, reading: Any, sql: str, read: Callable[[Rows], Iterator[Result]], size: int
) -> dict[str, int]:
    counts = {}
    if read is not paged:
        counting.execute(COUNTS.format("captaindata" if read is synced else "rival"))
        counts = dict(zip(("workflows", "jobs"), counting.fetchone(), strict=True))
    reading.execute(sql)
    batches = iter(lambda: reading.fetchmany(size), [])
    found = Fingerprint()
    for job_uid, position, result in read(row for batch in batches for row in batch):
        found.add(job_uid, position, result)
    return {**counts, **found.as_dict()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(contents(sys.argv[1], sys.argv[2])) + "\n")
