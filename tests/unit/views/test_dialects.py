"""The views in other dialects have the rows that DuckDB has, on each engine that runs here."""

from __future__ import annotations

from pathlib import Path

import pytest

from captaindata_source.views.dialects import NOT_RUN
from captaindata_source.views.shipped import load_views
from tests.support.engine_rows import (
    Dataset,
    differences,
    empty_dataset,
    full_dataset,
    on_engine,
)
from tests.support.marks import INTEGRATION

RUN = ("clickhouse", "ducklake", "snowflake", "spark")
"""Engines in `.venv/engines`. DuckDB and Postgres run the files themselves, in all tests."""


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    folder = tmp_path_factory.mktemp("engines")
    return {"hard": full_dataset(folder), "none": empty_dataset(folder)}


@INTEGRATION
@pytest.mark.parametrize("engine", RUN)
def test_each_view_has_the_rows_of_duckdb(
    engine: str, datasets: dict[str, Dataset], tmp_path: Path
) -> None:
    found = on_engine(engine, datasets, tmp_path)
    wrong = {
        (name, view.name): text
        for name, dataset in datasets.items()
        for view in load_views()
        if (text := differences(engine, dataset, view, found[name][view.name]))
    }
    assert {view for _, view in wrong} == {view for name, view in NOT_RUN if name == engine}, wrong
