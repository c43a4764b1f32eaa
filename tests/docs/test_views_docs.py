"""`sql/views/README.md` documents every view and column; its outputs are those of its queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from captaindata_source.views.shipped import load_views, parse_view
from tests.support import sql_readme
from tests.support.databases import Database, DuckDb
from tests.support.marks import INTEGRATION

TEXT = sql_readme.PATH.read_text(encoding="utf-8")
SECTIONS = sql_readme.sections(TEXT)
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
TABLES = sql_readme.TABLES.read_text(encoding="utf-8")
VIEWS = {view.name: view for view in load_views()}
HINT = "run python -m tests.support.sql_readme"


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.integration)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """The printed outputs' sandbox, in the dataset that the queries name."""
    found: Database = DuckDb(tmp_path)
    if request.param == "postgres":
        found = request.getfixturevalue("default_postgres")
    sql_readme.load_sandbox(found, tmp_path)
    return found


def test_every_view_is_documented_with_an_example() -> None:
    assert set(SECTIONS) == set(VIEWS)
    for name, section in SECTIONS.items():
        assert f"<!-- generated: {name} -->" in section
        (example,) = sql_readme.EXAMPLE.findall(section)
        assert f"captaindata_views.{name}\n" in example[1], name
        assert f"[`{name}`](#{name})" in TEXT, name


def test_what_comes_from_the_headers_is_up_to_date() -> None:
    assert sql_readme.with_headers(TEXT) == TEXT, HINT


def test_headers_tell_all_parts_of_a_view() -> None:
    for view in VIEWS.values():
        assert view.grain.startswith("One row per "), view.name
        assert re.search(r"\((\w+, )*\w+\)", view.grain), view.name
        assert re.fullmatch(r"[A-Z].*[^.?]", view.title), view.name
        assert ". " not in view.title, "`captaindata views list` prints what is before it"
        for column, text in view.columns.items():
            assert text, f"{view.name}.{column}"
            if column.endswith("_at"):
                assert "UTC" in text, f"{view.name}.{column}"
            if column.endswith("_seconds"):
                assert "seconds" in text, f"{view.name}.{column}"


@pytest.mark.parametrize("part", ["v", "Grain", "Needs", "Time", "Columns"])
def test_a_header_without_a_part_is_refused(part: str) -> None:
    text = "-- v: x\n--\n-- Grain: g\n-- Needs: a.b\n-- Time: none\n--\n-- Columns:\n--   c: d\n"
    assert parse_view("v", f"{text}\nselect 1 as c").columns == {"c": "d"}
    cut = text.partition(f"-- {part}:")[0] + text.partition(f"-- {part}:")[2].partition("\n")[2]
    with pytest.raises(ValueError, match=part.lower() if part != "Columns" else "Columns"):
        parse_view("v", cut)


@INTEGRATION
def test_columns_examples_and_first_queries_are_those_of_the_database(database: Database) -> None:
    """One test, for each that has the fixture may be in another process and sync again."""
    assert_columns_are_documented(database)
    assert sql_readme.with_outputs(TEXT, database.execute) == TEXT, HINT
    first = TABLES.partition("## First queries on the tables")[2].partition("\n## ")[0]
    for text in (first, README):
        queries = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
        assert len(queries) == 3
        for query in queries:
            assert database.execute(query), query


def assert_columns_are_documented(database: Database) -> None:
    found: dict[str, list[str]] = {}
    for row in database.execute(
        "select table_name, column_name from information_schema.columns "
        f"where table_schema = '{database.dataset}_views' order by table_name, ordinal_position"
    ):
        found.setdefault(row["table_name"], []).append(row["column_name"])
    of_results = {name for name in found if name.startswith("results_")} - set(VIEWS)
    assert set(found) - of_results == set(VIEWS)
    for name, section in SECTIONS.items():
        documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        assert documented == found[name], name
