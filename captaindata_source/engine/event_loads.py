"""Loads what events told of, in short turns beside the syncs of a schedule."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import dlt

from captaindata_source.dlt_internals.load_step import load_packages_as_a_whole
from captaindata_source.engine.beginning import ShortTurn
from captaindata_source.engine.loading import set_dlt_defaults
from captaindata_source.engine.workspace_sync import WorkspaceSync
from captaindata_source.extract.identify import known_or_identified
from captaindata_source.extract.limits import Limits
from captaindata_source.extract.opening import throttle_of
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.http import Throttle
from captaindata_source.settings.named_jobs import NamedJobs, Told
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.refresh import follow_load
from captaindata_source.warehouse.folders import working_folder
from captaindata_source.warehouse.pipeline import Target, name_schema
from captaindata_source.warehouse.preflight import require_dlt_options, require_right_warehouse
from captaindata_source.warehouse.publish import check_publish

__all__ = ["EventLoads"]

PREPARED_SECONDS = 300.0
"""How long nobody looks whether tables are missing, or loads were left behind."""
FOLDER = "events"
"""Of the working folders, beside those of the command's syncs."""


class EventLoads:
    """Loads jobs that events told of; safe to share between threads, one for each workspace.

    Args:
        workspaces: Options of each workspace.
        options: How to load.

    Raises:
        ConfigError: As `captaindata_source.sync`.
    """

    def __init__(self, workspaces: Sequence[Settings], options: SyncOptions) -> None:
        self._options = options
        self._target = Target(options)
        name_schema(self._target.reader)
        self._copy_to = check_publish(self._target.reader, options)
        require_dlt_options()
        require_right_warehouse(self._target.reader, workspaces)
        load_packages_as_a_whole()
        self._settings = {settings.name: settings for settings in workspaces}
        self._lock = threading.Lock()
        self._throttles: dict[str, Throttle] = {}
        """One for all turns of a workspace."""
        self._prepared: dict[str, tuple[dlt.Pipeline, float]] = {}
        """Pipelines that loaded without an error, and when their tables were last looked at."""

    def load(self, workspace: str, told: Told) -> WorkspaceReport:
        """Reads the jobs of events, and loads what is new or changed.

        Args:
            workspace: Its configured name.
            told: The events; says what became of them where the report has no error.

        Raises:
            Exception: Only where the uid of the workspace can't be found out.
        """
        named = NamedJobs(
            jobs=tuple(dict.fromkeys(each.job_uid for each in told.events if each.job_uid)),
            told=told,
        )
        settings = replace(self._identified(workspace), named_jobs=named)
        folder = working_folder() / FOLDER
        with self._lock:
            pipeline, prepared_at = self._prepared.pop(workspace, (None, -math.inf))
            if pipeline is None:
                pipeline = self._target.pipeline(settings, folder=folder)
                set_dlt_defaults(pipeline)
            throttle = self._throttles.setdefault(workspace, throttle_of(settings))
        now = time.monotonic()
        is_prepared = now - prepared_at < PREPARED_SECONDS
        short = ShortTurn(folder=folder, is_prepared=is_prepared, throttle=throttle)
        report = WorkspaceSync(settings, self._target, pipeline, Limits(), short=short).run()
        if report.error is None:
            self._prepared[workspace] = pipeline, prepared_at if is_prepared else now
        return report

    def follow(self) -> Aftermath:
        """Brings the views up to date, and the copy for readers."""
        self._target.reader.activate()
        return follow_load(self._target.reader, self._options, copy_to=self._copy_to)

    def _identified(self, workspace: str) -> Settings:
        settings = self._settings[workspace]
        if not settings.project_uid:
            found = known_or_identified(settings, self._target.reader)
            settings = replace(settings, project_uid=found.project_uid)
            self._settings[workspace] = settings
        return settings
