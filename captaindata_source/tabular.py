"""Tables as text for terminals."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["as_columns", "as_records", "cut", "one_line", "width_of"]

GAP = "  "
MORE = "…"
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """A text without line ends and control characters."""
    if text.isprintable():
        return text
    return "".join(
        char
        if unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs")
        else _ESCAPES.get(char) or f"\\x{ord(char):02x}"
        for char in text
    )


def width_of(text: str) -> int:
    """Width of a text on a terminal: 2 for wide characters, 0 for combining marks."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1


def cut(text: str, width: int) -> str:
    """A text cut to a width; a cut text ends with an ellipsis."""
    if width_of(text) <= width:
        return text
    taken, used = [], 1
    for char in text:
        used += _columns(char)
        if used > width:
            break
        taken.append(char)
    return "".join(taken) + MORE


def as_columns(
    lines: Sequence[Sequence[str]],
    *,
    right: Sequence[int] = (),
    width: int | None = None,
    max_cell: int | None = None,
    hint: str = "a wider terminal shows them",
) -> str:
    """Lines of cells, each column as wide as its widest cell.

    Args:
        lines: Of equal length; the first may be headings.
        right: Numbers of the columns that are aligned to the right.
        width: Width of the terminal. Columns that do not fit are left out, and a line below says
            how many. None shows all.
        max_cell: Longest cell; longer ones are cut.
        hint: How to see the columns that were left out, for that line.
    """
    cells = [[one_line(cell) for cell in line] for line in lines]
    if max_cell is not None:
        cells = [[cut(cell, max_cell) for cell in line] for line in cells]
    widths = [max(map(width_of, column)) for column in zip(*cells, strict=True)]
    shown = _fitting(widths, width)
    text = [
        GAP.join(
            _padded(cell, widths[number], is_right=number in right)
            for number, cell in enumerate(line[:shown])
        ).rstrip()
        for line in cells
    ]
    if left := len(widths) - shown:
        text.append(f"({left} more column{'s' if left > 1 else ''}: {hint})")
    return "\n".join(text)


def _fitting(widths: Sequence[int], width: int | None) -> int:
    """How many columns fit; at least one."""
    if width is None:
        return len(widths)
    used, shown = -len(GAP), 0
    for each in widths:
        used += each + len(GAP)
        if used > width:
            break
        shown += 1
    return max(1, shown)


def _padded(cell: str, width: int, *, is_right: bool) -> str:
    space = " " * (width - width_of(cell))
    return space + cell if is_right else cell + space


def as_records(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows with one field per line, uncut."""
    text = []
    for number, row in enumerate(rows, start=1):
        text.append(f"row {number}")
        text.append(
            as_columns(
                [(f"  {name}", cell) for name, cell in zip(names, row, strict=True)],
            )
        )
    return "\n".join(text)
