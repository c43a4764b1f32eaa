"""Which part of a list that is sorted by last change is read already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

from captaindata_source.times import UnfitError, parse_time

__all__ = ["Coverage", "Span"]


class Span(NamedTuple):
    """From one point in time to another, both within; no beginning is that of all history."""

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
        """The same, each span that much shorter at its end."""
        shorter = Coverage()
        for begin, end in self._spans:
            if end - datetime.min.replace(tzinfo=UTC) <= time:
                continue
            if begin is None or end - time > begin:
                shorter.add(Span(begin, end - time))
        return shorter

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
