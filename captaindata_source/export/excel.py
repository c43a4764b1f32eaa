"""Values as a spreadsheet can show them: harmless text, whole numbers in full, no cell too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["CELL", "LONGEST_NUMBER", "Cells", "harmless", "is_text"]

CELL = 32_767
"""Characters of a cell, as UTF-16 counts them."""
LONGEST_NUMBER = 10**15
"""Spreadsheets keep 15 digits of a number."""
TICK = "'"
FORMULA = r"^(?:[\s\p{C}\p{Z}]*[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]|[\t\r\n])"
"""A text that some spreadsheet takes for a formula: spaces before it do not make it safe, and the
full-width signs count in some languages."""
MANY_DIGITS = r"^\s*[0-9]{16,}\s*$"


class Cells:
    """Changes batches for spreadsheets.

    Args:
        is_csv: Whether they become CSV, where a spreadsheet guesses at the types: whole numbers of
            more than 15 digits become text. A workbook has types of its own.
    """

    def __init__(self, *, is_csv: bool) -> None:
        self._is_csv = is_csv
        self.cut: Counter[str] = Counter()
        """By column: how many texts were too long."""

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Changes a batch."""
        columns = [
            self._changed(name, column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.record_batch(columns, names=headings(batch.schema.names))

    def _changed(self, name: str, column: pa.Array) -> pa.Array:
        if is_text(column.type):
            return self._fitting(name, _harmless(column, is_csv=self._is_csv))
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if not self._is_csv or not pa.types.is_integer(column.type):
            return column
        digits = column.cast(pa.string())
        return pc.if_else(are_long(column), _ticked(digits), digits)

    def _fitting(self, name: str, column: pa.Array) -> pa.Array:
        """Texts cut to what a cell holds; only those of so many bytes are looked at one by one."""
        are_long = pc.fill_null(pc.greater(pc.binary_length(column), CELL), fill_value=False)
        if not pc.any(are_long).as_py():
            return column
        texts = column.to_pylist()
        for place in pc.indices_nonzero(are_long).to_pylist():
            units = texts[place].encode("utf-16-le")
            if len(units) > 2 * CELL:
                texts[place] = units[: 2 * CELL].decode("utf-16-le", "ignore")
                self.cut[name] += 1
        return pa.array(texts, column.type)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def are_long(column: pa.Array) -> pa.Array:
    """Which whole numbers have more than 15 digits."""
    return pc.or_(pc.greater_equal(column, LONGEST_NUMBER), pc.less_equal(column, -LONGEST_NUMBER))


def harmless(text: str) -> str:
    """A text as it is put into a cell."""
    return str(_harmless(pa.array([text]), is_csv=False)[0])


def headings(names: Sequence[str]) -> list[str]:
    """Names of columns as they are put into the first row; no two are equal."""
    found: dict[str, None] = {}
    for name in names:
        fresh = harmless(name)
        while fresh in found:
            fresh += "_"
        found[fresh] = None
    return list(found)


def _harmless(column: pa.Array, *, is_csv: bool) -> pa.Array:
    is_formula = pc.match_substring_regex(column, FORMULA)
    if is_csv:
        is_formula = pc.or_(is_formula, pc.match_substring_regex(column, MANY_DIGITS))
    return pc.if_else(is_formula, _ticked(column), column)


def _ticked(column: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(
        pa.scalar(TICK, column.type), column, pa.scalar("", column.type)
    )
