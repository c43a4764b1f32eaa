"""Waits for what another process does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.support.harness import Harness

WAIT_SECONDS = 600.0
"""For what never happens; a busy machine is no failure."""
POLL_SECONDS = 0.01


def wait_for(condition: Callable[[], object], *, poll: float = POLL_SECONDS) -> None:
    """Waits until something is so.

    Args:
        condition: Whether it is.
        poll: Seconds between two looks, for what is costly to look at.

    Raises:
        TimeoutError: It never was.
    """
    pause = threading.Event()
    for _ in range(int(WAIT_SECONDS / poll)):
        if condition():
            return
        pause.wait(poll)
    raise TimeoutError("what was waited for did not happen")


def wait_for_results(harness: Harness) -> None:
    """Waits until a sync fetches results: it knows its plan, and loads nothing yet."""
    wait_for(lambda: any(r.path.endswith("/results") for r in list(harness.sandbox.log.entries)))
