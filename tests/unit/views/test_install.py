"""Views are touched when their definition changed, and never at the cost of what others built."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.views.definitions import DEFINITIONS
from captaindata_source.views.install import create_views, drop_views, list_views
from captaindata_source.views.shipped import load_views, parse_view
from captaindata_source.views.view import Change, State, View, shipped_views
from captaindata_source.warehouse.database import Database as Connected
from captaindata_source.warehouse.database import on_postgres as postgres_module
from tests.support.databases import Database, Postgres
from tests.support.raw_tables import create_raw_tables
from tests.support.results import opened


@pytest.fixture
def raw(database: Database) -> Iterator[Connected]:
    """A connection to raw tables without rows, and a table `t` with a row."""
    create_raw_tables(database)
    database.execute("create table t (a bigint, b text); insert into t values (1, 'x')")
    with opened(database) as connected:
        yield connected


class Views:
    """Two views, one on top of the other, as a release defines them."""

    def __init__(self, connected: Connected, dataset: str) -> None:
        self.connected = connected
        self.dataset = dataset
        self.schema = f"{dataset}_views"

    def base(self, columns: str) -> View:
        query = f"select {columns} from {self.dataset}.t"
        return View(name="base", query=query, comment="Base.", columns={"a": "the a"}, tables=["t"])

    def top(self, base: View, columns: str = "a") -> View:
        query = f"select {columns} from {self.schema}.base"
        return View(name="top", query=query, comment="Top.", views=["base"], basis=(base.hash,))

    def create(self, *views: View, keep: Sequence[str] = ()) -> dict[str, State]:
        return {change.view: change.state for change in self.changes(*views, keep=keep)}

    def changes(self, *views: View, keep: Sequence[str] = ()) -> list[Change]:
        return create_views(self.connected, self.dataset, views, keep=keep)

    def columns(self, view: str) -> list[str]:
        return [name for name, _ in self.connected.columns(self.schema, view)]


@pytest.fixture
def views(raw: Connected, database: Database) -> Views:
    return Views(raw, database.dataset)


def test_a_view_is_touched_only_when_its_definition_changed(views: Views) -> None:
    base = views.base("a")
    top = views.top(base)
    assert views.create(base, top) == {"base": State.CREATED, "top": State.CREATED}
    assert views.create(base, top) == {"base": State.UNCHANGED, "top": State.UNCHANGED}
    described = replace(top, comment="Told better.")
    assert views.create(base, described) == {"base": State.UNCHANGED, "top": State.REPLACED}


def test_comments_are_in_the_database(views: Views, database: Database) -> None:
    views.create(views.base("a"))
    comment = views.connected.relations(views.schema)["base"].comment
    assert comment == "Base. Made by captaindata_source."
    if isinstance(database, Postgres):
        sql = "select col_description('{}.base'::regclass, 1)"
    else:
        sql = "select comment from duckdb_columns() where schema_name = '{}' and column_name = 'a'"
    assert views.connected.query(sql.format(views.schema)) == [("the a",)]


def test_a_comment_of_an_earlier_version_is_recognised(views: Views) -> None:
    base = views.base("a")
    views.create(base)
    for mark, state in ((base.hash, State.REPLACED), ("0123456789abcdef", State.REPLACED)):
        views.connected.run(
            f"delete from {views.dataset}.{DEFINITIONS}; "
            f"comment on view {views.schema}.base is 'Base. [captaindata_source {mark}]'"
        )
        listed = {name: how for name, how, _ in list_views(views.connected, views.dataset)}
        assert listed["base"] == "view", "it is ours"
        assert views.create(base) == {"base": state}
        comment = views.connected.relations(views.schema)["base"].comment
        assert comment == "Base. Made by captaindata_source."
        assert views.create(base) == {"base": State.UNCHANGED}
    views.connected.run(
        f"comment on view {views.schema}.base is 'Base. [captaindata_source {base.hash}]'"
    )
    assert [change.state for change in drop_views(views.connected, views.dataset)] == [
        State.DROPPED
    ]


def test_a_view_whose_hash_is_lost_is_made_anew(views: Views) -> None:
    base = views.base("a")
    views.create(base)
    views.connected.run(f"drop table {views.dataset}.{DEFINITIONS}")
    assert views.create(base) == {"base": State.REPLACED}
    assert views.create(base) == {"base": State.UNCHANGED}


@pytest.mark.parametrize(
    "comment", ["", "Mine", "Made by captaindata_source. Not!", "[captaindata]"]
)
def test_other_comments_are_not_ours(views: Views, comment: str) -> None:
    base = views.base("a")
    views.create(base)
    views.connected.run(f"comment on view {views.schema}.base is '{comment}'")
    assert views.create(views.base("a, b")) == {"base": State.BLOCKED}
    assert drop_views(views.connected, views.dataset) == []


def test_new_columns_are_appended_in_place(views: Views, database: Database) -> None:
    base = views.base("a")
    views.create(base, views.top(base))
    before = oid(views, "base") if isinstance(database, Postgres) else None
    wider = views.base("a, b")
    assert views.create(wider, views.top(wider)) == {"base": State.REPLACED, "top": State.REPLACED}
    assert views.columns("base") == ["a", "b"]
    if before is not None:
        assert oid(views, "base") == before, "not dropped"


def test_a_type_that_changes_takes_our_views_on_top_along(views: Views) -> None:
    base = views.base("a")
    views.create(base, views.top(base))
    text = views.base("cast(a as text) as a")
    assert views.create(text, views.top(text)) == {"base": State.REPLACED, "top": State.REPLACED}
    assert views.connected.query(f"select a from {views.schema}.top") == [("1",)]


def test_a_view_on_top_that_reads_a_new_view_is_made_after_it(views: Views) -> None:
    base = views.base("a")
    views.create(base, views.top(base))
    changed = views.base("cast(a as text) as a")
    new = replace(views.top(changed), name="new")
    query = f"select a from {views.schema}.new"
    top = View(name="top", query=query, views=["base", "new"], basis=(changed.hash, new.hash))
    assert views.create(changed, new, top) == {
        "base": State.REPLACED,
        "new": State.CREATED,
        "top": State.REPLACED,
    }
    assert views.connected.query(f"select a from {views.schema}.top") == [("1",)]


def test_a_column_that_goes_is_gone(views: Views) -> None:
    views.create(views.base("a, b"))
    assert views.create(views.base("a")) == {"base": State.REPLACED}
    assert views.columns("base") == ["a"]


def test_what_is_no_longer_defined_is_dropped(views: Views) -> None:
    base = views.base("a")
    views.create(base, views.top(base))
    assert views.create(base) == {"base": State.UNCHANGED, "top": State.DROPPED}
    assert set(views.connected.relations(views.schema)) == {"base"}
    views.create(base, views.top(base))
    assert views.create(base, keep=["top"]) == {"base": State.UNCHANGED}


def test_a_view_whose_tables_are_missing_is_skipped_with_a_word(views: Views) -> None:
    base = replace(views.base("a"), tables=["t", "nowhere"])
    found = views.changes(base, views.top(base))
    assert found == [
        Change("base", State.SKIPPED, "nowhere is not there"),
        Change("top", State.SKIPPED, "base is not there"),
    ]


def test_what_is_not_ours_is_left_alone(views: Views) -> None:
    base = views.base("a")
    views.create(base)
    views.connected.run(f"create view {views.schema}.top as select 42 as mine")
    (_, change) = views.changes(base, views.top(base))
    assert change.state is State.BLOCKED
    assert "no mark of ours" in change.reason
    assert views.connected.query(f"select * from {views.schema}.top") == [(42,)]
    assert [c.state for c in drop_views(views.connected, views.dataset)] == [State.DROPPED]
    assert set(views.connected.relations(views.schema)) == {"top"}


def test_a_definition_that_fails_is_named_and_the_others_are_made(views: Views) -> None:
    base = views.base("a")
    wrong = replace(base, name="wrong", query=f"select nothing from {views.dataset}.t")
    changes = {change.view: change for change in views.changes(wrong, base)}
    assert changes["base"].state is State.CREATED
    assert changes["wrong"].state is State.FAILED
    assert "nothing" in changes["wrong"].reason


def test_views_of_the_package_on_an_empty_warehouse(raw: Connected, database: Database) -> None:
    later = {"job_result_fields"} | {v.name for v in load_views() if v.tables & {*PEOPLE_TABLES}}
    shipped = [
        v for v in shipped_views(database.dataset, dialect=database.dialect) if v.name not in later
    ]
    first = create_views(raw, database.dataset, shipped)
    assert {change.state for change in first} == {State.CREATED}
    again = create_views(raw, database.dataset, shipped)
    assert {change.state for change in again} == {State.UNCHANGED}
    listed = {name: standing for name, standing, _ in list_views(raw, database.dataset)}
    assert {standing for name, standing in listed.items() if name not in later} == {"current"}
    assert {listed[name] for name in later} == {"missing"}
    dropped = drop_views(raw, database.dataset)
    assert {change.state for change in dropped} == {State.DROPPED}
    assert len(dropped) == len(shipped)
    assert raw.relations(f"{database.dataset}_views") == {}
    assert raw.has_schema(f"{database.dataset}_views"), "with what is granted on it"


@pytest.fixture
def on_postgres(postgres_folder: Path) -> Iterator[Views]:
    """Views on Postgres alone: grants, dependents and locks."""
    where = Postgres(postgres_folder)
    where.execute(f"create schema {where.dataset}")
    where.execute("create table t (a bigint, b text); insert into t values (1, 'x')")
    with opened(where) as connected:
        yield Views(connected, where.dataset)


def oid(views: Views, view: str) -> object:
    return views.connected.query(f"select '{views.schema}.{view}'::regclass::oid")


def test_grants_survive(on_postgres: Views) -> None:
    views, role = on_postgres, f"bi_{on_postgres.dataset}"
    base = views.base("a")
    views.create(base, views.top(base))
    views.connected.run(
        f"create role {role}; grant usage on schema {views.schema} to {role}; "
        f"grant select on {views.schema}.base, {views.schema}.top to {role}; "
        f"grant update (a) on {views.schema}.base to public"
    )
    granted = (
        "select privilege_type, grantee from information_schema.column_privileges "
        f"where table_schema = '{views.schema}' and column_name = 'a' and grantee <> 'postgres' "
        "order by table_name, privilege_type, grantee"
    )
    before = views.connected.query(granted)
    assert len(before) == 3
    changed = views.base("cast(a as text) as a")
    old = oid(views, "base")
    views.create(changed, views.top(changed))
    assert oid(views, "base") != old, "it was dropped"
    assert views.connected.query(granted) == before
    assert views.connected.query(f"set role {role}; select a from {views.schema}.top") == [("1",)]
    views.connected.run("reset role")


def test_other_peoples_views_survive_and_are_named(on_postgres: Views) -> None:
    views = on_postgres
    base = views.base("a")
    views.create(base, views.top(base))
    foreign = f"{views.dataset}.dashboard"
    views.connected.run(f"create view {foreign} as select a from {views.schema}.top")
    wider = views.base("a, b")
    assert set(views.create(wider, views.top(wider)).values()) == {State.REPLACED}
    changed = views.base("cast(a as text) as a")
    found = {change.view: change for change in views.changes(changed, views.top(changed))}
    assert found["base"] == Change("base", State.BLOCKED, f"{foreign} depends on it")
    assert views.connected.query(f"select a from {foreign}") == [(1,)]
    assert views.columns("base") == ["a", "b"], "it stays as it was"
    dropped = {change.view: change for change in drop_views(views.connected, views.dataset)}
    assert dropped["top"] == Change("top", State.BLOCKED, f"{foreign} depends on it")
    assert views.connected.query(f"select a from {foreign}") == [(1,)]
    views.connected.run(f"drop view {foreign}")
    assert set(views.create(changed, views.top(changed)).values()) == {State.REPLACED}


def test_a_view_that_a_dashboard_holds_is_named_and_changed_later(
    on_postgres: Views, postgres_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "LOCK_SECONDS", 0.05)
    views = on_postgres
    views.create(views.base("a"))
    dashboard = psycopg2.connect(Postgres(postgres_folder).uri)
    with dashboard, dashboard.cursor() as cursor:
        cursor.execute(f"select * from {views.schema}.base")
        (change,) = views.changes(views.base("a, b"))
        assert change.state is State.BLOCKED
        assert "lock timeout" in change.reason
    dashboard.close()
    assert views.create(views.base("a, b")) == {"base": State.REPLACED}


def test_a_failed_change_is_undone_as_a_whole(on_postgres: Views) -> None:
    views = on_postgres
    base = views.base("a")
    views.create(base, views.top(base))
    changed = views.base("b")  # the view on top has no a any more
    found = views.create(changed, views.top(changed))
    assert found["base"] is State.BLOCKED
    assert views.connected.query(f"select * from {views.schema}.top") == [(1,)]


def test_readers_see_a_view_at_every_moment(on_postgres: Views, postgres_folder: Path) -> None:
    views = on_postgres
    views.create(views.base("a"))
    done = threading.Event()
    failures: list[str] = []

    def read() -> None:
        connection = psycopg2.connect(Postgres(postgres_folder).uri)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not done.is_set():
                try:
                    cursor.execute(f"select * from {views.schema}.base")
                except psycopg2.Error as error:
                    failures.append(str(error))
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(10):
            kind = "bigint" if number % 2 else "text"
            assert views.create(views.base(f"cast(a as {kind}) as a")) == {"base": State.REPLACED}
    finally:
        done.set()
        reader.join()
    assert failures == []


def test_headers_of_view_files_are_read() -> None:
    view = parse_view(
        "x",
        "-- x: what it is\n--\n-- Grain: One row\n--   per thing.\n"
        "-- Needs: captaindata.jobs, captaindata_views.y\n-- Time: a\n--\n"
        "-- Columns:\n--   a: first, in days\n"
        "--     and nights\n--   b: second\n\nselect a, b from captaindata.jobs -- captaindata.no\n"
        "inner join captaindata_views.y;\n",
    )
    assert (view.title, view.grain) == ("what it is", "One row per thing.")
    assert view.columns == {"a": "first, in days and nights", "b": "second"}
    assert view.time is not None
    assert view.time.column == "a"
    assert view.needs == ("captaindata.jobs", "captaindata_views.y")
    assert view.tables == {"jobs"}
    assert view.views == {"y"}
    assert '"other"."jobs"' in view.query_on("other", dialect="duckdb")
    assert 'inner join "other_views"."y"' in view.query_on("other", dialect="duckdb")
    with pytest.raises(ValueError, match="the header lacks x"):
        parse_view("x", "-- y: z\n-- Grain: a\n-- Needs: b\n-- Columns:\n--   a: b\n\nselect 1")


def test_views_come_after_those_they_read() -> None:
    seen: set[str] = set()
    for view in load_views():
        assert view.views <= seen
        seen.add(view.name)
    assert len(seen) == len(load_views())
