"""Names of columns: any set of keys gives distinct, stable, legal ones on both databases."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captaindata_source.views.results.names import RESERVED, assign_names
from tests.support.awkward import AWKWARD

KEYS = st.lists(st.sampled_from(AWKWARD) | st.text(max_size=70), unique=True, max_size=40)
TAKEN = {"job_id", "result_id", "started_at", "created_at"}


def named(keys: list[str], *, taken: set[str] = TAKEN) -> dict[str, str]:
    return assign_names(((key, [[key]]) for key in keys), taken=taken)


@given(KEYS)
def test_names_are_legal_and_distinct(keys: list[str]) -> None:
    names = named(keys)
    assert set(names) == set(keys)
    assert len({*names.values()} | TAKEN) == len(names) + len(TAKEN)
    for name in names.values():
        assert re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name)
        assert name not in RESERVED


@given(KEYS, st.randoms())
def test_names_do_not_depend_on_the_order_of_keys(keys: list[str], random: object) -> None:
    shuffled = keys.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert named(shuffled) == named(keys)


@given(KEYS, KEYS)
def test_names_that_are_given_stay_when_keys_are_added(keys: list[str], more: list[str]) -> None:
    first = named(keys)
    added = named([key for key in more if key not in first], taken={*TAKEN, *first.values()})
    assert not {*first.values()} & {*added.values()}


@settings(max_examples=40)
@given(KEYS)
def test_duckdb_takes_the_names_unquoted(keys: list[str]) -> None:
    names = [*named(keys).values()]
    if names:
        with duckdb.connect() as connection:
            connection.execute(f"create table t ({', '.join(f'{name} int' for name in names)})")
            found = connection.execute(f"select {', '.join(names)} from t").description
            assert [column[0] for column in found] == names


def test_postgres_takes_the_names_unquoted(postgres_folder: Path) -> None:
    names = [*named(AWKWARD).values()]
    connection = psycopg2.connect(
        f"postgresql://postgres:x@localhost/postgres?host={postgres_folder}"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"create temp table t ({', '.join(f'{name} int' for name in names)})")
        cursor.execute(f"select {', '.join(names)} from t")
        assert [column[0] for column in cursor.description or ()] == names
        cursor.execute("select word from pg_get_keywords() where catcode in ('R', 'T')")
        words = {word for (word,) in cursor.fetchall()}
    connection.close()
    with duckdb.connect() as other:
        found = other.execute(
            "select keyword_name from duckdb_keywords() "
            "where keyword_category in ('reserved', 'type_function')"
        ).fetchall()
    assert words | {word for (word,) in found} <= RESERVED


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("full_name", "full_name"),
        ("Full Name", "full_name"),
        ("fullName", "full_name"),
        ("LinkedIn Profiles \u2013 v2 ✨", "linkedin_profiles_v2"),
        ("Größe", "grosse"),
        ("1st", "_1st"),
        ("order", "order_"),
        ("", "field"),
        ("*", "field"),
        ("a.b-c", "a_b_c"),
    ],
)
def test_clean_names(text: str, name: str) -> None:
    assert named([text], taken=set()) == {text: name}


def test_who_has_the_plain_name() -> None:
    assert named(["Name", "name"])["name"] == "name"
    assert named(["Name", "name"])["Name"] == "name_2"
    assert named(["job_id"])["job_id"] == "job_id_2"
    assert named(["company_name", "Company_Name", "COMPANY_NAME", "company_name_2"]) == {
        "company_name": "company_name",
        "company_name_2": "company_name_2",
        "COMPANY_NAME": "company_name_3",
        "Company_Name": "company_name_4",
    }
    assert named(["_", "*"]) == {"*": "field", "_": "field_2"}
    second = assign_names(
        [(2, [["Posts"], ["Posts", "Client A"]])], taken={"results_posts"}, prefix="results_"
    )
    assert second == {2: "results_posts_client_a"}
