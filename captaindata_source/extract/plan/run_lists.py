"""How far the lists of v4 are read: that of runs, and that of flow runs where flows are loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from captaindata_source.api import FLOW_RUNS, RUNS, Coverage, JobListing, JobPage, is_flow
from captaindata_source.extract.plan.checkpoints import Checkpoints
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.lists import JobLists
from captaindata_source.tables import Row
from captaindata_source.times import aware
from captaindata_source.warehouse.memory import KnownJob, Memory

__all__ = ["RunLists", "forget_flows"]

MOMENT = timedelta(microseconds=1)
NEVER = datetime.min.replace(tzinfo=UTC)


class RunLists:
    """How far each list is read.

    Args:
        context: The sync.
        lists: Tells which of them are read deep.
    """

    def __init__(self, context: Context, lists: JobLists) -> None:
        self._context = context
        self._lists = {RUNS: Checkpoints(context, is_deep=lists.is_run_list_deep)}
        if context.settings.has_flows:
            is_deep = lists.is_flow_list_deep
            until = _read_until(context, is_deep=is_deep)
            flows = Checkpoints(context, of=FLOW_RUNS, is_deep=is_deep, until=until)
            self._lists[FLOW_RUNS] = flows

    def __len__(self) -> int:
        return len(self._lists)

    @property
    def known_runs(self) -> Coverage:
        """What of the list of runs need not be read."""
        return self._lists[RUNS].known

    def flow_listing(self) -> JobListing | None:
        """The list of flow runs; None where flows are not loaded."""
        flows = self._lists.get(FLOW_RUNS)
        return self._context.api.flow_listing(flows.known) if flows else None

    def see(self, of: str, page: JobPage) -> None:
        """Takes a page of a list, once its jobs are compared."""
        if page.is_unsorted:
            self._lists[of].forget()
        elif page.span is not None:
            self._lists[of].add(page.span)

    def knew(self, listing: JobListing, page: JobPage) -> bool:
        """Whether a page ends within what earlier loads brought: reading it was no progress."""
        return self._lists[listing.of].knew(page.span)

    def shows(self, flow_run: KnownJob) -> bool:
        """Whether the list, read to its end, would have had a flow run that is there."""
        created, flows = aware(flow_run.created_at), self._lists.get(FLOW_RUNS)
        return flows is not None and (created is None or not flows.known.knows(created))

    def rows(self, *, left: Collection[str]) -> Iterator[Row]:
        """The rows of checkpoints that are to be loaded.

        Args:
            left: Lists that were left before their end.
        """
        for of, each in self._lists.items():
            if (row := each.row(is_left=of in left)) is not None:
                yield row


def _read_until(context: Context, *, is_deep: bool) -> datetime | None:
    """The time down to which the list of flow runs is read, as it alone tells how a known one goes
    on: before the oldest that may change. None: any time will do.

    Flow runs that rest, or are older than `lookback_days`, are looked at with a deep look.

    Args:
        context: The sync.
        is_deep: Whether this is one.
    """
    api = context.api
    since = context.now - timedelta(days=context.settings.lookback_days)
    oldest: datetime | None = None
    for uid, known in context.memory.jobs.items():
        if not is_flow(uid) or known.is_deleted or known.is_archived:
            continue
        is_broken = known.row_hash is None
        if not is_broken and known.status in api.final_statuses:
            continue
        created = aware(known.created_at) or NEVER
        is_late = created < since or known.status in api.resting_statuses
        if is_broken or is_deep or not is_late:
            oldest = min(oldest or created, created)
    return oldest if oldest in (None, NEVER) else oldest - MOMENT


def forget_flows(memory: Memory) -> None:
    """Takes flow runs out of what is remembered, where flows are not loaded any more: nothing is
    asked of them, and what is loaded stays."""
    for uid in [uid for uid in memory.jobs if is_flow(uid)]:
        del memory.jobs[uid]
