"""The views in other dialects have the rows that DuckDB has, on each engine that runs here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlglot

from captaindata_source.errors import ConfigError
from captaindata_source.views.dialects import AS_THEY_ARE, DIALECTS, NOT_RUN, PARSED_ONLY
from captaindata_source.views.dialects.render import ENGINES, query, render, script, views_without
from captaindata_source.views.shipped import load_views
from tests.support import processes
from tests.support.engine_rows import differences, empty_dataset, full_dataset, on_engine
from tests.support.marks import INTEGRATION

RUN = ("spark", "snowflake", "clickhouse", "ducklake")
"""Engines in `.venv/readers`. DuckDB and Postgres run the files themselves, in all tests."""
VIEWS = {view.name: view for view in load_views()}


@INTEGRATION
def test_each_view_has_the_rows_of_duckdb(tmp_path: Path) -> None:
    datasets = {"hard": full_dataset(tmp_path), "none": empty_dataset(tmp_path)}
    with ThreadPoolExecutor(len(RUN)) as pool:
        found = dict(zip(RUN, pool.map(lambda each: on_engine(each, datasets), RUN), strict=True))
    wrong = {
        (engine, view): text
        for engine in RUN
        for name, dataset in datasets.items()
        for view in VIEWS
        if (text := differences(engine, dataset, VIEWS[view], found[engine][name][view]))
    }
    assert wrong.keys() == NOT_RUN.keys(), wrong
    assert {*RUN, *PARSED_ONLY, *AS_THEY_ARE} == {*DIALECTS}


@INTEGRATION
def test_each_view_can_be_parsed_in_its_dialect(capsys: pytest.CaptureFixture[str]) -> None:
    for dialect in PARSED_ONLY:
        for view in load_views():
            made = render(view, dialect, "captaindata")
            assert made.startswith("-- Parsed, not run: "), (dialect, view.name)
            assert sqlglot.parse_one(made, read=dialect).find(sqlglot.exp.Select)
    assert "unsupported" not in capsys.readouterr().err.lower()
    for view in load_views():  # as the first line of Databricks says
        spark, databricks = (query(view, each, "captaindata") for each in ("spark", "databricks"))
        assert spark == databricks, view.name


def test_what_is_not_loaded_is_left_out() -> None:
    without = {view.name for view in views_without(["workflows", "webhook_events"])}
    assert "workflows" not in without, "it reads the table"
    assert "workflow_steps" not in without, "it reads that view"
    assert "event_lag" not in without
    assert {"sync_freshness", "credit_usage"} <= without
    made = script("spark", "runs", names=["sync_freshness"], without=["webhook_events"])
    assert made.startswith("-- sync_freshness: Last sync and last change of each table\ncreate or")
    assert "runs.webhook_events" not in made, "an empty select stands in for it"
    assert "runs_views.sync_freshness" in made
    assert "runs.sync_runs" in made


def test_days_follow_the_time_zone_of_reports_and_names_the_engine() -> None:
    for dialect in (*ENGINES, *AS_THEY_ARE):
        made = render("daily_job_health", dialect, "d", report_timezone="Europe/Paris")
        assert made.count("Europe/Paris") == 2, dialect
        place = {"clickhouse": "d_views___jobs", "spark": "d_views.jobs"}
        assert place.get(dialect, "") in made
    with pytest.raises(ConfigError, match="There is no dialect oracle"):
        render("jobs", "oracle", "d")


def test_the_command_prints_the_statements(tmp_path: Path) -> None:
    arguments = ["views", "render", "--dialect", "clickhouse", "--dataset", "runs", "people"]
    done = processes.run(arguments, environment={}, folder=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "-- Needs tables that the connector makes on DuckDB and Postgres: person_rows",
        "-- people: People in the results of each workspace, once each",
        "create or replace view runs_views___people as",
    ]
    assert lines[-1].startswith("settings join_use_nulls = 1, ")
    done = processes.run([*arguments, "nothing"], environment={}, folder=tmp_path)
    assert done.code == 2
    assert "There is no view nothing" in done.stderr
