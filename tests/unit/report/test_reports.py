"""Pages of reports, on both databases: figures are those of the views, and nothing of others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from captaindata_source.errors import ConfigError
from captaindata_source.report.queries import MAX_ROWS, load_query, query_names
from captaindata_source.report.reports import Written, write_reports
from captaindata_source.since import read_since
from captaindata_source.tables import WORKFLOW_CHANGES, views_schema
from tests.support import processes, report_world
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.marks import INTEGRATION
from tests.support.page import Page
from tests.support.raw_tables import COMMITTED, insert
from tests.support.report_world import BAIT, FIRST, LAST_RUN
from tests.support.results import Warehouse

SINCE = "2025-11-01"
SECTIONS = 10


@pytest.fixture(scope="module", params=["duckdb", pytest.param("postgres", marks=INTEGRATION)])
def where(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "duckdb":
        database: Database = DuckDb(tmp_path_factory.mktemp("report"))
    else:
        database = Postgres(request.getfixturevalue("postgres_folder"))
    yield database
    database.release()
    if isinstance(database, Postgres):
        database.drop()


@pytest.fixture(scope="module")
def warehouse(where: Database) -> Warehouse:
    """Both clients."""
    warehouse = Warehouse(where)
    report_world.fill(warehouse)
    return warehouse


def report(where: Database, folder: Path, **options: Any) -> list[Written]:
    where.release()  # what else holds a DuckDB file keeps others of the process from it
    pipeline = dlt.pipeline(
        "report",
        pipelines_dir=str(folder / "dlt"),
        destination=where.destination(),
        dataset_name=where.dataset,
    )
    options.setdefault("output", folder / "report.html")
    options.setdefault("zone", "UTC")
    return write_reports(pipeline, **options)


def page(where: Database, folder: Path, **options: Any) -> Page:
    (written,) = report(where, folder, **options)
    assert written.problems == []
    assert written.size == written.path.stat().st_size < 2_000_000
    return Page.read(written.path)


def test_figures_are_those_of_the_views(warehouse: Warehouse, tmp_path: Path) -> None:
    found = page(warehouse.where, tmp_path, since=read_since(SINCE))
    rows = warehouse.rows("workflow_performance", where="runs > 0")
    shown = found.tables["workflows-table"]
    assert len(shown) == len(rows) == 8
    by_name = {row["Workflow"]: row for row in shown}
    for row in rows:
        (name,) = [name for name in by_name if name.startswith(row["workflow_name"][:12])]
        figures = (
            ("runs", "Runs"),
            ("failed_runs", "Failed"),
            ("success_rate", "Success rate"),
            ("duration_p50_seconds", "Median duration"),
            ("duration_p95_seconds", "95th percentile"),
            ("records_processed", "Records"),
        )
        for column, heading in figures:
            assert float(by_name[name][heading]) == pytest.approx(row[column]), (name, heading)
    days = warehouse.rows("daily_job_health")
    for column, part in (("succeeded_runs", "succeeded"), ("failed_runs", "failed")):
        total = sum(row[column] for row in days)
        drawn = sum(
            row["to"] - row["from"] for row in found.charts["runs-by-day"] if row["part"] == part
        )
        assert drawn == total == sum(float(row[part.title()]) for row in found.tables["days"])
    failed = sum(row["failed_runs"] for row in days)
    drawn = sum(row["to"] - row["from"] for row in found.charts["failures-by-workflow"])
    assert drawn == failed
    records = sum(row["records_processed"] for row in warehouse.rows("records_by_workflow_month"))
    assert sum(row["to"] - row["from"] for row in found.charts["records-by-month"]) == records
    assert sum(float(row["All records"]) for row in found.tables["records-table"]) == records
    assert len(found.tables["failing"]) == len(warehouse.rows("failing_workflows")) > 0
    assert len(found.tables["stuck"]) == len(warehouse.rows("stuck_runs")) == 2
    errors = warehouse.rows("top_error_messages")
    assert sorted(float(row["Runs, all time"]) for row in found.tables["errors-table"]) == sorted(
        row["runs"] for row in errors
    )
    assert [row["Identity"] for row in found.tables["accounts-table"]] == ["beta I"]
    assert len(found.tables["workflow-changes"]) == 2, "a load that was not committed is no change"
    assert found.tables["job-changes"][0]["Runs"] == "1.0"
    assert len(found.charts["quota-by-day"]) == len(warehouse.rows("credit_usage")) == 10
    differing = warehouse.rows("results_reconciliation", where="state in ('missing', 'surplus')")
    told = sum(
        float(row["Runs with too few results"]) + float(row["Runs with too many results"])
        for row in found.tables["reconciliation-table"]
    )
    assert told == len(differing)


def test_each_client_gets_a_page_with_nothing_of_others(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    written = report(warehouse.where, tmp_path, output=tmp_path / "clients", is_per_workspace=True)
    assert {each.path.stat().st_mode & 0o777 for each in written} == {0o600}
    assert [each.path.name for each in written] == ["alpha.html", "beta.html", "u_idle.html"]
    for own, other in (("alpha", "beta"), ("beta", "alpha")):
        found = Page.read(tmp_path / "clients" / f"{own}.html")
        text = found.own_text.lower()
        assert other not in text
        assert "idle" not in text
        assert "workspaces" not in found.tables
        rows = warehouse.rows("daily_job_health", where=f"workspace_id = 'uid-{own}'")
        days = found.tables["days"]
        assert sum(float(row["Runs"]) for row in days) == sum(row["runs"] for row in rows)
        rows = warehouse.rows("workflow_performance", where=f"workspace_id = 'uid-{own}'")
        assert len(found.tables["workflows-table"]) == len(rows)
        assert found.texts["h1"][0].startswith(f"{own.title()} Ltd")
    idle = Page.read(tmp_path / "clients" / "u_idle.html")
    assert "alpha" not in idle.own_text.lower()
    assert idle.charts == {}
    assert_harmless(Page.read(tmp_path / "clients" / "beta.html"))


@INTEGRATION
def test_a_page_of_many_is_that_of_one(warehouse: Warehouse, tmp_path: Path) -> None:
    """The pages of clients are read from copies of the views."""
    many = report(warehouse.where, tmp_path, output=tmp_path / "clients", is_per_workspace=True)
    for written, uid in zip(many, ("uid-alpha", "uid-beta"), strict=False):
        (one,) = report(warehouse.where, tmp_path, names=[uid])
        assert Page.read(one.path).tables == Page.read(written.path).tables != {}
        assert Page.read(one.path).charts == Page.read(written.path).charts != {}


def assert_harmless(found: Page) -> None:
    """Texts of strangers stay texts."""
    tags = [tag for tag, _ in found.tags]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert not [name for _, attributes in found.tags for name in attributes if name[:2] == "on"]
    shown = [cell for table in found.shown.values() for row in table for cell in row]
    visible = (
        BAIT.replace("\x07", "\\x07").replace("\u2028", "\\x2028").replace("\u202e", "\\u202e")
    )
    assert f"beta flow 1{visible}" in shown
    assert max(map(len, shown)) < 310
    labels = {row["part"] for row in found.charts["failures-by-workflow"]}
    assert any(label.startswith("beta flow 1\"'>]]></script>") for label in labels)
    (policy,) = [
        attributes["content"]
        for tag, attributes in found.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in str(policy)
    assert "unsafe-eval" not in str(policy)
    addresses = [
        str(attributes[name])
        for _, attributes in found.tags
        for name in ("src", "href", "action")
        if name in attributes
    ]
    assert {each for each in addresses if each[0] != "#"} == {"data:,"}


@INTEGRATION
def test_every_query_has_the_columns_of_its_header(warehouse: Warehouse) -> None:
    dataset = warehouse.where.dataset
    empty = []
    for name in query_names():
        sql = load_query(name).query_on(dataset, dialect=warehouse.where.dialect)
        rows = warehouse.where.execute(sql.replace("2026-01-01", "2025-11-01"))
        if rows:
            assert [*rows[0]] == [*load_query(name).columns], name
        else:
            empty.append(name)
    assert empty == []


@INTEGRATION
@pytest.mark.parametrize(
    ("since", "first"),
    [("2026-01-01", "2026-01-01"), ("2026-01-01T10:00:00Z", "2026-01-01")],
)
def test_since(warehouse: Warehouse, tmp_path: Path, since: str, first: str) -> None:
    found = page(warehouse.where, tmp_path, since=read_since(since))
    rows = warehouse.rows("daily_job_health", where=f"day >= date '{first}'")
    assert f"from {first} to {LAST_RUN:%Y-%m-%d} (9 days)" in found.html
    assert sum(float(row["Runs"]) for row in found.tables["days"]) == sum(r["runs"] for r in rows)
    months = [heading for heading in found.tables["records-table"][0] if heading[:2] == "20"]
    assert months == ["2026-01"]


@INTEGRATION
def test_the_period_is_that_of_the_runs(warehouse: Warehouse, tmp_path: Path) -> None:
    found = page(warehouse.where, tmp_path, zone="Pacific/Kiritimati")
    days = (LAST_RUN - FIRST) // timedelta(days=1) + 1
    assert f"from {FIRST:%Y-%m-%d} to {LAST_RUN:%Y-%m-%d} ({days} days)" in found.html
    assert "Pacific/Kiritimati" in found.html
    assert "2026-01-10 23:03" in found.shown["freshness-table"][0]


@INTEGRATION
def test_what_cannot_be_read_is_told_and_the_rest_is_there(
    where: Database, warehouse: Warehouse, tmp_path: Path
) -> None:
    schema = views_schema(where.dataset)
    try:
        where.execute(f"alter view {schema}.stuck_runs rename to elsewhere")
        (written,) = report(where, tmp_path)
    finally:
        where.execute(f"alter view {schema}.elsewhere rename to stuck_runs")
    assert [problem[:28] for problem in written.problems] == ["view stuck_runs is not there"]
    found = Page.read(written.path)
    assert "stuck" not in found.tables
    assert found.tables["workflows-table"]
    assert any("Stuck runs could not be read" in text for text in found.texts["p"])


@INTEGRATION
def test_each_table_that_is_cut_says_so(database: Database, tmp_path: Path) -> None:
    Warehouse(database)
    change = {"workspace_uid": "a", "seen_at": LAST_RUN, "_dlt_load_id": COMMITTED[0]}
    many = [{**change, "uid": f"c{n}", "workflow_uid": "w"} for n in range(MAX_ROWS + 5)]
    insert(database, WORKFLOW_CHANGES, [{**each, "field": "steps"} for each in many])
    found = page(database, tmp_path, since=read_since(SINCE))
    assert len(found.tables["workflow-changes"]) == MAX_ROWS
    assert any("The first 200 of 205 rows; 5 more are left out" in p for p in found.texts["p"])


@INTEGRATION
def test_an_empty_warehouse_is_a_page_of_sentences(database: Database, tmp_path: Path) -> None:
    Warehouse(database)
    found = page(database, tmp_path)
    assert found.tables == {}
    assert found.charts == {}
    assert [tag for tag, _ in found.tags].count("section") == SECTIONS
    with pytest.raises(ConfigError, match="has no workspaces yet"):
        report(database, tmp_path, output=tmp_path, is_per_workspace=True)
    with pytest.raises(ConfigError, match="Unknown workspace 'x'; there are none"):
        report(database, tmp_path, names=["x"])
    with pytest.raises(ConfigError, match="must be a folder"):
        report(database, tmp_path, output=tmp_path / "x.html", is_per_workspace=True)
    with pytest.raises(OSError, match="full"):
        report(database, tmp_path, output=Path("/dev/full"))
    with pytest.raises(OSError, match=r"report\.html"):
        report(database, tmp_path, output=tmp_path / "report.html" / "below.html")


def test_a_dataset_without_views(tmp_path: Path) -> None:
    where = DuckDb(tmp_path)
    Warehouse(where, is_new=True)
    with pytest.raises(ConfigError, match="has no views yet"):
        report(where, tmp_path)
    where.release()


def test_a_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(ConfigError, match=re.escape("pip install 'captaindata-source[report]'")):
        report(DuckDb(tmp_path), tmp_path)


@INTEGRATION
def test_the_command(tmp_path: Path) -> None:
    where = DuckDb(tmp_path)
    report_world.fill(Warehouse(where))
    where.release()
    environment = {
        **where.environment(),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DLT_DATA_DIR": str(tmp_path / "dlt"),
    }

    def run(*arguments: str) -> processes.Completed:
        done = processes.run(["report", *arguments], environment=environment, folder=tmp_path)
        assert "Traceback" not in done.stderr
        return done

    old = tmp_path / "report.html"
    old.write_text("an earlier report")
    old.chmod(0o644)
    done = run("--workspace", "alpha", "--since", "2026-01-01T10:00:00Z")
    assert (done.code, done.stdout) == (0, "    0.9 MB  report.html\n"), done.stderr
    assert old.stat().st_mode & 0o777 == 0o644
    assert Page.read(old).texts["h1"] == ["Alpha Ltd"]
    done = run("--since", "soon")
    assert (done.code, "--since: must be a day" in done.stderr) == (2, True), done.stderr
    assert not [*tmp_path.glob(".*.part")]
