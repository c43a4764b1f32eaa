"""SQL over the jobs of a workspace, their ledger and the successful jobs, for `many_jobs`.

Uids and versions are compared by hashes of 64 bits. Sums of them tell where tables agree, without a
join; and a join of numbers takes a quarter of the time and memory of a join of texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from captaindata_source.tables import LEDGER, SUCCESSFUL_JOBS
from captaindata_source.warehouse.answers import MAX_EQUAL, MIN_PROOF
from captaindata_source.warehouse.memory import INCREMENTAL, Facts
from captaindata_source.warehouse.workspace_queries import IS_COMMITTED, is_committed

__all__ = ["BUCKETS", "TIME", "JobSql"]

BUCKETS = 4_096
"""Parts of the jobs, by the hash of their uid; a power of 2."""
TIME = "coalesce(t.finish_time, t.scheduled_time)"
IS_WHOLE = f"lower(trim(coalesce(t.sync_mode, ''))) <> '{INCREMENTAL}'"
COUNTS = f"({IS_WHOLE} and (t.row_count >= 0 or t.total_row_count >= 0))"
DIFFERS = (
    f"({COUNTS} and l.result_rows is not null and l.result_rows is distinct from t.row_count "
    "and l.result_rows is distinct from t.total_row_count)"
)
"""Whether the number of results is none of the counts."""
FITS = f"({COUNTS} and l.result_rows in (t.row_count, t.total_row_count))"
PROVES = f"a.equal_answers >= case when a.result_rows > 0 then {MIN_PROOF} else {MAX_EQUAL} end"
NO_STATUS = "'-'"
PLAIN = re.compile(r"[\w \-]+", re.ASCII)


class JobSql:
    """Expressions on `t`, a row of `jobs`; on `a`, one of another table; on `l` and `s`, the rows
    of the ledger and of the successful jobs that are joined to it.

    Args:
        facts: What tells which jobs a sync has something to do for.
        statuses: Those that jobs have.
        is_embedded: Whether the database is DuckDB; else it is Postgres.
    """

    def __init__(self, facts: Facts, statuses: Iterable[str], *, is_embedded: bool) -> None:
        self._facts = facts
        self._is_embedded = is_embedded
        known = set(statuses)
        self._final = _texts(known.intersection(facts.final))
        self._success = f"coalesce(t.status, '') in {_texts(known.intersection(facts.success))}"
        self._wanted = f"t.status in {_texts(known.intersection(facts.wanted))}"
        self._has_version = f"(t.results_version is not null and {self._wanted})"
        now = f"cast('{facts.now.isoformat()}' as timestamp with time zone)"
        self._is_due = (
            f"(a.answered_at is null or a.next_check_at <= {now} or a.answered_at > {now})"
        )

    def _hash(self, *columns: str) -> str:
        if self._is_embedded:
            return f"hash({', '.join(columns)})"
        found = "0"
        for column in columns:
            found = f"hashtextextended({column}, {found})"
        return found

    def bucket(self, column: str) -> str:
        """The part of the jobs that one belongs to.

        Args:
            column: Its uid.
        """
        return f"{self._hash(column)} & {BUCKETS - 1}"

    @property
    def sums_of_jobs(self) -> Sequence[str]:
        """Of some jobs: how many are open or not committed; how many have results that are wanted,
        and their sum; how many succeeded, and their sum."""
        is_open = f"t.row_hash is null or coalesce(t.status, '') not in {self._final}"
        return [
            _count(f"{is_open} or not {IS_COMMITTED}"),
            _count(self._has_version),
            _sum(self._hash("t.uid", "t.results_version"), self._has_version),
            _count(self._success),
            _sum(self._hash("t.uid", "t.row_hash"), self._success),
        ]

    @property
    def sums_of_ledger(self) -> Sequence[str]:
        """Of some of its rows: how many may be due; how many are committed, and their sum."""
        committed, is_due = is_committed("t"), self._is_due.replace("a.", "t.")
        is_plain = "(t.is_skipped and t.result_rows = 0)"
        return [
            _count(f"{is_due} and {is_plain} is not true"),
            _count(committed),
            _sum(self._hash("t.job_uid", "t.fingerprint"), committed),
        ]

    @property
    def sums_of_successes(self) -> Sequence[str]:
        """Of some successful jobs: how many there are, and the sum of those committed."""
        return ["count(*)", _sum(self._hash("t.uid", "t.row_hash"), is_committed("t"))]

    @property
    def is_read(self) -> str:
        """Whether results of the job are wanted, and those of its state are loaded."""
        return f"({self._has_version} and l.version = {self._hash('t.results_version')})"

    @property
    def is_lacking(self) -> str:
        """Whether results of the job are wanted and not loaded, or those of another state."""
        if not self._facts.has_results:
            return "false"
        version = self._hash("t.results_version")
        return f"({self._has_version} and (l.version is null or l.version <> {version}))"

    @property
    def is_left(self) -> str:
        """Whether a job is open, or lacks something that is to be loaded."""
        reasons = [
            "t.row_hash is null",
            f"not {IS_COMMITTED}",
            f"coalesce(t.status, '') not in {self._final}",
            self.is_lacking,
        ]
        if self._facts.has_results:
            reasons.append(f"({self._has_version} and {DIFFERS} and l.is_due)")
        if self._facts.has_successes:
            is_same = f"coalesce(s.content = {self._hash('t.row_hash')}, false)"
            reasons += [
                f"({self._success} and not {is_same})",
                f"(not {self._success} and s.hashed is not null)",
            ]
        is_there = f"(t.is_deleted is not true or not {IS_COMMITTED})"
        return f"({is_there} and ({' or '.join(reasons)}))"

    @property
    def evidence(self) -> Sequence[str]:
        """How many of some jobs have as many results as counted, how many for sure have not, and
        how many whose counts are 0 were asked for results."""
        return [
            _count(f"{self.is_read} and {FITS}"),
            _count(f"{self.is_read} and {DIFFERS} and l.proves"),
            _count(f"{self._is_empty} and l.result_rows = 0 and l.is_skipped is not true"),
        ]

    @property
    def refutes(self) -> str:
        """Whether the counts of a job are 0 and it has results."""
        return f"{self._is_empty} and l.result_rows > 0 and {self.is_read}"

    @property
    def _is_empty(self) -> str:
        return " and ".join([IS_WHOLE, *(f"t.{n} = 0" for n in self._facts.count_fields)])

    def ledger_joined(self, part: str = "") -> str:
        """Joins the ledger; its workspace is the parameter.

        Args:
            part: A further condition of its rows.
        """
        return (
            f"left join (select {self._hash('a.job_uid')} as hashed, a.result_rows, a.is_skipped, "
            f"{self._hash('a.fingerprint')} as version, {self._is_due} as is_due, "
            f"{PROVES} as proves from {{{LEDGER.name}}} as a "
            f"where a.workspace_uid = %s and {is_committed('a')} {part}) as l "
            f"on l.hashed = {self._hash('t.uid')}"
        )

    def successes_joined(self, part: str = "") -> str:
        """Joins the successful jobs, in the same way."""
        content = self._hash("a.row_hash")
        return (
            f"left join (select {self._hash('a.uid')} as hashed, "
            f"case when {is_committed('a')} then {content} end as content "
            f"from {{{SUCCESSFUL_JOBS.name}}} as a where a.workspace_uid = %s {part}) as s "
            f"on s.hashed = {self._hash('t.uid')}"
        )


def _texts(texts: Collection[str]) -> str:
    """Texts as a list in SQL."""
    found = [f"'{text}'" for text in sorted(texts) if PLAIN.fullmatch(text)]
    return f"({', '.join(found) or NO_STATUS})"


def _count(condition: str) -> str:
    return f"sum(case when {condition} then 1 else 0 end)"


def _sum(value: str, condition: str) -> str:
    return f"coalesce(sum(case when {condition} then {value} end), 0)"
