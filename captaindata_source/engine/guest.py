"""What a call from any program leaves as it was: dlt's pipeline, handlers of signals, and its own
end if whoever watches fails."""

from __future__ import annotations

import logging
import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext
from dlt.common.runtime import signals

from captaindata_source.engine.status import Status
from captaindata_source.warehouse.interrupts import GRACE_SECONDS

__all__ = ["Watch", "active_pipeline_kept", "safe_watch", "signals_passed_on"]

logger = logging.getLogger(__name__)

Watch = Callable[[Sequence[Status]], None]
"""Told how far each workspace is."""


@contextmanager
def active_pipeline_kept() -> Iterator[None]:
    """Puts back the pipeline that `dlt.pipeline()` gives in this thread."""
    context = Container()[PipelineContext]
    before = context.pipeline() if context.is_active() else None
    try:
        yield
    finally:
        if before is not None:
            context.activate(before)
        elif context.is_active():
            context.deactivate()


@contextmanager
def signals_passed_on() -> Iterator[float]:
    """Lets a signal end the sync, and raises it again once the process has its handlers back.

    Yields:
        Seconds that work has after a signal to end by itself: all that it needs, for the process
        may live on; `GRACE_SECONDS` where someone else intercepts signals, as the command does.
    """
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    received = 0
    with signals.intercepted_signals():
        is_ours = is_main and signal.getsignal(signal.SIGINT) is not before
        try:
            yield math.inf if is_ours else GRACE_SECONDS
        finally:
            if is_ours and signals.was_signal_received():
                error = signals.exception_for_signal()
                received = getattr(error, "signal_code", signal.SIGINT)
    if received:
        signal.raise_signal(received)


def safe_watch(watch: Watch | None) -> Watch:
    """Keeps an error of whoever watches from ending a sync."""
    watching = [watch] if watch is not None else []

    def show(statuses: Sequence[Status]) -> None:
        try:
            for each in watching:
                each(statuses)
        except Exception:
            logger.exception("watch raised an error and is not called again")
            watching.clear()

    return show
