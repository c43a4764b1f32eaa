"""Parquet files of results: JSON texts become Arrow columns and row groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from captaindata_source.queue import ResultJob
from captaindata_source.tables import DELETE_MARK, JOB_RESULTS

__all__ = ["OpenFile", "ResultFile", "ResultFiles", "ResultPage", "ResultPages", "empty_mark"]

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results of one page; without any: a mark that the job has none."""

    job: ResultJob
    data: pa.Array
    uids: Sequence[str | None]
    created_at: Sequence[datetime | None]
    first: int
    size: int


@dataclass(slots=True)
class ResultPages:
    """Pages that wait for a file."""

    pages: list[ResultPage] = field(default_factory=list)
    size: int = 0

    def add(self, pages: Sequence[ResultPage]) -> None:
        self.pages.extend(pages)
        self.size += sum(page.size for page in pages)

    def take(self) -> list[ResultPage]:
        pages, self.pages, self.size = self.pages, [], 0
        return pages


class ResultFiles:
    """The files that one thread writes.

    Args:
        folder: Where they are.
        workspace_uid: Goes into every row.
        load_id: The load package that the rows belong to.
        loaded_at: Goes into every row.
    """

    def __init__(
        self, *, folder: Path, workspace_uid: str, load_id: str, loaded_at: datetime
    ) -> None:
        self._folder = folder
        self._workspace_uid = workspace_uid
        self._load_id = load_id
        self._loaded_at = loaded_at
        self._open: list[OpenFile] = []
        self.finished: list[ResultFile] = []

    def new(self) -> OpenFile:
        path = self._folder / f"{JOB_RESULTS.name}.{uuid4().hex}.parquet"
        writer = pq.ParquetWriter(
            path, SCHEMA, use_dictionary=_REPEATED, write_statistics=False, compression="snappy"
        )
        file = OpenFile(path, writer)
        self._open.append(file)
        return file

    def write(self, file: OpenFile, pages: Sequence[ResultPage]) -> None:
        """Writes pages as one row group."""
        file.write(self._table(pages))

    def finish(self, file: OpenFile) -> None:
        """Closes a file and adds it to `finished`."""
        self._open.remove(file)
        self.finished.append(file.close())

    def drop(self, file: OpenFile) -> None:
        """Closes a file and deletes it."""
        self._open.remove(file)
        file.close().path.unlink()

    def close(self) -> None:
        """Closes all files that are open; they are of no use."""
        for file in self._open:
            file.writer.close()

    def _table(self, pages: Sequence[ResultPage]) -> pa.Table:
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


def empty_mark(job: ResultJob) -> ResultPage:
    """A row that only removes: nothing else would replace results by none."""
    return ResultPage(job, pa.nulls(1, pa.string()), [None], [None], 0, 0)


def _repeated(runs: Iterable[tuple[T, int]]) -> Iterator[T]:
    return chain.from_iterable(repeat(value, count) for value, count in runs)
