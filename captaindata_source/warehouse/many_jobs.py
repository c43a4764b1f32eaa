"""What the destination holds of a workspace with very many jobs, without reading each of them.

The database finds the jobs that a sync has something to do for, and counts the others. What a page
of a list shows is looked up when it comes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta

from captaindata_source.tables import JOBS, LEDGER, SUCCESSFUL_JOBS, Table
from captaindata_source.times import parse_time, since_epoch
from captaindata_source.warehouse.answers import MAX_EQUAL, MIN_PROOF
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.memory import INCREMENTAL, Facts, JobTotals, KnownJob, Memory
from captaindata_source.warehouse.open_changes import as_committed
from captaindata_source.warehouse.remember import (
    ANSWER_COLUMNS,
    answer_of,
    has_results,
    unread_times,
)
from captaindata_source.warehouse.workspace_queries import IS_COMMITTED, is_committed

__all__ = ["remember_many"]

MANY = 50_000
"""Jobs up to which all are read: that is faster, and little memory."""
NEWEST = 2_000
"""Jobs that are remembered since the first pages of the lists have them."""
MOST_LEFT = 20_000
"""Jobs that lack something beyond which all are read."""
SAMPLE = 100
IS_WHOLE = f"lower(trim(coalesce(t.sync_mode, ''))) <> '{INCREMENTAL}'"
COUNTS = f"({IS_WHOLE} and (t.row_count >= 0 or t.total_row_count >= 0))"
IS_DUE = "l.answered_at is null or l.next_check_at <= %s or l.answered_at > %s"
PROVES = f"l.equal_answers >= case when l.result_rows > 0 then {MIN_PROOF} else {MAX_EQUAL} end"
TIME = "coalesce(t.finish_time, t.scheduled_time)"
NEWEST_FIRST = f"order by {TIME} desc nulls last"
LEDGER_OF_JOB = (
    f"left join (select a.* from {{{LEDGER.name}}} as a where {is_committed('a')} {{part}}) as l "
    "on l.workspace_uid = t.workspace_uid and l.job_uid = t.uid"
)
SUCCESS_OF_JOB = (
    f"left join (select a.workspace_uid, a.uid, case when {is_committed('a')} then a.row_hash end "
    f"as row_hash from {{{SUCCESSFUL_JOBS.name}}} as a where 1 = 1 {{part}}) as s "
    "on s.workspace_uid = t.workspace_uid and s.uid = t.uid"
)
NO_STATUS = "'-'"
PARTS = 4
"""DuckDB reads a part of the jobs after the other, so that a join fits into little memory."""
PLAIN = re.compile(r"[\w \-]+", re.ASCII)


def remember_many(rows: LoadedRows, memory: Memory, facts: Facts, *, many: int = MANY) -> bool:
    """Remembers the jobs that a sync has something to do for, and totals of the others.

    Args:
        rows: Of the workspace, connected.
        memory: Gets `jobs` and all that is by job.
        facts: What tells them.
        many: More jobs than that are many.

    Returns:
        Whether there are many of which few lack something, and the database can do it; else nothing
        is remembered.
    """
    if not rows.can_join or rows.count(JOBS) <= many:
        return False
    tables = [JOBS, LEDGER, *([SUCCESSFUL_JOBS] if facts.has_successes else [])]
    if not all(set(_needed(table)) <= set(rows.columns_of(table)) for table in tables):
        return False
    if rows.query(LEDGER, ["1"], "t.result_rows > 0", (), "limit 1") and not has_results(rows):
        return False
    rows.spare_memory()
    found = _ManyJobs(rows, memory, facts)
    totals, left = found.count()
    if not totals.count or len(left) > MOST_LEFT:
        return False
    memory.totals, memory.finder = totals, found
    found.read(left)
    return True


def _texts(texts: Iterable[str]) -> str:
    """Texts as a list in SQL."""
    found = [f"'{text}'" for text in texts if PLAIN.fullmatch(text)]
    return f"({', '.join(found) or NO_STATUS})"


def _needed(table: Table) -> Sequence[str]:
    if table is JOBS:
        return ["uid", *KnownJob._fields]
    return [name for name in table.columns if name != "loaded_at"]


class _ManyJobs:
    """Finds jobs of one workspace; see `Finder`."""

    def __init__(self, rows: LoadedRows, memory: Memory, facts: Facts) -> None:
        self._rows = rows
        self._memory = memory
        self._facts = facts
        statuses = [s for (s,) in rows.query(JOBS, ["distinct t.status"], "1 = 1", ()) if s]
        self._final, self._success, self._wanted = (
            _texts(status for status in statuses if status in names)
            for names in (facts.final, facts.success, facts.wanted)
        )

    def _parts(self) -> Iterator[tuple[str, str, str]]:
        """Conditions of jobs, of the ledger and of successful jobs that belong together."""
        if not self._rows.is_embedded:
            yield "1 = 1", "", ""
            return
        for part in range(PARTS):
            names = ("t.uid", "a.job_uid", "a.uid")
            job, answer, success = (f"(hash({name}) & {PARTS - 1}) = {part}" for name in names)
            yield job, f" and {answer}", f" and {success}"

    def look_up(self, uids: Sequence[str]) -> None:
        """Remembers jobs that may be known."""
        memory = self._memory
        missing = [uid for uid in uids if uid not in memory.jobs and uid not in memory.strangers]
        if missing:
            with self._rows.again():
                self._read(missing)

    def read(self, left: Sequence[str]) -> None:
        """Remembers jobs, and the newest ones, which the lists begin with."""
        newest = self._rows.query(JOBS, ["t.uid"], "1 = 1", (), f"{NEWEST_FIRST} limit {NEWEST}")
        self._read(list(dict.fromkeys([*left, *(uid for (uid,) in newest)])))

    @property
    def _is_left(self) -> str:
        """Whether a job is open, or lacks something that is to be loaded."""
        reasons = [
            "t.row_hash is null",
            f"not {IS_COMMITTED}",
            f"coalesce(t.status, '') not in {self._final}",
        ]
        if self._facts.has_results:
            reasons.append(
                f"(t.results_version is not null and t.status in {self._wanted} and "
                f"(l.fingerprint is null or l.fingerprint <> t.results_version or "
                f"({self._differs} and ({IS_DUE}))))"
            )
        if self._facts.has_successes:
            reasons += [
                f"(t.status in {self._success} and coalesce(s.row_hash, '') <> t.row_hash)",
                f"(coalesce(t.status, '') not in {self._success} and s.uid is not null)",
            ]
        is_there = f"(t.is_deleted is not true or not {IS_COMMITTED})"
        return f"{is_there} and ({' or '.join(reasons)})"

    def _joins(self, of_answers: str, of_successes: str) -> str:
        joins = LEDGER_OF_JOB.replace("{part}", of_answers)
        if self._facts.has_successes:
            joins += " " + SUCCESS_OF_JOB.replace("{part}", of_successes)
        return joins

    def skipped(self, workflow_uids: Collection[str | None], *, turn: int | None) -> list[str]:
        """Jobs that were skipped because their counts are 0.

        Args:
            workflow_uids: Of these workflows; None in it: of all.
            turn: One in `SAMPLE` of them, another with each number; None: all.
        """
        condition = "l.is_skipped and l.fingerprint = t.results_version"
        names = [] if None in workflow_uids else [uid for uid in workflow_uids if uid]
        if None not in workflow_uids:
            condition += f" and t.workflow_uid in ({', '.join(['%s'] * len(names)) or 'null'})"
        with self._rows.again():
            found = self._rows.query(
                JOBS,
                ["t.uid"],
                condition,
                names,
                "order by t.uid",
                joins=LEDGER_OF_JOB.replace("{part}", ""),
            )
            uids = [uid for (uid,) in found]
            if turn is not None:
                uids = [uid for place, uid in enumerate(uids) if (place + turn) % SAMPLE == 0]
        self.look_up(uids)
        return uids

    def count(self) -> tuple[JobTotals, list[str]]:
        """Totals of all jobs, and the jobs that a sync has something to do for."""
        moments = [self._facts.now] * (2 * self._facts.has_results)
        found = [
            row
            for of_jobs, of_answers, of_successes in self._parts()
            for row in self._rows.query(
                JOBS,
                self._counted,
                of_jobs,
                (),
                "group by t.workflow_uid",
                joins=self._joins(of_answers, of_successes),
                first=(*moments, self._facts.recent_since),
            )
        ]
        left: list[str] = []
        totals = JobTotals()
        wanted = loaded = 0
        for uid, jobs, newest, first, last, lacking, *counts in found:
            recent, of_results, answers, fitting, differing, is_loaded, asked, refuted = (
                int(count or 0) for count in counts
            )
            totals.count += jobs
            left += lacking or ()
            if newest is not None:
                totals.newest = max(totals.newest, since_epoch(parse_time(newest)) or timedelta())
            if uid:
                known = (*totals.created.get(uid, ()), first, last)
                times = [parse_time(time) for time in known if time is not None]
                totals.created[uid] = (min(times), max(times)) if times else (None, None)
            totals.recent[uid] += recent
            totals.fitting[uid] += fitting
            totals.differing[uid] += differing
            totals.loaded[uid] += is_loaded
            totals.asked[uid] += asked
            totals.is_refuted = totals.is_refuted or refuted > 0
            wanted, loaded = wanted + of_results, loaded + answers
        totals.is_ledger_lost = self._facts.has_results and bool(wanted) and not loaded
        return totals, left

    @property
    def _counted(self) -> Sequence[str]:
        """What is selected by workflow: of some jobs, how many there are."""
        has_wanted = f"t.status in {self._wanted}"
        is_read = f"t.results_version = l.fingerprint and {has_wanted}"
        is_empty = " and ".join([IS_WHOLE, *(f"t.{n} = 0" for n in self._facts.count_fields)])
        fits = "l.result_rows in (t.row_count, t.total_row_count)"
        counted = (
            f"t.is_deleted is not true and {TIME} >= %s",
            f"t.results_version is not null and {has_wanted}",
            "l.job_uid is not null",
            f"{is_read} and {COUNTS} and {fits}",
            f"{is_read} and {self._differs} and {PROVES}",
            is_read,
            f"{is_empty} and l.result_rows = 0 and l.is_skipped is not true",
            f"{is_empty} and l.result_rows > 0 and {is_read}",
        )
        return [
            "t.workflow_uid",
            "count(*)",
            f"max({TIME})",
            "min(t.created_at)",
            "max(t.created_at)",
            f"array_agg(t.uid) filter (where {self._is_left})",
            *(f"sum(case when {condition} then 1 else 0 end)" for condition in counted),
        ]

    @property
    def _differs(self) -> str:
        """Whether the number of results is none of the counts."""
        return (
            f"{COUNTS} and l.result_rows is not null "
            "and l.result_rows is distinct from t.row_count "
            "and l.result_rows is distinct from t.total_row_count"
        )

    def _read(self, uids: Sequence[str]) -> None:
        """Remembers all that is known of jobs, those without a row of their own included: that may
        be lost."""
        memory, facts = self._memory, self._facts
        columns = ["uid", *KnownJob._fields]
        for is_valid, uid, row_hash, *values in self._rows.known(JOBS, columns, (), uids=uids):
            known = KnownJob(row_hash if is_valid else None, *values)
            memory.jobs[uid] = as_committed(memory, JOBS, (uid,), known)
        memory.strangers.update(uid for uid in uids if uid not in memory.jobs)
        memory.unread_times.update(unread_times(self._rows, uids=uids))
        if facts.has_results:
            columns = ["job_uid", *ANSWER_COLUMNS]
            for is_valid, uid, *values in self._rows.known(LEDGER, columns, (), uids=uids):
                if is_valid:
                    memory.results[uid] = answer_of(values)
        if facts.has_successes:
            columns = ["uid", "row_hash"]
            found = self._rows.known(SUCCESSFUL_JOBS, columns, (), uids=uids)
            for is_valid, uid, row_hash in found:
                memory.successful_jobs[uid] = row_hash if is_valid else None
