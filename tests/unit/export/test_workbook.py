"""Workbooks, read back with openpyxl."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.export.excel import Cells
from captaindata_source.export.stream import Stream
from captaindata_source.export.workbook import Part, spool, write_workbook

NOON = datetime(2026, 1, 2, 12, 30, 15, 250_000, tzinfo=UTC)


def part(folder: Path, table: pa.Table, title: str = "People", rows: int = 3) -> Part:
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(rows))
    stream = Stream(reader, change=Cells(is_csv=False))
    return spool(stream, folder / f"spool-{title}", title=title)


def book(folder: Path, *parts: Part, **options: Any) -> openpyxl.Workbook:
    path = write_workbook(parts, folder=folder, target=folder / "x.xlsx", **options)
    with path.open("rb") as file:
        return openpyxl.load_workbook(file)


def values(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_real_types_and_a_frozen_heading(tmp_path: Path) -> None:
    table = pa.table(
        {
            "name": ["Ann", "=1+1", None],
            "followers": [12, None, -3],
            "score": [0.5, 2.0, None],
            "is_open": [True, False, None],
            "seen_at": pa.array([NOON, None, NOON], pa.timestamp("us", "UTC")),
            "day": [date(2026, 1, 2), None, date(1900, 1, 1)],
        }
    )
    sheet = book(tmp_path, part(tmp_path, table)).worksheets[0]
    assert sheet.title == "People"
    headings, *rows = values(sheet)
    assert headings == tuple(table.column_names)
    naive = NOON.replace(tzinfo=None)
    assert rows == [
        ("Ann", 12, 0.5, True, naive, datetime(2026, 1, 2)),
        ("'=1+1", None, 2, False, None, None),
        (None, -3, None, None, naive, datetime(1900, 1, 1)),
    ]
    assert [cell.data_type for cell in sheet[2]] == ["s", "n", "n", "b", "d", "d"]
    assert all(cell.font.b for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:F4"
    assert all(8 <= each.width < 62 for each in sheet.column_dimensions.values())


def test_what_a_cell_cannot_hold_is_text_and_the_rest_of_the_column_is_not(tmp_path: Path) -> None:
    times = ["1850-01-01T00:00:00", "2026-01-01T00:00:00", "1899-12-31T23:59:59"]
    table = pa.table(
        {
            "id": [10**15, 10**15 - 1, -(2**63)],
            "score": [math.inf, math.nan, 1.5],
            "at": pa.array(times).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "far": pa.array([400_000_000_000_000_000, 0, None], pa.timestamp("us", "UTC")),
            "day": pa.array([-30_000, 0, None], pa.date32()),
        }
    )
    sheet = book(tmp_path, part(tmp_path, table, rows=2)).worksheets[0]
    _, first, second, third = values(sheet)
    assert first[:2] == ("1000000000000000", "inf")
    assert first[2].startswith("1850-01-01")
    assert first[3].startswith("14645-")
    assert first[4] == "1887-11-12"
    assert second[0] == 10**15 - 1
    assert second[1] == "nan"
    assert second[2:] == (datetime(2026, 1, 1), datetime(1970, 1, 1), datetime(1970, 1, 1))
    assert third[:2] == (str(-(2**63)), 1.5)
    assert third[2].startswith("1899-12-31")


@pytest.mark.parametrize("has_text", [False, True])
def test_rows_beyond_a_sheet_go_on_in_the_next(tmp_path: Path, has_text: bool) -> None:
    numbers = list(range(10))
    big = 10**17 if has_text else 10
    table = pa.table({"n": [*numbers, big]})
    others = part(tmp_path, pa.table({"n": [1]}), "PEOPLE")
    found = book(tmp_path, part(tmp_path, table), others, max_rows=4)
    assert found.sheetnames == ["People", "People (2)", "People (3)", "PEOPLE (4)"]
    cells = [row[0] for sheet in found.worksheets[:3] for row in values(sheet)[1:]]
    assert cells == [*numbers, str(big) if has_text else big]
    assert [len(values(sheet)) for sheet in found.worksheets] == [5, 5, 4, 2]
    assert {values(sheet)[0] for sheet in found.worksheets} == {("n",)}


def test_a_sheet_that_is_exactly_full_has_no_empty_one_behind(tmp_path: Path) -> None:
    found = book(tmp_path, part(tmp_path, pa.table({"n": [1, 2, 3, 4]})), max_rows=4)
    assert found.sheetnames == ["People"]


def test_no_rows_leave_the_headings(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.int64())})
    sheet = book(tmp_path, part(tmp_path, table)).worksheets[0]
    assert values(sheet) == [("a", "b")]


def test_text_of_strangers_is_no_markup(tmp_path: Path) -> None:
    texts = [
        "<r>x<b></r>",
        "a & b </t>",
        "_x0041_",
        "\x01\x00\ufffe\uffff",
        " lead",
        "a\r\nb",
        "🔎",
    ]
    sheet = book(tmp_path, part(tmp_path, pa.table({"</si>": texts}))).worksheets[0]
    found = [row[0] for row in values(sheet)]
    assert found[:3] == ["</si>", "<r>x<b></r>", "a & b </t>"]
    assert found[3] == "_x005F_x0041_", "as Excel writes it"
    assert found[4] == "_x0001__x0000__xFFFE__xFFFF_"
    assert found[5:] == [" lead", "a_x000D_\nb", "🔎"]


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    batch = pa.record_batch([pa.array([1])] * 16_385, names=[f"c{n}" for n in range(16_385)])
    reader = pa.RecordBatchReader.from_batches(batch.schema, [batch])
    with pytest.raises(ConfigError, match="16,385 columns and a sheet 16,384"):
        spool(Stream(reader), tmp_path / "spool", title="wide")


def test_a_disk_that_is_full_is_named(tmp_path: Path) -> None:
    found = part(tmp_path, pa.table({"n": [1]}))
    (tmp_path / "rows.part").symlink_to("/dev/full")
    with pytest.raises(DestinationError, match=r"x\.xlsx can't be written: .*[Nn]o space"):
        book(tmp_path, found)
