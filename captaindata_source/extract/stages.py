"""Work in stages, done by whichever threads have time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from dlt.common.runtime import signals

__all__ = ["Stages", "Task"]

Task = Callable[[], None]


class Stages:
    """Stages of tasks, one after the other; the tasks of a stage side by side.

    Args:
        stages: Each gives its tasks once those of the stage before are done.
    """

    def __init__(self, *stages: Callable[[], Sequence[Task]]) -> None:
        self._stages = stages
        self._next = 0
        self._tasks: deque[Task] = deque()
        self._unfinished = 0
        self._helpers = 0
        self._lock = threading.RLock()

    @property
    def are_done(self) -> bool:
        """Whether all tasks of all stages are done."""
        return self._next == len(self._stages) and self._unfinished == 0

    def take_help(self, *, limit: int) -> Task | None:
        """A call that does tasks until there is none left; None where none is needed.

        Args:
            limit: Calls that may be under way at once.
        """
        with self._lock:
            while not self._unfinished and self._next < len(self._stages):
                self._tasks.extend(self._stages[self._next]())
                self._next += 1
                self._unfinished = len(self._tasks)
            if not self._tasks or self._helpers >= limit:
                return None
            self._helpers += 1
            return self._help

    def _help(self) -> None:
        try:
            while self._tasks:
                try:
                    task = self._tasks.popleft()
                except IndexError:
                    return
                signals.raise_if_signalled()
                task()
                with self._lock:
                    self._unfinished -= 1
        except BaseException:
            self._tasks.clear()  # the work fails: no more calls
            raise
        finally:
            with self._lock:
                self._helpers -= 1
