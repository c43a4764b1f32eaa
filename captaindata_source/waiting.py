"""Waits that end with the process."""

from __future__ import annotations

import time

from dlt.common.runtime import signals

__all__ = ["wait_seconds"]

SIGNAL_POLL_SECONDS = 0.2


def wait_seconds(seconds: float) -> None:
    """Waits, but not past a signal that ends the process."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        signals.raise_if_signalled()
        time.sleep(min(left, SIGNAL_POLL_SECONDS))
