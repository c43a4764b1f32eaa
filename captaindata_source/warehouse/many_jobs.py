"""What the destination holds of a workspace with very many jobs, without reading each of them.

The database finds the jobs that a sync has something to do for, and counts the others. What a page
of a list shows is looked up when it comes.

Where tables agree is told by sums, each over one table. They are taken in each sync, of what is
there: rows that were removed or altered are noticed, whoever did it. Only parts that differ are
compared job by job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from captaindata_source.tables import JOB_TIMES, JOBS, LEDGER, SUCCESSFUL_JOBS, Table
from captaindata_source.times import parse_time, since_epoch
from captaindata_source.warehouse.count_evidence import CountEvidence
from captaindata_source.warehouse.job_sql import BUCKETS, TIME, JobSql
from captaindata_source.warehouse.loaded_rows import LoadedRows, named_among
from captaindata_source.warehouse.memory import Evidence, Facts, JobTotals, KnownJob, Memory
from captaindata_source.warehouse.remember import has_results, read_jobs

__all__ = ["remember_again", "remember_many", "remember_named"]

MANY = 50_000
"""Jobs up to which all are read: that is faster, and little memory."""
NEWEST = 2_000
"""Jobs that are remembered since the first pages of the lists have them."""
MOST_LEFT = 20_000
"""Jobs that lack something beyond which all are read."""
SAMPLE = 100
MOST_COMPARED = BUCKETS // 4
"""Parts that DuckDB compares at once, so that a join of two tables fits into little memory."""
NEWEST_FIRST = f"order by {TIME} desc nulls last"


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
    if not rows.can_join:
        return False
    tables = [JOBS, LEDGER, *([SUCCESSFUL_JOBS] if facts.has_successes else [])]
    if not all(set(_needed(table)) <= set(rows.columns_of(table)) for table in tables):
        return False
    found = _ManyJobs(rows, memory, facts)
    if found.totals.count <= many:
        return False
    if rows.query(LEDGER, ["1"], "t.result_rows > 0", (), "limit 1") and not has_results(rows):
        return False
    rows.prepare_joins()
    left = found.compare()
    if len(left) > MOST_LEFT:
        return False
    memory.totals, memory.finder = found.totals, found
    found.read(left)
    return True


def remember_named(
    rows: LoadedRows, memory: Memory, facts: Facts, *, uids: Sequence[str] = ()
) -> bool:
    """Remembers totals of all jobs, and how to look jobs up.

    Args:
        rows: Of the workspace, connected.
        memory: Gets the totals and the finder.
        facts: See `remember_many`.
        uids: Jobs to look up now, with what is needed to read their results: a DuckDB file need
            not be opened for that again.

    Returns:
        Whether the database can do it; else nothing is remembered.
    """
    if not rows.can_join or not set(_needed(JOBS)) <= set(rows.columns_of(JOBS)):
        return False
    found = _ManyJobs(rows, memory, facts)
    memory.totals, memory.finder = found.totals, found
    if uids:
        found.prepare(uids)
    return True


def remember_again(rows: LoadedRows, memory: Memory, facts: Facts, *, since: str) -> list[str]:
    """Remembers the jobs that were loaded lately as they are now.

    Args:
        rows: Of the workspace, connected.
        memory: Is changed.
        facts: See `remember_many`.
        since: Load packages with a later id.

    Returns:
        Their uids.
    """
    uids = {uid for (uid,) in rows.query(JOBS, ["t.uid"], "t._dlt_load_id > %s", [since])}
    if facts.has_results and rows.columns_of(LEDGER):
        ledger = rows.query(LEDGER, ["t.job_uid"], "t._dlt_load_id > %s", [since])
        uids.update(uid for (uid,) in ledger)
    for uid in uids:
        memory.jobs.pop(uid, None)
        memory.results.pop(uid, None)
        memory.successful_jobs.pop(uid, None)
        memory.strangers.discard(uid)
    read_jobs(rows, memory, facts, sorted(uids))
    return [uid for uid in sorted(uids) if uid in memory.jobs]


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
        self._owner = rows.workspace_uid
        self.totals = JobTotals()
        self._sql = JobSql(facts, self._count(), is_embedded=rows.is_embedded)
        self._counts = CountEvidence(rows, self._sql)

    def _count(self) -> set[str]:
        """Counts all jobs, by workflow.

        Returns:
            The statuses that there are.
        """
        totals, statuses = self.totals, set()
        selected = [
            *("t.workflow_uid", "t.status", "count(*)", "count(t.results_version)"),
            *(f"max({TIME})", "min(t.created_at)", "max(t.created_at)"),
            f"sum(case when t.is_deleted is not true and {TIME} >= %s then 1 else 0 end)",
        ]
        found = self._rows.query(
            *(JOBS, selected, "1 = 1", ()),
            "group by t.workflow_uid, t.status",
            first=(self._facts.recent_since,),
        )
        for uid, status, jobs, versions, newest, first, last, recent in found:
            statuses.add(status or "")
            totals.count += jobs
            totals.recent[uid] += int(recent)
            totals.loaded[uid] += versions if status in self._facts.wanted else 0
            if newest is not None:
                totals.newest = max(totals.newest, since_epoch(parse_time(newest)) or timedelta())
            if uid:
                known = (*totals.created.get(uid, ()), first, last)
                times = [parse_time(time) for time in known if time is not None]
                totals.created[uid] = (min(times), max(times)) if times else (None, None)
        return statuses

    def look_up(self, uids: Sequence[str]) -> None:
        """Remembers jobs that may be known."""
        memory = self._memory
        missing = [uid for uid in uids if uid not in memory.jobs and uid not in memory.strangers]
        if missing:
            with self._rows.again():
                self._read(missing)

    def prepare(self, uids: Sequence[str]) -> None:
        """Reads over the connection at hand what tells whether and how these jobs are read."""
        self._read(uids)
        if self._facts.has_results and self._rows.columns_of(LEDGER):
            self._counts.prepare()

    def read(self, left: Sequence[str]) -> None:
        """Remembers jobs, and the newest ones, which the lists begin with."""
        newest = self._rows.query(JOBS, ["t.uid"], "1 = 1", (), f"{NEWEST_FIRST} limit {NEWEST}")
        self._read(list(dict.fromkeys([*left, *(uid for (uid,) in newest)])))

    def named(self, workflow_uids: Collection[str], since: datetime | None) -> list[str]:
        """Uids of jobs of some workflows or all, with a time at or after another."""
        conditions, parameters = ["1 = 1"], list[object]()
        if workflow_uids:
            conditions.append(named_among("t.workflow_uid"))
            parameters.append([*workflow_uids])
        with self._rows.again():
            if since is not None:
                there = [name for name in JOB_TIMES if name in self._rows.columns_of(JOBS)]
                conditions.append(f"({' or '.join(f't.{name} >= %s' for name in there)})")
                parameters += [since] * len(there)
            found = self._rows.query(JOBS, ["t.uid"], " and ".join(conditions), parameters)
        return [uid for (uid,) in found]

    def skipped(self, workflow_uids: Collection[str | None], *, turn: int | None) -> list[str]:
        """Jobs that were skipped because their counts are 0.

        Args:
            workflow_uids: Of these workflows; None in it: of all.
            turn: One in `SAMPLE` of them, another with each number; None: all.
        """
        condition = f"l.is_skipped and {self._sql.is_read}"
        names = [] if None in workflow_uids else [uid for uid in workflow_uids if uid]
        if None not in workflow_uids:
            condition += f" and t.workflow_uid in ({', '.join(['%s'] * len(names)) or 'null'})"
        with self._rows.again():
            self._rows.prepare_joins()
            found = self._rows.query(
                *(JOBS, ["t.uid"], condition, names, "order by t.uid"),
                joins=self._sql.ledger_joined("and a.is_skipped"),
                first=(self._owner,),
            )
            uids = [uid for (uid,) in found]
            if turn is not None:
                uids = [uid for place, uid in enumerate(uids) if (place + turn) % SAMPLE == 0]
        self.look_up(uids)
        return uids

    def evidence(self) -> Evidence:
        """What all jobs tell of their counts."""
        return self._counts.evidence()

    def is_refuted(self) -> bool:
        """Whether any job whose counts are 0 has results."""
        return self._counts.is_refuted()

    def compare(self) -> list[str]:
        """The jobs that a sync has something to do for."""
        left: list[str] = []
        sql, facts = self._sql, self._facts
        for part in self._parts_that_differ():
            names = ", ".join(map(str, part))
            joins = ""
            if facts.has_results:
                joins += sql.ledger_joined(f"and {sql.bucket('a.job_uid')} in ({names})")
            if facts.has_successes:
                joins += " " + sql.successes_joined(f"and {sql.bucket('a.uid')} in ({names})")
            found = self._rows.query(
                JOBS,
                ["t.uid", "t.workflow_uid", sql.is_left, sql.is_lacking],
                f"{sql.bucket('t.uid')} in ({names}) and ({sql.is_left} or {sql.is_lacking})",
                (),
                joins=joins,
                first=(self._owner,) * (facts.has_results + facts.has_successes),
            )
            for uid, workflow_uid, is_left, is_lacking in found:
                if is_left:
                    left.append(uid)
                self.totals.loaded[workflow_uid] -= bool(is_lacking)
        return left

    def _parts_that_differ(self) -> Iterator[Sequence[int]]:
        """Parts in which tables differ, or a job may change; as many as are compared at once."""
        sql, facts, none = self._sql, self._facts, (0, 0)
        jobs = self._sums(JOBS, sql.sums_of_jobs)
        ledger = self._sums(LEDGER, sql.sums_of_ledger) if facts.has_results else {}
        successes = (
            self._sums(SUCCESSFUL_JOBS, sql.sums_of_successes) if facts.has_successes else {}
        )
        is_wanted = any(of_jobs[1] for of_jobs in jobs.values())
        is_loaded = any(of_ledger[1] for of_ledger in ledger.values())
        self.totals.is_ledger_lost = facts.has_results and is_wanted and not is_loaded
        parts = [
            part
            for part, (open_jobs, *sums) in jobs.items()
            if open_jobs
            or (facts.has_results and tuple(sums[:2]) != (ledger.get(part, (0, *none))[1:]))
            or (facts.has_results and ledger.get(part, (0,))[0])
            or (facts.has_successes and tuple(sums[2:]) != successes.get(part, none))
        ]
        most = MOST_COMPARED if self._rows.is_embedded else BUCKETS
        for first in range(0, len(parts), most):
            yield parts[first : first + most]

    def _sums(self, table: Table, sums: Sequence[str]) -> dict[int, tuple[int, ...]]:
        """Sums over the rows of a table, by the part of the jobs that they belong to."""
        bucket = self._sql.bucket("t.job_uid" if table is LEDGER else "t.uid")
        found = self._rows.query(table, [bucket, *sums], "1 = 1", (), "group by 1")
        return {int(part): tuple(map(int, values)) for part, *values in found}

    def _read(self, uids: Sequence[str]) -> None:
        read_jobs(self._rows, self._memory, self._facts, uids)
