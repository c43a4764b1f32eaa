"""Rows of results: made in chunks of a stream, serialised once, served in pages."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.sandbox.catalogue import KINDS, Kind
from captaindata_source.sandbox.dialect import TimeStyle
from captaindata_source.sandbox.jobs import Segment, iso, take
from captaindata_source.sandbox.population import Draw, Population, Subject
from captaindata_source.sandbox.rng import stream

Json = dict[str, Any]

CHUNK_ROWS = 100
DUPLICATE_CHANCE = 0.04
META_CHANCE = 0.6
PLANTED_FROM = 2
"""The rows of a planted pair are this one and the next."""
DEFAULT_CACHE_CHUNKS = 1000
_EXTRACTED_AT_STYLES: tuple[TimeStyle, ...] = ("naive", "zulu", "offset")


def dumps(value: object, *, ascii_json: bool = False) -> bytes:
    """Return compact JSON."""
    return json.dumps(
        value, ensure_ascii=ascii_json, separators=(",", ":"), allow_nan=False
    ).encode()


class ResultStore:
    """Makes the rows of a world's jobs; the same segment always has the same rows.

    Args:
        seed: The world's seed.
        start: The world's start.
        cache_chunks: How many serialised chunks are kept, of 100 rows (some 60 kB) each.
    """

    def __init__(
        self, seed: int, start: datetime, *, cache_chunks: int = DEFAULT_CACHE_CHUNKS
    ) -> None:
        self._seed = seed
        self._start = start
        self._cache_chunks = cache_chunks
        self._cache: OrderedDict[tuple[str, int, bool], list[bytes]] = OrderedDict()

    def rows(self, segments: tuple[Segment, ...], kind: Kind, population: Population) -> list[Json]:
        """Return all rows of `segments`, as fresh objects."""
        return deepcopy([row for row, _ in self._made(segments, kind, population)])

    def subjects(
        self, segments: tuple[Segment, ...], kind: Kind, population: Population
    ) -> list[Subject | None]:
        """Return who each row of `segments` is about."""
        return [subject for _, subject in self._made(segments, kind, population)]

    def _made(
        self, segments: tuple[Segment, ...], kind: Kind, population: Population
    ) -> Iterator[tuple[Json, Subject | None]]:
        for segment in segments:
            for index, first, last in _chunks(segment):
                yield from self._make(segment, index, kind, population)[first:last]

    def encoded(
        self,
        segments: tuple[Segment, ...],
        kind: Kind,
        population: Population,
        *,
        first: int,
        last: int,
        ascii_json: bool = False,
    ) -> list[bytes]:
        """Return rows `first` to `last` (exclusive) of `segments` as JSON."""
        rows: list[bytes] = []
        for segment in take(segments, first, last):
            for index, low, high in _chunks(segment):
                key = (segment.stream, index, ascii_json)
                chunk = self._cached(key)
                if chunk is None:
                    made = self._make(segment, index, kind, population)
                    chunk = [dumps(row, ascii_json=ascii_json) for row, _ in made]
                    self._keep(key, chunk)
                rows += chunk[low:high]
        return rows

    def _cached(self, key: tuple[str, int, bool]) -> list[bytes] | None:
        if key in self._cache:
            self._cache.move_to_end(key)
        return self._cache.get(key)

    def _keep(self, key: tuple[str, int, bool], chunk: list[bytes]) -> None:
        self._cache[key] = chunk
        if len(self._cache) > self._cache_chunks:
            self._cache.popitem(last=False)

    def _make(
        self, segment: Segment, index: int, kind: Kind, population: Population
    ) -> list[tuple[Json, Subject | None]]:
        rng = stream(self._seed, segment.stream, index)
        pair = stream(self._seed, segment.stream, "planted").randrange(1000)
        style = _EXTRACTED_AT_STYLES[KINDS.index(kind) % 3]
        pace = (segment.ends - segment.begins) / segment.size
        offset = index * CHUNK_ROWS
        rows: list[tuple[Json, Subject | None]] = []
        for number in range(offset, min(offset + CHUNK_ROWS, segment.size)):
            is_planted = 0 <= number - PLANTED_FROM < 2
            if rows and rng.random() < DUPLICATE_CHANCE and not is_planted:
                rows.append(rows[-1])
                continue
            draw = Draw(rng=rng, day=segment.begins, population=population)
            if is_planted:
                draw.pair = (pair, number - PLANTED_FROM)
            row = kind.rows(draw)
            for drift in kind.drifts:
                drift.apply(row, segment.begins)
            if kind.dated:
                moment = self._start + timedelta(days=segment.begins + pace * number)
                row["extracted_at"] = iso(moment, style)
            if kind.meta and rng.random() < META_CHANCE:
                row["meta"] = {
                    "crm_id": rng.randrange(10**6),
                    "campaign": {"name": None, "wave": 2},
                }
            rows.append((row, draw.subject))
        return rows


def _chunks(segment: Segment) -> Iterator[tuple[int, int, int]]:
    """Yield which rows of which chunks make up `segment`."""
    for index in range(segment.first // CHUNK_ROWS, (segment.last - 1) // CHUNK_ROWS + 1):
        base = index * CHUNK_ROWS
        yield index, max(segment.first - base, 0), min(segment.last - base, CHUNK_ROWS)
