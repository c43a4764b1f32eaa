"""Waits that a signal interrupts."""

from __future__ import annotations

import threading
import time

from dlt.common.runtime import signals

__all__ = ["Waits", "wait_seconds"]

SIGNAL_POLL_SECONDS = 0.2
WORTH_SAYING_SECONDS = 2.0


def wait_seconds(seconds: float) -> None:
    """Waits; raises as soon as a signal asks the process to end."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        signals.raise_if_signalled()
        time.sleep(min(left, SIGNAL_POLL_SECONDS))


class Waits:
    """Waits of several threads; tells what a sync is waiting for."""

    def __init__(self) -> None:
        self._under_way: dict[int, tuple[float, str]] = {}
        self._reasons: dict[int, str] = {}

    def because(self, reason: str) -> None:
        """Sets the reason of the next wait of the calling thread."""
        self._reasons[threading.get_ident()] = reason

    def sleep(self, seconds: float) -> None:
        """Waits like `wait_seconds`."""
        thread = threading.get_ident()
        reason = self._reasons.pop(thread, "")
        if seconds < WORTH_SAYING_SECONDS:
            wait_seconds(seconds)
            return
        self._under_way[thread] = time.time() + seconds, reason
        try:
            wait_seconds(seconds)
        finally:
            del self._under_way[thread]

    @property
    def next_to_end(self) -> tuple[float, str] | None:
        """End (in epoch seconds) and reason of the wait that ends first.

        The reason is empty if none was set. None if no thread waits for long.
        """
        return min(list(self._under_way.values()), default=None)
