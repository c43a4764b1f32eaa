"""Pages of results as Arrow: JSON texts become columns of `job_results`."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain, repeat
from typing import TypeVar

import msgspec
import pyarrow as pa

from captaindata_source.extract.queue import ResultJob
from captaindata_source.tables import DELETE_MARK, JOB_RESULTS
from captaindata_source.times import UnfitError, parse_time

__all__ = [
    "SCHEMA",
    "ResultPage",
    "empty_mark",
    "named_page",
    "result_uids",
    "rows_of",
]

T = TypeVar("T")

_TIME = pa.timestamp("us", tz="UTC")
_ARROW_TYPES = {
    **{"text": pa.string(), "json": pa.string(), "bigint": pa.int64()},
    **{"timestamp": _TIME, "bool": pa.bool_()},
}
SCHEMA = pa.schema(
    [
        pa.field(name, _ARROW_TYPES[kind], nullable=name not in JOB_RESULTS.required)
        for name, kind in JOB_RESULTS.columns.items()
    ]
    + [pa.field(DELETE_MARK, pa.bool_())]
)


class _Extracted(msgspec.Struct):
    extracted_at: str | int | float | None = None


_decode_extracted = msgspec.json.Decoder(_Extracted).decode


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Results of one page; without any: a mark that the job has none."""

    job: ResultJob
    data: pa.Array
    uids: Sequence[str | None]
    created_at: Sequence[datetime | None]
    first: int
    size: int
    is_carried: bool = False
    """Whether they are loaded already, and the newest answer lacks them."""


def named_page(
    job: ResultJob, page: Sequence[bytes], uids: Sequence[str], *, first: int
) -> ResultPage:
    """A page of results, ready for a file.

    Args:
        job: Whose results they are.
        page: Each result as JSON text.
        uids: Theirs.
        first: Position of the first among the results of the job.
    """
    created_at: list[datetime | None] = [job.finish_time] * len(page)
    if any(b'"extracted_at"' in result for result in page):
        created_at = [_extracted_at(result) or job.finish_time for result in page]
    return ResultPage(job, _texts(page), uids, created_at, first, sum(map(len, page)))


def rows_of(
    pages: Sequence[ResultPage], *, workspace_uid: str, load_id: str, loaded_at: datetime
) -> pa.Table:
    """Rows of `job_results`.

    Args:
        pages: What they hold.
        workspace_uid: Goes into every row.
        load_id: The load package that the rows belong to.
        loaded_at: Goes into every row.
    """
    counts = [(page, len(page.uids)) for page in pages]
    size = sum(count for _, count in counts)
    columns = {
        "workspace_uid": pa.repeat(workspace_uid, size),
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
        "is_carried": pa.array(
            _repeated((page.is_carried or None, n) for page, n in counts), pa.bool_()
        ),
        "loaded_at": pa.repeat(pa.scalar(loaded_at, _TIME), size),
        "_dlt_load_id": pa.repeat(load_id, size),
        DELETE_MARK: pa.array(
            _repeated((None if page.size else True, n) for page, n in counts), pa.bool_()
        ),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _texts(page: Sequence[bytes]) -> pa.Array:
    """JSON texts, which are UTF-8, as an Arrow array; copied once.

    Without a call that lets go of Python's lock: to get it back takes longer than the work.
    """
    offsets = array("i", accumulate(map(len, page), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(page))]
    return pa.Array.from_buffers(pa.string(), len(page), buffers)


def empty_mark(job: ResultJob) -> ResultPage:
    """A row that only removes: nothing else would replace results by none."""
    return ResultPage(job, pa.nulls(1, pa.string()), [None], [None], 0, 0)


def _repeated(runs: Iterable[tuple[T, int]]) -> Iterator[T]:
    return chain.from_iterable(repeat(value, count) for value, count in runs)


def result_uids(workspace_uid: str, job_uid: str) -> Callable[[Sequence[bytes]], list[str]]:
    """Makes the function that names the results of one job, page by page.

    A result has no uid in the API. Ours hashes the workspace, the job, the JSON text of the result
    and its ordinal among equal results of the job. So a uid stays the same when rows shift, and
    equal rows stay two rows.

    Returns:
        Page to uids, 32 hexadecimal digits each; call it for the pages in their order. It holds
        about 100 bytes for each result of the job.
    """
    job = hashlib.blake2b(f"{workspace_uid}\n{job_uid}\n".encode(), digest_size=16)
    seen: set[str] = set()
    repeats: Counter[str] = Counter()

    def uids(page: Sequence[bytes]) -> list[str]:
        names = []
        for data in page:
            result = job.copy()
            result.update(data)
            uid = result.hexdigest()
            if uid in seen:
                repeats[uid] += 1
                result.update(b"\n%d" % repeats[uid])
                uid = result.hexdigest()
            else:
                seen.add(uid)
            names.append(uid)
        return names

    return uids


def _extracted_at(data: bytes) -> datetime | None:
    """The time at which a result says that it was extracted; None where it says none."""
    try:
        value = _decode_extracted(data).extracted_at
        return None if value is None else parse_time(value)
    except (msgspec.DecodeError, UnfitError):
        return None
