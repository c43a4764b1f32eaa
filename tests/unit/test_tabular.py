"""Columns of text line up on a terminal, whatever the text is."""

from __future__ import annotations

import pytest

from captaindata_source.tabular import as_columns, as_records, cut, one_line, width_of


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("abc", 3),
        ("架空", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("🔎", 2),
        ("\u200b", 0),
        ("ｱ", 1),
    ],
)
def test_width(text: str, width: int) -> None:
    assert width_of(text) == width


def test_what_is_cut_fits() -> None:
    for text in ("a" * 9, "架空" * 5, "e\u0301" * 9, "👩🏽‍💻" * 3):
        for width in range(1, 8):
            short = cut(text, width)
            assert width_of(short) <= width
            assert short.endswith("…")
    assert cut("架空", 4) == "架空"
    assert cut("架空", 3) == "架…"


def test_what_a_terminal_takes_for_commands_is_shown() -> None:
    assert one_line("a\nb\tc\x1b[2J\u2028\ud800") == "a\\nb\\tc\\x1b[2J\\x2028\\xd800"
    assert one_line("Zoé 架空 🔎 👩🏽‍💻") == "Zoé 架空 🔎 👩🏽‍💻"


def test_columns() -> None:
    lines = [("name", "rows"), ("架空", "7"), ("e\u0301", "1,234")]
    assert as_columns(lines, right=[1]).splitlines() == [
        "name   rows",
        "架空      7",
        "e\u0301     1,234",
    ]
    narrow = as_columns([("first", "second", "third")], width=13, hint="--vertical")
    assert narrow.splitlines() == ["first  second", "(1 more column: --vertical)"]
    assert as_columns([("a" * 9,)], width=3, max_cell=5) == "aaaa…", "one column at least"
    assert as_records(["a", "long"], [["1", "x\ny"]]) == "row 1\n  a     1\n  long  x\\ny"
