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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 8
PAGES_PER_BATCH = 16
CREATE = "create table pages (job_uid varchar, page integer, body {text})"


def fetch(base_url: str, jobs: int, pages: int, get: Callable[[str], bytes]) -> list[bytes]:
    """All pages of results, job by job.

    Args:
        base_url: Of the API.
        jobs: How many.
        pages: Of each job.
        get: Gives the body of an address; called in several threads.
    """

    def read(job: int) -> list[bytes]:
        address = f"{base_url}/jobs/job-{job}/results"
        return [get(f"{address}?cursor=c{page}" if page else address) for page in range(pages)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [body for bodies in pool.map(read, range(jobs)) for body in bodies]


def by_httpx() -> Callable[[str], bytes]:
    """A client in each thread."""
    import httpx  # noqa: PLC0415 - the other floor needs none

    own = threading.local()
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP: no authorities to read

    def get(address: str) -> bytes:
        if not hasattr(own, "client"):
            own.client = httpx.Client(verify=unused)
        response = own.client.get(address)
        response.raise_for_status()
        body: bytes = response.content
        return body

    return get


def by_reqwest() -> Callable[[str], bytes]:
    """One client for all threads, as the connector has it."""
    from pyreqwest.client import SyncClientBuilder  # noqa: PLC0415

    client = SyncClientBuilder().no_proxy().error_for_status().build()
    return lambda address: bytes(client.get(address).build().send().bytes())


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
    bodies = fetch(base_url, jobs, pages, by_reqwest() if client else by_httpx())
    if destination == "duckdb":
        insert_duckdb(address, as_table(bodies, pages))
    elif destination == "postgres":
        insert_postgres(address, as_table(bodies, pages))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
