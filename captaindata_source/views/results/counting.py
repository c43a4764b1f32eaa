"""Counts the values of results while they are fetched, so that the warehouse need not be asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue

import pyarrow as pa

from captaindata_source.views.results.values import count_values, gathered

__all__ = ["Counted", "ValueCounter"]

logger = logging.getLogger(__name__)

MAX_COUNTS = 1_000_000
"""Rows of counts; who has more has keys that are data, and the warehouse counts better."""
WAITING_TABLES = 1
NAMES = ["number", "created_at", "data"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the results of one load package hold.

    Args:
        jobs: `job_uid`, `workflow_uid`, `result_rows`: what was counted of each job.
        values: the job's uid as `number`, and what was counted of each key.
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
        jobs: list[pa.Table] = []
        try:
            values = count_values(self._results(jobs), most=MAX_COUNTS)
            counted = (
                pa.concat_tables(jobs)
                .group_by("job_uid")
                .aggregate([("workflow_uid", "min"), ("result_rows", "sum")])
            )
        except Exception:  # the warehouse is asked instead
            logger.debug("Counting values", exc_info=True)
            while not self._has_ended:
                self._has_ended = self._tables.get() is None
        else:
            self._counted = Counted(
                jobs=counted.rename_columns(["job_uid", "workflow_uid", "result_rows"]),
                values=values,
                workspace_uid=self._workspace_uid,
                load_id=self._load_id,
            )

    def _results(self, jobs: list[pa.Table]) -> Iterator[pa.Table]:
        """What was handed over; adds up the rows of each job on the way."""
        for table in gathered(self._handed_over()):
            rows = table.group_by("job_uid").aggregate([("workflow_uid", "min"), ("data", "count")])
            jobs.append(rows.rename_columns(["job_uid", "workflow_uid", "result_rows"]))
            import pyarrow.compute as pc  # noqa: PLC0415 - 20 ms, which a sync without news spares

            created_at = pc.coalesce(table["created_at"], table["loaded_at"])
            yield pa.table([table["job_uid"], created_at, table["data"]], NAMES)

    def _handed_over(self) -> Iterator[pa.Table]:
        while (table := self._tables.get()) is not None:
            yield table
        self._has_ended = True
