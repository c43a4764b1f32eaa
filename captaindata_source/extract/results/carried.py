"""Results of a continued run that the newest answer lacks: they stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from captaindata_source.extract.queue import ResultJob
from captaindata_source.extract.results.pages import ResultPage
from captaindata_source.warehouse.loaded_rows import StoredResult

__all__ = ["carried_pages"]


def carried_pages(
    job: ResultJob,
    stored: Iterable[Sequence[StoredResult]],
    answered: set[str],
    *,
    first: int,
) -> Iterator[ResultPage]:
    """Pages of the results that are loaded and that the newest answer lacks.

    A uid is made of the content of a result and its ordinal among equal ones, so that equal results
    are neither lost nor doubled.

    Args:
        job: The run.
        stored: Its results in the destination, in batches.
        answered: Uids of the newest answer; gets those that are carried.
        first: Position of the first of them.
    """
    for batch in stored:
        kept = []
        for each in batch:
            if each.uid not in answered:
                answered.add(each.uid)
                kept.append(each)
        if kept:
            data = pa.array([each.data for each in kept], pa.string())
            size = sum(len(each.data or "") for each in kept)
            yield ResultPage(
                job,
                data,
                [each.uid for each in kept],
                [each.created_at for each in kept],
                first,
                size,
                is_carried=True,
            )
            first += len(kept)
