"""Standard output and standard error, as the command writes to them.

How a command ends tells of its work. A reader that has gone, a stream that is closed, a full disk
and characters that a terminal can't show never change that, and never raise.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from captaindata_source.tabular import as_columns

__all__ = [
    "erase_below",
    "is_delivered",
    "live_stream",
    "safe_output",
    "write_bytes",
    "write_json",
    "write_table",
    "write_text",
]

STDOUT, STDERR = 1, 2
UTF_8 = "utf-8"
NOBODY_READS = (errno.EPIPE, errno.EBADF, errno.ECONNRESET)
"""What `| head` and `>&-` leave: nobody waits for the rest."""
ERASE = "\x1b[J"
"""From the cursor to the end of the screen."""


class _Descriptor(io.RawIOBase):
    """A file descriptor that takes all that it is given; the first error ends the writing."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Any) -> int:
        while self.error is None:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError as error:
                self.error = error
        return len(data)


class Stream(io.TextIOWrapper):
    """Text on a descriptor, and below it lines that are drawn again and again.

    Args:
        number: The descriptor.
        encoding: Of the stream; what it has no character for is replaced.
        errors: How it is replaced.
    """

    def __init__(self, number: int, *, encoding: str, errors: str) -> None:
        self.descriptor = _Descriptor(number)
        super().__init__(
            io.BufferedWriter(self.descriptor),
            encoding=encoding,
            errors=errors,
            line_buffering=number == STDERR or self.descriptor.isatty(),
        )
        self._lock = threading.RLock()
        self._drawn = 0
        self._ends_line = True

    def write(self, text: str) -> int:
        """Writes a text in place of the lines that are drawn."""
        with self._lock:
            self._put("")
            if text:
                self._ends_line = text.endswith("\n")
            return super().write(text)

    def draw(self, lines: Sequence[str]) -> None:
        """Draws lines in place of those before, once what was written last has ended its line.

        Args:
            lines: Each fits into a row of the terminal.
        """
        with self._lock:
            if self._ends_line:
                self._put("".join(f"{line}\n" for line in lines))
                self._drawn = len(lines)
                self.flush()

    def keep(self) -> None:
        """Leaves the lines that are drawn where they are: something was written below them."""
        with self._lock:
            self._drawn = 0

    def _put(self, text: str) -> None:
        up = f"\x1b[{self._drawn}F{ERASE}" if self._drawn else ""
        self._drawn = 0
        if up or text:
            super().write(f"{up}{text}")


@contextmanager
def safe_output() -> Iterator[None]:
    """Lets all that is printed meanwhile, by whomever, go through streams that never raise.

    Streams that are no file, as those of notebooks and tests, stay as they are.
    """
    _fill_closed()
    before = sys.stdout, sys.stderr
    sys.stdout = _safe(sys.stdout, STDOUT, errors="replace")
    sys.stderr = _safe(sys.stderr, STDERR, errors="backslashreplace")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        if (error := _lost()) is not None:
            sys.stderr.write(
                f"captaindata: standard output can't be written: {error.strerror}. Free some "
                "space, or send it elsewhere\n"
            )
            sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Opens descriptors that are closed: the next file, a database, would get their number, and
    what is printed would go into it."""
    for number in (0, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number


def _safe(stream: TextIO | None, number: int, *, errors: str) -> TextIO:
    if stream is None:
        return Stream(number, encoding=UTF_8, errors=errors)
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return stream
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    with suppress(OSError):
        stream.flush()
    return Stream(number, encoding=stream.encoding, errors=errors)


def _lost() -> OSError | None:
    """Why what was printed did not reach standard output, where someone waits for it."""
    if not isinstance(sys.stdout, Stream):
        return None
    error = sys.stdout.descriptor.error
    return None if error is None or error.errno in NOBODY_READS else error


def is_delivered() -> bool:
    """Whether all that was printed reached standard output, or whoever read it wanted no more."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    return _lost() is None


def write_bytes(data: bytes) -> bool:
    """Prints bytes as they are. False: nobody reads them any more, or the disk is full."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    return not isinstance(sys.stdout, Stream) or sys.stdout.descriptor.error is None


def write_text(text: str) -> None:
    """Prints a text and a line end."""
    sys.stdout.write(f"{text}\n")


def write_table(
    lines: Iterable[Sequence[str]], *, right: Sequence[int] = (), width: int | None = None
) -> None:
    """Prints lines of cells in columns; the first line holds the headings.

    Args:
        lines: Of equal length.
        right: Columns whose cells are set to the right.
        width: See `as_columns`.
    """
    write_text(as_columns(list(lines), right=right, width=width))


def write_json(value: object) -> None:
    """Prints JSON: UTF-8, or ASCII with escapes where the stream has another encoding."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    encoding = getattr(sys.stdout, "encoding", None) or UTF_8
    try:
        is_plain = codecs.lookup(encoding).name == UTF_8 and bool(text.encode())
    except (LookupError, UnicodeEncodeError):  # half of a pair of surrogates
        is_plain = False
    sys.stdout.write((text if is_plain else json.dumps(value, indent=2)) + "\n")


def live_stream() -> Stream | None:
    """Standard error, where it is a terminal that can draw a line again."""
    stream = sys.stderr
    if not isinstance(stream, Stream) or not stream.isatty():
        return None
    is_plain = os.environ.get("TERM", "") in ("", "dumb") and "WT_SESSION" not in os.environ
    return None if is_plain else stream


def erase_below() -> None:
    """Erases what a progress bar that was interrupted has left below the cursor of a terminal."""
    if (stream := live_stream()) is not None:
        stream.write(f"\r{ERASE}")
        stream.flush()
