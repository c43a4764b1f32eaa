"""Files hold the rows of the view, in each format, from both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import openpyxl
import pytest

from captaindata_source.errors import ConfigError
from captaindata_source.export.files import FORMATS, Format
from captaindata_source.export.results import choose, list_results
from captaindata_source.export.run import Order, Written
from captaindata_source.export.writing import export_results, export_view
from captaindata_source.since import read_since
from captaindata_source.tables import WORKSPACES
from captaindata_source.views.shipped import load_views
from tests.support.databases import Database, DuckDb, Postgres, Row
from tests.support.exports import LONG, filled, pipeline_to, read
from tests.support.marks import INTEGRATION
from tests.support.results import Warehouse


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=INTEGRATION)])
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_folder: Path
) -> Iterator[Warehouse]:
    """One for all tests: none of them writes to it."""
    where: Database = DuckDb(tmp_path_factory.mktemp("w"))
    if request.param == "postgres":
        where = Postgres(postgres_folder)
    yield filled(where)
    where.release()
    if isinstance(where, Postgres):
        where.drop()


ON_DUCKDB = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True, scope="module")
"""For what lies above the database."""


@pytest.fixture
def pipeline(warehouse: Warehouse, tmp_path: Path) -> Iterator[dlt.Pipeline]:
    with pipeline_to(warehouse, tmp_path) as found:
        yield found


def exported(pipeline: dlt.Pipeline, view: str, folder: Path, **how: Any) -> list[Row]:
    written = export_view(pipeline, view, Order(**how), folder=folder)
    assert written.path is not None
    rows = read(written.path)
    assert len(rows) == written.rows
    return rows


def results(rows: list[Row]) -> dict[str, Row]:
    return {row["result_id"]: row for row in sorted(rows, key=lambda row: str(row["result_id"]))}


def test_every_format_has_the_rows_of_the_view(
    warehouse: Warehouse, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    (view,) = {each.view for each in list_results(pipeline) if each.workspace.uid == "b"}
    found = {kind: results(exported(pipeline, view, tmp_path, kind=kind)) for kind in FORMATS}
    excel = results(exported(pipeline, view, tmp_path, is_for_excel=True))
    expected = results(warehouse.rows(view))
    assert [*expected] == ["j4-0", "j4-1", "j4-2", "j4-3"]
    for rows in (*found.values(), excel):
        assert rows.keys() == expected.keys()
        assert {*rows["j4-0"]} == {*expected["j4-0"]}
    for key, row in expected.items():
        assert found["parquet"][key] | {"tags": None} == row | {"tags": None}
        assert found["jsonl"][key]["name"] == found["csv"][key]["name"] == row["name"]
        assert found["jsonl"][key]["id"] == row["id"]
    assert found["jsonl"]["j4-0"]["tags"] == ["a", {"b": 1}]
    assert found["csv"]["j4-0"]["tags"] == found["xlsx"]["j4-0"]["tags"]
    assert found["csv"]["j4-0"]["created_at"] == "2026-01-01T16:00:00.000000Z"
    assert found["csv"]["j4-0"]["id"] == str(LONG)
    xlsx = found["xlsx"]
    assert xlsx["j4-0"]["created_at"] == datetime(2026, 1, 1, 16)
    assert [xlsx[key]["id"] for key in expected] == [str(LONG), None, 12, None]
    assert [xlsx[key]["is_open"] for key in expected] == [None, True, None, False]
    assert [xlsx[key]["score"] for key in expected] == [0.5, None, None, None]
    for rows in (xlsx, excel):
        assert rows["j4-0"]["phone"] == "'+33 6 12"
        assert rows["j4-1"]["name"] == "'=1+1"
        assert rows["j4-1"]["note"] == "x" * 32_767
        assert rows["j4-3"]["note"] == "'\t tab"
        assert rows["j4-3"]["name"] == "日本 🔎"
    assert [excel[key]["id"] for key in expected] == [f"'{LONG}", "", "12", ""]
    assert excel["j4-2"]["name"] == 'quo"te,\r\n;'
    text = (tmp_path / f"{view}.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfjob_id,result_id,")
    assert text.endswith(b"\r\n")
    assert text.count(b"\r\n") == 6, "five lines, and one within a text"


@INTEGRATION
def test_cut_texts_are_reported(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    for order in (Order(kind="xlsx"), Order(is_for_excel=True)):
        written = export_view(pipeline, "results_all_people", order, folder=tmp_path)
        assert written.notes == ["results_all_people.note: 2 texts cut to 32,767 characters"]
    written = export_view(pipeline, "results_all_people", Order(), folder=tmp_path)
    assert written.notes == []


@INTEGRATION
@pytest.mark.parametrize(
    ("warehouse", "view"),
    [("duckdb", "results_changes"), ("postgres", "stuck_runs")],
    indirect=["warehouse"],
    scope="module",
)
def test_empty_views_are_files_with_headings(
    pipeline: dlt.Pipeline, tmp_path: Path, view: str
) -> None:
    columns = [*next(each for each in load_views() if each.name == view).columns]
    for kind in ("csv", "xlsx"):
        assert exported(pipeline, view, tmp_path, kind=kind) == []
    assert exported(pipeline, view, tmp_path / "excel", is_for_excel=True) == []
    assert (tmp_path / "excel" / f"{view}.csv").read_bytes() == (
        b"\xef\xbb\xbf" + ",".join(columns).encode() + b"\r\n"
    )
    assert (tmp_path / f"{view}.csv").read_text() == ",".join(columns) + "\n"
    sheet = openpyxl.load_workbook(tmp_path / f"{view}.xlsx").worksheets[0]
    assert [cell.value for cell in sheet[1]] == columns
    assert [path.name for path in tmp_path.rglob("*part*")] == []


@INTEGRATION
def test_every_shipped_view_can_be_exported_and_filtered(
    warehouse: Warehouse, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    tables = "select table_name from information_schema.tables where table_schema = %s"
    names = {row["table_name"] for row in warehouse.where.execute(tables, [warehouse.schema])}
    since = read_since("2026-01-01T14:00:00Z")
    turn = ("duckdb", "postgres").index(warehouse.where.name)
    for view in [each for each in load_views() if each.name in names][turn::2]:
        rows = warehouse.rows(view.name)
        how: dict[str, Any] = {"kind": "parquet"}
        if "workspace_id" in view.columns:
            how["workspaces"] = ["a"]
            rows = [row for row in rows if row["workspace_id"] == "a"]
        if view.time is not None:
            how["since"] = since
            times = [row[view.time.column] for row in rows]
            start: Any = since.start()
            if view.time.is_day:
                start = start.date()
            rows = [row for row, time in zip(rows, times, strict=True) if time and time >= start]
        found = exported(pipeline, view.name, tmp_path, **how)
        assert len(found) == len(rows), view.name
        assert all(row.keys() == rows[0].keys() for row in found), view.name


@INTEGRATION
@ON_DUCKDB
def test_views_without_a_time_are_not_filtered_by_it(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    timeless = next(each.name for each in load_views() if each.time is None)
    with pytest.raises(ConfigError, match="no column with the time of a row"):
        exported(pipeline, timeless, tmp_path, since=read_since("2026-01-01T14:00:00Z"))


@INTEGRATION
@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-01-01", ["j1", "j2", "j2", "j3", "j3", "j3"]),
        ("2026-01-01T14:00:00Z", ["j2", "j2", "j3", "j3", "j3"]),
        ("2026-01-01T15:00:00+01:00", ["j2", "j2", "j3", "j3", "j3"]),
        ("2026-01-01T14:00:00.000001Z", ["j3", "j3", "j3"]),
        ("2026-01-02", []),
    ],
)
def test_since_takes_rows_at_or_after_it(
    pipeline: dlt.Pipeline, tmp_path: Path, since: str, expected: list[str]
) -> None:
    rows = exported(pipeline, "job_results", tmp_path, since=read_since(since), workspaces=["acme"])
    assert sorted(row["job_id"] for row in rows) == expected


@INTEGRATION
def test_days_are_those_of_the_view(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    """Days of quotas are UTC days, whatever report_timezone says."""
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        order = {"since": read_since("2026-01-02"), "zone": zone}
        rows = exported(pipeline, "credit_usage", tmp_path, **order)
        assert sorted(row["day"] for row in rows) == ["2026-01-02", "2026-01-03"], zone
    late = read_since("2026-01-20T10:00:00Z")
    months = exported(pipeline, "records_by_workflow_month", tmp_path, since=late)
    assert {row["month"] for row in months} == {"2026-01-01"}, "the month that it is in"


@INTEGRATION
def test_rows_without_a_time_are_left_out_and_counted(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    order = Order(since=read_since("2026-01-01"))
    written = export_view(pipeline, "successful_jobs", order, folder=tmp_path)
    assert written.rows == 0
    assert written.notes == ["successful_jobs: 4 rows without finished_at left out"]


@INTEGRATION
@ON_DUCKDB
def test_several_workspaces_by_name_or_uid(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    for names, expected in ((["acme", "b"], 10), (["a"], 6), (["bolt", "bolt"], 4), ([], 10)):
        assert len(exported(pipeline, "job_results", tmp_path, workspaces=names)) == expected
    with pytest.raises(ConfigError, match="Unknown workspace 'ACME'; there are 'acme', 'bolt'"):
        exported(pipeline, "job_results", tmp_path, workspaces=["ACME"])


@INTEGRATION
@ON_DUCKDB
def test_the_view_of_a_workflow_is_of_one_workspace(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    assert len(exported(pipeline, "results_posts", tmp_path, workspaces=["acme", "b"])) == 3
    with pytest.raises(ConfigError, match="of another workspace than 'bolt'"):
        exported(pipeline, "results_posts", tmp_path, workspaces=["b"])


@INTEGRATION
@ON_DUCKDB
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("jbos", "Unknown view 'jbos'; there are jobs"),
        ("People", "Unknown view 'People'; there are results_people"),
        ("people", "View people is not in dataset .* run `captaindata views create`"),
        ("results_", "there are .*results_"),
        ("", "Unknown view ''"),
        ("jobs; drop table x", "Unknown view"),
        ("qqqqqqqq", "Unknown view 'qqqqqqqq'. `captaindata views list` shows all"),
        (WORKSPACES.name + "\x00", "Unknown view"),
    ],
)
def test_unknown_views_are_named_with_their_like(
    pipeline: dlt.Pipeline, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        exported(pipeline, name, tmp_path)


@INTEGRATION
@ON_DUCKDB
def test_names_of_views_in_capitals(pipeline: dlt.Pipeline, tmp_path: Path) -> None:
    assert len(exported(pipeline, "Jobs", tmp_path)) == 4


def test_excel_is_about_csv() -> None:
    with pytest.raises(ConfigError, match="leave it out with --format parquet"):
        Order(kind="parquet", is_for_excel=True)


def results_in(
    pipeline: dlt.Pipeline, folder: Path, kind: Format, *spaces: str, **how: Any
) -> dict[str, Written]:
    chosen = choose(list_results(pipeline), workspaces=spaces)
    written = export_results(pipeline, chosen, Order(kind=kind, **how), folder=folder)
    return {str(each.path and each.path.relative_to(folder)): each for each in written}


@INTEGRATION
def test_results_have_a_file_for_each_workflow_or_a_workbook_for_each_workspace(
    pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    files = results_in(pipeline, tmp_path, "csv", "acme", "b")
    assert {path: each.rows for path, each in files.items()} == {
        "acme/people.csv": 3,
        "acme/posts.csv": 3,
        "bolt/people_bolt.csv": 4,
    }
    books = results_in(pipeline, tmp_path, "xlsx", "acme", "bolt")
    assert {path: each.rows for path, each in books.items()} == {
        "acme/acme.xlsx": 6,
        "bolt/bolt.xlsx": 4,
    }
    assert openpyxl.load_workbook(tmp_path / "acme" / "acme.xlsx").sheetnames == ["People", "Posts"]
    rows = results(read(tmp_path / "acme" / "acme.xlsx", "Posts"))
    assert [rows[key]["name"] for key in rows] == ["Ann", "'=1+1", 'quo"te,_x000D_\n;']
    late = results_in(pipeline, tmp_path, "jsonl", since=read_since("2026-01-01T14:30:00Z"))
    assert sorted(each.rows for each in late.values()) == [0, 3, 4]


def test_times_are_utc_in_every_zone() -> None:
    order = Order(since=read_since("2026-01-01"), zone="Asia/Tokyo")
    assert order.since is not None
    assert order.since.start(zone=order.zone) == datetime(2025, 12, 31, 15, tzinfo=UTC)
