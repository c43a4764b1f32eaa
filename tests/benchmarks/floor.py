"""The least that a load can be: fetches every page of results, then inserts all in one statement.

    python floor.py BASE_URL JOBS PAGES_PER_JOB {none,duckdb,postgres} [FILE_OR_URL] [reqwest]

Eight threads with an httpx client each, or with one of reqwest for all; pages stay the bytes that
came. `none` drops them, which tells how fast the page server can serve. The others make a table
`pages`: job_uid, page, body. Postgres is told not to compress the bodies: it would not compress
single results either.
"""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 8
PAGES_PER_BATCH = 16
CREATE = "create table pages (job_uid varchar, page integer, body {text})"


def fetch(base_url: str, jobs: int, pages: int) -> list[bytes]:
    """All pages of results, job by job."""
    import httpx  # noqa: PLC0415 - the other floor needs none

    own = threading.local()
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP: no authorities to read

    def read(job: int) -> list[bytes]:
        if not hasattr(own, "client"):
            own.client = httpx.Client(verify=unused)
        return [get(job, page) for page in range(pages)]

    def get(job: int, page: int) -> bytes:
        query = f"?cursor=c{page}" if page else ""
        response = own.client.get(f"{base_url}/jobs/job-{job}/results{query}")
        response.raise_for_status()
        body: bytes = response.content
        return body

    with ThreadPoolExecutor(THREADS) as pool:
        return [body for bodies in pool.map(read, range(jobs)) for body in bodies]


def fetch_by_reqwest(base_url: str, jobs: int, pages: int) -> list[bytes]:
    """The same, by the client that the connector uses."""
    from pyreqwest.client import SyncClientBuilder  # noqa: PLC0415

    client = SyncClientBuilder().no_proxy().error_for_status().build()

    def read(job: int) -> list[bytes]:
        return [get(job, page) for page in range(pages)]

    def get(job: int, page: int) -> bytes:
        query = f"?cursor=c{page}" if page else ""
        response = client.get(f"{base_url}/jobs/job-{job}/results{query}").build().send()
        return bytes(response.bytes())

    with ThreadPoolExecutor(THREADS) as pool:
        return [body for bodies in pool.map(read, range(jobs)) for body in bodies]


def as_table(bodies: Sequence[bytes], pages: int) -> pa.Table:
    """The pages as an Arrow table; batches, for a text column of one holds 2 GB at most."""
    import pyarrow as pa  # noqa: PLC0415 - `none` needs none of these

    batches = []
    for first in range(0, len(bodies), PAGES_PER_BATCH):
        numbers = range(first, min(first + PAGES_PER_BATCH, len(bodies)))
        batches.append(
            pa.record_batch(
                {
                    "job_uid": pa.array([f"job-{number // pages}" for number in numbers]),
                    "page": pa.array([number % pages for number in numbers], pa.int32()),
                    "body": pa.array([bodies[number] for number in numbers], pa.binary()).cast(
                        pa.string()
                    ),
                }
            )
        )
    return pa.Table.from_batches(batches)


def insert_duckdb(file: str, ready: pa.Table) -> None:
    import duckdb  # noqa: PLC0415

    with duckdb.connect(file) as connection:
        connection.execute(CREATE.format(text="varchar"))
        connection.register("ready", ready)
        connection.execute("insert into pages select * from ready")


def insert_postgres(url: str, ready: pa.Table) -> None:
    import adbc_driver_postgresql.dbapi as adbc  # noqa: PLC0415

    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(CREATE.format(text="text storage external"))
        cursor.adbc_ingest("pages", ready, mode="append")
        connection.commit()


def main(
    base_url: str, jobs: int, pages: int, destination: str, address: str = "", client: str = ""
) -> None:
    """Fetches, then inserts."""
    bodies = (fetch_by_reqwest if client else fetch)(base_url, jobs, pages)
    if destination == "duckdb":
        insert_duckdb(address, as_table(bodies, pages))
    elif destination == "postgres":
        insert_postgres(address, as_table(bodies, pages))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
