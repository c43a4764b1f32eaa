"""Sums up results in a form that can be compared."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode


class Fingerprint:
    """The number of results, and a hash that depends neither on order nor on layout of JSON."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0

    def add(self, job_uid: str, position: int, result: Any) -> None:
        """Takes one result, parsed."""
        text = _encode([job_uid, position, result])
        digest = hashlib.blake2b(text, digest_size=8).digest()
        self._sum = (self._sum + int.from_bytes(digest)) % 2**64
        self._count += 1

    def as_dict(self) -> dict[str, int]:
        return {"results": self._count, "hash": self._sum}
