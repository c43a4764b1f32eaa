"""What a signal ends: the main thread alone hears of it, so that the work is in others."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from dlt.common.runtime import signals

from captaindata_source.warehouse.database import end_statements

__all__ = ["GRACE_SECONDS", "run_until_signal"]

POLL_SECONDS = 0.2
GRACE_SECONDS = 3.0
"""How long work has after a signal to end by itself; what does not is left behind, and ends with
the process."""
Result = TypeVar("Result")


def run_until_signal(
    tasks: Sequence[Callable[[], Result]],
    *,
    name: str,
    on_poll: Callable[[], None] = lambda: None,
    grace: float = GRACE_SECONDS,
) -> list[Result | None]:
    """Runs tasks side by side until all are done, or shortly past SIGINT or SIGTERM.

    Args:
        tasks: Each in a thread of its own.
        name: Of the threads.
        on_poll: Called by this thread several times a second while they run.
        grace: Seconds that they have after a signal to end by themselves.

    Returns:
        What each gave, in their order; None where a signal came first.

    Raises:
        Exception: What a task raised.
    """
    pool = ThreadPoolExecutor(len(tasks), thread_name_prefix=name)
    running = [pool.submit(task) for task in tasks]
    try:
        ends: float | None = None
        while wait(running, timeout=POLL_SECONDS).not_done:
            _hold_interrupts()
            on_poll()
            if signals.was_signal_received():
                end_statements()
                ends = time.monotonic() + grace if ends is None else ends
                if time.monotonic() > ends:
                    break
        return [each.result() if each.done() else None for each in running]
    finally:
        pool.shutdown(wait=all(each.done() for each in running))


def _hold_interrupts() -> None:
    """Puts Python's handler back: ADBC puts in its own for each call, and with several calls at
    once the last one out may leave it there, so that Ctrl-C would do nothing."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))
