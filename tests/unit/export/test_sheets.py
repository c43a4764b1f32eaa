"""Names of sheets that Excel accepts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.export.sheets import SheetNames


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (["People", "people", "PEOPLE"], ["People", "people (2)", "PEOPLE (3)"]),
        (["a/b:c[d]*?\\"], ["a b c d"]),
        (["'quoted'"], ["quoted"]),
        (["don't"], ["don't"]),
        (["History", "history"], ["History (2)", "history (3)"]),
        (["", "///", "\x00"], ["Sheet", "Sheet (2)", "Sheet (3)"]),
        (["x" * 40, "x" * 41], ["x" * 31, "x" * 27 + " (2)"]),
        (["🔎" * 20], ["🔎" * 15]),
        (["ＡＢＣ", "abc"], ["ＡＢＣ", "abc (2)"]),  # noqa: RUF001
        (["a\nb\tc"], ["a b c"]),
        (["p (2)", "p", "p"], ["p (2)", "p", "p (3)"]),
    ],
)
def test_names(titles: list[str], expected: list[str]) -> None:
    names = SheetNames()
    assert [names.take(title) for title in titles] == expected


@given(st.lists(st.text(max_size=40), max_size=20))
def test_whatever_the_titles_are(titles: list[str]) -> None:
    names = SheetNames()
    found = [names.take(title) for title in titles]
    assert len({name.lower() for name in found}) == len(titles)
    for name in found:
        assert 0 < len(name.encode("utf-16-le")) // 2 <= 31
        assert not re.search(r"[\[\]:*?/\\]|^'|'$", name)
        assert name.lower() != "history"
