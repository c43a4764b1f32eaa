"""Time that runs faster for the connector, so that its waits can be tested as they are.

In a process of `tests.support.processes` whose environment sets `TEST_TIME_FACTOR`, a second of the
connector's clock passes so many times faster: waits for a rate limit, between retries, for a
budget, and the deadlines that are measured against them. Signals still end a wait. What the
operating system and the database wait for keeps its own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from captaindata_source import source
from captaindata_source.http import Clock


def fast_clock(factor: float, *, sleep: Callable[[float], None], **given: Any) -> Clock:
    """A clock whose seconds are short.

    Its wall clock stays: servers name points in time by theirs, such as that of a `Retry-After`,
    and the connector makes durations of them, which then pass fast.

    Args:
        factor: How many of its seconds pass in a second.
        sleep: How it waits.
        given: Further fields of the clock.
    """
    return Clock(
        monotonic=lambda: time.monotonic() * factor,
        sleep=lambda seconds: sleep(seconds / factor),
        **given,
    )


def install(factor: float) -> None:
    """Lets time pass faster for the rest of this process, in all it opens from now on."""

    def clock(**given: Any) -> Clock:
        return fast_clock(factor, **given)

    vars(source)["Clock"] = clock
