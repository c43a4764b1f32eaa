"""Which part of a list that is sorted by last change is read already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from captaindata_source.times import UnfitError, parse_time

__all__ = ["Coverage", "Span"]


class Span(NamedTuple):
    """After one point in time up to another, which is within; no beginning is that of all history.

    Runs may have changed at the same moment as the last one of a page: only those that changed
    later than its beginning are all there.
    """

    begin: datetime | None
    end: datetime

    def reaches(self, moment: datetime) -> bool:
        return self.begin is None or self.begin <= moment


class Coverage:
    """Spans of time, newest first, that neither touch nor overlap."""

    def __init__(self, spans: Sequence[Span] = ()) -> None:
        self._spans: tuple[Span, ...] = ()
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        """Joins a span with those that it touches."""
        apart = []
        begin, end = span
        for other in self._spans:
            if other.reaches(end) and Span(begin, end).reaches(other.end):
                begin = None if begin is None or other.begin is None else min(begin, other.begin)
                end = max(end, other.end)
            else:
                apart.append(other)
        self._spans = tuple(
            sorted([*apart, Span(begin, end)], key=lambda each: each.end, reverse=True)
        )

    def without_last(self, time: timedelta) -> Coverage:
        """What need not be read again, where changes may show that much later than they say.

        Where something is left to read, all of it: else a reading in small parts would read the
        last days again each time, and never get on.
        """
        if len(self._spans) != 1 or self._spans[0].begin is not None:
            return self.copy()
        end = self._spans[0].end
        if end - datetime.min.replace(tzinfo=UTC) <= time:
            return Coverage()
        return Coverage([Span(None, end - time)])

    def until(self, moment: datetime) -> Coverage:
        """What of it is not later than a moment."""
        return Coverage(
            [
                Span(begin, min(end, moment))
                for begin, end in self._spans
                if begin is None or begin < moment
            ]
        )

    def knows(self, moment: datetime) -> bool:
        """Whether what changed at a moment need not be read."""
        return any(span.reaches(moment) and moment <= span.end for span in self._spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def copy(self) -> Coverage:
        return Coverage(self._spans)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """As `to_json` gave it; empty where it is anything else."""
        try:
            pairs = [(begin, parse_time(end)) for begin, end in value]  # type: ignore[attr-defined]
            return cls([Span(begin and parse_time(begin), end) for begin, end in pairs])
        except (TypeError, ValueError, UnfitError):
            return cls()

    def to_json(self) -> list[list[str | None]]:
        """Pairs of begin and end, newest first, in ISO 8601."""
        return [
            [begin.isoformat() if begin else None, end.isoformat()] for begin, end in self._spans
        ]
