"""Asset checks: what the warehouse itself says of syncs, rows and ages.

A check looks at all workspaces of the dataset, so that its last answer is the state of the asset
whichever workspace was loaded last.
"""

# without `annotations` of __future__: Dagster reads the annotations of functions
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import dagster as dg

from captaindata_source.dagster.assets import partitions_of
from captaindata_source.dagster.findings import (
    BROKEN,
    RECONCILIATION,
    STALE,
    Finding,
    Warehouse,
    broken_rows,
    differences,
    stale_workspaces,
    troubled_syncs,
)
from captaindata_source.dagster.resource import CaptainDataResource
from captaindata_source.dagster.specs import Catalogue
from captaindata_source.errors import CaptainDataError
from captaindata_source.tables import JOB_RESULTS, SYNC_ISSUES, SYNC_RUNS

__all__ = ["FRESH", "captaindata_checks"]

SYNCS, RESULTS, COUNTS, FRESH = (
    "nothing_is_set_aside",
    "results_are_as_loaded",
    "results_reconciliation",
    "is_fresh",
)
WARN_AFTER, FAIL_AFTER = timedelta(hours=26), timedelta(hours=50)
SHOWN = 50
"""Rows of findings that a check shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """From which age of its last sync on a workspace is overdue.

    Args:
        workspaces: Names; None: all that the warehouse has.
        warn_after: Age for a warning.
        fail_after: Age for an error.
    """

    workspaces: Sequence[str] | None
    warn_after: timedelta
    fail_after: timedelta


def captaindata_checks(
    *,
    workspaces: Sequence[str] | None = None,
    catalogue: Catalogue | None = None,
    warn_after: timedelta = WARN_AFTER,
    fail_after: timedelta = FAIL_AFTER,
    name: str = "check_captaindata",
) -> dg.AssetChecksDefinition:
    """Checks of the assets of a catalogue, in one step; any of them can be chosen.

    Args:
        workspaces: Names of those that must be fresh; None: those of the dynamic partitions.
        catalogue: As given to `captaindata_assets`.
        warn_after: Age of a workspace's last sync from which on freshness warns.
        fail_after: Age from which on it is an error.
        name: Of the step.
    """
    found = catalogue or Catalogue()
    specs = _specs(found)

    @dg.multi_asset_check(name=name, specs=specs, can_subset=True)
    def check(
        context: dg.AssetCheckExecutionContext, captaindata: CaptainDataResource
    ) -> Iterator[dg.AssetCheckResult]:
        keys = context.selected_asset_check_keys
        names = partitions_of(workspaces).get_partition_keys(
            dynamic_partitions_store=context.instance
        )
        ages = Ages(workspaces=names or None, warn_after=warn_after, fail_after=fail_after)
        try:
            with captaindata.warehouse() as warehouse:
                for spec in specs:
                    if spec.key in keys:
                        look, needed = _looks(ages)[spec.name]
                        missing = [_missing(each) for each in warehouse.missing(needed)]
                        yield _result(spec, missing or list(look(warehouse)))
        except CaptainDataError as error:
            raise dg.Failure(str(error)) from None

    return check


def _specs(found: Catalogue) -> list[dg.AssetCheckSpec]:
    of_tables = [
        dg.AssetCheckSpec(
            SYNCS,
            asset=found.table(SYNC_ISSUES.name),
            description="The last sync of each workspace loaded all that it began. A warning where "
            "jobs were set aside or the quota was used up, an error where it failed.",
        ),
        dg.AssetCheckSpec(
            RESULTS,
            asset=found.table(JOB_RESULTS.name),
            blocking=True,
            description="Each job has as many results in job_results as were loaded, none of them "
            "twice. An error where rows were removed, altered or doubled since.",
        ),
    ]
    if not found.views:
        return of_tables
    return [
        *of_tables,
        dg.AssetCheckSpec(
            COUNTS,
            asset=found.view(RECONCILIATION),
            description="Each job has as many results as the API counts. A warning: the API's "
            "count can be wrong, and results can come late.",
        ),
        dg.AssetCheckSpec(
            FRESH,
            asset=found.view(STALE),
            description="Each workspace had a sync that did not fail lately.",
        ),
    ]


def _looks(ages: Ages) -> Mapping[str, tuple[Callable[[Warehouse], Iterator[Finding]], list[str]]]:
    """Check to what it looks for, and to the relations that this reads."""
    stale = partial(
        stale_workspaces,
        workspaces=ages.workspaces,
        warn_after=ages.warn_after,
        fail_after=ages.fail_after,
    )
    return {
        SYNCS: (troubled_syncs, [SYNC_RUNS.name]),
        RESULTS: (broken_rows, [*BROKEN]),
        COUNTS: (differences, [RECONCILIATION]),
        FRESH: (stale, [STALE]),
    }


def _missing(relation: str) -> Finding:
    return Finding(is_error=False, fields={"missing": relation, "do": "load a workspace first"})


def _result(spec: dg.AssetCheckSpec, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    is_error = any(each.is_error for each in findings)
    severity = dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN
    metadata: dict[str, Any] = {"findings": len(findings)}
    if findings:
        rows = [dg.TableRecord(dict(each.fields)) for each in findings[:SHOWN]]
        columns = [dg.TableColumn(name) for name in findings[0].fields]
        metadata["first_findings"] = dg.MetadataValue.table(
            rows, schema=dg.TableSchema(columns=columns)
        )
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not findings,
        severity=severity,
        metadata=metadata,
    )
