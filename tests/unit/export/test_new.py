"""`--new`: each row once, whatever is loaded late, again or changed, and whenever exports die."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.errors import BusyError, ConfigError
from captaindata_source.export.bookmark import Bookmark, alone
from captaindata_source.export.results import list_results
from captaindata_source.export.run import Order, Written
from captaindata_source.export.writing import export_results, export_view
from captaindata_source.since import read_since
from tests.support.databases import Database, Postgres, Row
from tests.support.exports import filled, pipeline_to, read
from tests.support.marks import INTEGRATION, ON_DUCKDB, ON_POSTGRES, POSTGRES_LATER
from tests.support.results import NOON, Warehouse

ON_BOTH = pytest.mark.parametrize("database", ["duckdb", "postgres"], indirect=True)


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    return filled(database)


class Exports:
    """Exports with `--new`.

    Args:
        warehouse: Where from.
        folder: Where to.
    """

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.folder = folder

    def run(
        self, view: str = "job_results", path: Path | None = None, name: str = "crm", **how: Any
    ) -> Written:
        with pipeline_to(self.warehouse, self.folder) as pipeline:
            order = Order(new_for=name, **how)
            return export_view(pipeline, view, order, path=path, folder=self.folder)

    def rows(self, view: str = "job_results", **how: Any) -> list[Row]:
        written = self.run(view, **how)
        assert (written.path is None) == (written.rows == 0)
        return read(written.path) if written.path else []

    def ids(self, view: str = "job_results", **how: Any) -> list[str]:
        return sorted(row["result_id"] for row in self.rows(view, **how))


@pytest.fixture
def exports(warehouse: Warehouse, tmp_path: Path) -> Exports:
    return Exports(warehouse, tmp_path)


@POSTGRES_LATER
def test_each_result_is_exported_once(exports: Exports) -> None:
    load = exports.warehouse.load
    assert len(exports.ids()) == 10
    assert exports.ids() == []
    # late: an old job whose results come now
    exports.warehouse.add_job("old", start_time=NOON.replace(year=2020))
    load("old", [{"name": "Old"}])
    exports.warehouse.where.execute(
        "update job_results set created_at = '2020-01-01' where job_uid = 'old'"
    )
    assert exports.ids() == ["old-0"]
    # again, and more of them
    load("j1", [{"name": "Ann"}, {"name": "Eve"}])
    assert exports.ids() == ["j1-1"]
    # fewer, then as before
    load("j2", [{"name": "Ann"}])
    load("j2", [{"name": "Ann"}, {"name": "Eve"}])
    assert exports.ids() == []
    numbers = [path.name for path in sorted(exports.folder.glob("*.csv"))]
    assert numbers == [f"job_results-{number:06}.csv" for number in (1, 2, 3)]


@INTEGRATION
@ON_DUCKDB
def test_filters_change_what_is_exported_and_lose_nothing(exports: Exports) -> None:
    assert exports.ids(workspaces=["bolt"]) == ["j4-0", "j4-1", "j4-2", "j4-3"]
    assert exports.ids(since=read_since("2026-01-01T15:00:00Z")) == ["j3-0", "j3-1", "j3-2"]
    assert exports.ids(kind="jsonl") == ["j1-0", "j2-0", "j2-1"]
    assert exports.ids() == []
    assert len(exports.ids(name="other")) == 10, "each name has its own bookmark"
    assert len(exports.rows("results_people")) == 3, "and each view"
    assert exports.rows("results_people") == []


@INTEGRATION
@ON_BOTH
def test_rows_that_changed_are_new_again(exports: Exports) -> None:
    execute = exports.warehouse.where.execute
    assert len(exports.rows("jobs")) == 4
    execute("update jobs set status = 'failed' where uid = 'j1'")
    assert [(row["job_id"], row["status"]) for row in exports.rows("jobs")] == [("j1", "failed")]
    execute("update jobs set status = 'finished' where uid = 'j1'")
    assert [row["status"] for row in exports.rows("jobs")] == ["finished"], "as it was at first"
    assert exports.rows("jobs") == []
    days = exports.rows("daily_job_health")
    exports.warehouse.add_job("j9", start_time=NOON)
    (changed,) = exports.rows("daily_job_health")
    assert (changed["day"], changed["runs"]) == ("2026-01-01", "3")
    assert len(days) > 1
    assert len(exports.rows("credit_usage")) == 3
    assert exports.rows("credit_usage") == []


@INTEGRATION
@ON_POSTGRES
def test_results_are_new_once_whatever_becomes_of_their_job(exports: Exports) -> None:
    for view in ("job_results", "jobs_with_results"):
        assert len(exports.rows(view)) == 10
    exports.warehouse.where.execute("update jobs set status = 'failed', name = 'other'")
    for view in ("job_results", "jobs_with_results"):
        assert exports.rows(view) == []


def die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@INTEGRATION
@ON_POSTGRES
def test_a_death_between_file_and_bookmark_repeats_the_same_file(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = exports.folder / "out.csv"
    for path, expected in ((None, "job_results-000001.csv"), (target, "out.csv")):
        name = "crm" if path is None else "asked"
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Bookmark, "finish", die)
            exports.run(path=path, name=name)
        assert len(read(exports.folder / expected)) >= 10
        exports.warehouse.load(f"late {name}", [{"name": "Eve"}])
        written = exports.run(path=path, name=name)
        assert written.path == exports.folder / expected
        assert f"late {name}-0" in {row["result_id"] for row in read(written.path)}
        assert exports.run(path=path, name=name).path is None
    files = sorted(path.name for path in exports.folder.rglob("*.csv"))
    assert files == ["job_results-000001.csv", "out.csv"]


@INTEGRATION
@ON_DUCKDB
def test_a_death_before_the_file_is_in_place_leaves_nothing(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("captaindata_source.export.run.take_place", die)
        exports.run()
    assert [*exports.folder.rglob("*job_results*")] == []
    written = exports.run()
    assert (written.rows, written.path) == (10, exports.folder / "job_results-000001.csv")


@INTEGRATION
@ON_DUCKDB
def test_a_file_that_nobody_took_is_not_replaced(exports: Exports) -> None:
    target = exports.folder / "mail" / "out.csv"
    assert exports.run(path=target).path == target
    exports.warehouse.load("n1", [{"name": "N"}])
    second = exports.run(path=target)
    assert second.path == exports.folder / "mail" / "out-000002.csv"
    target.unlink()
    exports.warehouse.load("n2", [{"name": "N"}])
    assert exports.run(path=target).path == target
    assert len(read(target)) == 1


@POSTGRES_LATER
def test_no_file_of_another_name_is_replaced(exports: Exports) -> None:
    mine, theirs = exports.run(name="mine"), exports.run(name="theirs")
    assert (mine.path, theirs.path) == tuple(
        exports.folder / f"job_results-{number:06}.csv" for number in (1, 2)
    )
    exports.warehouse.load("n1", [{"name": "N"}])
    assert exports.run(name="mine").path == exports.folder / "job_results-000003.csv"


@INTEGRATION
@ON_DUCKDB
def test_a_workbook_of_new_results(exports: Exports) -> None:
    def run(**how: Any) -> list[Written]:
        with pipeline_to(exports.warehouse, exports.folder) as pipeline:
            order = Order(kind="xlsx", new_for="crm", **how)
            return [*export_results(pipeline, list_results(pipeline), order, folder=exports.folder)]

    assert [each.rows for each in run()] == [6, 4]
    assert {each.path for each in run()} == {None}
    exports.warehouse.load("n1", [{"name": "N"}], workflow="x")
    acme, bolt = run()
    assert bolt.path is None
    assert acme.path == exports.folder / "acme" / "acme-000002.xlsx"
    assert [row["result_id"] for row in read(acme.path, "Posts")] == ["n1-0"]
    assert exports.rows("results_posts") == [], "as rows of a view, too"


@INTEGRATION
@ON_DUCKDB
def test_views_without_a_key_are_refused(exports: Exports) -> None:
    where = exports.warehouse.where
    where.execute(f"create view {exports.warehouse.schema}.mine as select 1 as one")
    with pytest.raises(ConfigError, match="mine has no key that --new could tell its rows by"):
        exports.run("mine")


@INTEGRATION
@ON_POSTGRES
def test_the_tables_tell_what_was_exported(exports: Exports) -> None:
    written = exports.run()
    (row,) = exports.warehouse.where.execute("select * from exports")
    assert row["file"] == str(written.path)
    assert (row["export_name"], row["target"], row["number"]) == ("crm", "job_results", 1)
    assert row["row_count"] == 10
    assert row["begun_at"] <= row["finished_at"]
    keys = exports.warehouse.where.execute("select row_key, number from exported_rows")
    assert Counter(row["number"] for row in keys) == {1: 10}
    assert len({row["row_key"] for row in keys}) == 10


@INTEGRATION
@ON_BOTH
def test_two_exports_of_one_name_take_turns(exports: Exports) -> None:
    with pipeline_to(exports.warehouse, exports.folder) as pipeline:
        if not isinstance(exports.warehouse.where, Postgres):
            # the file is the lock
            with alone(pipeline, "crm"), alone(pipeline, "crm"):
                assert exports.run().rows == 10
            return
        with alone(pipeline, "crm"):
            with pytest.raises(BusyError, match="--name crm is running"):
                export_view(pipeline, "jobs", Order(new_for="crm"), folder=exports.folder)
            other = export_view(pipeline, "jobs", Order(new_for="x"), folder=exports.folder)
        again = export_view(pipeline, "jobs", Order(new_for="crm"), folder=exports.folder)
    assert other.rows == again.rows == 4
