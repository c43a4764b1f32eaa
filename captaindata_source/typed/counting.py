"""Counts the values of results while they are fetched, so that the warehouse need not be asked."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from queue import Queue

import duckdb
import pyarrow as pa

from captaindata_source.typed.values import values_query

__all__ = ["Counted", "ValueCounter"]

logger = logging.getLogger(__name__)

MAX_COUNTS = 1_000_000
"""Rows of counts; who has more has keys that are data, and the warehouse counts better."""
WAITING_TABLES = 1
BATCH_BYTES = 8 * 1024 * 1024
ENGINE: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "128MB", "threads": 1}
_COUNT_ROWS = values_query(
    "select job_uid as number, coalesce(created_at, loaded_at) as created_at, data from fetched"
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the results of one load package hold.

    Args:
        jobs: `job_uid`, `workflow_uid`, `result_rows`: what was counted of each job.
        values: `job_uid` and the columns of `values_query`.
        workspace_uid: Whose jobs.
        load_id: The load package.
    """

    jobs: pa.Table
    values: pa.Table
    workspace_uid: str
    load_id: str


class ValueCounter:
    """Counts in a thread of its own, with an engine in memory.

    Args:
        workspace_uid: Whose jobs.
        load_id: The load package.
    """

    def __init__(self, *, workspace_uid: str, load_id: str) -> None:
        self._workspace_uid = workspace_uid
        self._load_id = load_id
        self._tables: Queue[pa.Table | None] = Queue(WAITING_TABLES)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._has_ended = False
        self._counted: Counted | None = None

    def add(self, results: pa.Table) -> None:
        """Hands over results as they are written; waits while too many wait already.

        Args:
            results: Rows of `job_results`.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="values", daemon=True)
                self._thread.start()
        self._tables.put(results)

    def finish(self) -> Counted | None:
        """Ends the counting.

        Returns:
            The counts; None where there are none, or something went wrong.
        """
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._tables.put(None)
            thread.join()
        return self._counted

    def _run(self) -> None:
        try:
            with duckdb.connect(config=ENGINE) as engine:
                self._count(engine)
        except Exception:  # the warehouse is asked instead
            logger.debug("Counting values", exc_info=True)
            while self._tables.get() is not None:
                pass

    def _next(self) -> pa.Table | None:
        """Tables that are there together, up to a size: planning a query takes a while, too."""
        tables: list[pa.Table] = []
        while not self._has_ended and sum(table.nbytes for table in tables) < BATCH_BYTES:
            if (table := self._tables.get()) is None:
                self._has_ended = True
            else:
                tables.append(table)
        return pa.concat_tables(tables) if tables else None

    def _count(self, engine: duckdb.DuckDBPyConnection) -> None:
        engine.execute("set timezone = 'UTC'")
        engine.execute(
            """
            create table jobs (job_uid text, workflow_uid text, result_rows bigint);
            create table counts (
                number text, key text, nested_key text, kind text, result_rows bigint,
                first_at timestamp with time zone, last_at timestamp with time zone, place bigint
            )
            """
        )
        while (fetched := self._next()) is not None:
            engine.register("fetched", fetched)
            engine.execute(
                "insert into jobs select job_uid, any_value(workflow_uid), count(data) "
                "from fetched group by job_uid"
            )
            engine.execute(f"insert into counts {_COUNT_ROWS}")
            engine.unregister("fetched")
            del fetched
        jobs = engine.sql(
            "select job_uid, any_value(workflow_uid) as workflow_uid, "
            "cast(sum(result_rows) as bigint) as result_rows from jobs group by job_uid"
        ).to_arrow_table()
        values = engine.sql(
            """
            select number as job_uid, key, nested_key, kind,
                cast(sum(result_rows) as bigint) as result_rows, min(first_at) as first_at,
                max(last_at) as last_at, min(place) as place
            from counts group by number, key, nested_key, kind
            """
        ).to_arrow_table()
        if values.num_rows <= MAX_COUNTS:
            self._counted = Counted(jobs, values, self._workspace_uid, self._load_id)
