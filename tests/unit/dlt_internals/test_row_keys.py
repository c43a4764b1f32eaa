"""Keys of a load as conditions, and SQL of ours in other dialects."""

from __future__ import annotations

import pyarrow as pa
import pytest

from captaindata_source.dlt_internals import delta_tables, open_tables
from captaindata_source.dlt_internals.row_keys import RowKeys
from captaindata_source.tables import JOBS
from captaindata_source.warehouse.portable import portable
from captaindata_source.warehouse.workspace_queries import COMMITTED


def rows(*keys: tuple[str, ...]) -> pa.Table:
    names = ("workspace_uid", "kind", "uid")[: len(keys[0])]
    return pa.table(dict(zip(names, map(list, zip(*keys, strict=True)), strict=True)))


def test_the_column_that_varies_most_is_a_list() -> None:
    keys = RowKeys(("workspace_uid", "kind", "uid"))
    keys.add(rows(("w", "a", "1"), ("w", "a", "2"), ("w", "b", "1"), ("v", "a", "it's")))
    assert list(keys.groups()) == [
        ({"workspace_uid": "v", "kind": "a"}, "uid", ["it's"]),
        ({"workspace_uid": "w", "kind": "a"}, "uid", ["1", "2"]),
        ({"workspace_uid": "w", "kind": "b"}, "uid", ["1"]),
    ]
    assert delta_tables._condition(keys) == (
        "(workspace_uid = 'v' and kind = 'a' and uid in ('it''s')) "
        "or (workspace_uid = 'w' and kind = 'a' and uid in ('1', '2')) "
        "or (workspace_uid = 'w' and kind = 'b' and uid in ('1'))"
    )


def test_only_keys_that_are_there_are_removed() -> None:
    keys = RowKeys(("workspace_uid", "kind"))
    assert len(keys.among([rows(("w", "a"))])) == 0, "nothing is read for no keys"
    keys.add(rows(("w", "a"), ("w", "b")))
    found = keys.among([rows(("v", "a")), rows(("w", "b"), ("w", "c"))])
    assert list(found.groups()) == [({"workspace_uid": "w"}, "kind", ["b"])]


def test_the_newest_row_of_a_key_counts() -> None:
    found = pa.table(
        {
            "workspace_uid": ["w"] * 4,
            "uid": ["a", "b", "a", "a"],
            "loaded_at": [2, 1, 3, 1],
            "status": ["old", "b", "new", "oldest"],
            "_deleted": [None, True, False, None],
        }
    )
    import pyarrow.dataset as ds  # noqa: PLC0415

    newest = open_tables._newest(ds.dataset(found), JOBS.key)
    assert sorted(newest["status"].to_pylist()) == ["b", "new"]
    assert open_tables._without_marks(newest)["status"].to_pylist() == ["new"]


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("tsql", "SELECT TOP 1 t.uid FROM [d].[jobs] AS t WHERE t.workspace_uid = %s"),
        ("mysql", "SELECT t.uid FROM `d`.`jobs` AS t WHERE t.workspace_uid = %s LIMIT 1"),
        (None, "select t.uid from d.jobs as t where t.workspace_uid = %s limit 1"),
    ],
)
def test_our_sql_in_other_dialects(dialect: str | None, expected: str) -> None:
    name = {"tsql": "[d].[jobs]", "mysql": "`d`.`jobs`"}.get(dialect or "", "d.jobs")
    sql = f"select t.uid from {name} as t where t.workspace_uid = %s limit 1"
    assert portable(sql, dialect) == expected


@pytest.mark.parametrize(
    "dialect",
    ["bigquery", "clickhouse", "databricks", "mysql", "redshift", "snowflake", "sqlite", "tsql"],
)
def test_whether_a_load_was_committed_is_a_number(dialect: str) -> None:
    sql = f"select {COMMITTED.replace('{', '').replace('}', '')} from jobs as t"
    assert "CASE WHEN t._dlt_load_id IN (SELECT committed.load_id" in portable(sql, dialect)
