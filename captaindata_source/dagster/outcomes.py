"""What a sync means to Dagster: what is materialized, what fails the run, what only a check says.

| outcome of the workspace | assets | the run |
|---|---|---|
| loaded, stopped_early | materialized | succeeds |
| partly_loaded | materialized | succeeds, unless `partly_fails`; the check of issues warns |
| quota, and something was loaded | materialized | succeeds; the check of issues warns |
| quota, and nothing was loaded | none | fails; is not retried, since the quota is used up |
| failed | none | fails; the retry goes on where it stopped |
| wrong configuration, a refused key | none | fails; is not retried |

Views that could not be made, a copy that could not be published and alerts that could not be told
fail the run after its tables are materialized.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from captaindata_source.extract.report import PARTLY_LOADED, QUOTA, WorkspaceReport

if TYPE_CHECKING:
    from captaindata_source.engine.report import SyncReport

__all__ = ["failure_of", "is_materialized", "metadata_of", "misconfigured"]


def metadata_of(report: WorkspaceReport, *, dataset: str, table: str) -> dict[str, Any]:
    """What a materialization of a table tells.

    Args:
        report: Of the workspace.
        dataset: Dataset of the table.
        table: The table.
    """
    rows = report.rows.get(table)
    return {
        "dagster/table_name": f"{dataset}.{table}",
        **({} if rows is None else {"rows_written": rows}),
        **_figures(report),
    }


def _figures(report: WorkspaceReport) -> dict[str, Any]:
    return {
        "outcome": report.outcome,
        "api_calls": report.api_calls,
        "results_fetched": report.results_fetched,
        "results_skipped": report.results_skipped,
        "results_left": report.results_left,
        "issues": report.issues,
        "load_packages": report.load_packages,
        "seconds": round(report.seconds, 1),
        "workspace_uid": report.workspace_uid,
        "sync_uid": report.uid,
    }


def is_materialized(report: WorkspaceReport) -> bool:
    """Whether the tables have what the API gave, apart from what was set aside."""
    return report.is_ok or report.outcome == PARTLY_LOADED


def failure_of(report: SyncReport, *, partly_fails: bool) -> dg.Failure | None:
    """Why the run fails; None: it does not.

    Args:
        report: Of the sync of one workspace.
        partly_fails: Whether what was set aside fails it.
    """
    (workspace,) = report.workspaces
    metadata: Mapping[str, Any] = {
        **_figures(workspace),
        **{f"rows of {table}": rows for table, rows in workspace.rows.items()},
    }
    # a quota renews hours or days later: the next run of the schedule goes on
    is_used_up = workspace.outcome == QUOTA and not workspace.is_ok
    if is_used_up or workspace.needs_correction:
        return dg.Failure(str(report), metadata=metadata, allow_retries=False)
    is_followed = report.aftermath.is_ok and (report.alerts is None or report.alerts.is_ok)
    is_loaded = workspace.is_ok if partly_fails else is_materialized(workspace)
    return None if is_loaded and is_followed else dg.Failure(str(report), metadata=metadata)


def misconfigured(error: Exception) -> dg.Failure:
    """A run that fails before the first call; another try would too."""
    return dg.Failure(str(error), allow_retries=False)
