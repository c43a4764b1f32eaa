"""Goes on with a list whose API gives whole pages alone, whatever the offset asked for.

Such pages can't overlap. So offsets are whole pages too, and after each page the one before is read
again: where a run of the next page moved up into it, it shows there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from captaindata_source.api.base import Record
from captaindata_source.errors import PaginationError

__all__ = ["are_whole", "whole_pages"]

MAX_MOVES = 5
"""Readings in a row of a page between which the list moved up, or might have."""
MAX_GROWN_PAGES = 3
"""Pages in a row that bring nothing new, as the list grows with each call."""


def whole_pages(
    fetch: Callable[[int, int], list[Record]],
    before: list[Record],
    begin: int,
    size: int,
    *,
    limit: int,
    path: str,
) -> Iterator[list[Record]]:
    """The pages after one that was read.

    Args:
        fetch: Offset and number of runs to runs.
        before: The page.
        begin: An offset that gave it.
        size: Runs on a page, as far as is known: pages may be longer, and the list short.
        limit: Runs on a page at most.
        path: For the error.

    Raises:
        PaginationError: Pages do not follow each other, or the list moves too fast.
    """
    error = PaginationError("The list of runs can't be read page by page", path=path)
    offset = begin // size * size
    if not are_whole(fetch, before, begin, size):
        raise error
    moves = grown = 0
    while True:
        page = fetch(offset + size, size)
        again = fetch(offset, size)
        if not _uids(again) <= _uids(before):
            yield again
        # without a run in common, nothing tells how far the list moved, and in which direction
        is_near = _share(before, again)
        is_same = _begins_in(again, page) or (is_near and _begins_in(before, page))
        has_moved = not (is_near and _only_grew(before, again))
        before = again
        moves = moves + 1 if has_moved else 0
        if moves > MAX_MOVES:
            raise error
        if has_moved:
            continue
        if is_same and len(page) >= size:
            if size == limit:
                raise error
            size, offset = limit, offset // limit * limit
            continue
        offset += size
        is_known = _uids(page) <= _uids(before)
        if is_known and len(page) < size:  # none, or the last page again
            if not (page or _is_end(fetch, before, offset, size)):
                raise error
            return
        grown = grown + 1 if is_known else 0
        if grown > MAX_GROWN_PAGES or (not is_known and len(before) < size):
            raise error
        if not is_known:
            yield page
        before = page


def are_whole(
    fetch: Callable[[int, int], list[Record]], before: list[Record], begin: int, size: int
) -> bool:
    """Whether a page begins where it should, and what is between two pages is one of them.

    Args:
        fetch: As `whole_pages`.
        before: As `whole_pages`.
        begin: As `whole_pages`.
        size: As `whole_pages`.
    """
    offset = begin // size * size
    if offset and _share(fetch(offset - 1, size), before):
        return False
    between = fetch(offset + size - 1, size)
    if _share(between, before):
        return True
    # offsets are rounded up
    page, after = (fetch(offset + size + more, size) for more in (0, 1))
    return _begins_in(between, page) and not _begins_in(page, after)


def _only_grew(before: Sequence[Record], again: Sequence[Record]) -> bool:
    """Whether a page that is read again holds what it held, moved down by what is new."""
    known = _uids(before)
    fresh = sum(run["uid"] not in known for run in again)
    kept = [run["uid"] for run in again[fresh:]]
    return kept == [run["uid"] for run in before[: len(kept)]]


def _is_end(
    fetch: Callable[[int, int], list[Record]], before: list[Record], offset: int, size: int
) -> bool:
    """Whether a list ends at an offset that gave no page: no run shows beyond it."""
    if len(before) >= size and _goes_on(before, fetch(offset - 1, size)):
        return False
    return not fetch(offset + size, size)


def _goes_on(page: Sequence[Record], other: Sequence[Record]) -> bool:
    """Whether another page shows runs after the last one of a page."""
    uids = [run["uid"] for run in other]
    last = page[-1]["uid"]
    return last in uids and uids[-1] != last


def _begins_in(page: Sequence[Record], other: Sequence[Record]) -> bool:
    return bool(page) and page[0]["uid"] in _uids(other)


def _share(one: Sequence[Record], other: Sequence[Record]) -> bool:
    return not _uids(one).isdisjoint(_uids(other))


def _uids(page: Sequence[Record]) -> set[str]:
    return {run["uid"] for run in page}
