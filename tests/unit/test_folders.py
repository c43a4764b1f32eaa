"""Working folders of the command: their names, and which of them stay."""

from __future__ import annotations

import threading
from pathlib import Path

import dlt
import pytest

from captaindata_source.errors import BusyError
from captaindata_source.http import Secret
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse import folders
from captaindata_source.warehouse.file_locks import folder_lock
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.pipeline import (
    earlier_names,
    make_pipeline,
    warehouse_pipeline,
)
from captaindata_source.warehouse.turns import alone

WORKSPACE = Settings(api_key=Secret("k"), project_uid="uid-1", name="Acme Sales (EU) größte")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """dlt's folder and the working folder, both empty."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def on_file(
    monkeypatch: pytest.MonkeyPatch, path: str, dataset: str = "captaindata"
) -> dlt.Pipeline:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", path)
    return make_pipeline(WORKSPACE, SyncOptions(dataset=dataset))


def test_a_folder_says_whose_it_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = on_file(monkeypatch, "a.duckdb", dataset="sales")
    name, _, digits = pipeline.pipeline_name.rpartition("_")
    assert name == "captaindata_acme_sales_eu_gr_duckdb_sales"
    assert len(digits) == 8
    assert Path(pipeline.working_dir) == place / "data" / "captaindata" / pipeline.pipeline_name
    assert not list((place / "data").glob("pipelines/*")), "dlt lists what people made"


def test_a_folder_belongs_to_one_database(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = on_file(monkeypatch, "a.duckdb").pipeline_name
    assert on_file(monkeypatch, str(place / "work" / "a.duckdb")).pipeline_name == first
    (place / "work" / "link.duckdb").symlink_to("a.duckdb")
    assert on_file(monkeypatch, "link.duckdb").pipeline_name == first
    assert on_file(monkeypatch, "b.duckdb").pipeline_name != first
    assert on_file(monkeypatch, "a.duckdb", dataset="other").pipeline_name != first


@pytest.mark.parametrize(
    ("address", "is_same"),
    [
        ("postgresql://other:changed@one.example:5432/db?connect_timeout=5", True),
        ("postgresql://u:p@one.example:5432/other", False),
        ("postgresql://u:p@one.example:5433/db", False),
        ("postgresql://u:p@two.example:5432/db", False),
        ("postgresql://u:p@one.example:5432/db?host=/run/other", False),
    ],
)
def test_a_folder_belongs_to_one_database_of_postgres(
    monkeypatch: pytest.MonkeyPatch, address: str, is_same: bool
) -> None:
    names = []
    for each in ("postgresql://u:p@one.example:5432/db", address):
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", each)
        pipeline = make_pipeline(WORKSPACE, SyncOptions(destination="postgres"))
        assert "changed" not in folders.place_of(pipeline)
        names.append(pipeline.pipeline_name)
    assert (names[0] == names[1]) is is_same


def test_other_destinations_are_told_apart_as_far_as_dlt_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = set()
    for bucket in ("file:///srv/a", "file:///srv/b"):
        monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", bucket)
        names.add(make_pipeline(WORKSPACE, SyncOptions(destination="filesystem")).pipeline_name)
    assert len(names) == 2


def test_who_looks_at_the_warehouse_leaves_no_folder(place: Path) -> None:
    pipeline = warehouse_pipeline(SyncOptions())
    with pipeline.sql_client() as client:
        assert client.execute_sql("select 1") == [(1,)]
    assert not (place / "data").exists()


def test_folders_that_nobody_needs_are_removed(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = SyncOptions()
    pipeline = on_file(monkeypatch, "a.duckdb")
    own, warehouse = earlier_names(WORKSPACE, options)
    dlts, ours = place / "data" / "pipelines", place / "data" / "captaindata"
    digits = pipeline.pipeline_name.rpartition("_")[2]
    removed = [
        dlts / own / "load" / "normalized" / "1.2",  # it waits, and is fetched again
        dlts / warehouse,
        dlts / "captaindata_12345678_12345678",
        ours / f"captaindata_old_name_duckdb_captaindata_{digits}",
    ]
    stays = [
        dlts / "captaindata_87654321_12345678" / "load" / "normalized" / "1.2",
        dlts / "captaindata_aaaaaaaa_12345678",
        dlts / "captaindata_of_my_own",
        ours / "captaindata_other_duckdb_captaindata_00000000",
        Path(pipeline.working_dir),
    ]
    for folder in (*removed, *stays):
        folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(stays[1]):
        folders.clean_up([pipeline], earlier=[own, warehouse])
    assert [folder for folder in removed if folder.exists()] == []
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert own in said
    assert "fetched again" in said
    assert [folder for folder in stays if not folder.exists()] == []


def test_threads_take_turns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = on_file(monkeypatch, "a.duckdb"), on_file(monkeypatch, "a.duckdb")
    begun, order = threading.Event(), []

    def hold() -> None:
        second.activate()
        begun.set()
        with holding(second):
            order.append("second")

    thread = threading.Thread(target=hold)
    with holding(first):
        thread.start()
        begun.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_threads_do_not_sync_one_workspace_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = on_file(monkeypatch, "a.duckdb")
    with (
        alone(pipeline, workspace_uid="uid-1"),
        pytest.raises(BusyError, match="process "),
        alone(pipeline, workspace_uid="uid-1"),
    ):
        pass
    with alone(pipeline, workspace_uid="uid-1"):
        pass
