"""The list of runs, read while it moves: nothing at rest is missed, nothing is claimed in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from captaindata_source.api import Coverage, JobPage, Record, Span
from captaindata_source.api.run_list import PAGE_SIZE, RunList
from captaindata_source.errors import PaginationError
from tests.support.http_script import calm

START = datetime(2026, 1, 1, tzinfo=UTC)
Version = tuple[str, int]
Move = tuple[str, float, int]
"""What happens between two calls: kind, place in the list from 0 to 1, how many runs."""


def at(tick: int) -> datetime:
    return START + timedelta(seconds=tick)


@dataclass
class Server:
    """A list that is sorted by the last change, and moves between the calls of a reading.

    Args:
        runs: uid to tick of its last change.
        caps: Runs on a page at most, whatever is asked for; in turn.
        moves: For each call what happens before it, from the second call on.
    """

    runs: dict[str, int]
    caps: Sequence[int] = (PAGE_SIZE,)
    moves: Sequence[Sequence[Move]] = ()
    max_calls: int = 1000
    now: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    """Runs that came, changed or went since the reading began."""
    broke_off: bool = False

    def begin(self, moves: Sequence[Sequence[Move]] = ()) -> None:
        self.moves, self.asked, self.moved = moves, [], set()
        self.now = max([self.now, *self.runs.values()]) + 1

    def order(self) -> list[str]:
        return sorted(self.runs, key=lambda uid: (-self.runs[uid], uid))

    def fetch(self, offset: int, limit: int) -> list[Record]:
        self.asked.append((offset, limit))
        assert len(self.asked) <= self.max_calls, "it does not end"
        assert 1 <= limit <= PAGE_SIZE
        assert offset >= 0
        if 1 < len(self.asked) <= len(self.moves) + 1:
            for move in self.moves[len(self.asked) - 2]:
                self._move(*move)
        cap = self.caps[len(self.asked) % len(self.caps)]
        window = self.order()[offset : offset + min(limit, cap)]
        return [{"uid": uid, "updated_at": at(self.runs[uid])} for uid in window]

    def _move(self, kind: str, place: float, count: int) -> None:
        order = self.order()
        first = int(place * len(order))
        if kind == "come":
            chosen = [f"new-{self.now}-{number}" for number in range(count)]
        else:
            chosen = order[first : first + count]
        for uid in chosen:
            self.moved.add(uid)
            if kind == "go":
                del self.runs[uid]
            else:
                self.runs[uid] = self.now
        self.now += kind != "tie"

    def at_rest(self) -> set[Version]:
        return {(uid, tick) for uid, tick in self.runs.items() if uid not in self.moved}


def read(
    server: Server, covered: Coverage, *, pages: int | None = None
) -> tuple[set[Version], Coverage]:
    """Reads, to the end or some pages of it: what it brought, and what is covered then."""
    brought: set[Version] = set()
    claimed = covered.copy()
    unsorted: list[None] = []
    server.broke_off = False
    try:
        for page in islice(pages_of(server, covered, lambda: unsorted.append(None)), pages):
            brought |= {(job["uid"], tick_of(job["updated_at"])) for job in page.jobs}
            if page.span is not None:
                claimed.add(page.span)
    except PaginationError as error:  # it became shorter again and again
        assert str(error).startswith(TOO_FAST)
        assert len(server.moved) > 3
        server.broke_off = True
    assert not unsorted
    return brought, claimed


def pages_of(
    server: Server, covered: Coverage, on_unsorted: Callable[[], None] = lambda: None
) -> Iterator[JobPage]:
    reading = RunList(server.fetch, covered=covered, path="runs", on_unsorted=on_unsorted)
    return reading.pages()


def tick_of(moment: datetime) -> int:
    return round((moment - START).total_seconds())


def within(coverage: Coverage, tick: int) -> bool:
    return any((s.begin is None or s.begin < at(tick)) and at(tick) <= s.end for s in coverage)


def runs_of(gaps: Sequence[int], first: int = 0) -> dict[str, int]:
    ticks = [first]
    for gap in gaps:
        ticks.append(ticks[-1] + gap)
    return {f"run-{number * 7919 % 9973}": tick for number, tick in enumerate(ticks[1:])}


TOO_FAST = ("The list of runs breaks off", "The list of runs can't be read page by page")
"""What is said of a list that moves faster than it is read; it may look like one of whole pages."""
gaps = st.lists(st.sampled_from([0, 0, 1, 3]), max_size=40).flatmap(
    lambda some: st.integers(1, 6).map(lambda times: some * times)
)
caps = st.lists(st.sampled_from([2, 3, 7, 10, 25, 50, 51, 100]), min_size=1, max_size=2)
moves = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["come", "change", "tie", "go"]),
            st.floats(0, 1),
            st.integers(1, 4) | st.sampled_from([12, 40]),
        ),
        max_size=2,
    ),
    max_size=12,
)
readings = st.lists(st.tuples(moves, st.none() | st.integers(1, 6)), min_size=1, max_size=4)


@settings(calm, max_examples=150)
@given(gaps=gaps, caps=caps, readings=readings)
# a list that grew and shrank is not one of whole pages
@example(
    gaps=[0],
    caps=[25],
    readings=[
        ([[("come", 0.0, 12)], [("go", 0.5, 12)], [], [("go", 0.0, 1)]], None),
    ],
)
# a list that grows with each call looks like one of whole pages
@example(
    gaps=[0],
    caps=[2, 3],
    readings=[
        (
            [
                [("come", 0.0, 1), ("come", 0.0, 1)],
                [("come", 0.0, 1), ("come", 0.0, 1)],
                [("come", 0.0, 1)],
                [("come", 0.0, 1)],
                [("go", 0.75, 1)],
            ],
            None,
        )
    ],
)
# the page that came twice is what the list moved down by
@example(
    gaps=[0, 0, 0, 0],
    caps=[3],
    readings=[
        (
            [
                [("come", 0.0, 1), ("come", 0.0, 1)],
                [("come", 0.0, 2)],
                [("go", 0.0, 1)],
            ],
            None,
        )
    ],
)
def test_no_run_at_rest_is_missed_wherever_readings_break_off(
    gaps: list[int], caps: list[int], readings: list[tuple[list[list[Move]], int | None]]
) -> None:
    server = Server(runs_of(gaps), caps)
    covered = Coverage()
    known: set[Version] = set()
    for moves, pages in [*readings, ([], None)]:
        server.begin(moves)
        before = covered
        brought, covered = read(server, before, pages=pages)
        known |= brought
        for uid, tick in server.at_rest():
            if within(covered, tick):
                assert (uid, tick) in known, "it is claimed, and never came"
            else:
                is_whole = pages is None and not server.broke_off
                assert not is_whole or (uid, tick) in known, "a whole reading missed it"
    assert set(server.runs.items()) <= known
    server.begin()
    again, _ = read(server, covered)
    newest = max(server.runs.values(), default=0)
    ties = sum(tick == newest for tick in server.runs.values())
    assert len(again) <= ties + max(caps), (
        "all is covered: those that are as new as the newest are read"
    )
    assert len(server.asked) <= 3 + 2 * ties


@settings(calm, max_examples=100)
@given(gaps=gaps, caps=caps, moves=moves, salt=st.integers(0, 9))
def test_an_unsorted_list_is_read_whole_and_covers_nothing(
    gaps: list[int], caps: list[int], moves: list[list[Move]], salt: int
) -> None:
    server = Server(runs_of(gaps), caps)
    covered = read(server, Coverage(), pages=2)[1]
    server.begin(moves)
    server.order = lambda: sorted(  # type: ignore[method-assign]
        server.runs, key=lambda uid: crc32(f"{salt}{uid}".encode())
    )
    told: list[None] = []
    try:
        pages = list(pages_of(server, covered, lambda: told.append(None)))
    except PaginationError as error:
        assert str(error).startswith(TOO_FAST)
        assert len(server.moved) > 3
        return
    is_found = next((n for n, page in enumerate(pages) if page.is_unsorted), None)
    assert (is_found is not None) == (len(told) == 1)
    if is_found is None:  # as it is short, or each page is in order by luck
        return
    assert {uid for uid, _ in server.at_rest()} <= {job["uid"] for p in pages for job in p.jobs}
    assert all(page.is_unsorted and page.span is None for page in pages[is_found:])


@dataclass
class Fixed:
    """A list that stands; past its end it may answer with its last page again."""

    runs: Sequence[Record]
    cap: int = PAGE_SIZE
    repeats: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)
    unsorted: list[None] = field(default_factory=list)

    def fetch(self, offset: int, limit: int) -> list[Record]:
        self.asked.append((offset, limit))
        assert len(self.asked) < MANY / 8, "it does not end"
        window = list(self.runs[offset : offset + min(limit, self.cap)])
        return window or list(self.runs[-7:] if self.repeats else [])

    def read(self, covered: Coverage, pages: int | None = None) -> list[JobPage]:
        self.asked.clear()
        reading = RunList(
            self.fetch,
            covered=covered,
            path="runs",
            on_unsorted=lambda: self.unsorted.append(None),
        )
        return list(islice(reading.pages(), pages))


def numbered(count: int) -> list[Record]:
    """Runs, one a tick, the newest first."""
    return [{"uid": str(n), "updated_at": at(count - n)} for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_a_list_that_grows_as_fast_as_it_is_read_is_no_error(count: int) -> None:
    server = Server(runs_of([1] * count))
    step = max(1, count - max(1, count // 5)) if count < 100 else 90
    server.begin([[("come", 0.0, step)]] * 8)
    brought, _ = read(server, Coverage())
    assert brought >= server.at_rest()


def test_a_list_that_breaks_off_at_some_depth_is_an_error_and_no_end() -> None:
    server = Fixed(numbered(1000))
    reading = RunList(
        lambda offset, limit: server.fetch(offset, limit) if offset < 500 else [],
        covered=Coverage(),
        path="runs",
    )
    spans: list[Span | None] = []
    with pytest.raises(PaginationError, match="breaks off"):
        spans.extend(page.span for page in reading.pages())
    assert len(server.asked) < 20
    assert all(span is not None and span.begin is not None for span in spans)


def test_runs_without_a_time_are_read_each_time_and_cost_no_other_claim() -> None:
    server = Fixed([*numbered(250), *({"uid": f"t{n}", "updated_at": None} for n in range(20))])
    pages = server.read(Coverage())
    assert {run["uid"] for run in server.runs} == {j["uid"] for p in pages for j in p.jobs}
    assert [page.span is None for page in pages] == [False, False, True]
    assert len(server.unsorted) == 1
    assert not any(page.is_unsorted for page in pages)


def test_what_was_passed_over_is_read_once_the_list_turns_out_to_be_unsorted() -> None:
    runs = numbered(1000)
    runs[850], runs[860] = runs[860], runs[850]
    server = Fixed(runs)
    pages = server.read(Coverage([Span(at(200), at(950))]))
    assert {run["uid"] for run in runs} == {job["uid"] for page in pages for job in page.jobs}
    assert len(server.unsorted) == 1
    assert pages[-1].is_unsorted


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 99, 100, 101, 190, 191, 250])
def test_the_end_is_found_whatever_comes_after_it(count: int, repeats: bool) -> None:
    server = Fixed(numbered(count), repeats=repeats)
    pages = server.read(Coverage())
    assert {run["uid"] for run in server.runs} == {j["uid"] for p in pages for j in p.jobs}
    assert [page.span for page in pages][-1:] == [Span(None, at(count))] * (count > 0)
    assert len(server.asked) <= count / 90 + 4


@pytest.mark.parametrize("count", [150, 100])
def test_an_api_that_ignores_the_offset_is_an_error(count: int) -> None:
    server = Server(runs_of([1] * count))
    same = server.fetch(0, PAGE_SIZE)

    def fetch(offset: int, limit: int) -> list[Record]:
        server.asked.append((offset, limit))
        return same

    reading = RunList(fetch, covered=Coverage(), path="runs", on_unsorted=lambda: None)
    brought: list[Record] = []
    with pytest.raises(PaginationError, match=r"^The list of runs has no end \[GET runs\]$"):
        for page in reading.pages():
            brought += page.jobs
    assert {job["uid"] for job in brought} == {job["uid"] for job in same}
    assert len(server.asked) < 8


# -- how many calls -------------------------------------------------------------------------------

MANY = 100_000


@pytest.mark.parametrize("cap", [10, 50, 100])
def test_few_calls_are_sent_for_a_long_list_of_which_most_is_covered(cap: int) -> None:
    server = Fixed(numbered(MANY), cap)
    server.read(Coverage([Span(None, at(MANY))]))
    assert len(server.asked) <= 3
    deep = Coverage([Span(at(20_000), at(MANY)), Span(None, at(15_000))])
    pages = server.read(deep)
    brought = {int(job["uid"]) for page in pages for job in page.jobs}
    assert brought >= set(range(MANY - 20_000, MANY - 15_000))
    assert len(brought) < 5_000 + 4 * PAGE_SIZE
    sought = [offset for offset, limit in server.asked if limit == 1]
    assert len(sought) < 30, "its logarithm"
    assert len(server.asked) - len(sought) < 10 + 5_000 * 1.3 / cap
    # three gaps, each found
    several = Coverage([span for n in (8, 6, 4) if (span := Span(at(n * 10_000), at(n * 12_000)))])
    several.add(Span(None, at(30_000)))
    assert len(several.to_json()) > 1
    server.read(several)
    assert len([offset for offset, limit in server.asked if limit == 1]) < 90


def test_a_first_reading_overlaps_its_pages_and_reads_the_list_once() -> None:
    server = Fixed(numbered(MANY))
    pages = server.read(Coverage())
    assert len({job["uid"] for page in pages for job in page.jobs}) == MANY
    assert len(server.asked) < MANY / 90 + 5
    ends = [page.span.begin for page in pages if page.span]
    assert ends[-1] is None
    assert ends[:-1] == sorted(filter(None, ends), reverse=True), "the newest come first"


def test_many_that_go_at_once_cost_no_second_reading_from_the_top() -> None:
    server = Server(runs_of([1] * 3000))
    gone = [("go", 0.1, 400)]
    server.begin([[], [], [], [], [], [], [], [], [], gone])
    brought, covered = read(server, Coverage())
    assert server.at_rest() <= brought
    assert within(covered, 0)
    assert len(server.asked) < 3000 / 90 + 15


@pytest.mark.parametrize("cap", [10, 100])
def test_runs_that_go_between_a_search_and_its_page_hide_none(cap: int) -> None:
    covered = Coverage([Span(at(300), at(950))])
    server = Server(runs_of([1] * 1000), [cap])
    server.begin()
    read(server, covered)
    limits = [limit for _, limit in server.asked]
    first = max(call for call, limit in enumerate(limits) if limit == 1) + 1
    server.begin([*[[]] * (first - 1), [("go", 0.2, 200)]])
    brought, claimed = read(server, covered)
    assert len(server.moved) == 200
    missed = {run for run in server.at_rest() if not within(covered, run[1])} - brought
    assert not missed
    assert within(claimed, 0)


def test_what_comes_and_changes_while_the_list_is_read_is_looked_for_at_its_end() -> None:
    server = Server(runs_of([1] * 250))
    server.begin([[("change", 0.9, 2), ("come", 0.0, 3)]])
    brought, covered = read(server, Coverage())
    assert brought >= set(server.runs.items())
    assert not any(within(covered, server.runs[uid]) for uid in server.moved)


def test_a_list_that_breaks_off_is_no_list_that_ends() -> None:
    runs: list[Record] = [
        {"uid": f"r{n}", "updated_at": f"2026-01-01T00:{59 - n // 60:02}:{59 - n % 60:02}Z"}
        for n in range(900)
    ]
    asked = []

    def fetch(offset: int, limit: int) -> list[Record]:
        asked.append(offset)
        return [] if offset > 500 else runs[offset : offset + limit]

    with pytest.raises(PaginationError, match="breaks off at offset"):
        list(RunList(fetch, path="runs").pages())
    assert len(asked) < 30
