"""What a sync is doing: lines that are redrawn on a terminal, a line a minute in a log."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self

from captaindata_source.cli.output import live_stream
from captaindata_source.engine.status import Status
from captaindata_source.tabular import cut, one_line, width_of

__all__ = ["Display"]

LOG_SECONDS = 60.0
MAX_NAME = 24
DEFAULT_SIZE = os.terminal_size((80, 24))


class Display:
    """Shows statuses on standard error, and leaves nothing behind on a terminal.

    Args:
        is_on: Whether anything is shown.
        monotonic: Seconds.
        now: Local time.
    """

    def __init__(
        self,
        *,
        is_on: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._is_on = is_on
        self._stream = live_stream() if is_on else None
        self._monotonic = monotonic
        self._now = now
        self._logged_at = monotonic()
        self._is_kept = False
        self._told: set[int] = set()
        """Places of the workspaces whose estimate was said, or is not worth it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, statuses: Sequence[Status]) -> None:
        """Shows how far all workspaces are; to be called often."""
        if not self._is_on:
            return
        self._tell(statuses)
        if self._stream is None:
            self._log(statuses)
            return
        if not self._is_kept and any(each.is_stopping for each in statuses):
            self._stream.keep()  # the terminal and dlt have written below them
            self._is_kept = True
        names = [cut(one_line(each.name), MAX_NAME) for each in statuses]
        widest = max(map(width_of, names))
        self._draw(
            [
                f"{name}{' ' * (widest - width_of(name))}  {status}"
                for name, status in zip(names, statuses, strict=True)
            ],
            [not each.is_over for each in statuses],
        )

    def _tell(self, statuses: Sequence[Status]) -> None:
        """Says once how much a long load takes."""
        for number, each in enumerate(statuses):
            if each.estimate is None or number in self._told:
                continue
            self._told.add(number)
            if each.estimate.is_long and not each.is_over:
                sys.stderr.write(f"{one_line(each.name)}: {each.estimate}\n")

    def note(self, text: str) -> None:
        """Shows one line on a terminal, for what has no status."""
        if self._stream is not None:
            self._draw([text], [True])

    def clear(self) -> None:
        """Removes what is drawn."""
        if self._stream is not None:
            self._stream.draw([])

    def _draw(self, lines: Sequence[str], are_active: Sequence[bool]) -> None:
        """Draws what fits on the screen; who is still at work comes first where not all do."""
        assert self._stream is not None  # noqa: S101 - as the callers know
        size = _size(self._stream.fileno())
        room = max(1, size.lines - 2)
        if len(lines) > room:
            order = sorted(range(len(lines)), key=lambda number: not are_active[number])
            shown = sorted(order[: room - 1])
            lines = [*(lines[number] for number in shown), f"and {len(lines) - len(shown)} more"]
        # a character in the last column makes some terminals go to the next row
        self._stream.draw([cut(line, size.columns - 1) for line in lines])

    def _log(self, statuses: Sequence[Status]) -> None:
        if self._monotonic() < self._logged_at + LOG_SECONDS:
            return
        self._logged_at = self._monotonic()
        for each in statuses:
            if not each.is_over:
                sys.stderr.write(f"{self._now():%Y-%m-%d %H:%M:%S} {one_line(each.name)}: {each}\n")


def _size(descriptor: int) -> os.terminal_size:
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return DEFAULT_SIZE
    # some terminals, such as those of tests, say that they have no size
    return os.terminal_size((size.columns or DEFAULT_SIZE[0], size.lines or DEFAULT_SIZE[1]))
