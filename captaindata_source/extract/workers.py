"""The threads of one extraction: they list, compare and read results while dlt writes rows.

dlt runs all resources in one thread, in an order of its own, and may come back to any of them late
or never. So that nothing waits in a circle, only two waits depend on each other:

* A resource waits for rows. Threads never hold back while one does.
* A thread holds back where much is ready and no resource waits. dlt is then at work on what it
  took, and comes back for more; or it has ended, and the threads are stopped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Generic, TypeVar

from dlt.common.runtime import signals

__all__ = ["Step", "Steps", "StoppedError", "Stream", "Task", "Workers"]

Task = Callable[[], None]
Step = Callable[[], Sequence[Task]]
Item = TypeVar("Item")

POLL_SECONDS = 0.1
"""How often a wait looks for a signal, and for rows of a task that is under way."""
JOIN_SECONDS = 2.0
"""How long to wait for threads when they are stopped; a call under way ends by itself."""


class StoppedError(Exception):
    """The threads are stopped; never leaves this package."""


class Workers:
    """A few daemon threads that do tasks in the order in which they were added.

    The first task that raises stops all; the resources then raise what it raised. They share no
    context of dlt with the thread that began them, for dlt checks that nobody changes its own.

    Args:
        most: Threads at once.
        on_stop: Called once when they are stopped, by whoever stops them.
    """

    def __init__(self, *, most: int, on_stop: Callable[[], None] = lambda: None) -> None:
        self._most = most
        self._on_stop = on_stop
        self._tasks: deque[Task] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting = 0
        self._changed = threading.Condition()
        self._streams: list[Stream[object]] = []
        self._error: BaseException | None = None
        self.is_stopped = False

    def add(self, tasks: Sequence[Task]) -> None:
        """Adds tasks; begins threads where there are too few."""
        with self._changed:
            if self.is_stopped:
                return
            self._tasks.extend(tasks)
            needed = min(len(self._tasks) - self._idle, self._most - len(self._threads))
            for _ in range(needed):
                thread = threading.Thread(
                    target=self._run, name=f"extract_{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def stream(self, items: deque[Item], *, batch: int, most: int) -> Stream[Item]:
        """A stream of what the threads add to a deque; see `Stream`."""
        stream = Stream(self, items, batch=batch, most=most)
        self._streams.append(stream)  # type: ignore[arg-type]
        return stream

    def wait(self, is_ready: Callable[[], bool]) -> None:
        """Lets a resource wait.

        Raises:
            BaseException: What a thread raised.
            StoppedError: The threads were stopped.
        """
        with self._changed:
            self._waiting += 1
            try:
                while self._error is None and not self.is_stopped and not is_ready():
                    self._changed.wait(POLL_SECONDS)
                    signals.raise_if_signalled()
            finally:
                self._waiting -= 1
            if self._error is not None:
                raise self._error
            if self.is_stopped and not is_ready():
                raise StoppedError

    def hold_back(self) -> None:
        """Lets a thread wait while much is ready that no resource waits for.

        Raises:
            StoppedError: The threads were stopped.
        """
        while not self.is_stopped:
            if self._waiting or not any(stream.is_full for stream in self._streams):
                return
            with self._changed:
                self._changed.wait(POLL_SECONDS)
            signals.raise_if_signalled()
        raise StoppedError

    def wake(self) -> None:
        """Lets those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends the threads, each after what it is at; a second call does nothing."""
        self._stop(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)

    def _stop(self, error: BaseException | None) -> None:
        with self._changed:
            if self.is_stopped:
                return
            self._error = error
            self.is_stopped = True
            self._tasks.clear()
            self._changed.notify_all()
        self._on_stop()

    def _run(self) -> None:
        try:
            while (task := self._next()) is not None:
                task()
        except StoppedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised by the resources
            self._stop(error)

    def _next(self) -> Task | None:
        with self._changed:
            while not self._tasks and not self.is_stopped:
                self._idle += 1
                try:
                    self._changed.wait()
                finally:
                    self._idle -= 1
            signals.raise_if_signalled()
            return None if self.is_stopped else self._tasks.popleft()


class Stream(Generic[Item]):
    """What the threads found for one resource and dlt has not taken yet.

    Args:
        workers: Whose threads.
        items: Where they add.
        batch: How many items are worth taking before the last ones.
        most: How many may be ready before the threads hold back.
    """

    def __init__(self, workers: Workers, items: deque[Item], *, batch: int, most: int) -> None:
        self._workers = workers
        self._items = items
        self._batch = batch
        self._most = most
        self._is_complete = False
        self._is_closed = False

    def batches(self) -> Iterator[list[Item]]:
        """All items, in lists of `batch` but for the last one; waits for them."""
        while True:
            self._workers.wait(self._is_ready)
            is_last = self._is_complete
            while len(self._items) >= (1 if is_last else self._batch):
                yield [self._items.popleft() for _ in range(min(len(self._items), self._batch))]
            if is_last:
                return

    def finish(self) -> None:
        """Tells that nothing more comes."""
        self._is_complete = True
        self._workers.wake()

    def close(self) -> None:
        """Tells that nobody takes the rest."""
        self._is_closed = True

    @property
    def is_full(self) -> bool:
        """Whether the threads are to hold back."""
        return len(self._items) >= self._most and not self._is_closed

    def _is_ready(self) -> bool:
        return self._is_complete or len(self._items) >= self._batch


class Steps:
    """Steps of tasks: a step begins when all tasks of the one before are done.

    Args:
        workers: Do the tasks, and begin the steps.
        steps: Each gives its tasks.
    """

    def __init__(self, workers: Workers, *steps: Step) -> None:
        self._workers = workers
        self._left = deque(steps)
        self._unfinished = 0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begins the first step, in one of the threads."""
        self._workers.add([self._advance])

    def _advance(self) -> None:
        while self._left:
            tasks = self._left.popleft()()
            if tasks:
                self._unfinished = len(tasks)
                self._workers.add([partial(self._do, task) for task in tasks])
                return

    def _do(self, task: Task) -> None:
        task()
        with self._lock:
            self._unfinished -= 1
            is_last = not self._unfinished
        if is_last:
            self._advance()
