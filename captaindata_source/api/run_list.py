"""Reads a list that is cut into pages by offset, newest change first, while it moves.

A run that is new or changes comes to the top and moves all others down; one that is deleted lets
those below move up. So each page overlaps the one before: where it does not, the list is read again
from further up; and once the end is reached, the top is read again until it brings nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from captaindata_source.api.base import JobPage, Record
from captaindata_source.api.coverage import Coverage, Span
from captaindata_source.errors import PaginationError
from captaindata_source.times import UnfitError, parse_time

__all__ = ["RunList"]

PAGE_SIZE = 100
"""The most that the API gives (documented)."""
MAX_OVERLAP = 10
MAX_EQUAL_PAGES = 3
"""Equal pages in a row, at offsets that grow, after which the API is taken to ignore the offset."""
MAX_PASSES = 3
"""Looks at the top after the end: a list that moves faster than it is read has none."""


class RunList:
    """One reading of the list of runs.

    Args:
        fetch: Offset and number of runs to runs, the last change first.
        path: For the error.
        covered: Spans whose runs need not be read.
        on_unsorted: Told once where the runs are not in order; then all of them are read.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], list[Record]],
        *,
        path: str,
        covered: Coverage | None = None,
        on_unsorted: Callable[[], None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._covered = covered or Coverage()
        self._path = path
        self._on_unsorted = on_unsorted
        self._offset = 0

    def pages(self) -> Iterator[JobPage]:
        """The runs outside of what is covered, newest change first; some come twice.

        Raises:
            PaginationError: The API ignores the offset.
        """
        top: datetime | None = None
        is_sorted = True
        pages = 0
        walk = self._walk(0)
        while (page := next(walk, None)) is not None:
            pages += 1
            times = [_changed(run) for run in page]
            if is_sorted and not _are_sorted(times):
                is_sorted = False
                self._on_unsorted()
            last = times[-1]
            if not is_sorted or last is None:
                yield JobPage(page)
                continue
            top = top or times[0] or last
            yield JobPage(page, Span(last, top))
            known = self._known_at(last)
            if known is None:
                continue
            if known.begin is None:
                break
            walk = self._walk(self._seek(known.begin))
        else:
            if top is not None and is_sorted:
                yield JobPage((), Span(None, top))
        if pages > 1 and top is not None and is_sorted:
            yield from self._newcomers(top)

    def all_pages(self) -> Iterator[JobPage]:
        """All runs, in whatever order.

        Raises:
            PaginationError: The API ignores the offset.
        """
        return map(JobPage, self._walk(0))

    def _walk(self, offset: int) -> Iterator[list[Record]]:
        """Pages from an offset to the end of the list; no run between two of them is missed."""
        before: list[str] = []
        size = equal = 0
        step = PAGE_SIZE
        while True:
            self._offset = offset
            page = self._fetch(offset, PAGE_SIZE)
            uids = [run["uid"] for run in page]
            size = max(size, len(page))
            if len(before) > 1 and offset and set(before).isdisjoint(uids):
                offset, step = max(0, offset - step), 2 * step
                continue
            step = PAGE_SIZE
            if not page or (len(page) < size and set(uids) <= set(before)):
                return
            equal = equal + 1 if uids == before else 0
            if equal >= MAX_EQUAL_PAGES:
                raise PaginationError("The list of runs has no end", path=self._path)
            yield page
            before = uids
            overlap = min(MAX_OVERLAP, max(1, len(page) // 5))
            offset += max(1, len(page) - overlap)

    def _newcomers(self, top: datetime) -> Iterator[JobPage]:
        """What came to the top since; the next reading finds it again, and so it covers nothing."""
        for _ in range(MAX_PASSES):
            newest = top
            for page in self._walk(0):
                fresh = [run for run in page if (_changed(run) or top) > top]
                if fresh:
                    yield JobPage(fresh)
                    newest = max(newest, _changed(fresh[0]) or top)
                if len(fresh) < len(page):
                    break
            if newest == top:
                return
            top = newest

    def _known_at(self, moment: datetime) -> Span | None:
        """The covered span that goes on below."""
        for span in self._covered:
            if span.end > moment and (span.begin is None or span.begin < moment):
                return span
        return None

    def _seek(self, moment: datetime) -> int:
        """An offset, at most a page above the first run whose last change is not after a moment."""
        low, step = self._offset, PAGE_SIZE
        while self._is_after(low + step, moment):
            low, step = low + step, 2 * step
        high = low + step
        while high - low > PAGE_SIZE // 2:
            middle = (low + high) // 2
            if self._is_after(middle, moment):
                low = middle
            else:
                high = middle
        while low and not self._is_after(low, moment):  # the list became shorter meanwhile
            low = max(0, low - PAGE_SIZE)
        return low

    def _is_after(self, offset: int, moment: datetime) -> bool:
        runs = self._fetch(offset, 1)
        return bool(runs) and (_changed(runs[0]) or moment) > moment


def _changed(run: Record) -> datetime | None:
    try:
        return parse_time(run.get("updated_at"))
    except UnfitError:
        return None


def _are_sorted(times: Sequence[datetime | None]) -> bool:
    return None not in times and all(
        later >= earlier for later, earlier in pairwise(filter(None, times))
    )
