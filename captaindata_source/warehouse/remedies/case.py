"""What an error means and what helps: one entry of a table of remedies."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["GO_ON", "Case"]

GO_ON = "what was committed is kept, and the next sync goes on from there"


class Case(NamedTuple):
    """What an error is known by, what it means, and what helps.

    An error fits where its code begins with one of `codes`, or where it says `said`.

    Args:
        what: What happened.
        remedy: What to do about it.
        codes: SQLSTATEs of Postgres or their beginnings, names of DuckDB's and dlt's classes of
            errors, or names of the operating system's errors.
        said: A pattern, where no code tells: libpq has none for what happens while it connects,
            DuckDB has one class for many things.
        of: The codes that `said` holds for; empty: all.
        is_passing: It may work a moment later.
        may_be_package: The package may be to blame that was loaded, or the folder that it is in:
            another package may load where this one never will.
    """

    what: str
    remedy: str
    codes: tuple[str, ...] = ()
    said: str = ""
    of: tuple[str, ...] = ()
    is_passing: bool = False
    may_be_package: bool = False

    def fits(self, code: str, sentence: str) -> bool:
        """Whether an error is of this kind.

        Args:
            code: Of the error.
            sentence: The first that it says, which holds nothing of a row.
        """
        if self.codes and code.startswith(self.codes):
            return True
        is_meant = not self.of or code.startswith(self.of)
        return bool(self.said) and is_meant and re.search(self.said, sentence) is not None
