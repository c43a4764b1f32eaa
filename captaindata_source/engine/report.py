"""What a sync did, for people, for machines, and for the table `sync_runs`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import dlt

from captaindata_source import __version__
from captaindata_source.issues import Issue
from captaindata_source.tabular import as_columns, one_line
from captaindata_source.views.refresh import Aftermath

__all__ = ["FAILED", "LOADED", "VERSIONS", "SyncReport", "WorkspaceReport", "as_text"]

LOADED = "loaded"
PARTLY_LOADED = "partly_loaded"
STOPPED_EARLY = "stopped_early"
FAILED = "failed"
NOT_THERE = "-"
VERSIONS = {"connector_version": __version__, "dlt_version": dlt.__version__}
"""Columns of `sync_runs`."""


@dataclass(slots=True, kw_only=True)
class WorkspaceReport:
    """One sync of one workspace.

    Args:
        name: Configured name of the workspace.
        workspace_uid: Its UID.
        is_full_refresh: Whether everything was fetched again.
        uid: Identifies the sync.
        started_at: When it began.
        finished_at: When the last call was answered; None while it runs.
        error: Why it failed.
        api_calls: Requests sent, retries included.
        rows: Rows committed, by table.
        results_fetched: Jobs whose results were fetched.
        results_skipped: Listed jobs whose results were loaded before.
        results_left: Jobs whose results the next sync fetches, because a limit was reached.
        is_listing_left: Whether a list of jobs was left before its end, for the same reason.
        set_aside: What could not be fetched, and why; tried again next time.
        issues: Issues met, those that are in `set_aside` included.
        load_packages: Packages committed.
        api_version: Version of the API that was read.
        secrets_rule: Version of the rule by which no secret is loaded; None: some may be.
        unmatched_fields: Keys of `exclude_fields` and `hash_fields` that no result had, each with
            the most similar key that was seen.
        lacks: Tables that this version has nothing for.
    """

    name: str
    workspace_uid: str
    is_full_refresh: bool = False
    uid: str = field(default_factory=lambda: uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    error: str | None = None
    api_calls: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    results_fetched: int = 0
    results_skipped: int = 0
    results_left: int = 0
    is_listing_left: bool = False
    set_aside: list[Issue] = field(default_factory=list)
    issues: int = 0
    load_packages: int = 0
    api_version: str = ""
    secrets_rule: int | None = None
    unmatched_fields: dict[str, str | None] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()

    @property
    def outcome(self) -> str:
        """How it ended: loaded, partly_loaded, stopped_early or failed."""
        if self.error is not None:
            return FAILED
        if self.set_aside:
            return PARTLY_LOADED
        return STOPPED_EARLY if self.results_left or self.is_listing_left else LOADED

    @property
    def is_ok(self) -> bool:
        """Whether all that was begun is loaded."""
        return self.outcome in (LOADED, STOPPED_EARLY)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        end = self.finished_at or datetime.now(UTC)
        return (end - self.started_at).total_seconds()

    def as_row(self, *, versions: Mapping[str, str]) -> dict[str, Any]:
        """The row of `sync_runs`."""
        reasons = [issue.detail or issue.kind for issue in self.set_aside]
        return {
            "workspace_uid": self.workspace_uid,
            "uid": self.uid,
            "workspace_name": self.name,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "outcome": self.outcome,
            "error": self.error or "; ".join(reasons[:10]) or None,
            "is_full_refresh": self.is_full_refresh,
            "api_calls": self.api_calls,
            "rows_by_table": json.dumps(self.rows),
            "results_fetched": self.results_fetched,
            "results_skipped": self.results_skipped,
            "results_set_aside": len({issue.job_uid for issue in self.set_aside} - {None}),
            "results_left": self.results_left,
            "is_listing_left": self.is_listing_left,
            "issues": self.issues,
            "load_packages": self.load_packages,
            "secrets_rule": self.secrets_rule,
            "api_version": self.api_version,
            **versions,
        }

    def as_dict(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            "name": self.name,
            "workspace_uid": self.workspace_uid,
            "sync_uid": self.uid,
            "outcome": self.outcome,
            "error": self.error,
            "seconds": round(self.seconds, 3),
            "api_calls": self.api_calls,
            "rows": self.rows,
            "results_fetched": self.results_fetched,
            "results_skipped": self.results_skipped,
            "results_left": self.results_left,
            "is_listing_left": self.is_listing_left,
            "set_aside": [
                {
                    "workflow_uid": issue.workflow_uid,
                    "job_uid": issue.job_uid,
                    "kind": issue.kind,
                    "reason": issue.detail,
                }
                for issue in self.set_aside
            ],
            "issues": self.issues,
            "load_packages": self.load_packages,
            "unmatched_fields": self.unmatched_fields,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What `captaindata_source.sync` did; its text is the summary for people.

    Args:
        destination: Name of the dlt destination.
        dataset: Dataset (schema) of the tables.
        place: Where rows and views are, for people; nothing of it is secret.
        workspaces: A report for each workspace, in their order.
        aftermath: What became of the views and of the published copy.
        tables: Tables that were to be loaded.
        named_tables: Those of them that the call named.
    """

    destination: str
    dataset: str
    place: str
    workspaces: Sequence[WorkspaceReport]
    aftermath: Aftermath
    tables: Sequence[str] = ()
    named_tables: Sequence[str] = ()

    @property
    def is_ok(self) -> bool:
        """Whether all that was begun is loaded, the views are made and the copy is published."""
        return self.aftermath.is_ok and all(each.is_ok for each in self.workspaces)

    def as_dict(self) -> dict[str, Any]:
        """What `captaindata sync --json` prints."""
        return {
            "ok": self.is_ok,
            "destination": self.destination,
            "dataset": self.dataset,
            "workspaces": [each.as_dict() for each in self.workspaces],
            **self.aftermath.as_dict(),
        }

    def __str__(self) -> str:
        parts = [
            as_text(self.workspaces, tables=self.tables, named=self.named_tables),
            self.aftermath.as_text(),
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
    if report.results_left:
        yield (
            f"stopped at the limit; the results of {report.results_left:,} jobs are left for the "
            "next sync"
        )
    if report.is_listing_left:
        yield "stopped at the limit; older jobs are left to list for the next sync"
