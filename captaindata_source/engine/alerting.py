"""Alerts after a sync."""

from __future__ import annotations

from collections.abc import Sequence

import dlt

from captaindata_source.alerts import AlertReport, require_alerts, run_alerts
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.warehouse.database import DUCKDB
from captaindata_source.warehouse.interrupts import run_until_signal
from captaindata_source.warehouse.pipeline import duckdb_file

__all__ = ["Alerting"]

INTERRUPTED = "interrupted: the next sync, or `captaindata alerts`, goes on"


class Alerting:
    """Evaluates the workspaces that a sync was about, where alerts are wanted.

    Args:
        pipeline: Any with the destination and dataset.
        options: How the sync loads.

    Raises:
        ConfigError: They are wanted, and the destination has none.
    """

    def __init__(self, pipeline: dlt.Pipeline, options: SyncOptions) -> None:
        self._pipeline = pipeline
        self._options = options
        self.report: AlertReport | None = None
        """What was done; None where alerts are not wanted, or were not come to."""
        if options.wants_alerts:
            require_alerts(pipeline)

    def run(self, reports: Sequence[WorkspaceReport]) -> None:
        """Does so in this thread.

        Args:
            reports: Of the sync.
        """
        if not self._options.wants_alerts or not self._has_file():
            return
        self.report = AlertReport(error=INTERRUPTED)
        self._pipeline.activate()
        synced = {each.workspace_uid for each in reports}
        self.report = run_alerts(self._pipeline, self._options, synced=synced)

    def run_until_signal(self, reports: Sequence[WorkspaceReport], *, grace: float) -> None:
        """Does so from the main thread, while dlt intercepts signals: one ends it soon."""
        if self._options.wants_alerts:
            run_until_signal([lambda: self.run(reports)], name="alerts", grace=grace)

    def _has_file(self) -> bool:
        """Whether there is a warehouse: a sync that never came so far makes no DuckDB file."""
        is_file = self._pipeline.destination.destination_type == DUCKDB
        return not is_file or duckdb_file(self._pipeline).exists()
