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
from captaindata_source.sandbox.rng import stream

Json = dict[str, Any]

CHUNK_ROWS = 100
DUPLICATE_CHANCE = 0.04
META_CHANCE = 0.6
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

    def rows(self, segments: tuple[Segment, ...], kind: Kind) -> list[Json]:
        """Return all rows of `segments`, as fresh objects."""
        rows: list[Json] = []
        for segment in segments:
            for index, first, last in _chunks(segment):
                rows += self._make(segment, index, kind)[first:last]
        return deepcopy(rows)

    def encoded(
        self,
        segments: tuple[Segment, ...],
        kind: Kind,
        *,
        first: int,
        last: int,
        ascii_json: bool = False,
    ) -> list[bytes]:
        """Return rows `first` to `last` (exclusive) of `segments` as JSON."""
        rows: list[bytes] = []
        for segment in take(segments, first, last):
            for index, low, high in _chunks(segment):
                rows += self._encoded_chunk(segment, index, kind, ascii_json)[low:high]
        return rows

    def _encoded_chunk(
        self, segment: Segment, index: int, kind: Kind, ascii_json: bool
    ) -> list[bytes]:
        key = (segment.stream, index, ascii_json)
        chunk = self._cache.get(key)
        if chunk is None:
            rows = self._make(segment, index, kind)
            chunk = self._cache[key] = [dumps(row, ascii_json=ascii_json) for row in rows]
            if len(self._cache) > self._cache_chunks:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return chunk

    def _make(self, segment: Segment, index: int, kind: Kind) -> list[Json]:
        rng = stream(self._seed, segment.stream, index)
        drifts = kind.drifts
        style = _EXTRACTED_AT_STYLES[KINDS.index(kind) % 3]
        pace = (segment.ends - segment.begins) / segment.size
        offset = index * CHUNK_ROWS
        rows: list[Json] = []
        for number in range(offset, min(offset + CHUNK_ROWS, segment.size)):
            if rows and rng.random() < DUPLICATE_CHANCE:
                rows.append(rows[-1])
                continue
            row = kind.rows(rng)
            for drift in drifts:
                drift.apply(row, segment.begins)
            if kind.dated:
                moment = self._start + timedelta(days=segment.begins + pace * number)
                row["extracted_at"] = iso(moment, style)
            if kind.meta and rng.random() < META_CHANCE:
                row["meta"] = {
                    "crm_id": rng.randrange(10**6),
                    "campaign": {"name": None, "wave": 2},
                }
            rows.append(row)
        return rows


def _chunks(segment: Segment) -> Iterator[tuple[int, int, int]]:
    """Yield which rows of which chunks make up `segment`."""
    for index in range(segment.first // CHUNK_ROWS, (segment.last - 1) // CHUNK_ROWS + 1):
        base = index * CHUNK_ROWS
        yield index, max(segment.first - base, 0), min(segment.last - base, CHUNK_ROWS)
