"""The path of the results: pages of JSON to parquet files, no result parsed, memory flat.

A page is split into the JSON texts of its results; they become Arrow columns and, a few megabytes
at a time, row groups of a parquet file that all threads share. A job's rows join it once all of its
pages have arrived, so that a job that fails halfway leaves nothing. A job that is too large for
memory has files of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from dlt.common.runtime import signals

from captaindata_source.api import Api
from captaindata_source.errors import (
    ApiError,
    ContractError,
    NotFoundError,
    PaginationError,
    QuotaError,
)
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.plan.empty_jobs import EmptyJobs
from captaindata_source.extract.queue import Package, ResultJob
from captaindata_source.extract.results.carried import carried_pages
from captaindata_source.extract.results.counts import judge, listed
from captaindata_source.extract.results.fetched import Fetched
from captaindata_source.extract.results.files import ResultFiles, equal_answers
from captaindata_source.extract.results.pages import empty_mark, named_page, result_uids
from captaindata_source.extract.results.redaction import Redact
from captaindata_source.issues import Action, IssueLog, Kind
from captaindata_source.settings.named_jobs import Delivered
from captaindata_source.warehouse.answers import Trust
from captaindata_source.warehouse.loaded_rows import StoredResult

__all__ = ["ResultReader"]

logger = logging.getLogger(__name__)

JOB_IN_MEMORY_BYTES = 8 * 1024 * 1024
"""A job larger than this streams into files of its own."""
MAX_SURPLUS = 100_000
"""Rows beyond ten times what the API counts after which the pages are taken to have no end."""
MAX_EQUAL_PAGES = 10
"""Equal pages in a row after which the API is taken to ignore its own links."""
MAX_EQUAL_RESULTS = 10_000
"""The same for pages of a single result, which may well be equal."""


class ResultReader:
    """Fetches results of whole jobs in one thread, while others do the same beside it.

    Args:
        api: The workspace.
        package: Gives the jobs.
        workspace_uid: The workspace.
        files: Those of the load package.
        marks_empty: Tells whether a job without results leaves a row that removes those it had.
        issues: Told of what was not as promised.
        guard: Decides about a job that the API does not give as promised.
        redact: Takes from each page what must not be stored; None: nothing.
        empty: Tells whether a job that says it has no results is asked for them; None: each is.
        trust: Of which workflows the counts can be trusted; None: of all.
        hold_back: Called between two jobs; may wait.
        read_stored: Reads the results of a job that are loaded.
        delivered: Results that came without a call, by uid of the job.
    """

    def __init__(
        self,
        *,
        api: Api,
        package: Package,
        workspace_uid: str,
        files: ResultFiles,
        marks_empty: Callable[[ResultJob], bool],
        issues: IssueLog,
        guard: Guard,
        redact: Redact | None = None,
        empty: EmptyJobs | None = None,
        trust: Trust | None = None,
        hold_back: Callable[[], None] = lambda: None,
        read_stored: Callable[[str], Iterator[Sequence[StoredResult]]] = lambda _uid: iter(()),
        delivered: Mapping[str, Sequence[Delivered]] | None = None,
    ) -> None:
        self._api = api
        self._package = package
        self._workspace_uid = workspace_uid
        self._files = files
        self._marks_empty = marks_empty
        self._issues = issues
        self._guard = guard
        self._redact = redact
        self._empty = empty
        self._trust = trust or Trust()
        self._hold_back = hold_back
        self._read_stored = read_stored
        self._delivered = delivered or {}

    def run(self) -> None:
        """Fetches jobs until the package is full."""
        try:
            while (job := self._package.take()) is not None:
                try:
                    self._read(job)
                finally:
                    self._package.put_down()
                self._hold_back()
        except BaseException:
            self._package.cancel()
            raise

    def _read(self, job: ResultJob) -> None:
        """Fetches a job's results."""
        if job.is_reread and not self._trust.is_trusted(job.workflow_uid):
            self._package.passed_over()  # its counts were trusted when the sync began
            return
        if job.says_none and self._empty is not None and not self._empty.must_ask(job):
            self._package.passed_over()
            return
        with self._issues.about(workflow_uid=job.workflow_uid, job_uid=job.uid):
            try:
                fetched = self._fetch_surely(job)
            except ApiError as error:
                if isinstance(error, NotFoundError) and self._is_gone(job):
                    logger.warning("Results of job %s are gone with the job", job.uid)
                    self._issues.add(
                        Kind.NOT_FOUND, Action.KEPT, detail="The results are gone with the job"
                    )
                    self._files.add_gone(job)
                    return
                self._guard.set_aside(error, f"Results of job {job.uid}")
                if isinstance(error, QuotaError):
                    self._package.put_back(job)
                else:
                    self._package.failed()
                return
            if fetched is None:
                return
            self._guard.answered()
            if job.carries:
                self._carry(job, fetched)
            content = fetched.content_hash(job)
            judge(
                job,
                fetched.rows,
                equal_answers(job, content),
                trust=self._trust,
                issues=self._issues,
            )
            has_some = fetched.rows and not job.carries
            if job.says_none and has_some and self._empty is not None:
                self._empty.contradict()
        if job.is_stored and job.answer is not None and job.answer.content == content:
            self._drop_files(fetched)
            self._files.add_equal(job, rows=fetched.rows, content=content)
            self._package.done(0)
            return
        if not fetched.rows and self._marks_empty(job):
            fetched.waiting.append(empty_mark(job))
        self._files.add_job(job, fetched.files, fetched.waiting, rows=fetched.rows, content=content)
        self._package.done(fetched.rows)

    def _is_gone(self, job: ResultJob) -> bool:
        """Whether a job whose results are not found is none that should have any."""
        if job.is_listed:
            return False
        try:
            return self._api.forgets_jobs or self._api.job(job.uid) is None
        except ApiError:
            return False

    def _fetch_surely(self, job: ResultJob) -> Fetched | None:
        """The results; read once more where rows and counts disagree, or a page came twice. What
        the API says twice is believed. None: the sync is cancelled."""
        first = self._fetch(job, delivered=self._delivered_of(job))
        if first is None or not self._is_doubtful(first, job):
            return first
        counted = f"{first.rows} rows, row_count says {listed(job.row_counts)}"
        self._drop_files(first)
        first.waiting.clear()
        second = self._fetch(job)
        if second is None:
            return None
        if second.content == first.content:
            if self._differs(second, job):
                if second.is_repeated:
                    self._drop_files(second)
                    raise PaginationError(
                        "The same page came twice",
                        path=self._api.results_path(job.uid),
                        kind=Kind.PAGE_REPEATED,
                    )
            else:
                self._issues.add(
                    Kind.PAGE_REPEATED, Action.KEPT, detail="So again at a second reading"
                )
            return second
        if self._is_doubtful(second, job):
            self._drop_files(second)
            raise ContractError(
                "The results change while they are read",
                path=self._api.results_path(job.uid),
                kind=Kind.PAGES_SHIFTED,
            )
        self._issues.add(Kind.PAGES_SHIFTED, Action.REREAD, detail=counted)
        return second

    def _delivered_of(self, job: ResultJob) -> Delivered | None:
        """The results that callbacks brought, where they are as many as the API counts."""
        choices = () if job.carries else self._delivered.get(job.uid, ())
        return next((each for each in choices if each.rows in job.row_counts), None)

    def _fetch(self, job: ResultJob, *, delivered: Delivered | None = None) -> Fetched | None:
        fetched = Fetched()
        uids = result_uids(self._workspace_uid, job.uid)
        before: Sequence[bytes] = ()
        repeats = 0
        try:
            for page in delivered.pages() if delivered else self._api.result_pages(job.uid):
                signals.raise_if_signalled()
                if self._package.is_cancelled:
                    self._drop_files(fetched)
                    return None
                if not page:
                    continue
                repeats = repeats + 1 if page == before else 0
                if repeats and len(set(page)) > 1:
                    fetched.is_repeated = True
                if repeats >= (MAX_EQUAL_PAGES if fetched.is_repeated else MAX_EQUAL_RESULTS):
                    raise PaginationError(
                        f"The same page came {repeats + 1} times in a row",
                        path=self._api.results_path(job.uid),
                    )
                before = page
                if self._redact is not None and delivered is None:
                    page = self._redact(page)  # noqa: PLW2901 - before anything is made of it
                if not all(result[:1] == b"{" for result in page):
                    self._issues.add(
                        Kind.NOT_AN_OBJECT, Action.KEPT, detail="A result that is no JSON object"
                    )
                named = named_page(job, page, uids(page), first=fetched.rows)
                fetched.content += sum(int(uid, 16) for uid in named.uids if uid)
                fetched.in_order.update("".join(uid for uid in named.uids if uid).encode())
                fetched.has_job_time |= any(time is job.finish_time for time in named.created_at)
                fetched.waiting.append(named)
                fetched.size += named.size
                fetched.rows += len(page)
                if job.row_counts and fetched.rows > MAX_SURPLUS + 10 * max(job.row_counts):
                    raise PaginationError(
                        f"{fetched.rows} rows, where row_count says {listed(job.row_counts)}",
                        path=self._api.results_path(job.uid),
                    )
                self._package.count(len(page), named.size)
                if job.carries:
                    fetched.uids.update(uid for uid in named.uids if uid)
                if fetched.size >= JOB_IN_MEMORY_BYTES:
                    self._spill(fetched)
        except ApiError:
            self._drop_files(fetched)
            raise
        return fetched

    def _carry(self, job: ResultJob, fetched: Fetched) -> None:
        """Adds the results of a continued run that are loaded and that its newest answer lacks."""
        stored = self._read_stored(job.uid)
        for page in carried_pages(job, stored, fetched.uids, first=fetched.rows):
            fetched.content += sum(int(uid, 16) for uid in page.uids if uid)
            fetched.in_order.update("".join(uid for uid in page.uids if uid).encode())
            fetched.waiting.append(page)
            fetched.size += page.size
            fetched.rows += len(page.uids)
            self._package.count(len(page.uids), page.size)
            if fetched.size >= JOB_IN_MEMORY_BYTES:
                self._spill(fetched)

    def _spill(self, fetched: Fetched) -> None:
        """Writes what would not fit into memory."""
        if not fetched.files or fetched.files[-1].is_large:
            fetched.files.append(self._files.new())
        self._files.write(fetched.files[-1], fetched.waiting)
        fetched.waiting, fetched.size = [], 0

    def _is_doubtful(self, fetched: Fetched, job: ResultJob) -> bool:
        """Whether the results may not be all, or some of them twice. The same answer as in an
        earlier sync needs no second reading."""
        if fetched.is_repeated:
            return True
        is_known = equal_answers(job, fetched.content_hash(job)) > 1
        return not is_known and self._differs(fetched, job)

    def _differs(self, fetched: Fetched, job: ResultJob) -> bool:
        """Whether there are more or fewer results than counted, where counts can be trusted."""
        if not job.row_counts or fetched.rows in job.row_counts:
            return False
        return self._trust.is_trusted(job.workflow_uid)

    def _drop_files(self, fetched: Fetched) -> None:
        for file in fetched.files:
            self._files.drop(file)
