"""A warehouse to export from, and readers of what was exported."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import openpyxl
import pyarrow.parquet as pq

from captaindata_source.tables import QUOTA_READINGS, WORKSPACES
from tests.support.databases import Database, Row
from tests.support.raw_tables import insert
from tests.support.results import NOON, Warehouse

__all__ = ["LATEST", "filled", "pipeline_to", "read"]

LATEST = NOON + timedelta(hours=4)
"""When the last results of `filled` were written."""
LONG = 1_234_567_890_123_456_789
PEOPLE: list[dict[str, Any]] = [
    {"name": "Ann", "phone": "+33 6 12", "id": LONG, "tags": ["a", {"b": 1}], "score": 0.5},
    {"name": "=1+1", "note": "x" * 40_000, "is_open": True, "seen": "2026-01-01T10:00:00Z"},
    {"name": 'quo"te,\r\n;', "note": "</script>", "score": None, "id": 12},
    {"name": "日本 🔎", "note": "\t tab", "tags": [], "is_open": False},
]


def filled(where: Database) -> Warehouse:
    """Two workspaces: `a` (acme) with two workflows, `b` (bolt) with one of the same name."""
    warehouse = Warehouse(where)
    spaces = [
        {"workspace_uid": uid, "uid": uid, "configured_name": label, "name": label.title()}
        for uid, label in (("a", "acme"), ("b", "bolt"))
    ]
    insert(where, WORKSPACES, spaces)
    for workspace, workflow, name in (
        ("a", "w", "People"),
        ("a", "x", "Posts"),
        ("b", "v", "People"),
    ):
        warehouse.add_workflow(workflow, name, workspace=workspace)
    for number, (workspace, workflow) in enumerate(
        [("a", "w"), ("a", "w"), ("a", "x"), ("b", "v")], start=1
    ):
        job = f"j{number}"
        moment = NOON + timedelta(hours=number)
        warehouse.add_job(job, start_time=moment, workflow=workflow, workspace=workspace)
        warehouse.load(job, PEOPLE[:number], workflow=workflow, workspace=workspace)
    insert(
        where,
        QUOTA_READINGS,
        [
            {
                "workspace_uid": "a",
                "uid": f"q{day}",
                "read_at": datetime(2026, 1, day, 12, tzinfo=UTC),
                "unit": "tasks",
                "quota_left": 1000.0 - day,
                "quota_max": 1000.0,
                "quota_used": float(day),
                "current_month_start": datetime(2026, 1, 1, tzinfo=UTC),
                "current_month_end": datetime(2026, 2, 1, tzinfo=UTC),
            }
            for day in (1, 2, 3)
        ],
    )
    warehouse.refresh()
    return warehouse


@contextmanager
def pipeline_to(warehouse: Warehouse, folder: Path) -> Iterator[dlt.Pipeline]:
    """The way to the warehouse that the command takes."""
    warehouse.where.release()
    try:
        yield dlt.pipeline(
            "export",
            pipelines_dir=str(folder / "dlt"),
            destination=warehouse.where.destination(),
            dataset_name=warehouse.where.dataset,
        )
    finally:
        warehouse.where.hold()


def read(path: Path, sheet: str | None = None) -> list[Row]:
    """Rows of a file, by a reader of its format."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        cells = (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)
        names = next(cells)
        return [dict(zip(map(str, names), row, strict=True)) for row in cells]
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            return list(csv.DictReader(file))
        return [json.loads(line) for line in file.read().split("\n") if line]
