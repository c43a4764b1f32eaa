"""How far the lists of jobs are read: what was learned of their order and pages, and which of them
are read as a whole now.

Each list is read whole at least every `deep_listing_hours`, a few of them in each sync. Between
those deep looks a list that is newest first is read until its pages have brought only jobs that are
known, unchanged and final for `lookback_days`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

from captaindata_source.api import FLOW_RUNS, RUNS, JobPage, is_flow
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.deep_looks import is_due
from captaindata_source.extract.plan.list_reading import Reading, list_time
from captaindata_source.extract.plan.totals import LISTED_FOR, is_recent
from captaindata_source.tables import JOBS, Row
from captaindata_source.warehouse.memory import KnownJob, KnownList

__all__ = ["LIST", "JobLists"]

LIST = "jobs of {}"
PAGES = "pages"
LONGEST = "longest page"
"""Uids of checkpoints."""
NOT_EQUAL = 0
"""`page_size` of lists whose pages differ in length: a short one tells nothing."""
RUNS_A_PAGE = 90
"""New ones of the 100, as pages overlap."""


class JobLists:
    """What is known of each list; its methods expect the context's lock to be held, but for those
    that precede or follow the reading.

    Args:
        context: The sync.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known = {} if self._is_blank else context.memory.lists
        self._lookback = timedelta(days=context.settings.lookback_days)
        self._page_size = self._known.get(PAGES, KnownList()).page_size
        self._longest = self._known.get(LONGEST, KnownList()).page_size or 0
        """Jobs on the longest page of any list: while no page was followed by another, what is
        known of how many fit on one."""
        self._readings: dict[str, Reading] = {}

    @property
    def _is_blank(self) -> bool:
        """Whether each list is read whole, whatever is known."""
        context = self._context
        if context.settings.full_refresh or JOBS.name not in context.wanted:
            return True
        return context.totals.is_ledger_lost

    @cached_property
    def is_run_list_deep(self) -> bool:
        """Whether v4's list of runs is read `lookback_days` deep."""
        return self._is_deep(RUNS)

    @cached_property
    def is_flow_list_deep(self) -> bool:
        """The same of the list of flow runs."""
        return self._is_deep(FLOW_RUNS)

    def _is_deep(self, name: str) -> bool:
        known = self._known.get(name)
        return known is None or is_due(known.read_at, self._context)

    def begin(self, workflow_uids: Sequence[str]) -> list[str]:
        """Decides which lists are read whole.

        Returns:
            The workflows, those first whose lists were not read for the longest time.
        """
        deep = set(self._deep(workflow_uids))
        now = self._context.now
        self._readings = {uid: Reading(now, is_deep=uid in deep) for uid in workflow_uids}
        never = datetime.min.replace(tzinfo=UTC)

        def last(uid: str) -> datetime:
            known = self._of(uid) or KnownList()
            return max(known.read_at or never, known.listed_at or never)

        return sorted(workflow_uids, key=last)

    def looked_at(self) -> list[str | None]:
        """The workflows whose lists were read whole again for their age; None: those of all."""
        if not self._context.api.lists_workflows:
            return [None] if self.is_run_list_deep and RUNS in self._known else []
        return [
            uid
            for uid, reading in self._readings.items()
            if reading.is_deep and self._of(uid) is not None
        ]

    def is_last(self, workflow_uid: str, size: int) -> bool:
        """Whether a page of so many jobs, which was taken, is known to be the last of its list."""
        with self._context.lock:
            reading = self._readings[workflow_uid]
            full = self._longest if self._page_size is None else self._page_size
            if reading.is_deep or size >= full:
                return False
            # the list would have to hold these too
            return reading.recent >= self._recent[workflow_uid]

    def see(self, workflow_uid: str, page: JobPage, settled: Sequence[bool]) -> None:
        """Sees a page of a list.

        Args:
            workflow_uid: Whose list it is.
            page: The page.
            settled: Of each job whether it is known, unchanged and final.
        """
        reading = self._readings[workflow_uid]
        if reading.is_begun and page.size:
            self._learn(reading.size)
        reading.is_begun, reading.size = True, page.size or 0
        self._longest = max(self._longest, reading.size)
        reading.pages += 1
        for job, is_settled in zip(page.jobs, settled, strict=True):
            known = self._context.memory.jobs.get(job["uid"])
            if known is not None and is_recent(known, self._context.now):
                reading.recent += 1
                reading.open += self._is_open(known)
            time = list_time(job)
            if time is not None:
                reading.is_sorted &= reading.last is None or time <= reading.last
                reading.last = time
                reading.fresh += time >= self._context.now - self._lookback
            if not is_settled:
                reading.quiet_since = min(reading.quiet_since, time or reading.quiet_since)
            reading.is_settled = is_settled

    def is_enough(self, workflow_uid: str) -> bool:
        """Whether the rest of a list can hold nothing new, as far as is known."""
        reading, known = self._readings[workflow_uid], self._of(workflow_uid)
        is_ordered = known is not None and known.is_newest_first and reading.is_sorted
        if reading.is_deep or not is_ordered or not reading.is_settled or reading.last is None:
            return False
        left = self._recent[workflow_uid] - reading.recent
        if left <= 0 and self._lookback <= LISTED_FOR:
            return True
        # what may have changed further down is read page by page where that is fewer calls
        is_near = self._open[workflow_uid] - reading.open > left / (self._page_size or 50)
        return not is_near and reading.quiet_since - reading.last >= self._lookback

    def end(self, workflow_uid: str) -> None:
        """Tells that a list was read to its end."""
        self._readings[workflow_uid].is_whole = True

    @property
    def unseen(self) -> set[str]:
        """Workflows whose lists were not read to their end: what they did not show is not gone."""
        return {uid for uid, reading in self._readings.items() if not reading.is_whole}

    def calls_to_come(self) -> tuple[int, int]:
        """About how many calls all lists of workflows take with nothing new, and as a whole."""
        routine = deep = 0
        for uid, reading in self._readings.items():
            pages = reading.pages if reading.is_whole else self._weight(uid)
            known = self._of(uid)
            is_sorted = self._is_newest_first(reading, known)
            near = 1 + reading.fresh // (self._page_size or reading.size or 50)
            is_end_seen = self._page_size or reading.size < self._longest
            unsorted = pages + (not is_end_seen)
            routine += max(1, min(pages, near) if is_sorted else unsorted)
            deep += pages + 1
        return routine, deep

    def run_list_pages(self, changed: Mapping[str, datetime | None]) -> int:
        """About how many calls a reading of v4's lists takes that is `lookback_days` deep.

        Args:
            changed: Jobs that are new or in another state, and when they changed.
        """
        since = self._context.now - self._lookback
        times = {uid: known.updated_at for uid, known in self._context.memory.jobs.items()}
        times |= changed
        recent = Counter(
            FLOW_RUNS if is_flow(uid) else RUNS
            for uid, time in times.items()
            if time is not None and time >= since
        )
        further = [recent[name] // RUNS_A_PAGE for name in self._context.run_lists]
        return sum(1 + pages + (pages > 0) for pages in further)

    def rows(self, *, is_cut: bool) -> Iterator[Row]:
        """What was learned, as checkpoints.

        Args:
            is_cut: Whether some lists could not be read.
        """
        now = self._context.now
        for uid, size in ((PAGES, self._page_size), (LONGEST, self._longest or None)):
            is_needed = uid == PAGES or self._page_size is None
            if is_needed and size not in (None, self._known.get(uid, KnownList()).page_size):
                yield {"uid": uid, "page_size": size}
        for uid, reading in self._readings.items():
            known = self._of(uid)
            if not (reading.is_begun or reading.is_whole):
                continue
            is_deep = reading.is_deep and reading.is_whole
            is_sorted = self._is_newest_first(reading, known)
            if is_deep or is_cut or (known is not None and known.is_newest_first != is_sorted):
                yield {
                    "uid": LIST.format(uid),
                    "is_newest_first": is_sorted,
                    "read_at": now if is_deep else known and known.read_at,
                    "listed_at": now if is_cut else None,
                }

    def _is_newest_first(self, reading: Reading, known: KnownList | None) -> bool:
        """Whether a list was never seen in another order."""
        return reading.is_sorted and (known is None or known.is_newest_first is not False)

    def _learn(self, size: int) -> None:
        """Learns that a page of so many jobs was followed by another."""
        if self._page_size != NOT_EQUAL:
            is_short = size < (self._longest if self._page_size is None else self._page_size)
            self._page_size = NOT_EQUAL if is_short else size

    def _deep(self, workflow_uids: Sequence[str]) -> Iterator[str]:
        ages: list[tuple[timedelta, str]] = []
        for uid in workflow_uids:
            known = self._of(uid)
            if known is None or is_due(known.read_at, self._context):
                yield uid
            elif known.read_at is not None:
                ages.append((self._context.now - known.read_at, uid))
        # a list of each age there should be, so that as many are due in each sync
        most = timedelta(hours=self._context.settings.deep_listing_hours)
        ages.sort()
        total = sum(self._weight(uid) for _, uid in ages)
        younger, due = 0, 0.0
        for age, uid in ages:
            younger += self._weight(uid)
            due = max(due, age / most * total - younger)
        for _, uid in reversed(ages):
            if due <= 0:
                return
            due -= self._weight(uid)
            yield uid

    def _weight(self, workflow_uid: str) -> int:
        """About how many pages a list has."""
        return 1 + self._recent[workflow_uid] // (self._page_size or 50)

    def _of(self, workflow_uid: str) -> KnownList | None:
        return self._known.get(LIST.format(workflow_uid))

    @cached_property
    def _open(self) -> Counter[str | None]:
        """By workflow: those of them that may change by themselves."""
        return Counter(
            known.workflow_uid
            for known in self._context.memory.jobs.values()
            if is_recent(known, self._context.now) and self._is_open(known)
        )

    def _is_open(self, known: KnownJob) -> bool:
        return known.status not in self._context.api.final_statuses

    @property
    def _recent(self) -> Counter[str | None]:
        """By workflow: known jobs that its list should hold still."""
        return self._context.totals.recent
