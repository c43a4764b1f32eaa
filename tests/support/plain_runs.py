"""Pipelines of someone's own, without the command."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.extract import DltSource

from captaindata_source import captaindata
from tests.support.harness import Harness

__all__ = ["make_pipeline", "make_source", "root_of"]


def make_source(harness: Harness, **options: Any) -> DltSource:
    workspace = harness.world.workspaces[0]
    defaults = {
        "api_key": workspace.api_key,
        "project_uid": workspace.uid,
        "base_url": harness.sandbox.base_url,
    }
    source: DltSource = captaindata(**{**defaults, **options})
    return source


def make_pipeline(harness: Harness, name: str = "own") -> dlt.Pipeline:
    return dlt.pipeline(
        name,
        pipelines_dir=str(harness.folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(harness.folder / "warehouse.duckdb")),
        dataset_name="captaindata",
    )


def root_of(error: BaseException) -> BaseException:
    """The first of the errors that led to this one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
