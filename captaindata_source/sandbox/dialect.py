"""Choices that the API's documentation leaves open. A `Dialect` is one set of choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from captaindata_source.sandbox.rng import stream

JobsOrder = Literal["newest", "oldest", "uid"]
JobsEnd = Literal["empty", "repeat_last", "ignore_page", "not_found"]
NextStyle = Literal["absolute", "relative", "cursor"]
ResultsEnd = Literal["null", "no_paging", "no_next"]
SuccessWord = Literal["finished", "completed", "mixed"]
TimeStyle = Literal["naive", "offset", "zulu"]
MainJobStyle = Literal["null", "own"]
ErrorBody = Literal["json", "text", "html"]
ResetStyle = Literal["epoch", "seconds"]
RetryAfterStyle = Literal["seconds", "date"]
AwareTimeStyle = Literal["offset", "zulu"]
OutputsEnd = Literal["absent", "null"]
ContinuedOutputs = Literal["all", "newest"]
MembersEnd = Literal["empty", "repeat_last"]

JOBS_ORDERS: tuple[JobsOrder, ...] = ("newest", "oldest", "uid")
JOBS_ENDS: tuple[JobsEnd, ...] = ("empty", "repeat_last", "ignore_page", "not_found")
NEXT_STYLES: tuple[NextStyle, ...] = ("absolute", "relative", "cursor")
RESULTS_ENDS: tuple[ResultsEnd, ...] = ("null", "no_paging", "no_next")
SUCCESS_WORDS: tuple[SuccessWord, ...] = ("finished", "completed", "mixed")
TIME_STYLES: tuple[TimeStyle, ...] = ("naive", "naive", "offset", "naive", "zulu")
MAIN_JOB_STYLES: tuple[MainJobStyle, ...] = ("null", "own")
ERROR_BODIES: tuple[ErrorBody, ...] = ("json", "text", "html")
AWARE_TIME_STYLES: tuple[AwareTimeStyle, ...] = ("offset", "zulu")
OUTPUTS_PAGE_SIZES = (500, 25, 100)
OUTPUTS_ENDS: tuple[OutputsEnd, ...] = ("absent", "null")
MEMBERS_ENDS: tuple[MembersEnd, ...] = ("empty", "repeat_last")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How the API behaves where its documentation says nothing.

    Attributes:
        jobs_page_size: Jobs on a page of a job list.
        jobs_order: Order of a job list.
        jobs_end: Answer for a page past the end: an empty array, the last page again, the whole
            list for every `page`, or 404.
        results_page_size: Rows on a page of results.
        next_style: How `paging.next` is written.
        results_end: How the last page of results says that it is the last.
        success: The word for success; `mixed` means that it depends on the workflow.
        time_style: How times of jobs are written.
        main_job: `main_job_uid` of a job that is no sub-job: null, or the job's own uid.
        error_body: The form of error bodies.
        reset_style: `X-RateLimit-Reset` as epoch seconds, or as seconds to wait.
        retry_after_style: `Retry-After` as seconds, or as an HTTP date.
        ascii_json: Whether JSON escapes everything beyond ASCII.
        accounts_wrapped: Whether v3 sends accounts as `{"accounts": [...]}` instead of an array.
        v4_time_style: How times of v4 are written.
        outputs_page_size: Most rows on a page of v4's outputs, also if `limit` is higher.
        outputs_max_limit: The highest `limit` of v4's outputs; more is refused with 400. Older
            servers take 100.
        flow_outputs_max_limit: The highest `limit` of outputs of flow runs; more is refused.
        continued_outputs: What v4 answers for a run that was continued: all its outputs, or those
            of the newest batch alone.
        outputs_next_style: How v4's `X-Pagination-Next` is written.
        outputs_end: The header of the last page of outputs: absent, or the word `null`.
        members_end: What v4 answers for a page of members past the end.
    """

    jobs_page_size: int = 30
    jobs_order: JobsOrder = "newest"
    jobs_end: JobsEnd = "empty"
    results_page_size: int = 1000
    next_style: NextStyle = "absolute"
    results_end: ResultsEnd = "null"
    success: SuccessWord = "finished"
    time_style: TimeStyle = "naive"
    main_job: MainJobStyle = "null"
    error_body: ErrorBody = "json"
    reset_style: ResetStyle = "epoch"
    retry_after_style: RetryAfterStyle = "seconds"
    ascii_json: bool = False
    accounts_wrapped: bool = False
    v4_time_style: AwareTimeStyle = "offset"
    outputs_page_size: int = 500
    outputs_max_limit: int = 500
    flow_outputs_max_limit: int = 1000
    continued_outputs: ContinuedOutputs = "all"
    outputs_next_style: NextStyle = "absolute"
    outputs_end: OutputsEnd = "absent"
    members_end: MembersEnd = "empty"

    @classmethod
    def from_seed(cls, seed: int) -> Dialect:
        """Return the dialect of a seed. Twelve seeds in a row include every variant."""
        rng = stream(seed, "dialect")
        return cls(
            jobs_page_size=rng.randrange(10, 61),
            jobs_order=JOBS_ORDERS[seed // 4 % 3],
            jobs_end=JOBS_ENDS[seed % 4],
            results_page_size=rng.randrange(20, 121),
            next_style=NEXT_STYLES[seed % 3],
            results_end=RESULTS_ENDS[seed // 3 % 3],
            success=SUCCESS_WORDS[seed // 2 % 3],
            time_style=TIME_STYLES[seed % 5],
            main_job=MAIN_JOB_STYLES[seed // 2 % 2],
            error_body=ERROR_BODIES[(seed + 1) % 3],
            reset_style="epoch" if seed % 2 == 0 else "seconds",
            retry_after_style="seconds" if seed // 2 % 2 == 0 else "date",
            ascii_json=seed % 5 == 1,
            accounts_wrapped=seed % 2 == 1,
            v4_time_style=AWARE_TIME_STYLES[seed // 3 % 2],
            outputs_page_size=OUTPUTS_PAGE_SIZES[seed // 4 % 3],
            outputs_next_style=NEXT_STYLES[seed // 2 % 3],
            outputs_end=OUTPUTS_ENDS[seed % 2],
            members_end=MEMBERS_ENDS[seed // 2 % 2],
        )
