"""Parquet files of results, which all threads of a load package share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from captaindata_source.extract.queue import ResultJob
from captaindata_source.extract.results.pages import SCHEMA, ResultPage, rows_of
from captaindata_source.tables import JOB_RESULTS, Row
from captaindata_source.warehouse.answers import MAX_EQUAL, next_check
from captaindata_source.warehouse.appending import LoadedJobs

__all__ = ["OpenFile", "ResultFile", "ResultFiles", "equal_answers"]

ROW_GROUP_BYTES = 2 * 1024 * 1024
"""Results of small jobs are written out once they are this large together."""
SHARED_FILES = 2
"""Files that are filled in turn: Postgres loads two in two thirds of the time of one."""
FILE_BYTES = 128 * 1024 * 1024
"""A file larger than this is closed and the next one begun."""

_REPEATED = ["workspace_uid", "job_uid", "workflow_uid", "created_at", "loaded_at", "_dlt_load_id"]


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A finished parquet file of results."""

    path: Path
    rows: int


@dataclass(slots=True)
class OpenFile:
    """A parquet file that is being written."""

    path: Path
    writer: pq.ParquetWriter
    rows: int = 0

    def write(self, table: pa.Table) -> None:
        self.writer.write_table(table, row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    @property
    def is_large(self) -> bool:
        """Whether the next file is to be begun."""
        return self.path.stat().st_size >= FILE_BYTES

    def close(self) -> ResultFile:
        self.writer.close()
        return ResultFile(self.path, self.rows)


def equal_answers(job: ResultJob, content: str | None) -> int:
    """How many answers in a row, one a sync, were equal to the one that just came.

    Args:
        job: The job, as the answer before found it.
        content: Hash of its results.
    """
    answer = job.answer
    if answer is None or content is None or not answer.is_of_same_end(job.version):
        return 1
    return answer.equal + 1 if answer.is_equal(content) else 1


class ResultFiles:
    """The files of one load package; safe to share between threads.

    Jobs share a file, so that the destination has few to load. A job's rows and its row of the
    ledger come together, and rows of the ledger come out once all files have.

    Args:
        folder: Where they are.
        workspace_uid: Goes into every row.
        load_id: The load package that the rows belong to.
        loaded_at: When the package was begun; goes into every row.
        on_file: Called with each file that is finished.
        on_rows: Called with what is written; part of it may be dropped later.
        on_job: Called with each job that is added, the number of its results and their hash.
    """

    def __init__(
        self,
        *,
        folder: Path,
        workspace_uid: str,
        load_id: str,
        loaded_at: datetime,
        on_file: Callable[[ResultFile], None],
        on_rows: Callable[[pa.Table], None] | None = None,
        on_job: Callable[[ResultJob, int, str], None] = lambda _job, _rows, _content: None,
    ) -> None:
        self._folder = folder
        self._workspace_uid = workspace_uid
        self._load_id = load_id
        self._loaded_at = loaded_at
        self._on_file = on_file
        self._on_rows = on_rows
        self._on_job = on_job
        self._lock = threading.Lock()
        self._file_lock = threading.Lock()
        self._open: list[OpenFile] = []
        self._waiting: list[ResultPage] = []
        self._waiting_bytes = 0
        self._shared: deque[OpenFile] = deque()
        self._ledger: list[Row] = []
        self._jobs: list[str] = []
        self._empty: list[str] = []
        self._has_marks = False

    def new(self) -> OpenFile:
        """Begins a file that only the caller writes."""
        path = self._folder / f"{JOB_RESULTS.name}.{uuid4().hex}.parquet"
        writer = pq.ParquetWriter(
            path, SCHEMA, use_dictionary=_REPEATED, write_statistics=False, compression="snappy"
        )
        file = OpenFile(path, writer)
        with self._lock:
            self._open.append(file)
        return file

    def write(self, file: OpenFile, pages: Sequence[ResultPage]) -> None:
        """Writes pages as one row group."""
        table = self._rows(pages)
        file.write(table)
        self._tell(table)

    def drop(self, file: OpenFile) -> None:
        """Closes a file and deletes it."""
        self._close(file).path.unlink()

    def add_job(
        self,
        job: ResultJob,
        files: Sequence[OpenFile],
        pages: Sequence[ResultPage],
        *,
        rows: int,
        content: str,
    ) -> None:
        """Adds a job whose results are complete.

        Args:
            job: The job.
            files: What was written of it already.
            pages: The rest.
            rows: All its results.
            content: Their hash.
        """
        for file in files:
            self._finish(file)
        row = self._ledger_row(job, rows, content=content, load_id=self._load_id)
        self._on_job(job, rows, content)
        with self._lock:
            self._waiting += pages
            self._waiting_bytes += sum(page.size for page in pages)
            self._ledger.append(row)
            self._jobs.append(job.uid)
            if not rows and pages:
                self._has_marks = True
            elif not rows:
                self._empty.append(job.uid)
            if self._waiting_bytes < ROW_GROUP_BYTES:
                return
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._write_shared(batch)

    def add_equal(self, job: ResultJob, *, rows: int, content: str) -> None:
        """Adds a job whose results are in the destination already: a row of the ledger alone.

        Args:
            job: The job.
            rows: Its results.
            content: Their hash.
        """
        load_id = job.answer.load_id if job.answer else None
        row = self._ledger_row(job, rows, content=content, load_id=load_id)
        self.add_ledger([row])

    def add_gone(self, job: ResultJob) -> None:
        """Adds a job whose results the API has no longer; those that are loaded stay."""
        row = self._ledger_row(job, None, content=None, load_id=None)
        if (answer := job.answer) is not None:
            row |= {
                "result_rows": answer.rows,
                "content_hash": answer.content,
                "equal_answers": MAX_EQUAL,
                "results_load_id": answer.load_id,
            }
        self.add_ledger([row])

    def add_ledger(self, rows: Sequence[Row]) -> None:
        """Adds rows of the ledger whose results need no file."""
        with self._lock:
            self._ledger += rows

    @property
    def jobs(self) -> LoadedJobs:
        """The jobs that were added."""
        return LoadedJobs(self._workspace_uid, self._jobs, self._empty, self._has_marks)

    def finish(self) -> None:
        """Finishes the files, once all threads are done."""
        with self._lock:
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if batch:
            self._write_shared(batch)
        with self._file_lock:
            while self._shared:
                self._finish(self._shared.popleft())

    def take_ledger(self) -> list[Row]:
        """Rows of the ledger, once all files are loaded."""
        with self._lock:
            ledger, self._ledger = self._ledger, []
        return ledger

    def close(self) -> None:
        """Closes all files that are open, once all threads are done; they are of no use."""
        with self._lock:
            for file in self._open:
                file.writer.close()
            self._open.clear()

    def _write_shared(self, pages: Sequence[ResultPage]) -> None:
        table = self._rows(pages)
        with self._file_lock:
            file = self.new() if len(self._shared) < SHARED_FILES else self._shared.popleft()
            file.write(table)
            if file.is_large:
                self._finish(file)
            else:
                self._shared.append(file)
        self._tell(table)

    def _tell(self, table: pa.Table) -> None:
        if self._on_rows is not None:
            self._on_rows(table)

    def _finish(self, file: OpenFile) -> None:
        self._on_file(self._close(file))

    def _close(self, file: OpenFile) -> ResultFile:
        with self._lock:
            self._open.remove(file)
        return file.close()

    def _ledger_row(
        self, job: ResultJob, rows: int | None, *, content: str | None, load_id: str | None
    ) -> Row:
        now = self._loaded_at
        equal = equal_answers(job, content)
        is_same = job.answer is not None and job.answer.version == job.version
        is_open = rows is not None and bool(job.row_counts) and rows not in job.row_counts
        is_open = is_open and (equal < MAX_EQUAL or not is_same)
        before: datetime | None = None
        if is_same and job.answer is not None and (rows or 0) <= (job.answer.rows or 0):
            before = job.answer.answered_at
        return {
            "workspace_uid": self._workspace_uid,
            "job_uid": job.uid,
            "fingerprint": job.version,
            "result_rows": rows,
            "content_hash": content,
            "equal_answers": equal,
            "answered_at": now,
            "next_check_at": next_check(before, now) if is_open else None,
            "results_load_id": load_id,
            "loaded_at": self._loaded_at,
        }

    def _rows(self, pages: Sequence[ResultPage]) -> pa.Table:
        return rows_of(
            pages,
            workspace_uid=self._workspace_uid,
            load_id=self._load_id,
            loaded_at=self._loaded_at,
        )
