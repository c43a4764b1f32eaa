"""An error of the operating system names the path that failed, wherever it is."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import duckdb
import pytest
from dlt.common.pipeline import get_dlt_pipelines_dir

from captaindata_source.files import naming
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.warehouse.pipeline import warehouse_pipeline
from captaindata_source.warehouse.publish import publish
from captaindata_source.warehouse.remedies import message_of


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def message_from(path: Path) -> str:
    with pytest.raises(OSError) as caught, naming(path):
        path.write_text("x", encoding="utf-8")
    return message_of(caught.value)


def test_each_says_what_is_wrong_with_which_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, said in (
        (Path("/dev/full"), "The disk of /dev/full is full: free some space there"),
        (tmp_path / "file" / "x", f"{tmp_path}/file/x can't be made: a file is where a folder"),
        (tmp_path, f"{tmp_path} is a folder: name a file in it"),
        (tmp_path / "no" / "two\nlines", f"{tmp_path}/no/two\\nlines does not exist: make it"),
    ):
        message = message_from(path)
        assert message.startswith(said)
        assert message.count(str(tmp_path)) <= 1
        assert "\n" not in message
        assert "dlt" not in message
        assert "Error" not in message
    denied = message_of(PermissionError(13, "Permission denied", "exports/a.csv"))
    assert denied.startswith("exports/a.csv can't be read or written: give this user the right to")


def test_dlts_own_folder_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    inside = Path(get_dlt_pipelines_dir()) / "captaindata" / "load"
    assert inside.is_relative_to(tmp_path)
    for number, said in ((28, "The disk of dlt's working folder is full"), (13, "dlt's working")):
        assert message_of(OSError(number, os.strerror(number), str(inside))).startswith(said)
        assert message_of(OSError(number, os.strerror(number))).startswith(said)
    beside = str(tmp_path / "dlt-copy")
    assert "dlt's" not in message_of(OSError(28, os.strerror(28), beside))


def test_a_copy_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    with duckdb.connect("warehouse.duckdb") as connection:
        connection.execute("create table t as select range as n from range(1000)")
    pipeline: dlt.Pipeline = warehouse_pipeline(SyncOptions())
    target = tmp_path / "copies" / "bi.duckdb"
    with pytest.raises(OSError) as caught, full_disk(20_000):
        publish(pipeline, target)
    assert message_of(caught.value).startswith(f"The disk of {target} is full")
    assert list(target.parent.iterdir()) == [], "what was written of it is removed"
    publish(pipeline, target)
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("select count(*) from t").fetchall() == [(1000,)]
