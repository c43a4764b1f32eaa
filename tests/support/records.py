"""Records of the API, to compare."""

from __future__ import annotations

from typing import Any

import msgspec


def plain(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """A record with nested values as bytes, to compare."""
    if record is None:
        return None
    return {
        name: bytes(value) if isinstance(value, msgspec.Raw) else value
        for name, value in record.items()
    }
