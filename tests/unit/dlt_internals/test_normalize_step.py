"""Packages that a killed process had normalized."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest
from dlt.normalize.normalize import Normalize
from dlt.pipeline.exceptions import PipelineStepFailed

from captaindata_source.dlt_internals.normalize_step import drop_normalized_remains


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dlt.Pipeline]:
    """A pipeline whose process ended while it deleted the extracted package."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    pipeline = dlt.pipeline(
        "killed",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
    )
    pipeline.extract([{"a": 1}], table_name="things")
    (extracted,) = Path(pipeline.working_dir).glob("normalize/extracted/*/")
    shutil.copytree(extracted, tmp_path / "copy")
    pipeline.normalize()
    shutil.copytree(tmp_path / "copy", extracted)
    shutil.rmtree(extracted / "new_jobs")
    yield pipeline
    pipeline.deactivate()


def test_dlt_fails_on_such_a_package_for_ever(
    killed: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = getattr(Normalize.run, "__wrapped__", Normalize.run)
    monkeypatch.setattr(Normalize, "run", plain)
    with pytest.raises(PipelineStepFailed):
        killed.normalize()


def test_such_a_package_is_loaded_once(
    killed: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Normalize, "run", Normalize.run)
    drop_normalized_remains()
    drop_normalized_remains()
    killed.normalize()
    killed.load()
    with killed.sql_client() as client:
        assert client.execute_sql("select a from things") == [(1,)]
    assert not list(Path(killed.working_dir).glob("normalize/extracted/*/"))
    assert not killed.has_pending_data
