"""Records a failed sync in `sync_runs` and `sync_issues`, so that the tables say why."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import dlt

from captaindata_source.engine.loading import set_dlt_defaults
from captaindata_source.engine.sync_log import sync_log
from captaindata_source.errors import (
    CaptainDataError,
    ConfigError,
    DestinationError,
    WrongDatasetError,
    root_error,
)
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.issues import Action, IssueLog, Kind
from captaindata_source.settings.workspace import Settings
from captaindata_source.source import SOURCE_NAME
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.pipeline import Target
from captaindata_source.warehouse.remedies import as_destination_error, message_of

__all__ = ["kind_of", "record_failure"]

logger = logging.getLogger(__name__)


def kind_of(error: BaseException) -> Kind:
    """What ended a sync, as `sync_issues` has it."""
    root = _root(error)
    if isinstance(root, ConfigError):
        return Kind.MISCONFIGURED
    return root.kind if isinstance(root, CaptainDataError) else CaptainDataError.kind


def _root(error: BaseException) -> BaseException:
    return as_destination_error(error) or root_error(error)


def record_failure(
    error: BaseException,
    *,
    report: WorkspaceReport,
    issues: IssueLog,
    settings: Settings,
    target: Target,
    pipeline: dlt.Pipeline,
) -> None:
    """Writes the row of a failed sync and its issues; only logs where that is not possible.

    Args:
        error: What ended the sync; nothing is written where the dataset is another's.
        report: Says so already; gets the count of issues.
        issues: Of the sync; those that were not committed are written.
        settings: The workspace.
        target: Where it was to be loaded.
        pipeline: Of the workspace.
    """
    if isinstance(_root(error), WrongDatasetError):
        return
    issues.add(kind_of(error), Action.FAILED, detail=report.error)
    report.issues = issues.count
    try:
        with tempfile.TemporaryDirectory(prefix="captaindata-") as folder:
            writer = target.pipeline(settings, suffix="_failed", folder=Path(folder))
            set_dlt_defaults(writer)
            row = report.as_row()
            with holding(pipeline, is_patient=False):
                writer.run(
                    sync_log(
                        lambda: iter([row]),
                        lambda: report.issue_rows(issues.take_uncommitted()),
                        name=f"{SOURCE_NAME}_failed_syncs",
                        table_format=target.options.table_format,
                    )
                )
    except Exception as second:  # noqa: BLE001 - the first error is the one to report
        is_known = isinstance(error, DestinationError) or as_destination_error(error)
        logger.log(
            logging.INFO if is_known else logging.WARNING,
            "The failed sync of %s could not be recorded: %s",
            settings.name,
            message_of(second),
        )
