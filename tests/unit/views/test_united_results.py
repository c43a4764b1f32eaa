"""`results_all_…`: results of workflows of one name in one view, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from captaindata_source.tables import WORKSPACES
from captaindata_source.views.view import State
from tests.support.databases import Database, Postgres
from tests.support.marks import POSTGRES_LATER
from tests.support.raw_tables import insert
from tests.support.results import NOON, Warehouse

ALL = "results_all_profiles"


@pytest.fixture
def clients(database: Database) -> Warehouse:
    """Two workspaces with a workflow of one name, and a workflow of another name."""
    warehouse = Warehouse(database)
    insert(
        database,
        WORKSPACES,
        [
            {"workspace_uid": "a", "uid": "a", "name": "Acme Growth", "configured_name": "acme"},
            {"workspace_uid": "b", "uid": "b", "name": "Bolt"},
        ],
    )
    warehouse.add_workflow("wa", "Profiles", workspace="a")
    warehouse.add_workflow("wb", " Profiles ", workspace="b")
    warehouse.add_workflow("wc", "profiles", workspace="b")
    warehouse.add_job("j1", start_time=NOON, workflow="wa")
    warehouse.load("j1", [{"n": 1, "name": "Ann"}], workflow="wa", workspace="a")
    warehouse.load("j1", [{"n": "x", "o": {"k": 1}}], workflow="wb", workspace="b")
    warehouse.load("j2", [{"n": 7}], workflow="wc", workspace="b")
    warehouse.refresh()
    return warehouse


def rows(warehouse: Warehouse, *columns: str) -> list[tuple[Any, ...]]:
    found = [tuple(row[name] for name in columns) for row in warehouse.rows(ALL)]
    return sorted(found, key=repr)


@pytest.mark.parametrize("materialize", [False, True])
def test_results_of_one_name_are_in_one_view(clients: Warehouse, materialize: bool) -> None:
    clients.refresh(materialize=materialize)
    assert rows(clients, "workspace_id", "workspace_name", "workspace_label", "workflow_id") == [
        ("a", "Acme Growth", "acme", "wa"),
        ("b", "Bolt", "b", "wb"),
    ]
    assert rows(clients, "job_id", "job_name", "result_id", "is_sub_job") == [
        ("j1", "job j1", "j1-0", False),
        ("j1", None, "j1-0", False),
    ]
    assert rows(clients, "n", "name", "o_k") == [("1", "Ann", None), ("x", None, 1)]
    text = "varchar" if clients.where.name == "duckdb" else "text"
    kinds = clients.columns(ALL)
    assert (kinds["n"], kinds["name"], kinds["o_k"]) == (text, text, "bigint")


@POSTGRES_LATER
def test_it_follows_keys_names_and_workflows(clients: Warehouse) -> None:
    clients.load("j3", [{"new": True}], workflow="wb", workspace="b")
    clients.refresh()
    assert [*clients.columns(ALL)][12:] == ["n", "name", "o_k", "new"]
    clients.load("j4", [{"between": 1, "name": 5}], workflow="wa", workspace="a")
    clients.refresh()
    assert [*clients.columns(ALL)][12:] == ["n", "name", "o_k", "new", "between"]
    assert len(clients.rows(ALL)) == 4
    clients.where.execute("update workflows set name = 'Profiles' where uid = 'wc'")
    clients.refresh()
    assert ("7",) in rows(clients, "n")
    clients.where.execute("delete from workflows where uid = 'wc'")
    clients.refresh()
    assert len(clients.rows(ALL)) == 4, "it is of no known name"
    clients.where.execute("update workflows set name = 'Other' where uid = 'wb'")
    changes = {change.view: change.state for change in clients.refresh()}
    assert changes[ALL] is State.DROPPED


@POSTGRES_LATER
def test_keys_that_our_columns_have_and_types_of_all_kinds(clients: Warehouse) -> None:
    clients.load("j5", [{"workspace_id": 3, "n": [1]}], workflow="wa", workspace="a")
    clients.load("j6", [{"job_name": "theirs", "n": 2.5}], workflow="wb", workspace="b")
    clients.refresh()
    found = rows(clients, "workspace_id", "workspace_id_2", "n")
    assert ("a", 3, "[1]") in found
    assert ("b", None, "2.5") in found
    theirs = [row for row in clients.rows(ALL) if row["job_id"] == "j6"]
    assert [value for row in theirs for value in row.values()].count("theirs") == 1


@POSTGRES_LATER
def test_results_that_are_repeated_are_left_out(clients: Warehouse) -> None:
    clients.add_job("m", start_time=NOON, workflow="wa")
    clients.add_job("s", start_time=NOON, workflow="wa", of="m")
    clients.load("m", [{"n": 5}], workflow="wa", workspace="a")
    clients.load("s", [{"n": 5}, {"n": 6}], workflow="wa", workspace="a")
    clients.refresh()
    assert [n for (n,) in rows(clients, "n")] == ["1", "5", "6", "x"]
    clients.refresh(retries=True)
    assert [n for (n,) in rows(clients, "n")] == ["1", "5", "5", "6", "x"]


def test_grants_and_other_peoples_views_survive(clients: Warehouse) -> None:
    if not isinstance(clients.where, Postgres):
        return
    granted = (
        "select grantee from information_schema.role_table_grants "
        f"where table_schema = '{clients.schema}' and table_name = '{ALL}' and grantee = 'PUBLIC'"
    )
    clients.where.execute(f"grant select on {clients.schema}.{ALL} to public")
    clients.load("j7", [{"o": "text", "o_k": "text"}], workflow="wa", workspace="a")
    clients.load("j8", [{"o": {"k": "text"}}], workflow="wb", workspace="b")
    clients.refresh()
    assert clients.columns(ALL)["o_k"] == "text"
    assert len(clients.where.execute(granted)) == 1
    view = f"{clients.where.dataset}.mine"
    clients.where.execute(f"create view {view} as select name from {clients.schema}.{ALL}")
    clients.load("j9", [{"fresh": 1}], workflow="wa", workspace="a")
    assert {change.state for change in clients.refresh() if change.view == ALL} == {State.REPLACED}
    assert "fresh" in clients.columns(ALL)


@POSTGRES_LATER
def test_a_workflow_of_such_a_name_keeps_its_view(clients: Warehouse) -> None:
    clients.add_workflow("wd", "All Profiles")
    clients.load("j10", [{"mine": 1}], workflow="wd")
    for _ in range(2):
        clients.refresh()
        assert "n" in clients.columns(ALL)
    names = {
        row["workflow_uid"]: row for row in clients.where.execute("select * from job_result_views")
    }
    assert clients.typed(names["wd"]["view_name"]) == [{"mine": 1}]
