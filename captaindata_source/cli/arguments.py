"""Types of arguments of the command line, whose errors say what is right."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

__all__ = ["number", "whole"]


def whole(
    *, at_least: int | None = 1, at_most: int | None = None, example: int
) -> Callable[[str], int]:
    """Whole numbers of a range.

    Args:
        at_least: The smallest; None: there is none.
        at_most: The greatest; None: there is none.
        example: A right one, for the message.
    """
    bounds = "" if at_least is None else f" from {at_least}"
    bounds += "" if at_most is None else f" to {at_most}"

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            found = None
        is_right = found is not None and (at_least is None or found >= at_least)
        if found is None or not is_right or (at_most is not None and found > at_most):
            raise argparse.ArgumentTypeError(
                f"must be a whole number{bounds}, such as {example}, not {text!r}"
            )
        return found

    return read


def number(*, example: float, may_be_zero: bool = False) -> Callable[[str], float]:
    """Numbers above 0.

    Args:
        example: A right one, for the message.
        may_be_zero: Whether 0 is one.
    """
    bound = "from 0" if may_be_zero else "above 0"

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not (0 < found < math.inf or (may_be_zero and found == 0)):
            raise argparse.ArgumentTypeError(
                f"must be a number {bound}, such as {example}, not {text!r}"
            )
        return found

    return read
