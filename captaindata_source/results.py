"""The path of the results: pages of JSON to parquet files, no result parsed, memory flat.

A page is split into the JSON texts of its results; they become Arrow columns and, a few megabytes
at a time, row groups of a parquet file. A job's rows join a file only once all its pages arrived,
so that a job that fails halfway leaves nothing; a job too large to wait has files of its own.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.runtime import signals

from captaindata_source.api import Api
from captaindata_source.api.mending import mend_utf8
from captaindata_source.errors import ApiError, ContractError, NotFoundError, PaginationError
from captaindata_source.guard import Guard
from captaindata_source.issues import KEPT, MENDED, REREAD, IssueLog
from captaindata_source.privacy import Redact
from captaindata_source.queue import Package, ResultJob
from captaindata_source.records import Row, UnfitError, parse_time
from captaindata_source.tables import DELETE_MARK, JOB_RESULTS

__all__ = ["ResultFile", "ResultReader", "result_uids"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROW_GROUP_BYTES = 4 * 1024 * 1024
"""Results are written out once they are this large; bounds the memory of one thread."""
JOB_IN_MEMORY_BYTES = 8 * 1024 * 1024
"""A job larger than this streams into files of its own."""
FILE_BYTES = 128 * 1024 * 1024
"""A file larger than this is closed and the next one begun."""

_TIME = pa.timestamp("us", tz="UTC")
_ARROW_TYPES = {"text": pa.string(), "json": pa.string(), "bigint": pa.int64(), "timestamp": _TIME}
SCHEMA = pa.schema(
    [
        pa.field(name, _ARROW_TYPES[kind], nullable=name not in JOB_RESULTS.required)
        for name, kind in JOB_RESULTS.columns.items()
    ]
    + [pa.field(DELETE_MARK, pa.bool_())]
)
_REPEATED = ["workspace_uid", "job_uid", "workflow_uid", "created_at", "loaded_at", "_dlt_load_id"]


class _Extracted(msgspec.Struct):
    extracted_at: str | int | float | None = None


_decode_extracted = msgspec.json.Decoder(_Extracted).decode


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A finished parquet file of results."""

    path: Path
    rows: int


@dataclass(slots=True)
class _File:
    """A parquet file that is being written."""

    path: Path
    writer: pq.ParquetWriter
    rows: int = 0

    def write(self, table: pa.Table) -> None:
        self.writer.write_table(table, row_group_size=max(1, table.num_rows))
        self.rows += table.num_rows

    def close(self) -> ResultFile:
        self.writer.close()
        return ResultFile(self.path, self.rows)


@dataclass(frozen=True, slots=True)
class _Page:
    """Results of one page; without any: a mark that the job has none."""

    job: ResultJob
    data: pa.Array
    uids: Sequence[str | None]
    created_at: Sequence[datetime | None]
    first: int
    size: int


@dataclass(slots=True)
class _Pages:
    """Pages that wait for a file."""

    pages: list[_Page] = field(default_factory=list)
    size: int = 0

    def add(self, pages: Sequence[_Page]) -> None:
        self.pages.extend(pages)
        self.size += sum(page.size for page in pages)

    def take(self) -> list[_Page]:
        pages, self.pages, self.size = self.pages, [], 0
        return pages


@dataclass(slots=True)
class _Fetched:
    """The results of one job."""

    waiting: _Pages = field(default_factory=_Pages)
    files: list[_File] = field(default_factory=list)
    rows: int = 0
    digest: bytes = b""
    is_repeated: bool = False
    """Whether a page of several results came twice in a row."""


