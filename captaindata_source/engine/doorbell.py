"""Lets short turns of others in between two load packages of a sync."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import dlt

from captaindata_source.extract.opening import catch_up
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.turns import Turn

__all__ = ["Doorbell"]

logger = logging.getLogger(__name__)

LEAST_SECONDS = 3.0
"""How long a sync goes on before it gives way again."""
POLL_SECONDS = 0.3
MOST_SKEW_SECONDS = 600.0
"""Between the clocks of two machines that load the same workspace."""


class Doorbell:
    """Hears whether someone waits for a short turn; a context manager.

    Args:
        turn: Of the sync.
        on_ring: Called, in a thread of its own, once for each turn that is waited for.
    """

    def __init__(self, turn: Turn, *, on_ring: Callable[[], None]) -> None:
        self._turn = turn
        self._on_ring = on_ring
        self._is_over = threading.Event()
        self._hears_from = time.monotonic() + LEAST_SECONDS
        self.has_rung = False
        """Whether someone waits."""
        self._thread = threading.Thread(target=self._listen, name="doorbell", daemon=True)

    def answer(self, pipeline: dlt.Pipeline, plan: SyncPlan) -> None:
        """Lets whoever waits have a turn, and takes note of what was loaded in it.

        Args:
            pipeline: Of the sync; all that it extracted is loaded.
            plan: Of the sync.
        """
        since = f"{time.time() - MOST_SKEW_SECONDS:.6f}"
        self._turn.give_way()
        with holding(pipeline, turn=self._turn):
            catch_up(plan, pipeline, since=since)
        self._hears_from = time.monotonic() + LEAST_SECONDS
        self.has_rung = False

    def _listen(self) -> None:
        while not self._is_over.wait(POLL_SECONDS):
            if self.has_rung or time.monotonic() < self._hears_from:
                continue
            try:
                if self._turn.is_knocked:
                    self.has_rung = True
                    self._on_ring()
            except Exception:  # the sync itself finds out what is wrong
                logger.debug("Whether someone knocks", exc_info=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
