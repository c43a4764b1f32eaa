"""Results as tables instead of views, refreshed job by job, on both databases."""

from __future__ import annotations

from hashlib import sha512

import pytest

from captaindata_source.views import view
from captaindata_source.views.results import materialize
from captaindata_source.views.view import State
from tests.support.databases import Database, Postgres
from tests.support.marks import INTEGRATION
from tests.support.results import NOON, Warehouse, opened


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    """Raw tables with a table of results made of them."""
    warehouse = Warehouse(database)
    warehouse.add_job("j1", start_time=NOON)
    warehouse.load("j1", [{"a": 1}, {"a": 2, "o": {"k": True}}])
    warehouse.load("j2", [{"a": 3}])
    assert refresh(warehouse) is State.CREATED
    return warehouse


def refresh(warehouse: Warehouse) -> State:
    changes = {change.view: change.state for change in warehouse.refresh(materialize=True)}
    return changes["results_w"]


def is_table(warehouse: Warehouse) -> bool:
    with opened(warehouse.where) as found:
        return not found.relations(warehouse.schema)["results_w"].is_view


def mark_rows(warehouse: Warehouse) -> None:
    """Shows which rows are written again: those that are not keep a wrong value."""
    warehouse.where.execute(f"update {warehouse.schema}.results_w set a = -a")


