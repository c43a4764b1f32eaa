"""Lists of runs whose server has its own idea of pages: read to the end, or set aside; soon."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from captaindata_source.api import Coverage, Record
from captaindata_source.api.run_list import PAGE_SIZE, RunList
from captaindata_source.errors import PaginationError
from tests.support.http_script import calm

Window = Callable[[int, int, int], tuple[int, int]]
"""From offset, limit and the length of the list to the place and length of the page that comes."""

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(tick: int) -> datetime:
    return START + timedelta(seconds=tick)


def snapped(size: int | None = None, *, up: bool = False, fixed: int | None = None) -> Window:
    """Offsets go to the page's begin: of pages of a size, or as long as was asked for."""

    def window(offset: int, limit: int, _count: int) -> tuple[int, int]:
        page = size or fixed or limit
        return (-(-offset // page) if up else offset // page) * page, fixed or limit

    return window


WINDOWS: dict[str, Window] = {
    "right": lambda offset, limit, _: (offset, limit),
    "snapped to pages": snapped(),
    "rounded up to pages": snapped(up=True),
    **{f"snapped to {n}": snapped(n) for n in (7, 10, 20, 30, 50, 64, 99, 100, 150, 200, 1000)},
    **{f"rounded up to {n}": snapped(n, up=True) for n in (10, 50, 100, 200)},
    **{f"pages of {n}, limit ignored": snapped(1, fixed=n) for n in (1, 2, 10, 20, 50)},
    **{f"whole pages of {n}, limit ignored": snapped(fixed=n) for n in (1, 2, 10, 20, 50)},
    **{f"whole pages of {n}, up": snapped(fixed=n, up=True) for n in (10, 50)},
    **{
        f"offset at most {n}": lambda offset, limit, _, n=n: (min(offset, n), limit)  # type: ignore[misc]
        for n in (90, 100, 250)
    },
    **{
        f"offset ignored from {n}": lambda offset, limit, _, n=n: (offset % n, limit)  # type: ignore[misc]
        for n in (1, 91, 250)
    },
    "offset back to 0 from 200": lambda offset, limit, _: (offset if offset < 200 else 0, limit),
    "offset is a page": lambda offset, limit, _: (offset * limit, limit),
    "offset is a page of 10": lambda offset, limit, _: (offset * 10, limit),
    "no page from 200": lambda offset, limit, _: (offset, limit if offset < 200 else 0),
    "no page at 180 to 220": lambda offset, limit, _: (offset, 0 if 180 <= offset < 220 else limit),
    "offset from the end": lambda offset, limit, count: (max(0, count - offset - limit), limit),
    "the last page for ever": lambda offset, limit, count: (min(offset, max(0, count - 9)), limit),
    "half the limit": lambda offset, limit, _: (offset, max(1, limit // 2)),
    "half the limit, snapped": lambda offset, limit, _: (offset // limit * limit, limit // 2 or 1),
    "offset by one": lambda offset, limit, _: (offset + (offset > 0), limit),
}


MAX_GROWTH = 100
"""Else a list that grows faster than it is read has no end."""


@dataclass
class Odd:
    """A list that grows by some runs with each call.

    Args:
        window: What it gives.
        growth: Runs that come before each call but the first, in turn.
        is_sorted: Whether it heeds `sort`; if not, the oldest come first.
    """

    count: int
    window: Window
    growth: Sequence[int] = (0,)
    is_sorted: bool = True
    calls: int = 0
    came: int = 0
    runs: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runs = [{"uid": f"r{n}", "updated_at": at(self.count - n)} for n in range(self.count)]
        if not self.is_sorted:
            self.runs.reverse()

    def fetch(self, offset: int, limit: int) -> list[Record]:
        if self.calls and self.came < MAX_GROWTH:
            for _ in range(self.growth[self.calls % len(self.growth)]):
                self.came += 1
                new = {"uid": f"n{self.came}", "updated_at": at(self.count + self.came)}
                self.runs.insert(0 if self.is_sorted else len(self.runs), new)
        self.calls += 1
        assert self.calls <= self.most_calls(), "it does not end"
        begin, length = self.window(offset, limit, len(self.runs))
        return self.runs[begin : begin + length]

    def most_calls(self) -> int:
        """Pages of a single run are the worst that a list can be cut into."""
        return 60 + 6 * (self.count + MAX_GROWTH)

    def read(self, covered: Coverage | None = None) -> tuple[set[str], Coverage, bool]:
        """The uids that came, what is covered then, and whether it ended by itself."""
        brought: set[str] = set()
        claimed = covered.copy() if covered else Coverage()
        try:
            for page in RunList(self.fetch, covered=covered, path="runs").pages():
                brought |= {job["uid"] for job in page.jobs}
                if page.span:
                    claimed.add(page.span)
        except PaginationError:
            return brought, claimed, False
        return brought, claimed, True


@settings(calm, max_examples=60)
@given(
    count=st.integers(0, 20).map(lambda n: n * 50) | st.integers(0, 1300),
    window=st.sampled_from([*WINDOWS]),
    growth=st.lists(st.sampled_from([0, 0, 1, 3, 20]), min_size=1, max_size=4),
    is_sorted=st.booleans(),
)
@example(count=1001, window="offset is a page of 10", growth=[0], is_sorted=False)
@example(count=300, window="no page from 200", growth=[20, 0, 1, 20], is_sorted=True)
@example(count=901, window="offset is a page of 10", growth=[20], is_sorted=False)
def test_a_reading_ends_soon_and_misses_nothing_that_it_claims(
    count: int, window: str, growth: list[int], is_sorted: bool
) -> None:
    server = Odd(count, WINDOWS[window], growth, is_sorted=is_sorted)
    brought, claimed, is_whole = server.read()
    old = {f"r{n}" for n in range(count)}
    if is_whole:
        assert old <= brought
    if is_sorted:
        missed = {at(count - int(uid[1:])) for uid in old - brought}
        assert not any(
            (span.begin is None or span.begin < moment) and moment <= span.end
            for span in claimed
            for moment in missed
        ), "it is claimed, and never came"


READ_WHOLE = ["right", "snapped to pages", "snapped to 100", "half the limit"]
READ_WHOLE += [f"pages of {n}, limit ignored" for n in (10, 20, 50)]
READ_WHOLE += [f"whole pages of {n}, limit ignored" for n in (10, 20, 50)]


@pytest.mark.parametrize("growth", [0, 1])
@pytest.mark.parametrize("window", READ_WHOLE)
def test_pages_of_other_sizes_and_places_are_read_to_the_end(window: str, growth: int) -> None:
    for count in (0, 7, 60, 99, 100, 101, 190, 200, 250, 600):
        server = Odd(count, WINDOWS[window], [growth])
        brought, claimed, is_whole = server.read()
        assert is_whole, count
        assert brought >= {f"r{n}" for n in range(count)}, count
        size = min(PAGE_SIZE, *(int(n) for n in re.findall(r"of (\d+)", window)), PAGE_SIZE)
        assert server.calls <= 30 + 4 * (count + server.came) / size, (count, server.calls)
        if count and not growth:
            again = Odd(count, WINDOWS[window])
            assert again.read(claimed)[2]
            assert again.calls <= 3, "all is known"


@pytest.mark.parametrize(
    "window", ["rounded up to pages", "rounded up to 50", "whole pages of 50, up"]
)
def test_offsets_that_are_rounded_up_are_read_to_the_end(window: str) -> None:
    for count in (101, 190, 200, 250, 600):
        server = Odd(count, WINDOWS[window])
        brought, _, is_whole = server.read()
        assert is_whole, count
        assert brought == {f"r{n}" for n in range(count)}


@pytest.mark.parametrize("count", [250, 1000, 100_000])
def test_the_calls_of_right_pages_are_as_few_as_they_were(count: int) -> None:
    server = Odd(count, WINDOWS["right"])
    assert server.read()[2]
    assert server.calls <= count / 90 + 4
