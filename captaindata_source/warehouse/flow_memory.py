"""What the destination holds of flows: how far their list is read, and the runs that they made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from captaindata_source.api import Coverage, is_flow
from captaindata_source.api.flow_keys import PREFIX
from captaindata_source.tables import JOBS, SUCCESSFUL_JOBS
from captaindata_source.warehouse.loaded_rows import LoadedRows

__all__ = ["FlowLinks", "FlowMemory", "remember_links"]


class FlowLinks:
    """Flow runs, as a run may name the one that it belongs to.

    Whether `flow_run_id` of a run is the `uid` or the `id` of its flow run is not documented: both
    lead to it.
    """

    def __init__(self) -> None:
        self._by_uid: set[str] = set()
        self._by_id: dict[str, str] = {}

    def add(self, key: str, number: object) -> None:
        """Adds a flow run.

        Args:
            key: Its stored uid.
            number: Its `id`; None: it has none.
        """
        self._by_uid.add(key)
        if number not in (None, ""):
            self._by_id[str(number)] = key

    def find(self, flow_run_id: object) -> str | None:
        """The stored uid of a flow run; None where it is not loaded."""
        if flow_run_id in (None, ""):
            return None
        key = f"{PREFIX}{flow_run_id}"
        return key if key in self._by_uid else self._by_id.get(str(flow_run_id))

    def __bool__(self) -> bool:
        return bool(self._by_uid)


@dataclass(slots=True, kw_only=True)
class FlowMemory:
    """What is known of flows.

    Args:
        covered: Spans of time within which every flow run that was created is in `jobs`.
        checkpoint: Under which uid that was found; None where it was not.
        links: The flow runs that are loaded.
        loose: Jobs that name a flow run and are not linked to it: uid to `flow_run_id`.
    """

    covered: Coverage = field(default_factory=Coverage)
    checkpoint: str | None = None
    links: FlowLinks = field(default_factory=FlowLinks)
    loose: dict[str, str] = field(default_factory=dict)


def remember_links(rows: LoadedRows, memory: FlowMemory, fresh: Collection[str]) -> None:
    """Reads which flow runs are loaded, and which jobs are to be linked to one.

    Args:
        rows: Of the workspace, connected.
        memory: Gets them.
        fresh: Tables that are taken for empty.
    """
    condition = "(t.main_job_uid is null or t.main_job_uid = '')"
    for table in (JOBS, SUCCESSFUL_JOBS):
        if table.name in fresh or not {"flow_run_id", "id"} <= set(rows.columns_of(table)):
            continue
        if table is JOBS:
            flows = f"left(t.uid, {len(PREFIX)}) = '{PREFIX}'"
            for uid, number in rows.query(JOBS, ["t.uid", "t.id"], flows, ()):
                memory.links.add(uid, number)
        found = rows.query(
            table, ["t.uid", "t.flow_run_id"], f"t.flow_run_id is not null and {condition}", ()
        )
        memory.loose |= {uid: flow_run for uid, flow_run in found if not is_flow(uid)}
