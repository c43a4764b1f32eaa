"""What the sync of a workspace did: for `sync_runs`, and for whoever asked for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import dlt

from captaindata_source import __version__
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.extract.results.redaction import Redactor
from captaindata_source.issues import Issue, Kind
from captaindata_source.tables import JOB_RESULTS, SELECTABLE

__all__ = ["FAILED", "LOADED", "WorkspaceReport"]

LOADED = "loaded"
PARTLY_LOADED = "partly_loaded"
STOPPED_EARLY = "stopped_early"
FAILED = "failed"
QUOTA = "quota"
TO_CORRECT = frozenset(
    {Kind.FORBIDDEN, Kind.FOREIGN_WORKSPACE, Kind.MISCONFIGURED, Kind.UNAUTHORIZED}
)
VERSIONS = {"connector_version": __version__, "dlt_version": dlt.__version__}
"""Columns of `sync_runs`."""


@dataclass(slots=True, kw_only=True)
class WorkspaceReport:
    """One sync of one workspace.

    Args:
        name: Configured name of the workspace.
        workspace_uid: Its UID.
        is_full_refresh: Whether everything was fetched again.
        is_resync: Whether named jobs were fetched again, and nothing else was looked at.
        uid: Identifies the sync.
        started_at: When it began.
        finished_at: When the last call was answered; None while it runs.
        error: Why it failed.
        failure: The kind of it, as `sync_issues` has it; None where it was interrupted.
        api_calls: Requests sent, retries included.
        rows: Rows committed, by table.
        results_fetched: Jobs whose results were fetched.
        results_skipped: Listed jobs whose results were loaded before.
        results_left: Jobs whose results the next sync fetches, because a limit was reached.
        is_listing_left: Whether a list of jobs was left before its end, for the same reason.
        quota_renews_at: When calls are allowed again, where the quota was used up.
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
    is_resync: bool = False
    uid: str = field(default_factory=lambda: uuid4().hex)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    error: str | None = None
    failure: Kind | None = None
    api_calls: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    results_fetched: int = 0
    results_skipped: int = 0
    results_left: int = 0
    is_listing_left: bool = False
    quota_renews_at: datetime | None = None
    set_aside: list[Issue] = field(default_factory=list)
    issues: int = 0
    load_packages: int = 0
    api_version: str = ""
    secrets_rule: int | None = None
    unmatched_fields: dict[str, str | None] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()

    @property
    def outcome(self) -> str:
        """How it ended: loaded, partly_loaded, stopped_early, quota or failed."""
        if self.quota_renews_at is not None:
            return QUOTA
        if self.error is not None:
            return FAILED
        if self.set_aside:
            return PARTLY_LOADED
        return STOPPED_EARLY if self.results_left or self.is_listing_left else LOADED

    @property
    def is_ok(self) -> bool:
        """Whether all that was begun is loaded; where the quota is used up, whether anything is."""
        if self.outcome == QUOTA:
            return any(self.rows.values()) and self.error is None
        return self.outcome in (LOADED, STOPPED_EARLY)

    @property
    def needs_correction(self) -> bool:
        """Whether it failed for a key, a right or an option: another try would fail too."""
        return self.failure in TO_CORRECT

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        end = self.finished_at or datetime.now(UTC)
        return (end - self.started_at).total_seconds()

    def after(
        self,
        plan: SyncPlan,
        *,
        calls: int,
        tables: Collection[str],
        redact: Redactor | None = None,
    ) -> WorkspaceReport:
        """The report as it is once all that was fetched so far is committed.

        Args:
            plan: Of the sync.
            calls: Requests sent.
            tables: Tables that are loaded.
            redact: Redacted the results.
        """
        queue, issues = plan.queue, plan.issues
        rows = {table.name: plan.rows[table.name] for table in SELECTABLE}
        rows[JOB_RESULTS.name] = queue.rows
        return replace(
            self,
            api_calls=calls,
            rows={name: count for name, count in rows.items() if name in tables},
            results_fetched=queue.fetched,
            results_skipped=queue.skipped,
            results_left=len(queue) + len(plan.inputs),
            is_listing_left=plan.listing.is_left,
            quota_renews_at=plan.guard.quota.renews_at if plan.guard.quota else None,
            set_aside=issues.set_aside,
            issues=issues.count,
            unmatched_fields=redact.unmatched() if redact else {},
        )

    def issue_rows(self, issues: Iterable[Issue]) -> list[dict[str, Any]]:
        """The rows of `sync_issues` of this sync."""
        return [
            issue.as_row(workspace_uid=self.workspace_uid, sync_uid=self.uid) for issue in issues
        ]

    def as_row(self) -> dict[str, Any]:
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
            "is_resync": self.is_resync,
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
            **VERSIONS,
        }

    def as_dict(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            "name": self.name,
            "workspace_uid": self.workspace_uid,
            "sync_uid": self.uid,
            "outcome": self.outcome,
            "error": self.error,
            "failure": self.failure,
            "needs_correction": self.needs_correction,
            "seconds": round(self.seconds, 3),
            "api_calls": self.api_calls,
            "rows": self.rows,
            "results_fetched": self.results_fetched,
            "results_skipped": self.results_skipped,
            "results_left": self.results_left,
            "is_listing_left": self.is_listing_left,
            "quota_renews_at": self.quota_renews_at and self.quota_renews_at.isoformat(),
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
