"""Values as spreadsheets can show them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from captaindata_source.export.excel import Cells, harmless, headings


def changed(column: pa.Array, *, is_csv: bool = True, name: str = "x") -> list[Any]:
    batch = pa.record_batch([column], names=[name])
    found: list[Any] = Cells(is_csv=is_csv)(batch).column(0).to_pylist()
    return found


FORMULAS = ["=1+1", "+33 6 12", "-5", "@cmd", "\tx", "\rx", "\nx", "  =1", "=", '=cmd|"/C x"!A0']
FULL_WIDTH = ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20x"]
BEHIND = ["\u00a0=1", "\ufeff=1", "\x00=1", "\u200b=1", "\r\n=1"]


@pytest.mark.parametrize("text", [*FORMULAS, *FULL_WIDTH, *BEHIND])
def test_what_a_spreadsheet_takes_for_a_formula_gets_a_tick(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert changed(pa.array([text, None])) == [f"'{text}", None]
    assert changed(pa.array([text], pa.large_string()), is_csv=False) == [f"'{text}"]


@pytest.mark.parametrize("text", ["", "a=b", "'=1", "1-2", "x\t=", "é", "#N/A", "{}", '"=1"'])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_long_whole_numbers_are_text_in_csv() -> None:
    numbers = [10**15 - 1, 10**15, -(10**15), -(10**15) + 1, 7, None, 2**63 - 1, -(2**63)]
    assert changed(pa.array(numbers)) == [
        *("999999999999999", "'1000000000000000", "'-1000000000000000", "-999999999999999"),
        *("7", None, f"'{2**63 - 1}", f"'-{2**63}"),
    ]
    assert changed(pa.array(numbers), is_csv=False) == numbers, "a workbook decides cell by cell"
    assert changed(pa.array(["1" * 15, "1" * 16, "1" * 17 + "a"])) == [
        *("1" * 15, "'" + "1" * 16, "1" * 17 + "a")
    ]
    assert changed(pa.array(["1" * 16]), is_csv=False) == ["1" * 16]


def test_other_types_stay() -> None:
    assert changed(pa.array([True, None])) == [True, None]
    assert changed(pa.array([-1.5])) == [-1.5]
    assert changed(pa.array([Decimal("1.50")])) == [1.5]


def test_long_texts_are_cut_and_counted() -> None:
    cells = Cells(is_csv=False)
    texts = ["x" * 32_767, "x" * 32_768, "é" * 32_767, "🔎" * 20_000, "=" + "y" * 40_000, None]
    batch = pa.record_batch([pa.array(texts), pa.array(["a"] * 6)], names=["x", "y"])
    found = cells(batch).column(0).to_pylist()
    assert found[:3] == ["x" * 32_767, "x" * 32_767, "é" * 32_767]
    assert found[3] == "🔎" * 16_383, "no half of a pair"
    assert found[4] == "'=" + "y" * 32_765
    assert cells.cut == {"x": 3}


def test_headings_are_harmless_and_differ() -> None:
    assert headings(["a", "=a", "'=a", "-"]) == ["a", "'=a", "'=a_", "'-"]
