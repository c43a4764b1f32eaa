"""Records to rows: types, what does not fit, hashes, and the uids of results."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.extract.results.pages import result_uids
from captaindata_source.extract.rows import digest, row_hash, shape
from captaindata_source.tables import JOBS, TABLES, WORKFLOWS, ColumnType, Table
from captaindata_source.times import UnfitError, parse_time
from tests.support.http_script import calm

ANY = Table(
    "things",
    {
        "text": "text",
        "bigint": "bigint",
        "double": "double",
        "bool": "bool",
        "timestamp": "timestamp",
        "json": "json",
    },
)
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
NOON_EPOCH = int(NOON.timestamp())


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


@pytest.mark.parametrize(
    ("kind", "value", "loaded"),
    [
        ("text", "x", "x"),
        ("text", "", ""),
        ("text", "a\x00b", "a\ufffdb"),
        ("text", 7, "7"),
        ("text", 10**400, "1" + "0" * 400),
        ("text", 1.5, "1.5"),
        ("text", True, "true"),
        ("text", False, "false"),
        ("text", raw('{"a": 1}'), '{"a": 1}'),
        ("bigint", 7, 7),
        ("bigint", 2**63 - 1, 2**63 - 1),
        ("bigint", -(2**63), -(2**63)),
        ("bigint", 7.0, 7),
        ("bigint", "7", 7),
        ("bigint", " -7 ", -7),
        ("double", 7, 7.0),
        ("double", 1.5, 1.5),
        ("double", "1.5", 1.5),
        ("bool", True, True),
        ("bool", False, False),
        ("timestamp", "2024-05-06T12:00:00", NOON),
        ("timestamp", NOON_EPOCH, NOON),
        ("json", raw("[1 ,2]"), "[1 ,2]"),
        ("json", raw('{"a":1e400}'), '{"a":1e400}'),
        *[(kind, None, None) for kind in ANY.columns.values()],
    ],
)
def test_values_that_fit(
    kind: ColumnType, value: object, loaded: object, caplog: pytest.LogCaptureFixture
) -> None:
    row = shape(ANY, {kind: value})
    assert row == {kind: loaded}
    assert type(row[kind]) is type(loaded)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("kind", "value", "type_name"),
    [
        ("bigint", 2**63, "int"),
        ("bigint", -(2**63) - 1, "int"),
        ("bigint", 10**400, "int"),
        ("bigint", 7.5, "float"),
        ("bigint", 1e300, "float"),
        ("bigint", float("inf"), "float"),
        ("bigint", float("nan"), "float"),
        ("bigint", "1e400", "str"),
        ("bigint", "many", "str"),
        ("bigint", "9" * 5000, "str"),
        ("bigint", True, "bool"),
        ("bigint", raw("[7777]"), "Raw"),
        ("double", "1e400", "str"),
        ("double", "much", "str"),
        ("double", "nan", "str"),
        ("double", 10**400, "int"),
        ("double", True, "bool"),
        ("double", raw("[1.5]"), "Raw"),
        ("bool", 1, "int"),
        ("bool", "true", "str"),
        ("bool", raw("{}"), "Raw"),
        ("timestamp", "yesterday", "str"),
        ("timestamp", True, "bool"),
        ("timestamp", 1e300, "float"),
        ("timestamp", raw('["2024-05-06"]'), "Raw"),
        ("json", "plain", "str"),
        ("json", 777, "int"),
    ],
)
def test_values_that_do_not_fit_are_kept_as_texts_and_named(
    kind: ColumnType, value: object, type_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, str]] = []
    row = shape(
        ANY,
        {"uid": "u-1", "other": "stays", kind: value},
        on_unfit=lambda field, wanted: told.append((field, wanted)),
    )
    shown = bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)
    kept = shown.lower() if isinstance(value, bool) else shown
    assert row == {"uid": "u-1", "other": "stays", kind: None, f"api_{kind}": kept}
    assert told == [(kind, kind)]
    assert caplog.messages == [
        f"things u-1: the value of '{kind}' is not a {kind} ({type_name}); "
        f"loaded as a text into api_{kind}"
    ]
    assert caplog.records[0].levelno == logging.WARNING
    if len(shown) > 3 and shown.lower() != "true":
        assert shown not in caplog.text


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2024-05-06T12:00:00", NOON),
        ("2024-05-06 12:00:00", NOON),
        (" 2024-05-06T12:00:00 ", NOON),
        ("2024-05-06T12:00:00Z", NOON),
        ("2024-05-06T12:00:00+00:00", NOON),
        ("2024-05-06T14:00:00+02:00", NOON),
        ("2024-05-06T06:30:00-05:30", NOON),
        ("2024-05-06T12:00", NOON),
        ("20240506T120000Z", NOON),
        ("2024-05-06", NOON.replace(hour=0)),
        ("2024-05-06T12:00:00.5", NOON + timedelta(milliseconds=500)),
        ("2024-05-06T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        *(
            (text, NOON)
            for text in (
                "2024-05-06 12:00:00 UTC",
                "2024-05-06 12:00:00 utc",
                "2024-05-06T12:00:00 GMT",
                "2024-05-06 14:00:00 CEST",
                "2024-05-06 14:00:00 Europe/Paris",
                "2024-05-06T14:00:00+02:00[Europe/Paris]",
                "2024-05-06T14:00:00[Europe/Paris]",
                "2024-05-06 12:00:00 +0000 UTC",
                "2024-05-06 12:00:00.0000001 +0000 UTC m=+0.0001",
                "2024-05-06 14:00:00   +02:00",
                "2024-05-06t12:00:00z",
                "2024-05-06t14:00:00,0+02:00",
                "2024/05/06 12:00:00",
                "Mon, 06 May 2024 12:00:00 GMT",
                "Mon, 6 May 2024 14:00:00 +0200 (CEST)",
                "6 May 2024 08:00:00 EDT",
                "Monday, 06-May-2024 12:00:00 GMT",
                "Mon May  6 12:00:00 2024",
                "Mon May 06 14:00:00 CEST 2024",
                "Mon May 06 2024 14:00:00 GMT+0200 (Central European Summer Time)",
                "2024-W19-1T12:00:00Z",
                "2024W191T12:00:00z",
                "2024-127T12:00:00Z",
                "2024127T120000Z",
                "20240506120000",
                "202405061200",
                str(NOON_EPOCH),
                f"{NOON_EPOCH}.0",
                f"{NOON_EPOCH / 1e9}e9",
                f"{NOON_EPOCH}000",
                f"{NOON_EPOCH}000000",
                f"{NOON_EPOCH}000000000",
            )
        ),
        ("2024-05-05T24:00:00Z", NOON.replace(hour=0)),
        ("2024-05-05 24:00 UTC", NOON.replace(hour=0)),
        ("2024-05-06T11:59:60Z", NOON),
        ("2024-05-06T17:29:60+05:30", NOON),
        ("20240506T115960Z", NOON),
        ("2024-05-06T11:59:60.5 UTC", NOON + timedelta(milliseconds=500)),
        ("2024-05-06T12:00:00,123456789z", NOON + timedelta(microseconds=123456)),
        (NOON_EPOCH * 10**6 + 5, NOON + timedelta(microseconds=5)),
        (NOON_EPOCH * 10**9 + 5_999, NOON + timedelta(microseconds=5)),
        (f"{NOON_EPOCH}123456", NOON + timedelta(microseconds=123456)),
        (NOON_EPOCH, NOON),
        (NOON_EPOCH + 0.5, NOON + timedelta(milliseconds=500)),
        (NOON_EPOCH * 1000, NOON),
        (NOON_EPOCH * 1000 + 500, NOON + timedelta(milliseconds=500)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253_402_300_799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (NOON, NOON),
        (NOON.replace(tzinfo=None), NOON),
        (NOON.astimezone(timezone(timedelta(hours=3))), NOON),
    ],
)
def test_times(value: object, time: datetime) -> None:
    parsed = parse_time(value)
    assert parsed == time
    assert parsed.tzinfo is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "2024-13-01",
        "2024-05-06T25:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
        "10000-01-01",
        "12345",
        "-1700000000",
        "2024",
        "10/15/2026",
        "2024-05-06T12:00:00 IST",
        "2024-05-06T12:00:00 EST",
        "2024-05-06 12:00:00 PM",
        "2024-05-06T12:00:00 Nowhere/Town",
        "2024-05-06T24:00:01Z",
        "2023-366",
        "0000-01-01T00:00:00Z",
        "9999-12-31T24:00Z",
        "9" * 5_000,
        " " * 99 + "2024-05-06 12:00:00 UTC" + " (x)" * 5_000,
        10**30,
        -(10**30),
        10**400,
        1e300,
        float("inf"),
        float("nan"),
        True,
        None,
        [],
    ],
)
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(UnfitError):
        parse_time(value)


@calm
@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_any_time_is_a_time_with_zone_or_unfit(value: object) -> None:
    try:
        assert parse_time(value).tzinfo is not None
    except UnfitError:
        assert value is None or isinstance(value, (str, int, float))


@calm
@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_iso_times_come_through_equal(time: datetime) -> None:
    utc = time if time.tzinfo else time.replace(tzinfo=UTC)
    try:
        expected = utc.astimezone(UTC)
    except OverflowError:
        return
    assert parse_time(time.isoformat()) == expected


# -- unknown fields -------------------------------------------------------------------------------


def test_unknown_fields_pass() -> None:
    row = shape(
        JOBS,
        {
            "new_text": "a\x00b",
            "new_int": 7,
            "new_float": 1.5,
            "new_bool": True,
            "new_null": None,
            "new_huge": 2**63,
            "new_list": raw("[1, {}]"),
            "new_object": raw('{"a": null}'),
        },
    )
    assert row == {
        "new_text": "a\ufffdb",
        "new_int": "7",
        "new_float": "1.5",
        "new_bool": "true",
        "new_null": None,
        "new_huge": "9223372036854775808",
        "new_list": [1, {}],
        "new_object": {"a": None},
    }
    assert list(row)[:2] == ["new_text", "new_int"]


def test_unknown_nested_numbers_that_no_destination_takes_become_text() -> None:
    row = shape(JOBS, {"x": raw(f"[1e400, -1e400, {2**63}, {2**63 - 1}, 0.5]")})
    assert row == {"x": ["1e400", "-1e400", str(2**63), 2**63 - 1, 0.5]}


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, f"[{'9' * 5000}]"])
def test_unknown_nested_values_that_python_can_not_read_stay_text(text: str) -> None:
    assert shape(JOBS, {"x": raw(text)}) == {"x": [text]}, "in a list, for it stays JSON"


def test_unknown_fields_deeper_than_dlt_can_write_are_kept_as_texts() -> None:
    shallow, deep = "[" * 200 + "]" * 200, '{"a":' * 201 + "1" + "}" * 201
    row = shape(JOBS, {"x": raw(shallow), "y": raw(deep)})
    assert json.dumps(row["x"]) == shallow
    assert row["y"] == [deep]


def test_beyond_two_hundred_unknown_fields_share_a_column() -> None:
    record = {f"field_{number:03}": number for number in range(300)} | {"uid": "u"}
    row = shape(JOBS, record)
    assert len(row) == 202
    assert row["api_surplus_fields"] == {f"field_{n}": str(n) for n in range(200, 300)}


def test_fields_that_would_overwrite_columns_of_dlt_are_renamed() -> None:
    record = {"_dlt_id": "mine", "_dlt_load_id": 1, "_deleted": True, "dlt_id": 2}
    row = shape(JOBS, record)
    assert row == {
        "api_dlt_id": "mine",
        "api_dlt_load_id": "1",
        "api_deleted": "true",
        "dlt_id": "2",
    }


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
field_values = json_values.map(
    lambda value: raw(json.dumps(value)) if isinstance(value, (list, dict)) else value
)
field_names = st.sampled_from([name for table in TABLES for name in table.columns]) | st.text()
records = st.dictionaries(field_names, field_values)


@calm
@given(st.sampled_from([*TABLES, ANY]), records)
def test_any_record_becomes_a_row(table: Table, record: dict[str, Any]) -> None:
    unfit: list[str] = []
    row = shape(table, record, on_unfit=lambda field, _: unfit.append(field))
    assert len(row) == len(record) + len(unfit)
    types = {"text": str, "bigint": int, "double": float, "bool": bool, "json": str}
    for name, value in row.items():
        if name in table.columns and value is not None:
            assert isinstance(value, types.get(table.columns[name], datetime))
    assert isinstance(row_hash(record), str)


# -- hashes ---------------------------------------------------------------------------------------


@calm
@given(records, st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_change_the_hash(record: dict[str, Any], random: Any) -> None:
    items = list(record.items())
    random.shuffle(items)
    assert row_hash(dict(items)) == row_hash(record)


def exact(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        name: (
            type(value).__name__,
            str(bytes(value) if type(value) is msgspec.Raw else repr(value)),
        )
        for name, value in record.items()
    }


@calm
@given(records, records)
def test_different_records_have_different_hashes(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert (row_hash(one) == row_hash(two)) == (exact(one) == exact(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": None}, {}),
        ({"a": None}, {"a": "None"}),
        ({"a": 1}, {"b": 1}),
        ({"a": raw("[1]")}, {"a": raw("[2]")}),
        ({"a": raw("[]")}, {"a": "[]"}),
        ({"a": raw("{}")}, {"a": raw("[]")}),
    ],
)
def test_small_differences_change_the_hash(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert row_hash(one) != row_hash(two)


def test_more_content_changes_the_hash() -> None:
    hashes = {
        row_hash({"a": 1}),
        row_hash({"a": 1}, "x"),
        row_hash({"a": 1}, "y"),
        row_hash({"a": 1}, "x", "y"),
        row_hash({"a": 1}, "xy"),
    }
    assert len(hashes) == 5


def test_hashes_are_stable_between_processes_and_versions() -> None:
    """A change here writes every row of every warehouse again."""
    assert digest("") == "cae66941d9efbd404e4d88758ea67670"
    assert digest("\ud800") != digest("?")
    assert row_hash({"uid": "a", "steps": raw("[1]"), "n": None, "f": 1.5}) == (
        "3b0528b0475afda5959f70098da39512"
    )


# -- uids of results ------------------------------------------------------------------------------

row_texts = st.lists(
    st.sampled_from([b"1", b'"1\\n1"', b'{"a":1}', b'{"a":2}', b"[]"])
    | json_values.map(lambda value: json.dumps(value).encode()),
    max_size=30,
)


def pages_of(rows: list[bytes], cuts: list[int]) -> Iterator[list[bytes]]:
    places = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    for start, end in itertools.pairwise(places):
        yield rows[start:end]


def uids_of(
    rows: list[bytes], cuts: list[int] | None = None, *, job: str = "j", workspace: str = "w"
) -> list[str]:
    uids = result_uids(workspace, job)
    return [uid for page in pages_of(rows, cuts or []) for uid in uids(page)]


cuts_of = st.lists(st.integers(0, 100), max_size=5)


@calm
@given(row_texts, cuts_of)
def test_uids_are_distinct(rows: list[bytes], cuts: list[int]) -> None:
    uids = uids_of(rows, cuts)
    assert len(set(uids)) == len(uids) == len(rows)
    assert all(len(uid) == 32 and int(uid, 16) >= 0 for uid in uids)


@calm
@given(row_texts, cuts_of, cuts_of)
def test_uids_do_not_depend_on_the_pages(
    rows: list[bytes], cuts: list[int], other_cuts: list[int]
) -> None:
    assert uids_of(rows, cuts) == uids_of(rows, other_cuts)


@calm
@given(row_texts, st.randoms(use_true_random=False), cuts_of)
def test_uids_do_not_depend_on_the_order(rows: list[bytes], random: Any, cuts: list[int]) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    before: dict[bytes, set[str]] = {}
    after: dict[bytes, set[str]] = {}
    for row, uid in zip(rows, uids_of(rows), strict=True):
        before.setdefault(row, set()).add(uid)
    for row, uid in zip(shuffled, uids_of(shuffled, cuts), strict=True):
        after.setdefault(row, set()).add(uid)
    assert before == after


@calm
@given(row_texts, row_texts)
def test_rows_that_are_new_leave_the_others_alone(rows: list[bytes], new: list[bytes]) -> None:
    assert set(uids_of(rows)) <= set(uids_of(new + rows))


@calm
@given(row_texts)
def test_uids_differ_by_job_and_workspace(rows: list[bytes]) -> None:
    uids = [
        *uids_of(rows),
        *uids_of(rows, job="k"),
        *uids_of(rows, workspace="v"),
        *uids_of(rows, workspace="wj", job=""),
    ]
    assert len(set(uids)) == 4 * len(rows)


def test_uids_of_equal_rows() -> None:
    first, second, third = uids_of([b"{}", b"{}", b"{}"])
    assert uids_of([b"{}"]) == [first]
    assert uids_of([b"[]", b"{}", b"{}"], [2])[1:] == [first, second]
    assert len({first, second, third}) == 3


def test_workflow_rows_keep_their_text() -> None:
    """Columns of `WORKFLOWS` that dlt would make tables of arrive as JSON text."""
    row = shape(WORKFLOWS, {"uid": 7, "project_id": "12", "steps": raw('[{"uid": 1}]')})
    assert row == {"uid": "7", "project_id": 12, "steps": '[{"uid": 1}]'}


def test_unknown_fields_never_overwrite_a_column_or_one_another() -> None:
    record = {
        "uid": "j1",
        "rowHash": "a",
        "UID": "b",
        "newField": "c",
        "new_field": "d",
        "New-Field": "e",
        "": "f",
        "***": "g",
        "_dlt_load_id": "h",
        "_deleted": "i",
        "isDeleted": "j",
    }
    row = shape(JOBS, record)
    assert row["uid"] == "j1"
    assert row["new_field"] == "d"
    assert sorted(map(str, row.values())) == sorted(map(str, record.values()))
    assert not {"row_hash", "_dlt_load_id", "_deleted", "is_deleted"} & set(row)
    assert shape(JOBS, dict(reversed(record.items()))) == row