class ResultReader:
    """Fetches results of whole jobs in one thread, while others do the same beside it.

    Args:
        api: The workspace.
        package: Gives the jobs.
        workspace_uid: Goes into every row.
        load_id: The load package that the rows belong to.
        loaded_at: Goes into every row.
        folder: Where files are written.
        marks_empty: Whether a job without results leaves a row that removes those it had.
        issues: Told of what was not as promised.
        guard: Decides about a job that the API does not give as promised.
        redact: Takes from each page what must not be stored; None: nothing.
    """

    def __init__(
        self,
        *,
        api: Api,
        package: Package,
        workspace_uid: str,
        load_id: str,
        loaded_at: datetime,
        folder: Path,
        marks_empty: bool,
        issues: IssueLog,
        guard: Guard,
        redact: Redact | None = None,
    ) -> None:
        self._api = api
        self._package = package
        self._workspace_uid = workspace_uid
        self._load_id = load_id
        self._loaded_at = loaded_at
        self._folder = folder
        self._marks_empty = marks_empty
        self._issues = issues
        self._guard = guard
        self._redact = redact
        self._small = _Pages()
        self._open: list[_File] = []
        self._finished: list[ResultFile] = []
        self.ledger: list[Row] = []
        """A row for each job that is complete."""

    def run(self) -> Iterator[ResultFile]:
        """Fetches jobs until the package is full. Yields files as they are finished."""
        shared: _File | None = None
        try:
            while (job := self._package.take()) is not None:
                if not self._read(job):
                    continue
                if self._small.size >= ROW_GROUP_BYTES:
                    shared = shared or self._new_file()
                    shared.write(self._table(self._small.take()))
                    if self._is_large(shared):
                        self._finish(shared)
                        shared = None
                while self._finished:
                    yield self._finished.pop()
            if self._small.pages:
                shared = shared or self._new_file()
                shared.write(self._table(self._small.take()))
            if shared is not None:
                self._finish(shared)
            while self._finished:
                yield self._finished.pop()
        except BaseException:
            self._package.cancel()
            for file in self._open:
                file.writer.close()
            raise

    def _read(self, job: ResultJob) -> bool:
        """Fetches a job's results; whether they are complete."""
        with self._issues.about(workflow_uid=job.workflow_uid, job_uid=job.uid):
            try:
                fetched = self._fetch_surely(job)
            except ApiError as error:
                if isinstance(error, NotFoundError) and not job.is_listed:
                    logger.warning("Results of job %s are gone with the job", job.uid)
                    self._issues.add("not_found", KEPT, detail="The results are gone with the job")
                    self.ledger.append(self._ledger_row(job, None))
                    return False
                self._guard.set_aside(error, f"Results of job {job.uid}")
                self._package.failed()
                return False
        if fetched is None:
            return False
        self._guard.answered()
        for file in fetched.files:
            self._finish(file)
        if not fetched.rows and self._marks_empty:
            fetched.waiting.add([_empty_mark(job)])
        self._small.add(fetched.waiting.take())
        self.ledger.append(self._ledger_row(job, fetched.rows))
        self._package.done(fetched.rows)
        return True

    def _fetch_surely(self, job: ResultJob) -> _Fetched | None:
        """The results; read twice where rows and counts disagree. None: the sync is cancelled."""
        first = self._fetch(job)
        if first is None or not self._is_doubtful(first, job):
            return first
        counted = f"{first.rows} rows, row_count says {_listed(job.row_counts)}"
        if not first.is_repeated and not self._guard.trusts_counts:
            self._issues.add("row_count_differs", KEPT, detail=counted)
            return first
        try:
            second = self._fetch(job)
        except ApiError:
            self._drop_files(first)
            raise
        self._drop_files(first)
        if second is None or not self._is_doubtful(second, job):
            self._issues.add("pages_shifted", REREAD, detail=counted)
            return second
        if second.digest != first.digest:
            self._drop_files(second)
            raise ContractError(
                "The results change while they are read",
                path=f"jobs/{job.uid}/results",
                kind="pages_shifted",
            )
        if second.is_repeated:
            self._drop_files(second)
            raise PaginationError(
                "The same page came twice", path=f"jobs/{job.uid}/results", kind="page_repeated"
            )
        self._guard.trusts_counts = False
        self._issues.add("row_count_differs", KEPT, detail=counted)
        return second

    @staticmethod
    def _is_doubtful(fetched: _Fetched, job: ResultJob) -> bool:
        if job.row_counts:
            return fetched.rows not in job.row_counts
        return fetched.is_repeated

    def _fetch(self, job: ResultJob) -> _Fetched | None:
        fetched = _Fetched()
        digest = hashlib.blake2b(digest_size=16)
        uids = result_uids(self._workspace_uid, job.uid)
        before: Sequence[bytes] = ()
        try:
            for page in self._api.result_pages(job.uid):
                signals.raise_if_signalled()
                if self._package.is_cancelled:
                    self._drop_files(fetched)
                    return None
                if not page:
                    continue
                if page == before and len(set(page)) > 1:
                    fetched.is_repeated = True
                before = page
                if self._redact is not None:
                    page = self._redact(page)  # noqa: PLW2901 - before anything is made of it
                named = self._named(job, page, uids, first=fetched.rows)
                digest.update("".join(map(str, named.uids)).encode())
                fetched.waiting.add([named])
                fetched.rows += len(page)
                self._package.count(len(page))
                if fetched.waiting.size >= JOB_IN_MEMORY_BYTES:
                    if not fetched.files or self._is_large(fetched.files[-1]):
                        fetched.files.append(self._new_file())
                    fetched.files[-1].write(self._table(fetched.waiting.take()))
        except ApiError:
            self._drop_files(fetched)
            raise
        fetched.digest = digest.digest()
        return fetched

    def _named(
        self,
        job: ResultJob,
        page: Sequence[bytes],
        uids: Callable[[Sequence[bytes]], list[str]],
        *,
        first: int,
    ) -> _Page:
        try:
            data = pa.array(page, pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            page = [mend_utf8(result) for result in page]
            self._issues.add("not_utf8", MENDED)
            data = pa.array(page, pa.binary()).cast(pa.string())
        if not all(result[:1] == b"{" for result in page):
            self._issues.add("not_an_object", KEPT, detail="A result that is no JSON object")
        created_at: list[datetime | None] = [job.finish_time] * len(page)
        if any(b'"extracted_at"' in result for result in page):
            created_at = [_extracted_at(result) or job.finish_time for result in page]
        return _Page(job, data, uids(page), created_at, first, sum(map(len, page)))

    def _table(self, pages: Sequence[_Page]) -> pa.Table:
        counts = [(page, len(page.uids)) for page in pages]
        size = sum(count for _, count in counts)
        columns = {
            "workspace_uid": pa.repeat(self._workspace_uid, size),
            "job_uid": pa.array(_repeated((page.job.uid, n) for page, n in counts), pa.string()),
            "workflow_uid": pa.array(
                _repeated((page.job.workflow_uid, n) for page, n in counts), pa.string()
            ),
            "result_uid": pa.array(chain.from_iterable(page.uids for page in pages), pa.string()),
            "position": pa.array(
                chain.from_iterable(range(page.first, page.first + n) for page, n in counts),
                pa.int64(),
            ),
            "data": pa.chunked_array([page.data for page in pages], pa.string()),
            "created_at": pa.array(chain.from_iterable(page.created_at for page in pages), _TIME),
            "loaded_at": pa.repeat(pa.scalar(self._loaded_at, _TIME), size),
            "_dlt_load_id": pa.repeat(self._load_id, size),
            DELETE_MARK: pa.array(
                _repeated((None if page.size else True, n) for page, n in counts), pa.bool_()
            ),
        }
        return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)

    def _ledger_row(self, job: ResultJob, rows: int | None) -> Row:
        return {
            "workspace_uid": self._workspace_uid,
            "job_uid": job.uid,
            "fingerprint": job.version,
            "result_rows": rows,
            "loaded_at": self._loaded_at,
        }

    def _new_file(self) -> _File:
        path = self._folder / f"{JOB_RESULTS.name}.{uuid4().hex}.parquet"
        writer = pq.ParquetWriter(
            path, SCHEMA, use_dictionary=_REPEATED, write_statistics=False, compression="snappy"
        )
        file = _File(path, writer)
        self._open.append(file)
        return file

    def _finish(self, file: _File) -> None:
        self._open.remove(file)
        self._finished.append(file.close())

    def _drop_files(self, fetched: _Fetched) -> None:
        for file in fetched.files:
            self._open.remove(file)
            file.close().path.unlink()

    @staticmethod
    def _is_large(file: _File) -> bool:
        return file.path.stat().st_size >= FILE_BYTES


