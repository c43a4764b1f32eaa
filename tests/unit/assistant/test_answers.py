"""What becomes of rows, cursors and errors before an assistant gets them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.server.mcpserver.exceptions import ToolError

from captaindata_source.assistant.answers import (
    MAX_CELL,
    MAX_SIZE,
    NOTE,
    Answer,
    Kind,
    as_rows,
    clean,
)
from captaindata_source.assistant.duckdb_process import unpacked, wrapped
from captaindata_source.assistant.failures import duckdb_failed
from captaindata_source.assistant.paging import cursor_of, read_cursor
from captaindata_source.assistant.roles import grants_of


def answer(texts: list[str | None], *, kind: Kind = "text") -> Answer:
    rows = [[text, None if text is None else len(text)] for text in texts]
    return Answer(names=["a"], kinds=[kind], rows=rows, as_of="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain é 日本 👩‍💻\n\t", "plain é 日本 👩‍💻\n\t"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\x00\x07\x7f\x9b", "a\\x0db\\x00\\x07\\x7f\\x9b"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\u200bhidden\ufeff", "\\u200bhidden\\ufeff"),
        ("\U000e0049\U000e0067", "\\U000e0049\\U000e0067"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_can_not_be_seen_is_escaped(given: str, shown: str) -> None:
    assert clean(given) == shown


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_can_be_sent(text: str) -> None:
    found = as_rows(answer([text]), limit=1)
    assert json.loads(found.model_dump_json())["rows"] == found.rows
    assert "\x1b" not in str(found.rows[0]["a"])


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("42", "number", 42),
        ("-7", "number", -7),
        ("1.50", "number", 1.5),
        ("1e+20", "number", 1e20),
        ("123456789012345", "number", 123456789012345),
        ("1234567890123456", "number", "1234567890123456"),
        ("NaN", "number", "NaN"),
        ("Infinity", "number", "Infinity"),
        ("true", "boolean", True),
        ("false", "boolean", False),
        ("true", "text", "true"),
        ("00042", "text", "00042"),
    ],
)
def test_values_keep_their_type(text: str, kind: Kind, value: object) -> None:
    assert as_rows(answer([text], kind=kind), limit=1).rows == [{"a": value}]


def test_rows_are_bounded_and_marked_as_data() -> None:
    many = as_rows(answer(["x" * MAX_CELL] * 1_000), limit=1_000)
    assert len(json.dumps(many.rows)) <= MAX_SIZE + 10 * len(many.rows)
    assert (many.has_more, many.note) == (True, NOTE)
    few = as_rows(answer(["a", None, "b"]), limit=2)
    assert (few.rows, few.has_more) == ([{"a": "a"}, {"a": None}], True)


def test_a_cursor_is_of_one_list() -> None:
    cursor = cursor_of(["2026-01-01", "x"], query=("people", ["a"]))
    assert read_cursor(cursor, query=("people", ["a"]), size=2) == ["2026-01-01", "x"]
    for wrong in ("", "x", "////", cursor[:-4], cursor + "A", cursor.upper(), "W10=", "MQ=="):
        with pytest.raises(ToolError, match="cursor is not of this list"):
            read_cursor(wrong, query=("people", ["a"]), size=2)
    for query, size in ((("people", ["b"]), 2), (("people", ["a"]), 1)):
        with pytest.raises(ToolError):
            read_cursor(cursor, query=query, size=size)


def test_cells_carry_their_length() -> None:
    assert unpacked(["5000:ab:c", None, "0:"]) == ["ab:c", 5000, None, None, "", 0]
    assert "limit 11" in wrapped("select 1 -- x", columns=1, rows=10, cell=5)


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("ConversionException", "Conversion Error: Could not convert 'Jane' to INT32", "Jane"),
        ("InvalidInputException", 'Invalid Input Error: "secret text" is none', "secret"),
        ("Error", "postgresql://user:password@host", "password"),
    ],
)
def test_errors_quote_no_values(kind: str, words: str, said: str) -> None:
    found = str(duckdb_failed({"error": "duckdb", "kind": kind, "words": words}))
    assert said not in found
    assert found.startswith("The query failed")


def test_the_sql_of_a_role_quotes_names() -> None:
    sql = grants_of('o\'hara "x"', "captaindata_views")
    assert 'create role "o\'hara ""x""" login' in sql
    assert "'o''hara \"x\"'" in sql
