"""Secrets that the API shows beside harmless fields: a client must never store one of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

SECRET_MARKER = "SANDBOX-SECRET-"  # noqa: S105 - marks what plays the secret


def secret(rng: Random) -> str:
    """Return a new secret, which begins with the marker."""
    return f"{SECRET_MARKER}{rng.getrandbits(96):024x}"


def secrets_in(value: object) -> Iterator[str]:
    """Yield every text with the marker that is anywhere in a JSON value."""
    if isinstance(value, str):
        if SECRET_MARKER in value:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item)
