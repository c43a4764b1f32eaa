"""What `pipeline.run(captaindata())` does, in one load package."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dlt
from dlt.extract import DltResource
from dlt.extract.items_transform import LimitItem

from captaindata_source.dlt_internals.extraction import is_mapped_or_filtered, limit_of
from captaindata_source.errors import ConfigError
from captaindata_source.extract.extraction import ROWS_PER_BATCH, Extraction, Log
from captaindata_source.extract.identify import identified
from captaindata_source.extract.limits import Limits
from captaindata_source.extract.opening import (
    connect,
    plan_without_memory,
    redactor_of,
    remember_and_plan,
)
from captaindata_source.extract.package_work import NewPackage, PackageWork
from captaindata_source.extract.queue import Package
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.results.redaction import UNSALTED
from captaindata_source.issues import IssueLog
from captaindata_source.settings.config import refuse_twins
from captaindata_source.settings.kinds import is_positive, is_whole_from
from captaindata_source.settings.learned import LearnedSettings
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import JOB_RESULTS, JOBS, SELECTABLE
from captaindata_source.warehouse.loadable import (
    loads_files,
    prepare,
    require_format,
    require_loadable,
    tell_what_is_missing,
)

__all__ = ["PlainRun"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Selected:
    """What the current run loads.

    Args:
        resources: The resources that are selected, by table.
        fresh: Tables that start empty.
        limits: By table: how many items its resource may yield.
    """

    resources: Mapping[str, DltResource]
    fresh: frozenset[str]
    limits: Mapping[str, LimitItem]


class PlainRun:
    """What `pipeline.run(captaindata())` does in one load package.

    Args:
        workspaces: Options of each workspace.
        strict: Whether the first failure ends the run.
        max_minutes: Minutes after which no more is fetched; None: no limit.
        max_results: Results of a workspace after which no more jobs are; None: no limit.
        table_format: Of the tables; None: files of rows, or what the destination has.

    Raises:
        ConfigError: An option can't work.
    """

    def __init__(
        self,
        workspaces: Sequence[Settings],
        *,
        strict: bool,
        max_minutes: float | None,
        max_results: int | None,
        table_format: str | None = None,
    ) -> None:
        if not isinstance(strict, bool):
            raise ConfigError("strict must be true or false")
        if not (max_minutes is None or is_positive(max_minutes)):
            raise ConfigError("max_minutes must be a number above 0, such as 30")
        if not (max_results is None or is_whole_from(max_results, 1)):
            raise ConfigError("max_results must be a whole number from 1, such as 100000")
        self._workspaces = workspaces
        self._strict = strict
        self._max_minutes = max_minutes
        self._max_results = max_results
        self._table_format = table_format

    def begin(self, package: NewPackage) -> PackageWork:
        """Connects, and plans what there is to do."""
        selected = _selected(package)
        if package.is_loaded:
            self._require_loadable(dlt.current.pipeline())
        workspaces = [identified(settings) for settings in self._workspaces]
        refuse_twins(workspaces)
        if any(settings.hash_fields and not settings.hash_salt for settings in self._workspaces):
            logger.warning(UNSALTED)
        limits = Limits(max_minutes=self._max_minutes)
        extractions = [
            self._extraction(settings, package, selected, limits) for settings in workspaces
        ]
        return PackageWork(
            extractions,
            tables=selected.resources.keys(),
            limited=selected.limits.keys(),
            folder=package.folder,
        )

    def _require_loadable(self, pipeline: dlt.Pipeline) -> None:
        require_loadable(
            pipeline.destination_client().capabilities,
            kind=pipeline.destination.destination_type,
            name=pipeline.destination.destination_name,
            staging=pipeline.staging.destination_name if pipeline.staging else None,
            table_format=self._table_format,
        )
        require_format(pipeline, self._table_format)
        prepare(pipeline)
        tell_what_is_missing(pipeline, table_format=self._table_format)

    def _extraction(
        self, settings: Settings, package: NewPackage, selected: _Selected, limits: Limits
    ) -> Extraction:
        tables = self._tables_of(settings, selected)
        issues = settings.issues if isinstance(settings, LearnedSettings) else IssueLog()
        report = WorkspaceReport(
            name=settings.name,
            workspace_uid=settings.project_uid,
            is_full_refresh=settings.full_refresh,
            api_version=settings.stored_version,
            load_packages=1,
        )
        api = connect(settings, issues=issues)
        if package.is_loaded:
            plan = remember_and_plan(
                settings,
                api,
                dlt.current.pipeline(),
                issues=issues,
                wanted=tables,
                fresh=selected.fresh,
                is_strict=self._strict,
            )
        else:
            plan = plan_without_memory(
                settings, api, issues=issues, wanted=tables, is_strict=self._strict
            )
        plan.jobs.most_rows = _most(selected.limits.get(JOBS.name), ROWS_PER_BATCH)
        redact = redactor_of(settings)

        def log() -> Log:
            done = report.after(plan, calls=api.calls, tables=tables, redact=redact)
            done.finished_at = datetime.now(UTC)
            return Log(runs=[done.as_row()], issues=report.issue_rows(issues.take()))

        return Extraction(
            plan=plan,
            api=api,
            settings=settings,
            package=Package(
                plan.queue,
                max_rows=self._max_results or math.inf,
                max_jobs=_most(selected.limits.get(JOB_RESULTS.name), 1),
                limits=limits,
                parallel=lambda: api.parallel,
            ),
            tables=tables,
            folder=package.folder,
            load_id=package.load_id,
            log=log,
            is_loaded=package.is_loaded,
            marks_empty=package.is_loaded and JOB_RESULTS.name not in selected.fresh,
            redact=redact,
            loads_files=not package.is_loaded or loads_files(dlt.current.pipeline()),
        )

    def _tables_of(self, settings: Settings, selected: _Selected) -> frozenset[str]:
        """The tables to load of a workspace: an extra table that only others name is not."""
        others = {name for each in self._workspaces for name in each.extra_tables}
        return frozenset(selected.resources) - (others - set(settings.extra_tables))


def _most(limit: LimitItem | None, batch: int) -> float:
    """How many rows or jobs a limit allows."""
    if limit is None or limit.max_items < 0:
        return math.inf
    if limit.count_rows and batch > 1:  # dlt takes the batch with the last of them as a whole
        return math.ceil(limit.max_items / batch) * batch
    return limit.max_items * batch


def _selected(package: NewPackage) -> _Selected:
    """What the current run loads.

    Raises:
        ConfigError: A resource was changed in a way that would lose rows in silence.
    """
    resources = dlt.current.source().selected_resources
    names = {table.name for table in SELECTABLE}
    selected = {name: each for name, each in resources.items() if name in names}
    limits: dict[str, LimitItem] = {}
    for name, resource in selected.items():
        if resource.table_name != name:
            raise ConfigError(
                f"The table of {name} can't be renamed: what is loaded is looked up there. "
                "Rename it in a view"
            )
        if (limit := limit_of(resource)) is not None:
            limits[name] = limit
        if name == JOB_RESULTS.name and is_mapped_or_filtered(resource):
            raise ConfigError(
                "job_results can't be mapped or filtered: results travel as files that are not "
                "parsed. Do it in SQL, over the column data"
            )
    timed = sorted(name for name, limit in limits.items() if limit.max_time)
    if timed:
        raise ConfigError(f"add_limit of {timed[0]} can't take max_time: set max_minutes instead")
    emptied: set[str] = set()
    if package.is_loaded:
        state = dlt.current.load_package_state()["state"]
        found = (*state.get("dropped_tables", ()), *state.get("truncated_tables", ()))
        emptied = {table["name"] for table in found}
    replaced = {name for name, each in selected.items() if each.write_disposition == "replace"}
    return _Selected(selected, frozenset(emptied | replaced), limits)
