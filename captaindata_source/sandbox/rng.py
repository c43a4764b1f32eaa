"""Random streams that depend on nothing but their name, so that data can be made in any order."""

from __future__ import annotations

import uuid
from random import Random


def stream(*parts: object) -> Random:
    """Return the random stream named by `parts`: the same parts always give the same numbers."""
    return Random(":".join(str(part) for part in parts))


def uid(rng: Random) -> str:
    """Return the next UUID-like identifier of a stream."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
