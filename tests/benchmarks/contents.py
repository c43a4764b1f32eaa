"""Says what a warehouse holds, and what it should hold, in a form that can be compared.

    python contents.py expected JOBS ROWS_PER_PAGE PAGES_PER_JOB ROW_BYTES
    python contents.py duckdb FILE
    python contents.py postgres URL
    python contents.py rival FILE

Prints one JSON object. A process of its own, so that the one that measures stays small: a child
inherits the peak memory of its parent.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable
from typing import Any

import duckdb
import psycopg2

from tests.benchmarks.page_server import WORKFLOWS, build_pages

RESULTS_PATH = re.compile(r"/v3/jobs/(?P<job>[^/]+)/results(\?cursor=c(?P<page>\d+))?")
SQL_RESULTS = "select job_uid, position, cast(data as varchar) from captaindata.job_results"
SQL_COUNTS = (
    "select (select count(*) from captaindata.workflows), (select count(*) from captaindata.jobs)"
)
SQL_RIVAL = (
    "select (select count(*) from rival.workflows), (select count(*) from rival.jobs), "
    "(select count(*) from rival.results), (select count(distinct id) from rival.results)"
)
BATCH = 5_000

Result = tuple[str, int, str]
"""The job's uid, the position in the job, the result's JSON text."""


def expected(jobs: int, rows: int, pages: int, row_bytes: int) -> dict[str, int]:
    """What the server of those sizes serves."""

    def results() -> Iterable[Result]:
        for path, body in build_pages(jobs, rows, pages, row_bytes).items():
            if match := RESULTS_PATH.fullmatch(path):
                first = int(match["page"] or 0) * rows
                for index, result in enumerate(json.loads(body)["results"]):
                    yield match["job"], first + index, json.dumps(result)

    return {"workflows": WORKFLOWS, "jobs": jobs, **summary(results())}


def summary(results: Iterable[Result]) -> dict[str, int]:
    """Their number, and a hash that neither their order nor the layout of the JSON changes."""
    count = total = 0
    for job_uid, position, data in results:
        text = json.dumps([job_uid, position, json.loads(data)], sort_keys=True)
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        total = (total + int.from_bytes(digest)) % 2**64
        count += 1
    return {"results": count, "hash": total}


def warehouse(cursor: Any) -> dict[str, int]:
    """What the connector loaded."""
    cursor.execute(SQL_COUNTS)
    workflows, jobs = cursor.fetchone()
    cursor.execute(SQL_RESULTS)
    batches = iter(lambda: cursor.fetchmany(BATCH), [])
    return {
        "workflows": workflows,
        "jobs": jobs,
        **summary(row for batch in batches for row in batch),
    }


def rival(cursor: Any) -> dict[str, int]:
    """What `rest_api` loaded: counts only, it splits a result into columns and child tables."""
    cursor.execute(SQL_RIVAL)
    names = ("workflows", "jobs", "results", "distinct_results")
    row = cursor.fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))


def main(what: str, *arguments: str) -> dict[str, int]:
    if what == "expected":
        return expected(*map(int, arguments))
    if what == "postgres":
        with psycopg2.connect(arguments[0]) as connection:
            return warehouse(connection.cursor())
    with duckdb.connect(arguments[0], read_only=True) as connection:
        return {"duckdb": warehouse, "rival": rival}[what](connection.cursor())


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
