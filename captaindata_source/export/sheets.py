"""Names of the sheets of a workbook."""

from __future__ import annotations

import re
import unicodedata
from itertools import count

__all__ = ["SheetNames"]

LONGEST = 31
"""Characters of a name, as UTF-16 counts them."""
FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
RESERVED = "history"
FALLBACK = "Sheet"


class SheetNames:
    """Gives names that Excel accepts and that differ, whatever their case."""

    def __init__(self) -> None:
        self._used = {RESERVED}

    def take(self, title: str) -> str:
        """A name made of a title: cut, with a number behind it if another sheet has it."""
        clean = " ".join(FORBIDDEN.sub(" ", title).split()).strip("' ") or FALLBACK
        for number in count(1):
            ending = "" if number == 1 else f" ({number})"
            name = _cut(clean, LONGEST - len(ending)).rstrip("' ") + ending
            if _folded(name) not in self._used:
                self._used.add(_folded(name))
                return name
        raise AssertionError


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "replace")[: 2 * units].decode("utf-16-le", "ignore")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
