"""Everything together: assets, checks, jobs, schedules and, for dynamic partitions, a sensor."""

# without `annotations` of __future__: Dagster reads the annotations of functions
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from captaindata_source.dagster.assets import (
    PARTITIONS,
    POOL,
    RESOURCE,
    RETRIES,
    captaindata_assets,
    partitions_of,
)
from captaindata_source.dagster.checks import FAIL_AFTER, FRESH, WARN_AFTER, captaindata_checks
from captaindata_source.dagster.resource import CaptainDataResource
from captaindata_source.dagster.specs import Catalogue
from captaindata_source.errors import CaptainDataError

__all__ = ["captaindata_definitions"]

SYNC_JOB = "captaindata"
CHECK_JOB, FRESHNESS_JOB = f"{SYNC_JOB}_checks", f"{SYNC_JOB}_freshness"
WORKSPACE_TAG, PARTITION_TAG = "captaindata/workspace", "dagster/partition"
UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def captaindata_definitions(
    *,
    workspaces: Sequence[str] | None = None,
    resource: CaptainDataResource | None = None,
    extra_tables: Sequence[str] = (),
    views: bool = True,
    result_views: Sequence[str] = (),
    key_prefix: Sequence[str] = (),
    schedule: str | None = None,
    freshness_schedule: str | None = None,
    timezone: str = "UTC",
    warn_after: timedelta = WARN_AFTER,
    fail_after: timedelta = FAIL_AFTER,
    partly_fails: bool = False,
    max_minutes: float | None = None,
    retry_policy: dg.RetryPolicy | None = RETRIES,
    pool: str | None = POOL,
) -> dg.Definitions:
    """Definitions of Captain Data, without a key and without a database.

    Args:
        workspaces: Names of the workspaces, each a partition; None: dynamic partitions, which a
            sensor keeps equal to the workspaces that are configured.
        resource: Where syncs load; None: into the DuckDB file, with the options of dlt.
        extra_tables: Tables to load beside the five.
        views: Whether the views are assets.
        result_views: Names of views of results that are, such as `results_linkedin_profiles`.
        key_prefix: Comes before the key of each asset.
        schedule: Cron line of syncs; a workspace whose run is not over is left out.
        freshness_schedule: Cron line of the check of freshness by itself.
        timezone: Time zone of both.
        warn_after: Age of a workspace's last sync from which on freshness warns.
        fail_after: Age from which on it is an error.
        partly_fails: Whether a run fails if jobs were set aside.
        max_minutes: Minutes after which a sync ends; the next one goes on.
        retry_policy: When a step that failed is tried again.
        pool: Concurrency pool of the step. A DuckDB file needs one with a limit of 1.
    """
    catalogue = Catalogue(
        extra_tables=extra_tables,
        has_views=views,
        result_views=result_views,
        key_prefix=key_prefix,
    )
    assets = captaindata_assets(
        workspaces=workspaces,
        catalogue=catalogue,
        partly_fails=partly_fails,
        retry_policy=retry_policy,
        pool=pool,
        max_minutes=max_minutes,
    )
    checks = captaindata_checks(
        workspaces=workspaces, catalogue=catalogue, warn_after=warn_after, fail_after=fail_after
    )
    chosen = dg.AssetSelection.assets(assets) | dg.AssetSelection.checks(checks)
    job = dg.define_asset_job(SYNC_JOB, selection=chosen, partitions_def=partitions_of(workspaces))
    check_job = dg.define_asset_job(CHECK_JOB, selection=dg.AssetSelection.checks(checks))
    jobs: list[Any] = [job, check_job]
    schedules = [_sync_schedule(schedule, timezone, workspaces)] if schedule else []
    fresh = [key for key in checks.check_keys if key.name == FRESH]
    if fresh:
        selection = dg.AssetSelection.checks(*fresh)
        freshness = dg.define_asset_job(FRESHNESS_JOB, selection=selection)
        jobs.append(freshness)
        if freshness_schedule:
            schedules.append(
                dg.ScheduleDefinition(
                    job=freshness,
                    cron_schedule=freshness_schedule,
                    execution_timezone=timezone,
                    default_status=dg.DefaultScheduleStatus.RUNNING,
                )
            )
    return dg.Definitions(
        assets=[assets],
        asset_checks=[checks],
        jobs=jobs,
        schedules=schedules,
        sensors=[_workspace_sensor()] if workspaces is None else [],
        resources={RESOURCE: resource or CaptainDataResource()},
    )


def _sync_schedule(
    cron: str, timezone: str, workspaces: Sequence[str] | None
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{SYNC_JOB}_schedule",
        job_name=SYNC_JOB,
        cron_schedule=cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def each_workspace(
        context: dg.ScheduleEvaluationContext,
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        store = context.instance
        names = partitions_of(workspaces).get_partition_keys(dynamic_partitions_store=store)
        is_any = False
        for name in names:
            busy = dg.RunsFilter(tags={PARTITION_TAG: name}, statuses=list(UNFINISHED))
            if not store.get_run_records(busy, limit=1):
                is_any = True
                yield dg.RunRequest(
                    run_key=f"{context.scheduled_execution_time.isoformat()} {name}",
                    partition_key=name,
                    tags={WORKSPACE_TAG: name},
                )
        if not is_any:
            yield dg.SkipReason("No workspace is there, or the run of each is not over")

    return each_workspace


def _workspace_sensor() -> dg.SensorDefinition:
    """Keeps the dynamic partitions equal to the workspaces that are configured."""

    @dg.sensor(
        name=PARTITIONS,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def follow(
        context: dg.SensorEvaluationContext, captaindata: CaptainDataResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            names = captaindata.workspace_names()
        except CaptainDataError as error:
            return dg.SkipReason(str(error))
        partitions = dg.DynamicPartitionsDefinition(name=PARTITIONS)
        known = partitions.get_partition_keys(dynamic_partitions_store=context.instance)
        added = [name for name in names if name not in known]
        gone = [name for name in known if name not in names]
        requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
        if added:
            requests.append(partitions.build_add_request(added))
        if gone:
            requests.append(partitions.build_delete_request(gone))
        return dg.SensorResult(dynamic_partitions_requests=requests)

    return follow
