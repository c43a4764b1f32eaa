"""The catalogue holds nothing twice; one that an earlier version left doubled is mended."""

from __future__ import annotations

import pytest

from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.install import create_views
from captaindata_source.views.results.keys import KEYS
from captaindata_source.views.view import Change, State
from captaindata_source.warehouse.database import PostgresDatabase
from tests.support.databases import Database, Row
from tests.support.results import Warehouse

TABLES = {
    "job_result_fields": ["workspace_uid", "workflow_uid", "key", "nested_key"],
    "job_result_field_counts": ["workspace_uid", "job_uid", "field_id", "kind"],
    "job_result_field_jobs": ["workspace_uid", "job_uid", "load_id", "table_load_id"],
    "job_result_views": ["workspace_uid", "workflow_uid"],
}


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    """Results of one workflow, one of whose jobs was loaded twice."""
    warehouse = Warehouse(database)
    warehouse.add_workflow("w", "Posts")
    warehouse.load("j1", [{"id": 1, "name": None}, {"id": 2, "o": {"k": "v"}}])
    warehouse.load("j2", [{"id": 3, "name": "Ann"}, {}])
    warehouse.load("j1", [{"id": 4}])
    return warehouse


def catalogue(warehouse: Warehouse) -> dict[str, list[Row]]:
    return {
        table: sorted(
            warehouse.where.execute(f"select * from {table}"),
            key=lambda row: [str(row[name]) for name in key],
        )
        for table, key in TABLES.items()
    }


def forget_keys(warehouse: Warehouse) -> None:
    for key in KEYS:
        warehouse.where.execute(f"drop index if exists {key.name}")


@pytest.mark.parametrize("is_table", [False, True])
def test_a_catalogue_that_is_doubled_is_made_anew(
    warehouse: Warehouse, is_table: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warehouse.refresh(materialize=is_table)
    before, shown = catalogue(warehouse), warehouse.rows("results_posts")
    assert all(before.values())
    forget_keys(warehouse)
    for table in TABLES:
        warehouse.where.execute(f"insert into {table} select * from {table}")
    warehouse.refresh(materialize=is_table)
    assert catalogue(warehouse) == before
    assert sorted(map(str, warehouse.rows("results_posts"))) == sorted(map(str, shown))
    assert "holds rows twice" in caplog.text
    caplog.clear()
    warehouse.refresh(materialize=is_table)
    assert "holds rows twice" not in caplog.text


def test_columns_that_two_processes_learned_apart(warehouse: Warehouse) -> None:
    """The same numbers, names and places for other keys: that workflow is learned once more."""
    warehouse.refresh()
    before = warehouse.catalogue()
    forget_keys(warehouse)
    warehouse.where.execute("create table others as select * from job_result_fields")
    warehouse.where.execute("update others set key = 'x' || key")
    warehouse.where.execute("insert into job_result_fields select * from others")
    warehouse.refresh()
    after = warehouse.catalogue()
    assert after.keys() == before.keys()
    for name, row in after.items():
        assert row["rows_with_value"] == before[name]["rows_with_value"]


def test_one_name_for_two_workflows(warehouse: Warehouse) -> None:
    warehouse.refresh()
    forget_keys(warehouse)
    warehouse.add_workflow("w2", "Others")
    warehouse.where.execute(
        "insert into job_result_views select workspace_uid, 'w2', view_name, added_at "
        "from job_result_views where workflow_uid = 'w'"
    )
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["results_others"] is State.CREATED
    assert changes["results_posts"] is State.UNCHANGED


def test_the_keys_refuse_what_is_there(warehouse: Warehouse) -> None:
    warehouse.refresh()
    for table in ("job_result_fields", "job_result_views"):
        with pytest.raises(Exception, match=r"[Dd]uplicate"):
            warehouse.where.execute(f"insert into {table} select * from {table}")


def test_a_view_that_was_never_made_is_a_failure() -> None:
    blocked = Aftermath(changes=[Change("a", State.BLOCKED, "why"), Change("b", State.SKIPPED)])
    assert blocked.is_ok
    failed = Aftermath(changes=[Change("a", State.FAILED, "why")])
    assert not failed.is_ok
    assert failed.as_text() == "view a: FAILED, it could not be made: why"
    assert failed.as_dict()["views"] == {"failed": ["a"]}


def test_a_view_that_others_drop_meanwhile(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from captaindata_source.views import refresh  # noqa: PLC0415 - to be patched

    warehouse.refresh()
    make = create_views

    def drop_one(*args: object, **named: object) -> list[Change]:
        changes = make(*args, **named)  # type: ignore[arg-type]
        args[0].run(f"drop view {warehouse.schema}.results_posts")  # type: ignore[attr-defined]
        return changes

    monkeypatch.setattr(refresh, "create_views", drop_one)
    (change,) = [each for each in warehouse.refresh() if each.view == "results_posts"]
    assert change == Change("results_posts", State.FAILED, "it was removed meanwhile")


def test_readers_of_a_table_of_results_do_not_wait_while_it_is_made_anew(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if warehouse.where.name != "postgres":
        return
    warehouse.refresh(materialize=True)
    warehouse.load("j3", [{"id": "a text now"}])
    statements: list[str] = []
    run = PostgresDatabase.run

    def noted(self: PostgresDatabase, sql: str) -> None:
        statements.extend(sql.split(";\n"))
        run(self, sql)

    monkeypatch.setattr(PostgresDatabase, "run", noted)
    warehouse.refresh(materialize=True)
    dropped = f'drop table "{warehouse.schema}"."results_posts"'
    begun = statements.index(dropped)
    assert statements[begun + 1].endswith('rename to "results_posts"')
    made = [each for each in statements[:begun] if "captaindata_fresh_results" in each]
    assert made[0].startswith("create table")
    assert not any(each.startswith("create") for each in statements[begun:])
    assert "a text now" in {row["id"] for row in warehouse.typed("results_posts")}
