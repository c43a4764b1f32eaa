"""Random streams that depend on nothing but their name, so that data can be made in any order."""

from __future__ import annotations

import math
import uuid
from random import Random


def stream(*parts: object) -> Random:
    """Return the random stream named by `parts`: the same parts always give the same numbers."""
    return Random(":".join(str(part) for part in parts))


def uid(rng: Random) -> str:
    """Return the next UUID-like identifier of a stream."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def poisson(rng: Random, mean: float) -> int:
    """Return how often something of a mean number happens."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, floor = 0, rng.random(), math.exp(-mean)
    while product > floor:
        count += 1
        product *= rng.random()
    return count
