"""Lets short turns of others in between two load packages of a sync."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from captaindata_source.warehouse.turns import Turn

__all__ = ["Doorbell"]

logger = logging.getLogger(__name__)

LEAST_SECONDS = 3.0
"""How long a sync goes on before it gives way again."""
POLL_SECONDS = 0.3


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

    def answered(self) -> None:
        """Tells that whoever waited had a turn."""
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
