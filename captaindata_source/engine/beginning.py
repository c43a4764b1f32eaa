"""Makes the destination ready for the sync of a workspace, and plans what is to be fetched."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import dlt
from dlt.common.runtime import signals

from captaindata_source.api import Api
from captaindata_source.engine.leftovers import make_missing_tables, settle
from captaindata_source.engine.loading import LOAD_WAITS
from captaindata_source.engine.uncommitted import remove_uncommitted
from captaindata_source.extract.opening import remember_and_plan
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.http import Throttle
from captaindata_source.issues import IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import is_held, require_writable
from captaindata_source.warehouse.loadable import require_format
from captaindata_source.warehouse.locks import holding
from captaindata_source.warehouse.remedies import message_of
from captaindata_source.warehouse.turns import Turn

__all__ = ["ShortTurn", "begin_sync"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortTurn:
    """What one of many short loads keeps from those before.

    Args:
        folder: Where dlt works.
        is_prepared: Whether the pipeline loaded a moment ago: its tables are there.
        throttle: Of earlier calls to the workspace.
    """

    folder: Path | None = None
    is_prepared: bool = False
    throttle: Throttle | None = None


def begin_sync(
    pipeline: dlt.Pipeline,
    turn: Turn,
    *,
    settings: Settings,
    api: Api,
    issues: IssueLog,
    wanted: Collection[str],
    is_prepared: bool = False,
    table_format: str | None = None,
) -> SyncPlan:
    """Loads or drops what an earlier sync left behind, mends tables, and makes a plan.

    Waits and tries again where another session holds a table.

    Args:
        pipeline: Of the workspace.
        turn: The right to sync it.
        settings: The workspace.
        api: Its API.
        issues: What goes wrong without ending the sync.
        wanted: Tables to load.
        is_prepared: Whether the pipeline loaded a moment ago: its tables are there.
        table_format: That of the dataset's tables.

    Raises:
        Exception: The destination can't be used now.
    """

    def begin() -> SyncPlan:
        uid = settings.project_uid
        with holding(pipeline, turn=turn) as client:
            if client is not None:
                require_writable(client, pipeline.destination.destination_type)
            if is_prepared:
                return remember_and_plan(settings, api, pipeline, issues=issues, wanted=wanted)
            settle(pipeline, client, workspace=settings.name, workspace_uid=uid)
            pipeline.sync_destination()
            require_format(pipeline, table_format)
            make_missing_tables(pipeline)
            if client is not None:
                remove_uncommitted(client, workspace_uid=uid, days=api.rereads_days)
            return remember_and_plan(settings, api, pipeline, issues=issues, wanted=wanted)

    for seconds in LOAD_WAITS:
        try:
            return begin()
        except Exception as error:
            if signals.was_signal_received() or not is_held(error):
                raise
            logger.warning(
                "Workspace %s: %s. Trying again in %.0f s",
                settings.name,
                message_of(error),
                seconds,
            )
            wait_seconds(seconds)
    return begin()
