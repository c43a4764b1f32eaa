"""Stores events of many requests with one commit."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from captaindata_source.errors import DestinationError
from captaindata_source.events.inbox import Inbox, Stored

__all__ = ["Writer", "open_inbox"]

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 500
MOST_BYTES = 64 * 1024 * 1024
Item = tuple[Stored, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


def open_inbox(path: Path) -> Inbox:
    """Opens the inbox, and makes it where it is missing.

    Raises:
        DestinationError: It can't be.
    """
    try:
        return Inbox(path)
    except (sqlite3.Error, OSError) as error:
        raise DestinationError(
            f"The inbox {path} can't be opened ({error}): name another file in event_inbox"
        ) from None


class Writer:
    """Writes to the inbox, in a thread of its own.

    Args:
        path: Of the inbox.

    Raises:
        DestinationError: It can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self._inbox = open_inbox(path)
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self.is_writable = True
        """Whether the last commit succeeded."""
        self._thread = threading.Thread(target=self._run, name="inbox", daemon=True)
        self._thread.start()

    async def store(self, stored: Stored) -> None:
        """Stores an event; it is on disk once this returns.

        Raises:
            sqlite3.Error: It is not.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._items.put((stored, loop, future))
        await future

    def close(self) -> None:
        """Stores what waits and ends the thread."""
        self._items.put(None)
        self._thread.join()
        self._inbox.close()

    def _run(self) -> None:
        is_over = False
        while not is_over:
            first = self._items.get()
            if first is None:
                return
            items, size = [first], 0
            while len(items) < MOST_AT_ONCE and size < MOST_BYTES:
                try:
                    item = self._items.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    is_over = True
                    break
                items.append(item)
                size += sum(map(len, item[0].event.results))
            self._write(items)

    def _write(self, items: Sequence[Item]) -> None:
        error: Exception | None = None
        try:
            self._inbox.add(stored for stored, _, _ in items)
        except Exception as found:  # noqa: BLE001 - whoever waits is told
            logger.warning("The inbox can't be written: %s", found)
            error = found
        self.is_writable = error is None
        for _, loop, future in items:
            loop.call_soon_threadsafe(_end, future, error)


def _end(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():  # the client is gone
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
