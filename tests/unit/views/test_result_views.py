"""Results as typed tables, on both databases: views of what loads left in the raw tables."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from captaindata_source.views import refresh
from captaindata_source.views.results import catalogue, learning
from captaindata_source.views.results.catalogue import Catalogue
from captaindata_source.views.view import State
from tests.support.awkward import AWKWARD
from tests.support.databases import Database, Postgres, Row
from tests.support.marks import POSTGRES_LATER
from tests.support.raw_tables import view_rows
from tests.support.results import NOON, Warehouse, opened

LONG = 7_000_000_000_000_000_001


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    """Raw tables without a row."""
    return Warehouse(database)


def texts(rows: list[Row]) -> list[Row]:
    """Rows with JSON values parsed, as both databases give them."""
    return [
        {n: json.loads(v) if isinstance(v, str) and v[:1] in "[{" else v for n, v in row.items()}
        for row in rows
    ]


def test_one_typed_column_for_each_key(warehouse: Warehouse) -> None:
    warehouse.add_workflow("w", "Posts")
    warehouse.add_job("j1", start_time=NOON)
    warehouse.load(
        "j1",
        [
            {
                "name": "Ann",
                "followers": 12,
                "score": 0.5,
                "is_open": True,
                "seen": "2026-01-01T10:00:00",
                "tags": ["a", {"b": 1}],
                "author": {"full_name": "Bob", "posts": 3, "deep": {"x": [1]}},
            },
            dict.fromkeys(("name", "followers", "score", "is_open", "seen", "tags"))
            | {"followers": -3, "score": 2, "author": {"full_name": "Eve"}},
        ],
    )
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["results_posts"] is State.CREATED
    labels = {
        "workspace_name": None,
        "workflow_name": "Posts",
        "job_name": "job j1",
        "is_sub_job": False,
        "is_repeated": False,
    }
    rows = sorted(warehouse.rows("results_posts"), key=lambda row: str(row["result_id"]))
    assert texts(rows) == [
        labels
        | {
            "job_id": "j1",
            "result_id": "j1-0",
            "started_at": NOON,
            "created_at": NOON + timedelta(hours=1),
            "name": "Ann",
            "followers": 12,
            "score": 0.5,
            "is_open": True,
            "seen": datetime(2026, 1, 1, 10, tzinfo=UTC),
            "tags": ["a", {"b": 1}],
            "author_full_name": "Bob",
            "author_posts": 3,
            "author_deep": {"x": [1]},
        },
        labels
        | {
            "job_id": "j1",
            "result_id": "j1-1",
            "started_at": NOON,
            "created_at": NOON + timedelta(hours=1),
            "name": None,
            "followers": -3,
            "score": 2.0,
            "is_open": None,
            "seen": None,
            "tags": None,
            "author_full_name": "Eve",
            "author_posts": None,
            "author_deep": None,
        },
    ]
    elsewhere = view_rows(warehouse.where, "results_posts", zone="America/Los_Angeles")
    elsewhere.sort(key=lambda row: str(row["result_id"]))
    assert elsewhere == rows, "times do not follow the session"
    is_duckdb = warehouse.where.name == "duckdb"
    text, double = ("varchar", "double") if is_duckdb else ("text", "double precision")
    kinds = [text, "bigint", double, "boolean", "timestamp with time zone", "json", text, "bigint"]
    assert [*warehouse.columns("results_posts").values()][9:] == [*kinds, "json"]


@POSTGRES_LATER
def test_the_catalogue_tells_what_was_seen(warehouse: Warehouse) -> None:
    warehouse.add_workflow("w", "Posts")
    warehouse.load("j1", [{"id": 1, "name": None}, {"id": 2, "o": {"k": "v"}}])
    warehouse.load("j2", [{"id": 3, "name": "Ann"}, {}])
    warehouse.refresh()
    first, second = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    shown = ("column_type", "json_types", "rows_with_value", "first_seen_at", "last_seen_at")
    found = warehouse.catalogue()
    assert {name: [row[each] for each in shown] for name, row in found.items()} == {
        "id": ["bigint", "integer", 3, first, second],
        "name": ["text", "null, string", 1, second, second],
        "o": [None, "object", 1, first, first],
        "o_k": ["text", "string", 1, first, first],
    }
    assert found["o_k"]["key"] == "o" and found["o_k"]["nested_key"] == "k"
    assert {row["view_name"] for row in found.values()} == {"results_posts"}
    assert {row["workflow_name"] for row in found.values()} == {"Posts"}
    assert [row["is_in_view"] for row in found.values()].count(False) == 1, "the object itself"


def test_a_job_whose_results_were_replaced_is_counted_once(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"a": 1}, {"a": 2}, {"a": 3, "b": 1}])
    warehouse.load("j2", [{"a": 4}])
    warehouse.refresh()
    warehouse.load("j1", [{"a": 5}])
    warehouse.refresh()
    assert {n: r["rows_with_value"] for n, r in warehouse.catalogue().items()} == {"a": 2, "b": 0}
    assert warehouse.typed() == [{"a": 5, "b": None}, {"a": 4, "b": None}], "b keeps its column"
    warehouse.load("j1", [])
    warehouse.load("j2", [])
    warehouse.refresh()
    assert {n: r["rows_with_value"] for n, r in warehouse.catalogue().items()} == {"a": 0, "b": 0}
    assert warehouse.typed() == []


def test_each_result_is_one_row_with_the_start_of_its_own_job(warehouse: Warehouse) -> None:
    later = NOON + timedelta(days=1)
    warehouse.add_job("j1", start_time=NOON)
    warehouse.add_job("j2", start_time=later)
    warehouse.load("j1", [{"a": 1}, {"a": 2}])
    warehouse.load("j2", [{"a": 3}])
    warehouse.load("j3", [{"a": 4}])
    warehouse.add_job("j5", start_time=datetime(1970, 1, 1, tzinfo=UTC))
    warehouse.load("j5", [{"a": 5}])
    warehouse.refresh()
    found = {row["a"]: row["started_at"] for row in warehouse.rows("results_w")}
    assert found == {1: NOON, 2: NOON, 3: later, 4: None, 5: None}
    assert len(warehouse.rows("results_w")) == 5


def test_nulls_and_empty_keys_are_counted_as_what_they_are(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"a": None, "o": {"": 1}}, {"a": None, "o": {"": None}}, {"o": {}}])
    warehouse.refresh()
    counts = {n: r["rows_with_value"] for n, r in warehouse.catalogue().items()}
    assert counts == {"a": 0, "o": 3, "o_field": 1}
    warehouse.load("j1", [{"a": 1, "o": {"": 2}}])
    warehouse.refresh()
    counts = {n: r["rows_with_value"] for n, r in warehouse.catalogue().items()}
    assert counts == {"a": 1, "o": 1, "o_field": 1}


def test_only_jobs_of_new_loads_are_looked_at(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"a": 1}])
    warehouse.load("j2", [{"a": 1}])
    warehouse.load("j3", [{"z": 1}], is_committed=False)
    with opened(warehouse.where) as found:
        seen = Catalogue(found, warehouse.where.dataset)
        assert [seen.refresh(), seen.refresh()] == [2, 0]
        # what was counted is not read again: a row that changes behind its back is not seen
        warehouse_data = "update job_results set data = '{\"new\": 1}' where job_uid = 'j1'"
        found.run(warehouse_data.replace("job_results", f"{warehouse.where.dataset}.job_results"))
    warehouse.load("j2", [{"b": 1}])
    with opened(warehouse.where) as found:
        assert Catalogue(found, warehouse.where.dataset).refresh() == 1
    warehouse.refresh()
    assert set(warehouse.catalogue()) == {"a", "b"}


@POSTGRES_LATER
def test_results_are_looked_at_in_batches(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "BATCH_ROWS", 3)
    for number in range(6):
        warehouse.load(f"j{number}", [{"a": row, f"k{number}": "x"} for row in range(number)])
    warehouse.refresh()
    counts = {n: r["rows_with_value"] for n, r in warehouse.catalogue().items()}
    assert counts == {"a": 15, "k1": 1, "k2": 2, "k3": 3, "k4": 4, "k5": 5}


WIDENED: list[tuple[list[Any], list[Any], str, list[Any]]] = [
    ([1], [2.5], "double", [1.0, 2.5]),
    ([1], ["x"], "text", ["1", "x"]),
    (["x"], [1], "text", ["x", "1"]),
    ([LONG], [0.5], "text", [str(LONG), "0.5"]),
    ([True], [1], "text", ["true", "1"]),
    (["2026-01-01T10:00:00Z"], ["soon"], "text", ["2026-01-01T10:00:00Z", "soon"]),
    (["2026-01-01T10:00:00Z"], [""], "text", ["2026-01-01T10:00:00Z", ""]),
    ([[1]], ["x"], "text", ["[1]", "x"]),
    ([1], [[1]], "text", ["1", "[1]"]),
    ([1], [{"k": 1}], "text", ["1", '{"k": 1}']),
    ([{"k": 1}], ["x"], "text", ['{"k": 1}', "x"]),
    ([{"k": 1}], [[1]], "json", [{"k": 1}, [1]]),
    ([{"k": 1}], [{}], "json", [{"k": 1}, {}]),
    ([None], [1], "bigint", [None, 1]),
    ([1], [None], "bigint", [1, None]),
    ([2**63], [1], "text", [str(2**63), "1"]),
    ([10**40], [1], "text", [str(10**40), "1"]),
]
"""Values of one load, those of the next, the type of their column then, and what is in it."""


def test_types_only_widen_and_no_value_becomes_null(warehouse: Warehouse) -> None:
    """Each case is a workflow of its own."""
    cases = {f"w{number}": case for number, case in enumerate(WIDENED)}
    for name, (before, *_) in cases.items():
        warehouse.load(f"{name}-1", [{"v": value} for value in before], workflow=name)
    warehouse.refresh()
    whole = "nested_key is null"
    fields = warehouse.rows("job_result_fields", where=whole)
    old = {row["workflow_id"]: row["column_type"] for row in fields}
    for name, (_, after, *_) in cases.items():
        warehouse.load(f"{name}-2", [{"v": value} for value in after], workflow=name)
    warehouse.refresh()
    fields = warehouse.rows("job_result_fields", where=whole)
    found = {row["workflow_id"]: row for row in fields}
    for name, (_, _, kind, values) in cases.items():
        assert found[name]["column_type"] == kind, cases[name]
        if old[name] not in (kind, None):
            assert found[name]["previous_type"] == old[name]
            assert found[name]["type_changed_at"] is not None
        typed = warehouse.typed(f"results_{name}")
        assert [_squeezed(row["v"]) for row in typed] == [_squeezed(v) for v in values]


def _squeezed(value: Any) -> Any:
    return value.replace(" ", "") if isinstance(value, str) else value


def test_values_outside_of_the_catalogue_are_null_not_an_error(warehouse: Warehouse) -> None:
    values = {"i": 1, "d": 0.5, "b": True, "t": "2026-01-01T10:00:00Z", "j": [1], "o": {"k": 1}}
    warehouse.load("j1", [values])
    warehouse.refresh()
    # a load that nobody counted yet
    warehouse.load("j2", [dict.fromkeys(values, "rubbish"), dict.fromkeys(values, 10**400)])
    rows = warehouse.typed()
    assert [row["i"] for row in rows] == [1, None, None]
    assert [row["b"] for row in rows] == [True, None, None]
    assert [row["t"] is None for row in rows] == [False, True, True]
    assert [row["o_k"] for row in rows] == [1, None, None]


def test_any_key_has_its_column(warehouse: Warehouse) -> None:
    keys = [key for key in AWKWARD if key != "\ud800"]
    row = {key: f"value {number}" for number, key in enumerate(keys)}
    nested = {"outer": {key: number for number, key in enumerate(keys)}}
    warehouse.load("j1", [row | nested, {"outer": ["an", "array"]}])
    warehouse.refresh()
    found = warehouse.catalogue()
    first, second = warehouse.typed()
    for number, key in enumerate(keys):
        shown = key.replace("\x00", "\ufffd")
        (top,) = [r for r in found.values() if r["key"] == shown and r["nested_key"] is None]
        (deep,) = [r for r in found.values() if r["key"] == "outer" and r["nested_key"] == shown]
        assert first[top["column_name"]] == f"value {number}", key
        assert first[deep["column_name"]] == number, key
        assert second[deep["column_name"]] is None, key
    (outer,) = [r for r in found.values() if r["key"] == "outer" and r["nested_key"] is None]
    assert _squeezed(second[outer["column_name"]]) in ('["an","array"]', ["an", "array"])


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["2026-01-01T10:00:00Z", "2025-02-29T10:00:00Z", "2024-02-29 23:59:59.123"]),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(
        st.characters(exclude_categories=["Cs"]), max_size=3), values, max_size=3),
    max_leaves=5,
)  # fmt: skip
RESULTS = st.lists(
    st.dictionaries(
        st.sampled_from([k for k in AWKWARD if k != "\ud800"]), JSON_VALUES, max_size=6
    ),
    max_size=8,
)


@POSTGRES_LATER
@settings(max_examples=4, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_is_lost_whatever_comes(warehouse: Warehouse, data: st.DataObject) -> None:
    """Each example is a workflow of its own: two jobs, then the second of them again."""
    first, second, third = (data.draw(RESULTS) for _ in range(3))
    known = warehouse.where.execute("select count(distinct workflow_uid) as n from job_results")
    name = f"w{known[0]['n']}_{len(json.dumps([first, second, third]))}"
    for job, results in (("x", first), ("y", second), ("y", third)):
        warehouse.load(f"{name}-{job}", results, workflow=name)
        assert not [c for c in warehouse.refresh() if c.state is State.BLOCKED]
    fields = warehouse.rows("job_result_fields", where=f"workflow_id = '{name}'")
    if not fields:
        assert not any([*first, *second, *third])
        return
    wanted = {f"{name}-x-{n}": row for n, row in enumerate(first)}
    wanted |= {f"{name}-y-{n}": row for n, row in enumerate(third)}
    rows = {row["result_id"]: row for row in warehouse.rows(f"results_{name}")}
    assert set(rows) == set(wanted)
    _assert_all_held(rows, wanted, fields)


def _assert_all_held(rows: dict[Any, Row], wanted: dict[str, Any], fields: list[Row]) -> None:
    for field in fields:
        values = {
            uid: _picked(result, field["key"], field["nested_key"])
            for uid, result in wanted.items()
        }
        assert field["rows_with_value"] == sum(value is not None for value in values.values())
        if field["column_type"] is not None:
            for uid, value in values.items():
                _assert_held(rows[uid][field["column_name"]], value, field["column_type"])


def _picked(result: dict[str, Any], key: str, nested: str | None) -> Any:
    shown = {name.replace("\x00", "\ufffd"): value for name, value in result.items()}
    value = shown.get(key)
    if nested is None:
        return value
    inner = value if isinstance(value, dict) else {}
    return {name.replace("\x00", "\ufffd"): each for name, each in inner.items()}.get(nested)


def _assert_held(found: Any, value: Any, kind: str) -> None:
    if value is None:
        assert found is None
    elif kind == "text":
        assert isinstance(found, str), (found, value)
        if isinstance(value, str):
            assert found == value.replace("\x00", "\ufffd")
    elif kind == "timestamp":
        wanted = datetime.fromisoformat(value)
        assert found == (wanted if wanted.tzinfo else wanted.replace(tzinfo=UTC))
    elif kind == "double":
        assert math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-9), (
            "rows are read with nine places"
        )
    elif kind == "json":
        assert isinstance(json.loads(found) if isinstance(found, str) else found, type(value))
    else:
        assert found == value and type(found) is type(value)


def test_two_workflows_of_one_name_have_two_views_and_keep_them(warehouse: Warehouse) -> None:
    warehouse.add_workflow("w1", "Posts")
    warehouse.add_workflow("w2", "Posts")
    warehouse.add_workflow("w3", "Posts", workspace="b")
    warehouse.load("j1", [{"a": 1}], workflow="w1")
    warehouse.load("j2", [{"b": 1}], workflow="w2")
    warehouse.load("j3", [{"c": 1}], workflow="w3", workspace="b")
    warehouse.refresh()

    def views() -> dict[str, str]:
        rows = warehouse.where.execute("select workflow_uid, view_name from job_result_views")
        return {row["workflow_uid"]: row["view_name"] for row in rows}

    names = views()
    assert len({*names.values()}) == 3
    assert "results_posts" in names.values()
    columns = {uid: [*warehouse.columns(view)][9:] for uid, view in names.items()}
    assert columns == {"w1": ["a"], "w2": ["b"], "w3": ["c"]}
    warehouse.where.execute("update workflows set name = 'Renamed'")
    warehouse.refresh()
    assert views() == names


def test_a_workflow_named_like_a_view_of_ours_gets_another_name(warehouse: Warehouse) -> None:
    warehouse.add_workflow("w", "Reconciliation")
    warehouse.load("j", [{"a": 1}])
    warehouse.refresh()
    (row,) = warehouse.where.execute("select view_name from job_result_views")
    assert row["view_name"].startswith("results_reconciliation_")
    assert [*warehouse.columns(row["view_name"])][9:] == ["a"]
    assert "difference" in warehouse.columns("results_reconciliation")


def test_a_name_that_a_view_of_the_package_has_got_since_is_given_up(warehouse: Warehouse) -> None:
    warehouse.load("j", [{"a": 1}])
    warehouse.refresh()
    warehouse.where.execute("update job_result_views set view_name = 'jobs'")
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["jobs"] is State.UNCHANGED
    assert [row["a"] for row in warehouse.typed()] == [1]


def test_a_workflow_without_results_has_an_empty_view(warehouse: Warehouse) -> None:
    warehouse.add_workflow("w", "Quiet")
    warehouse.refresh()
    assert warehouse.rows("results_quiet") == []
    assert [*warehouse.columns("results_quiet")] == [
        "job_id", "result_id", "started_at", "created_at",
        "workspace_name", "workflow_name", "job_name", "is_sub_job", "is_repeated",
    ]  # fmt: skip


def test_a_new_key_is_appended_whatever_its_place(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"m": 1}])
    warehouse.refresh()
    warehouse.load("j2", [{"a": 1, "m": 2, "z": {"k": 1}}])
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["results_w"] is State.REPLACED
    assert [*warehouse.columns()][9:] == ["m", "a", "z_k"]
    again = {change.state for change in warehouse.refresh()}
    assert again <= {State.UNCHANGED, State.SKIPPED}


def test_keys_that_differ_in_case_alone_have_columns_of_their_own(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"Website": "HTTP://WWW.A", "website": None}, {"website": "https://a"}])
    warehouse.refresh()
    columns = {row["key"]: name for name, row in warehouse.catalogue().items()}
    assert [(row[columns["Website"]], row[columns["website"]]) for row in warehouse.typed()] == [
        ("HTTP://WWW.A", None),
        (None, "https://a"),
    ]


def test_columns_end_at_a_limit_and_the_catalogue_says_so(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MAX_COLUMNS", 3)
    warehouse.load("j1", [{f"k{n}": n for n in range(5)}])
    warehouse.refresh()
    assert [*warehouse.columns()][9:] == ["k0", "k1", "k2"]
    shown = {name: row["is_in_view"] for name, row in warehouse.catalogue().items()}
    assert shown == {"k0": True, "k1": True, "k2": True, "k3": False, "k4": False}
    (row,) = warehouse.rows("job_results")
    assert row["data"]["k4"] == 4


@POSTGRES_LATER
def test_as_many_columns_as_the_database_takes(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{f"k{n}": n for n in range(1_700)}])
    warehouse.refresh()
    (row,) = warehouse.typed()
    assert len(row) == learning.MAX_COLUMNS
    assert row["k1499"] == 1499


def test_keys_without_end_are_data_not_columns(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(learning, "MAX_FIELDS", 4)
    warehouse.load("j1", [{f"id-{n}": n, "common": 1} for n in range(9)])
    warehouse.refresh()
    assert len(warehouse.catalogue()) == 4
    assert "6 keys are not in the catalogue" in caplog.text


def test_what_is_not_an_object_has_no_columns_and_breaks_nothing(warehouse: Warehouse) -> None:
    warehouse.load("j1", ["[1, 2]", "3", '"text"', "null", {"a": 1}])
    warehouse.refresh()
    assert [row["a"] for row in warehouse.typed()] == [None, None, None, None, 1]


def test_duplicate_keys_and_escapes(warehouse: Warehouse) -> None:
    warehouse.load("j1", ['{"a": 1, "a": 2, "b\\u00e9": "x\\u0000y", "c": "a\\\\b\'c\\"d"}'])
    warehouse.refresh()
    (row,) = warehouse.typed()
    assert row["a"] in (1, 2)
    assert row["be"] == "x\ufffdy"
    assert row["c"] == "a\\b'c\"d"


def test_digits_within_an_object_are_no_place_in_an_array(warehouse: Warehouse) -> None:
    keys = ["k", '"', "\\", 'a\\b"c', "*", "a*b", "", "/", "~1", "0"]
    warehouse.load(
        "j1", [{key: {"0": f"of {key}"} for key in keys}, {key: [["x"]] for key in keys}]
    )
    warehouse.refresh()
    found = warehouse.catalogue().values()
    names = {row["key"]: row["column_name"] for row in found if row["nested_key"] == "0"}
    assert set(names) == set(keys)
    first, second = warehouse.typed()
    for key, name in names.items():
        assert (first[name], second[name]) == (f"of {key}", None), key


def test_no_number_breaks_a_view(warehouse: Warehouse) -> None:
    numbers = ["0." + "0" * 330 + "1", "1e-400", "1e400", "1e308", "0." + "3" * 150, "1e005"]
    for index, number in enumerate(numbers):
        warehouse.load(f"j{index}", ['{"v": 0.5}', f'{{"v": {number}}}'], workflow=f"w{index}")
    warehouse.refresh()
    for index, number in enumerate(numbers):
        first, second = warehouse.typed(f"results_w{index}")
        assert first["v"] in (0.5, "0.5"), number
        assert second["v"] is not None, number


def test_others_views_keep_their_columns_and_new_ones_are_appended(warehouse: Warehouse) -> None:
    if warehouse.where.name != "postgres":
        return
    warehouse.load("j1", [{"a": 1}])
    warehouse.refresh()
    dashboard = f"{warehouse.where.dataset}.dashboard"
    warehouse.where.execute(
        f"create view {dashboard} as select a from {warehouse.schema}.results_w"
    )
    warehouse.load("j2", [{"a": "text", "b": 2}])
    for _ in range(2):
        (change,) = [c for c in warehouse.refresh() if c.view == "results_w"]
        assert change.state is State.BLOCKED
        assert change.reason.startswith(f"{dashboard} depends on it; values that")
        assert warehouse.typed() == [{"a": 1, "b": None}, {"a": None, "b": 2}]
    warehouse.where.execute(f"drop view {dashboard}")
    warehouse.refresh()
    assert warehouse.typed() == [{"a": "1", "b": None}, {"a": "text", "b": 2}]


def test_results_of_a_load_that_was_not_committed_are_not_counted(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"a": 1}])
    warehouse.refresh()
    warehouse.load("j1", [{"a": 1}, {"a": 2}], is_committed=False)
    warehouse.refresh()
    assert warehouse.catalogue()["a"]["rows_with_value"] == 0
    for table in ("job_results", "job_results_ledger"):
        warehouse.where.execute(f"delete from {table}")
    warehouse.refresh()
    assert warehouse.catalogue()["a"]["rows_with_value"] == 0
    warehouse.load("j1", [{"a": 3}])
    warehouse.refresh()
    assert warehouse.catalogue()["a"]["rows_with_value"] == 1


def test_uids_of_any_kind(warehouse: Warehouse) -> None:
    uid = '50%s off\' and "more"'
    warehouse.add_workflow(uid, "Odd")
    warehouse.load("j'%s1", [{"a": 1}], workflow=uid)
    warehouse.refresh()
    warehouse.load("j'%s2", [{"a": "x"}], workflow=uid)
    warehouse.refresh()
    assert [row["a"] for row in warehouse.typed("results_odd")] == ["1", "x"]


def test_text_that_looks_like_an_escape_stays(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"a": "\\u0000 as text", "b": "x\x00y\x00\x00z", "c": "\\\x00"}])
    warehouse.refresh()
    assert warehouse.typed() == [
        {"a": "\\u0000 as text", "b": "x\ufffdy\ufffd\ufffdz", "c": "\\\ufffd"}
    ]


def test_a_loader_that_owns_nothing_but_its_schemas(postgres: Postgres) -> None:
    """Tables that are someone else's to index, a schema made by someone else."""
    warehouse = Warehouse(postgres, is_new=True)
    role, schema = f"loader_{warehouse.where.dataset}", warehouse.where.dataset
    warehouse.load("j1", [{"a": 1}])
    warehouse.where.execute(
        f"create role {role}; create schema {schema}_views; "
        f"grant usage, create on schema {schema}, {schema}_views to {role}; "
        f"grant select on all tables in schema {schema} to {role}"
    )
    with opened(warehouse.where) as found:
        found.run(f"set role {role}")
        states = {c.view: c.state for c in refresh.refresh(found, schema)}
        assert states["results_w"] is State.CREATED
        found.run("reset role")
    assert warehouse.typed() == [{"a": 1}]
    warehouse.where.execute(f"drop owned by {role}; drop role {role}")