def test_a_table_holds_what_the_view_would(warehouse: Warehouse) -> None:
    assert is_table(warehouse)
    as_table, columns = warehouse.rows("results_w"), warehouse.columns()
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["results_w"] is State.REPLACED
    assert not is_table(warehouse)

    def by_result(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(rows, key=lambda row: str(row["result_id"]))

    assert by_result(warehouse.rows("results_w")) == by_result(as_table)
    assert warehouse.columns() == columns
    assert warehouse.typed() == [
        {"a": 1, "o_k": None},
        {"a": 2, "o_k": True},
        {"a": 3, "o_k": None},
    ]
    assert refresh(warehouse) is State.REPLACED, "and back"
    assert is_table(warehouse)


def test_only_rows_of_changed_jobs_are_written(warehouse: Warehouse) -> None:
    mark_rows(warehouse)
    assert refresh(warehouse) is State.UNCHANGED
    warehouse.load("j2", [{"a": 4}, {"a": 5}])
    warehouse.load("j3", [{"a": 6}])
    assert refresh(warehouse) is State.REPLACED
    assert [row["a"] for row in warehouse.typed()] == [-1, -2, 4, 5, 6]
    warehouse.load("j2", [])
    refresh(warehouse)
    assert [row["a"] for row in warehouse.typed()] == [-1, -2, 6]
    assert refresh(warehouse) is State.UNCHANGED


def test_a_new_key_is_a_new_column_and_the_other_rows_stay(warehouse: Warehouse) -> None:
    mark_rows(warehouse)
    warehouse.load("j3", [{"b": "x", "a": 7}])
    refresh(warehouse)
    assert [(row["a"], row["b"]) for row in warehouse.typed()] == [
        (-1, None), (-2, None), (-3, None), (7, "x"),
    ]  # fmt: skip
    assert [*warehouse.columns()][9:] == ["a", "o_k", "b"]


def test_a_type_that_widens_rebuilds_the_table(warehouse: Warehouse) -> None:
    warehouse.load("j3", [{"a": "text"}])
    assert refresh(warehouse) is State.REPLACED
    assert [row["a"] for row in warehouse.typed()] == ["1", "2", "3", "text"]
    mark = {row["result_id"] for row in warehouse.rows("results_w")}
    assert len(mark) == 4
    assert refresh(warehouse) is State.UNCHANGED


def test_a_column_that_old_rows_have_values_for_rebuilds_the_table(warehouse: Warehouse) -> None:
    warehouse.load("j3", [{"o": "not an object"}])
    refresh(warehouse)
    values = [row["o"] for row in warehouse.typed()]
    assert values[0] is None and values[3] == "not an object"
    assert values[1].replace(" ", "") == '{"k":true}'


def test_what_is_not_ours_is_left_alone(warehouse: Warehouse) -> None:
    warehouse.refresh()
    warehouse.where.execute(f"drop view {warehouse.schema}.results_w")
    warehouse.where.execute(f"create table {warehouse.schema}.results_w (mine bigint)")
    assert refresh(warehouse) is State.BLOCKED
    assert [*warehouse.columns()] == ["mine"]


def test_a_refresh_that_fails_leaves_the_table_as_it_was(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.load("j2", [{"a": 8}])
    monkeypatch.setattr(materialize, "FIELD_JOBS", "nowhere")
    assert refresh(warehouse) is State.BLOCKED
    monkeypatch.undo()
    assert [row["a"] for row in warehouse.typed()] == [1, 2, 3]
    refresh(warehouse)
    assert [row["a"] for row in warehouse.typed()] == [1, 2, 8]


def test_other_peoples_views_on_a_table_survive(warehouse: Warehouse) -> None:
    if not isinstance(warehouse.where, Postgres):
        return
    dashboard = f"{warehouse.where.dataset}.dashboard"
    warehouse.where.execute(
        f"create view {dashboard} as select a from {warehouse.schema}.results_w"
    )
    warehouse.load("j3", [{"a": 9}])
    assert refresh(warehouse) is State.REPLACED
    warehouse.load("j4", [{"a": "text"}, {"a": 10, "new": 1}])
    for _ in range(2):
        changes = {change.view: change for change in warehouse.refresh(materialize=True)}
        assert changes["results_w"].state is State.BLOCKED
        assert changes["results_w"].reason == f"{dashboard} depends on it"
        rows = warehouse.where.execute(f"select a from {dashboard} order by a")
        assert [row["a"] for row in rows] == [1, 2, 3, 9, 10, None], "the rows come all the same"
    warehouse.where.execute(f"drop view {dashboard}")
    refresh(warehouse)
    assert [(row["a"], row["new"]) for row in warehouse.typed()][-2:] == [("text", None), ("10", 1)]


def test_a_job_that_moves_to_another_workflow_leaves_its_table(warehouse: Warehouse) -> None:
    warehouse.load("j2", [{"a": 4}], workflow="v")
    refresh(warehouse)
    assert [row["a"] for row in warehouse.typed()] == [1, 2]
    assert [row["a"] for row in warehouse.typed("results_v")] == [4]
    warehouse.load("j2", [{"a": 5}])
    refresh(warehouse)
    assert [row["a"] for row in warehouse.typed()] == [1, 2, 5]
    assert warehouse.typed("results_v") == []
    assert refresh(warehouse) is State.UNCHANGED


def test_a_query_that_changed_with_the_same_columns_rebuilds_the_table(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_rows(warehouse)
    monkeypatch.setattr(view, "HASH_VERSION", 99)
    assert refresh(warehouse) is State.REPLACED
    assert [row["a"] for row in warehouse.typed()] == [1, 2, 3]
    warehouse.add_workflow("w", "Renamed")
    mark_rows(warehouse)
    refresh(warehouse)
    assert [row["a"] for row in warehouse.typed()] == [-1, -2, -3], "a name is no query"


WIDE = {
    "numbers": {f"n{number:04d}": 10**14 + number for number in range(1_100)},
    "texts": {f"t{n:03d}": sha512(b"%d" % n).hexdigest()[:120] for n in range(500)},
}


@INTEGRATION
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("wide", WIDE.values(), ids=WIDE)
def test_rows_wider_than_postgres_can_store(
    database: Database, wide: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = Warehouse(database)
    warehouse.add_job("j1", start_time=NOON)
    warehouse.load("j1", [{"data": 7, **wide}])
    assert refresh(warehouse) is State.CREATED
    assert is_table(warehouse)
    (row,) = warehouse.rows("results_w")
    assert row["data"] == 7
    assert row["data_2"] == {"data": 7, **wide}
    assert 300 < len(row) < len(wide)
    (told,) = (text for text in caplog.messages if "don't fit" in text)
    assert told.startswith("Table results_w: ")
    assert "column data_2" in told
    caplog.clear()
    assert refresh(warehouse) is State.UNCHANGED

    warehouse.add_job("j2", start_time=NOON)
    warehouse.load("j2", [{"data": 8, **wide}])
    assert refresh(warehouse) is State.REPLACED
    assert sorted(each["data"] for each in warehouse.rows("results_w")) == [7, 8]
    assert caplog.messages == [], "it is said once"


@INTEGRATION
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_table_that_gets_too_wide_a_row_and_loses_it_again(warehouse: Warehouse) -> None:
    wide = {f"n{number:04d}": 10**14 + number for number in range(1_100)}
    warehouse.load("j3", [{"a": 5, **dict.fromkeys(wide)}])
    refresh(warehouse)
    warehouse.load("j3", [{"a": 6, **wide}])
    assert refresh(warehouse) is State.REPLACED
    rows = {row["a"]: row for row in warehouse.rows("results_w")}
    assert sorted(rows) == [1, 2, 3, 6]
    assert rows[6]["data"] == {"a": 6, **wide}
    assert rows[2]["data"] == {"a": 2, "o": {"k": True}}
    warehouse.load("j3", [{"a": 7}])
    refresh(warehouse)
    assert sorted(row["a"] for row in warehouse.rows("results_w")) == [1, 2, 3, 7]
    warehouse.load("j3", [{"a": 7, "b": 1}])
    refresh(warehouse)
    rows = {row["a"]: row for row in warehouse.rows("results_w")}
    assert rows[7]["b"] == 1
    assert "data" not in rows[7], "the table has all columns again"


@INTEGRATION
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_held_table_that_gets_too_wide_a_row_has_it_all_the_same(warehouse: Warehouse) -> None:
    where = warehouse.where
    view = f"{where.dataset}_others.mine"
    where.execute(f"create schema {where.dataset}_others")
    where.execute(f"create view {view} as select * from {warehouse.schema}.results_w")
    wide = {f"n{number:04d}": 10**14 + number for number in range(1_100)}
    warehouse.load("j3", [{"a": 5, **wide}])
    (change,) = (c for c in warehouse.refresh(materialize=True) if c.view == "results_w")
    assert not change.is_stale
    assert sorted(row["a"] for row in where.execute(f"select a from {view}")) == [1, 2, 3, 5]
    where.execute(f"drop schema {where.dataset}_others cascade")


def test_a_table_of_an_earlier_version_keeps_its_rows_and_gets_another_comment(
    warehouse: Warehouse,
) -> None:
    dataset = warehouse.where.dataset
    (row,) = warehouse.where.execute("select hash from view_definitions where name = 'results_w'")
    warehouse.where.execute(
        "delete from view_definitions where name = 'results_w'; "
        f"comment on table {warehouse.schema}.results_w is 'x [captaindata_source {row['hash']}]'"
    )
    mark_rows(warehouse)
    refresh(warehouse)
    assert [each["a"] for each in warehouse.typed()] == [-1, -2, -3]
    with opened(warehouse.where) as found:
        comment = found.relations(warehouse.schema)["results_w"].comment
        assert comment.endswith("One row per result (result_id). Made by captaindata_source.")
        assert found.query(
            f"select hash from {dataset}.view_definitions where name = 'results_w'"
        ) == [(row["hash"],)]
    assert refresh(warehouse) is State.UNCHANGED
