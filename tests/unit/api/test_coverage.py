"""Spans of time: what joins, what stays apart, and what is read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.api import Coverage, Span
from tests.support.http_script import calm

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def span(begin: float | None, end: float) -> Span:
    return Span(None if begin is None else at(begin), at(end))


hours = st.integers(0, 30)
spans = st.tuples(st.none() | hours, hours).map(
    lambda pair: pair if pair[0] is None or pair[0] <= pair[1] else (pair[1], pair[0])
)


def holds(found: list[Span], moment: datetime) -> bool:
    return any((begin is None or begin <= moment) and moment <= end for begin, end in found)


@calm
@given(st.lists(spans, max_size=8), st.randoms())
def test_coverage_is_the_union_of_its_spans_in_whatever_order_they_come(
    pairs: list[tuple[int | None, int]], random: object
) -> None:
    given_spans = [span(*pair) for pair in pairs]
    coverage = Coverage(given_spans)
    found = list(coverage)
    for half_hours in range(-2, 64):
        moment = at(half_hours / 2)
        assert holds(found, moment) == holds(given_spans, moment)
    random.shuffle(given_spans)  # type: ignore[attr-defined]
    assert list(Coverage(given_spans)) == found
    for newer, older in pairwise(found):
        assert newer.begin is not None
        assert newer.begin > older.end, "they neither touch nor overlap"
    assert list(Coverage.from_json(json.loads(json.dumps(coverage.to_json())))) == found
    copy = coverage.copy()
    copy.add(span(None, 99))
    assert list(coverage) == found
    assert bool(coverage) == bool(found)


@pytest.mark.parametrize(
    "value", [None, 7, "x", {}, [7], [["x", "y"]], [[None, None]], [["2026-01-01"]], [[1, 2, 3]]]
)
def test_what_is_no_coverage_covers_nothing(value: object) -> None:
    assert list(Coverage.from_json(value)) == []


@pytest.mark.parametrize("begin", [None, "2026-01-01T00:00:00+00:00"])
def test_times_keep_their_microseconds_and_become_utc(begin: str | None) -> None:
    text = [[begin, "2026-01-02T03:04:05.123456+02:00"]]
    assert Coverage.from_json(text).to_json() == [[begin, "2026-01-02T01:04:05.123456+00:00"]]


DAY = timedelta(hours=24)


def test_the_last_days_are_read_again_where_all_the_rest_is_read() -> None:
    assert list(Coverage([span(None, 100)]).without_last(DAY)) == [span(None, 76)]
    assert list(Coverage([span(None, 100)]).without_last(timedelta(0))) == [span(None, 100)]
    assert not Coverage([span(None, 100)]).without_last(timedelta(days=999_999))
    assert not Coverage().without_last(DAY)


@pytest.mark.parametrize("pairs", [[(90, 100)], [(90, 100), (None, 50)]])
def test_what_is_covered_stays_so_while_something_is_left_to_read(
    pairs: list[tuple[int | None, int]],
) -> None:
    coverage = Coverage([span(*pair) for pair in pairs])
    shortened = coverage.without_last(DAY)
    assert list(shortened) == list(coverage)
    shortened.add(span(None, 200))
    assert list(shortened) != list(coverage)


def test_what_is_known() -> None:
    coverage = Coverage([span(10, 20), span(None, 5)])
    known = [hour for hour in range(25) if coverage.knows(at(hour))]
    assert known == [*range(6), *range(10, 21)]
