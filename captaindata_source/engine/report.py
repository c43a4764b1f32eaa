"""What a sync did, for people, for machines, and for the table `sync_runs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt

from captaindata_source.alerts import AlertReport
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.tables import views_schema
from captaindata_source.tabular import as_columns, one_line
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.warehouse.database import POSTGRES, WITH_VIEWS, file_of, schema_of

__all__ = ["SyncReport", "as_text", "place_of"]

NOT_THERE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What `captaindata_source.sync` did; its text is the summary for people.

    Args:
        destination: Name of the dlt destination.
        dataset: Dataset (schema) of the tables.
        place: Where rows and views are, for people; nothing of it is secret.
        workspaces: A report for each workspace, in their order.
        aftermath: What became of the views and of the published copy.
        alerts: What is new or over, and whether it was told; None where alerts are off.
        tables: Tables that were to be loaded.
        named_tables: Those of them that the call named.
    """

    destination: str
    dataset: str
    place: str
    workspaces: Sequence[WorkspaceReport]
    aftermath: Aftermath
    alerts: AlertReport | None = None
    tables: Sequence[str] = ()
    named_tables: Sequence[str] = ()

    @property
    def is_ok(self) -> bool:
        """Whether all that was begun is loaded, the views are made, the copy is published and
        alerts are told."""
        is_told = self.alerts is None or self.alerts.is_ok
        return is_told and self.aftermath.is_ok and all(each.is_ok for each in self.workspaces)

    def as_dict(self) -> dict[str, Any]:
        """What `captaindata sync --json` prints."""
        return {
            "ok": self.is_ok,
            "destination": self.destination,
            "dataset": self.dataset,
            "workspaces": [each.as_dict() for each in self.workspaces],
            **self.aftermath.as_dict(),
            **({} if self.alerts is None else {"alerts": self.alerts.as_dict()}),
        }

    def __str__(self) -> str:
        parts = [
            as_text(self.workspaces, tables=self.tables, named=self.named_tables),
            self.aftermath.as_text(),
            "" if self.alerts is None else str(self.alerts),
            self.place,
        ]
        return "\n".join(filter(None, parts))


def as_text(
    reports: Sequence[WorkspaceReport], *, tables: Sequence[str], named: Sequence[str] = ()
) -> str:
    """The summary for people: rows by table, one column a workspace.

    Args:
        reports: Of each workspace.
        tables: Tables that were to be loaded.
        named: Those of them that someone named for this sync.
    """
    there = [table for table in tables if any(table not in report.lacks for report in reports)]
    lines = [
        ("", *(report.name for report in reports)),
        ("rows written to", *("" for _ in reports)),
        *((f"  {table}", *(_rows(report, table) for report in reports)) for table in there),
        ("API calls", *(f"{report.api_calls:,}" for report in reports)),
        ("results fetched (jobs)", *(f"{report.results_fetched:,}" for report in reports)),
        ("results skipped (jobs)", *(f"{report.results_skipped:,}" for report in reports)),
        ("issues", *(f"{report.issues:,}" for report in reports)),
        ("seconds", *(f"{report.seconds:.1f}" for report in reports)),
        ("outcome", *(report.outcome for report in reports)),
    ]
    text = [as_columns(lines, right=range(1, len(reports) + 1))]
    for report in reports:
        text.extend(one_line(f"{report.name}: {note}") for note in _notes(report))
        missing = [
            table
            for table in tables
            if table in report.lacks and (table in named or table not in there)
        ]
        if missing:
            text.append(
                one_line(f"{report.name}: API {report.api_version} has no {', '.join(missing)}")
            )
    return "\n".join(text)


def _rows(report: WorkspaceReport, table: str) -> str:
    is_unwanted = bool(report.rows) and table not in report.rows
    is_there = table not in report.lacks and not is_unwanted
    return f"{report.rows.get(table, 0):,}" if is_there else NOT_THERE


def _notes(report: WorkspaceReport) -> Iterator[str]:
    """What went wrong, and what is left, each in a line."""
    if report.error:
        yield f"FAILED: {report.error}"
    for issue in report.set_aside:
        yield f"set aside, next sync tries again: {issue.detail}"
    for name, similar in report.unmatched_fields.items():
        yield (
            f"exclude_fields or hash_fields names {name!r}, but no result that was fetched has "
            f"such a key{f'; {similar!r} is the most similar one' if similar else ''}"
        )
    if report.quota_renews_at is not None:
        yield (
            f"the quota of the API is used up: {report.results_left:,} jobs left, quota renews at "
            f"{report.quota_renews_at:%Y-%m-%d %H:%M} UTC"
        )
        if report.error is None and not report.is_ok:
            yield "nothing could be loaded"
        return
    if report.results_left:
        yield (
            f"stopped at the limit; the results of {report.results_left:,} jobs are left for the "
            "next sync"
        )
    if report.is_listing_left:
        yield "stopped at the limit; older jobs are left to list for the next sync"


def place_of(pipeline: dlt.Pipeline, *, has_views: bool) -> str:
    """One line about the schemas of a pipeline's dataset, and the file or database they are in."""
    kind, name = pipeline.destination.destination_type, pipeline.destination.destination_name
    if kind not in WITH_VIEWS:
        return one_line(f"in {name}: dataset {pipeline.dataset_name}")
    schema = schema_of(pipeline)
    schemas = (
        f"schema {schema}, views in {views_schema(schema)}" if has_views else f"schema {schema}"
    )
    client = pipeline.sql_client()
    where: str | Path = name
    if kind == POSTGRES:
        where = f"Postgres database {client.credentials.database}"
        if host := client.credentials.host:
            where += f" on {host}"
    elif (file := file_of(client)) is not None:
        where = file
    return one_line(f"in {where}: {schemas}")
