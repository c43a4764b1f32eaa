"""Time that runs faster for the connector, so that its waits can be tested as they are.

In a process of `tests.support.processes` whose environment sets `TEST_TIME_FACTOR`, a second of the
connector's clock passes so many times faster: waits for a rate limit, between retries, for a
budget, and the deadlines that are measured against them. Where it sets `TEST_SHORT_WAITS`, the
waits alone are so many times shorter, and all else takes the time that it takes: a busy machine
comes no nearer to a deadline. Signals still end a wait. What the operating system and the database
wait for keeps its own time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from captaindata_source.extract import opening
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


def short_waits(factor: float, *, sleep: Callable[[float], None], **given: Any) -> Clock:
    """A clock that a wait puts forward by as much as it is shorter than it should be.

    Args:
        factor: How many times shorter it waits.
        sleep: How it waits.
        given: Further fields of the clock.
    """
    lock = threading.Lock()
    skipped = 0.0

    def monotonic() -> float:
        return time.monotonic() + skipped

    def wait(seconds: float) -> None:
        nonlocal skipped
        ends = monotonic() + seconds
        sleep(seconds / factor)
        with lock:  # those who wait at the same time wait together
            skipped = max(skipped, ends - time.monotonic())

    return Clock(monotonic=monotonic, sleep=wait, **given)


def install(factor: float, *, has_short_waits: bool = False) -> None:
    """Lets time pass faster for the rest of this process, in all it opens from now on."""
    make = short_waits if has_short_waits else fast_clock

    def clock(**given: Any) -> Clock:
        return make(factor, **given)

    assert "Clock" in vars(opening), "where the clock of the connector is made"
    vars(opening)["Clock"] = clock