def result_uids(workspace_uid: str, job_uid: str) -> Callable[[Sequence[bytes]], list[str]]:
    """Makes the function that names the results of one job, page by page.

    A result has no uid in the API. Ours hashes workspace, job, the result's JSON text and the
    how-manieth equal text of the job it is: it stays when rows shift, and equal rows stay two.

    Returns:
        Page to uids, 32 hexadecimal digits each; call it for the pages in their order. It holds
        about 100 bytes for each result of the job.
    """
    job = hashlib.blake2b(f"{workspace_uid}\n{job_uid}\n".encode(), digest_size=16)
    seen: set[str] = set()
    repeats: Counter[str] = Counter()

    def name(data: bytes) -> str:
        result = job.copy()
        result.update(data)
        return result.hexdigest()

    def uids(page: Sequence[bytes]) -> list[str]:
        names = [name(data) for data in page]
        distinct = set(names)
        if len(distinct) == len(names) and seen.isdisjoint(distinct):
            seen.update(distinct)
            return names
        for index, uid in enumerate(names):
            if uid in seen:
                repeats[uid] += 1
                names[index] = name(page[index] + b"\n%d" % repeats[uid])
            else:
                seen.add(uid)
        return names

    return uids


def _empty_mark(job: ResultJob) -> _Page:
    """A row that only removes: nothing else would replace results by none."""
    return _Page(job, pa.nulls(1, pa.string()), [None], [None], 0, 0)


def _listed(counts: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(counts)))


def _repeated(runs: Iterable[tuple[T, int]]) -> Iterator[T]:
    return chain.from_iterable(repeat(value, count) for value, count in runs)


def _extracted_at(data: bytes) -> datetime | None:
    try:
        value = _decode_extracted(data).extracted_at
        return None if value is None else parse_time(value)
    except (msgspec.DecodeError, UnfitError):
        return None
