"""Reads a list that is cut into pages by offset, newest change first, while it moves.

A run that is new or changes comes to the top and moves all others down; one that is deleted lets
those below move up. So each page overlaps the one before: where it does not, the list is read again
from further up; and once the end is reached, the top is read again until it brings nothing new.
Where an API gives whole pages alone, whatever the offset, `whole_pages` goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from captaindata_source.api.base import JobPage, Record
from captaindata_source.api.coverage import Coverage, Span
from captaindata_source.api.whole_pages import are_whole, whole_pages
from captaindata_source.errors import PaginationError
from captaindata_source.times import UnfitError, parse_time

__all__ = ["RunList"]

PAGE_SIZE = 100
"""The most that the API gives (documented)."""
MAX_OVERLAP = 10
MAX_EQUAL_PAGES = 3
"""Equal pages in a row, at offsets that grow: the API may be one that ignores the offset."""
MAX_STILL_PAGES = 10
"""The same, where the list may also grow by what is read."""
FAR = 10**9
"""An offset beyond the end of any list."""
MAX_EMPTY_PAGES = 3
"""Empty pages where there should be runs: a list may become shorter, but not again and again."""
MAX_GROWN_PAGES = 2
"""Short pages of known runs beyond the place where the last one was: the list grows with each call,
and its end moves on as fast as it is read."""
MAX_OFFSET = 2**31
MAX_RETURNS = 2
"""Pages that came before come again, and the next ones do not join them."""
MAX_IDLE = 20
"""Calls in a row that get no further, beyond those that a list takes that became much shorter."""
MAX_PASSES = 3
"""Looks at the top after the end: a list that moves faster than it is read has none."""


class RunList:
    """One reading of the list of runs.

    Args:
        fetch: Offset and number of runs to runs, the last change first.
        path: For the error.
        covered: Spans whose runs need not be read.
        sorted_by: Time by which the list is sorted: what is "changed" here.
        on_unsorted: Told once where the runs are not in order; then all of them are read.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], list[Record]],
        *,
        path: str,
        covered: Coverage | None = None,
        sorted_by: str = "updated_at",
        on_unsorted: Callable[[], None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._field = sorted_by
        self._covered = covered or Coverage()
        self._path = path
        self._on_unsorted = on_unsorted
        self._offset = 0
        self._is_sorted = True

    def pages(self) -> Iterator[JobPage]:
        """The runs outside of what is covered, newest change first; some come twice.

        Raises:
            PaginationError: The API ignores the offset.
        """
        top: datetime | None = None
        skipped: Span | None = None
        is_unsorted = False
        pages = 0
        walk = self._walk(0)
        while (page := next(walk, None)) is not None:
            pages += 1
            times = [self._changed(run) for run in page]
            is_unsorted = is_unsorted or not _are_sorted(times)
            if self._is_sorted and (is_unsorted or None in times):
                self._is_sorted = False
                self._on_unsorted()
                if skipped is not None or (is_unsorted and pages > 1):
                    walk = self._walk(0)
            last = times[-1]
            if not self._is_sorted or last is None:
                yield JobPage(page, is_unsorted=is_unsorted)
                continue
            top = top or times[0] or last
            yield JobPage(page, span=Span(last, top))
            known = self._known_at(last)
            if known is None or known == skipped:
                continue
            if known.begin is None:
                break
            skipped = known
            walk = self._walk(self._seek(known.begin), after=known.begin)
        else:
            if top is not None and self._is_sorted:
                yield JobPage((), span=Span(None, top))
        if pages > 1 and top is not None and self._is_sorted:
            yield from self._newcomers(top)

    def all_pages(self) -> Iterator[JobPage]:
        """All runs, in whatever order.

        Raises:
            PaginationError: The API ignores the offset.
        """
        return map(JobPage, self._walk(0))

    def _walk(self, offset: int, *, after: datetime | None = None) -> Iterator[list[Record]]:
        """Pages from an offset to the end of the list; no run between two of them is missed.

        Args:
            offset: Where to begin.
            after: The first page begins above this time, be it further up.
        """
        before: list[Record] = []
        known: set[str] = set()
        patience = _Patience(offset, path=self._path)
        size = equal = empty = beyond = end = returns = begin = 0
        is_empty = has_moved = False
        while True:
            self._offset = offset
            page = self._fetch(offset, PAGE_SIZE)
            uids = {run["uid"] for run in page}
            size = max(size, len(page))
            patience.spend(offset, size)
            if offset and self._is_gap(before, page, after):
                if returns >= MAX_RETURNS:
                    # `whole_pages` asks again: while a list grows, one answer may be chance
                    if has_moved or are_whole(self._fetch, before, begin, size):
                        yield from self._whole_pages(before, begin, size)
                        return
                    has_moved, returns = True, 0  # the list did, and its pages are where they were
                empty += not page and bool(before) and not is_empty
                is_empty = not page
                if empty > MAX_EMPTY_PAGES:
                    raise PaginationError(
                        f"The list of runs breaks off at offset {offset}", path=self._path
                    )
                offset = max(0, offset - max(1, size))
                continue
            is_empty = False
            if not page:
                return
            if uids <= known and len(page) == 1 and (size > 1 or self._fetch(FAR, 1)):
                return
            if uids <= known and len(page) < size:
                beyond += offset >= end
                if beyond > MAX_GROWN_PAGES:
                    return
                offset += len(page) - 1  # where more follows, the page was cut short
                continue
            equal = equal + 1 if _uids(page) == _uids(before) else 0
            last = page[-1]["uid"]
            is_same = last in known and _stands_still(before, page, offset - begin)
            returns = returns + 1 if is_same else 0
            begin = min(begin, offset) if last in known else offset
            if equal == MAX_EQUAL_PAGES and self._fetch(FAR, 1):
                raise PaginationError("The list of runs has no end", path=self._path)
            if equal >= MAX_STILL_PAGES:
                yield from self._whole_pages(page, begin, size)
                return
            patience.see(page, offset)
            yield page
            before, known, beyond = page, uids, 0
            end = offset + len(page)
            overlap = min(MAX_OVERLAP, max(1, len(page) // 5))
            offset += max(1, len(page) - overlap)

    def _whole_pages(self, page: list[Record], begin: int, size: int) -> Iterator[list[Record]]:
        return whole_pages(self._fetch, page, begin, size, limit=PAGE_SIZE, path=self._path)

    def _is_gap(
        self, before: Sequence[Record], page: Sequence[Record], after: datetime | None
    ) -> bool:
        """Whether runs may stand between two pages, or above the first one."""
        if not before:
            return after is not None and not self._is_later(page, after)
        last = self._changed(before[-1])
        if self._is_sorted and last is not None and self._is_later(page, last):
            return False
        return len(before) > 1 and set(_uids(before)).isdisjoint(_uids(page))

    def _newcomers(self, top: datetime) -> Iterator[JobPage]:
        """What came to the top since; the next reading finds it again, and so it covers nothing."""
        for _ in range(MAX_PASSES):
            newest = top
            for page in self._walk(0):
                fresh = [run for run in page if (self._changed(run) or top) > top]
                if fresh:
                    yield JobPage(fresh)
                    newest = max(newest, self._changed(fresh[0]) or top)
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
        while low + step < MAX_OFFSET and self._is_after(low + step, moment):
            low, step = low + step, 2 * step
        high = low + step
        while high - low > PAGE_SIZE // 2:
            middle = (low + high) // 2
            if self._is_after(middle, moment):
                low = middle
            else:
                high = middle
        return low

    def _is_after(self, offset: int, moment: datetime) -> bool:
        return self._is_later(self._fetch(offset, 1), moment)

    def _is_later(self, page: Sequence[Record], moment: datetime) -> bool:
        """Whether a page begins with a run that changed after a moment."""
        return bool(page) and (self._changed(page[0]) or moment) > moment

    def _changed(self, run: Record) -> datetime | None:
        try:
            return parse_time(run.get(self._field))
        except UnfitError:
            return None


class _Patience:
    """Ends a reading whose calls bring nothing new any more.

    Args:
        offset: Where the reading begins.
        path: For the error.
    """

    def __init__(self, offset: int, *, path: str) -> None:
        self._path = path
        self._deepest = offset
        self._idle = 0
        self._seen: set[int] = set()

    def spend(self, offset: int, size: int) -> None:
        """Counts a call.

        Raises:
            PaginationError: The last `MAX_IDLE` calls brought nothing new, and those that a list
                takes that became much shorter.
        """
        self._idle += 1
        if self._idle > MAX_IDLE + max(2 * self._deepest, offset // 2) // max(1, size):
            raise PaginationError("The list of runs has no end", path=self._path)

    def see(self, page: Sequence[Record], offset: int) -> None:
        """Takes a page: it gets on where its last run is new."""
        uids = [hash(run["uid"]) for run in page]
        if uids[-1] not in self._seen:
            self._idle, self._deepest = 0, max(self._deepest, offset)
        self._seen.update(uids)


def _stands_still(before: Sequence[Record], page: Sequence[Record], step: int) -> bool:
    """Whether a page holds the one before, elsewhere than it should for so many runs further on."""
    uids = _uids(page)
    first = before[0]["uid"]
    return first in uids and (not step or uids.index(first) != -step)


def _uids(page: Sequence[Record]) -> list[str]:
    return [run["uid"] for run in page]


def _are_sorted(times: Sequence[datetime | None]) -> bool:
    """Whether those that are times are in order."""
    return all(later >= earlier for later, earlier in pairwise(filter(None, times)))