def test_a_view_of_an_earlier_version_gets_the_new_columns_last(warehouse: Warehouse) -> None:
    """On Postgres others' views on it stay, and the keys that come later are behind them."""
    labels = ["workspace_name", "workflow_name", "job_name_2", "is_sub_job", "is_repeated"]
    warehouse.load("j1", [{"a": 1, "job_name": "theirs"}])
    warehouse.refresh()
    schema = warehouse.schema
    drop = f"drop view {schema}.results_w; drop table job_result_view_labels; "
    old = (
        "select job_uid as job_id, result_uid as result_id, "
        "cast(null as timestamptz) as started_at, created_at, "
        "cast(1 as bigint) as a, cast('theirs' as text) as job_name "
        f"from {warehouse.where.dataset}.job_results"
    )
    mark = "[captaindata_source 0123456789abcdef]"
    warehouse.where.execute(
        f"{drop}create view {schema}.results_w as {old}; "
        f"comment on view {schema}.results_w is 'Old. {mark}'"
    )
    is_postgres = warehouse.where.name == "postgres"
    if is_postgres:
        warehouse.where.execute(f"create view {schema}_mine as select * from {schema}.results_w")
    warehouse.load("j2", [{"a": 2, "b": 3, "is_repeated": "no"}])
    changes = {change.view: change.state for change in warehouse.refresh()}
    assert changes["results_w"] is State.REPLACED
    new = ["b", "is_repeated"]
    assert [*warehouse.columns()][4:] == [
        "a", "job_name", *new, *labels[:4], "is_repeated_2",
    ]  # fmt: skip
    warehouse.load("j3", [{"later": 1, "workflow_name": "theirs"}])
    warehouse.refresh()
    assert [*warehouse.columns()][13:] == ["later", "workflow_name_2"]
    rows = {row["job_id"]: row for row in warehouse.rows("results_w")}
    assert rows["j1"]["job_name"] == "theirs"
    assert rows["j3"]["workflow_name_2"] == "theirs"
    assert rows["j2"]["is_repeated_2"] is False
    if is_postgres:
        warehouse.where.execute(f"drop view {schema}_mine")
