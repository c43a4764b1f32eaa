"""The fault matrix: what the API may send, and what a sync must do.

`tests/sync/test_fault_matrix.py` checks each row with a sync, in each version of the API that the
row names; `tests/README.md` prints the table. Rows do not depend on the version: `Target` writes
pages, links and runs in the form of a version.
"""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.support.faults import Fault

__all__ = [
    "DRIP",
    "EXTRA_ROWS",
    "LISTING_ROWS",
    "RESULT_ROWS",
    "ROWS",
    "SEVERAL",
    "WORKSPACE_ROWS",
    "MatrixRow",
    "Quirk",
    "Target",
    "Version",
    "only",
]

Version = Literal["v3", "v4"]
BOTH: tuple[Version, ...] = ("v3", "v4")
V3: tuple[Version, ...] = ("v3",)
V4: tuple[Version, ...] = ("v4",)
Json = dict[str, Any]
Quirk = Callable[[Sequence[Json], int, int], Sequence[Json]]
"""From the runs, as they should be listed, an offset and a limit to the page that comes."""
Issues = tuple[tuple[str, str, int], ...]
"""Kind, action and occurrences of each row of `sync_issues`."""
SEVERAL = -1
"""More than one."""
LIST_CALLS = 2
"""What a list of jobs takes in v3: a page, and one that brings nothing new."""
RUN_LIST_CALLS = 3
"""What a list of runs takes in v4: a page, the overlap with the next one, and its end."""
LONGER_THAN_BUDGET = {"Retry-After": "7200"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a row's fault is aimed at.

    Args:
        path: Pattern of the path that misbehaves.
        uid: The job or workflow, or the workspace.
        base_url: Of the sandbox, for the version.
        rows: The results that the sandbox holds; for a listing its jobs.
        version: Of the API.
        api_key: The workspace's.
    """

    path: str
    uid: str
    base_url: str
    rows: Sequence[Json] = ()
    version: Version = "v3"
    api_key: str = ""

    def fault(self, kind: Any, **options: Any) -> Fault:
        return Fault(match=self.path, kind=kind, **options)

    def page(
        self,
        texts: Sequence[str | bytes],
        *,
        to: str | None = None,
        times: int | None = 1,
        charset: str = "",
    ) -> Fault:
        """Answers with these results, and with a link if there is one; in UTF-8, or as named."""
        page = b"[%b]" % b",".join(
            text.encode() if isinstance(text, str) else text for text in texts
        )
        headers = {"X-Pagination-Next": to} if to is not None and self.version == "v4" else {}
        if self.version == "v3":
            paging = json.dumps({"next": to, "have_next_page": to is not None}).encode()
            page = b'{"results":%b,"paging":%b}' % (page, paging)
        if charset:
            page = page.decode().encode(charset)
            headers["Content-Type"] = f'application/json; charset="{charset}"'
        return self.fault("replace", body=page, headers=headers, times=times)

    def job(self, **fields: Any) -> str:
        """A job that the sandbox does not have, of a status that is final."""
        made_up: Json = {"uid": f"job-of-{self.uid}", "name": "made up", "status": "stopped"}
        if self.version == "v4":
            names = {"start_time": "started_at", "finish_time": "finished_at"}
            fields = {names.get(name, name): value for name, value in fields.items()}
            # by the action its issues are told from those of others
            made_up |= {"status": "STOPPED", "action_name": self.uid, "execution_mode": "ASYNC"}
            made_up |= {"updated_at": "2026-01-10T12:00:00Z"}
        return json.dumps({**made_up, **fields})

    @property
    def texts(self) -> list[str]:
        return [json.dumps(row) for row in self.rows]

    @property
    def results_path(self) -> str:
        """Of the results of the job, below the host."""
        below = f"runs/{self.uid}/outputs" if self.version == "v4" else f"jobs/{self.uid}/results"
        return f"/{self.version}/{below}"

    @property
    def results_url(self) -> str:
        return self.base_url.removesuffix(f"/{self.version}") + self.results_path


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One row of the matrix.

    Args:
        name: What the API does.
        outcome: What the sync does, for people.
        calls: Calls for the object in the sync that meets the fault; 1 without a fault for
            results and the workspace, `LIST_CALLS` for a list of jobs.
        v4_calls: The same in v4, where that differs.
        issues: What `sync_issues` holds of the object after that sync.
        exit: Exit code of a sync that meets nothing else.
        faults: Makes the rules of the sandbox.
        added: Makes a job that the list has too, as JSON.
        quirk: How the list of runs is cut into pages; v4 alone.
        sent: Where the answer is hostile: the first result as the API sends it, as bytes.
        loaded: What the warehouse then holds of it; None: what was sent.
        charset: In which the answer is sent; empty: UTF-8, and none is named.
        kind: Which call misbehaves.
        versions: Of the API that can do so.
    """

    name: str
    outcome: str
    calls: int
    v4_calls: int | None = None
    issues: Issues = ()
    exit: Literal[0, 1] = 0
    faults: Callable[[Target], Sequence[Fault]] | None = None
    added: Callable[[Target], str] | None = None
    quirk: Quirk | None = None
    sent: bytes | None = None
    loaded: bytes | None = None
    charset: str = ""
    kind: str = "results"
    versions: tuple[Version, ...] = BOTH

    def calls_in(self, version: Version) -> int:
        if version == "v4" and self.v4_calls is not None:
            return self.v4_calls
        return self.calls

    @property
    def fails(self) -> bool:
        """Whether it ends the sync of its workspace."""
        return any(action == "failed" for _, action, _ in self.issues)


def only(version: Version, rows: Sequence[MatrixRow]) -> list[MatrixRow]:
    """The rows that are about a version of the API."""
    return [row for row in rows if version in row.versions]


def retried(
    name: str,
    kind: str,
    *faults: Callable[[Target], Fault],
    occurrences: Sequence[int] = (1,),
    versions: tuple[Version, ...] = BOTH,
) -> MatrixRow:
    return MatrixRow(
        name=name,
        outcome="retried; loaded",
        calls=1 + sum(occurrences),
        issues=tuple((kind, "retried", number) for number in occurrences),
        faults=lambda target: [fault(target) for fault in faults],
        versions=versions,
    )


def aside(
    name: str,
    kind: str,
    *faults: Callable[[Target], Fault],
    calls: int = 1,
    of: str = "results",
    versions: tuple[Version, ...] = BOTH,
) -> MatrixRow:
    what = "job" if of == "results" else "list"
    return MatrixRow(
        name=name,
        outcome=f"{what} set aside; the next sync tries again",
        calls=calls,
        issues=((kind, "set_aside", 1),),
        exit=1,
        faults=lambda target: [fault(target) for fault in faults],
        kind=of,
        versions=versions,
    )


def value(
    name: str,
    sent: bytes,
    *,
    loaded: bytes | None = None,
    kind: str = "",
    action: str = "mended",
    charset: str = "",
) -> MatrixRow:
    kept = {"mended": "loaded in a form that all destinations accept", "kept": "loaded as sent"}
    return MatrixRow(
        name=f"a result with {name}",
        outcome=kept[action] if kind else "loaded as sent",
        calls=1,
        issues=((kind, action, 1),) if kind else (),
        sent=sent,
        loaded=loaded,
        charset=charset,
    )


def http_date(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


def first(kind: Any, **options: Any) -> Callable[[Target], Fault]:
    return lambda target: target.fault(kind, times=1, **options)


def always(kind: Any, **options: Any) -> Callable[[Target], Fault]:
    return lambda target: target.fault(kind, **options)


def whole(body: bytes) -> Callable[[Target], Fault]:
    return lambda target: target.fault("replace", body=body)


def blaming(scope: str, status: int, **options: Any) -> Callable[[Target], Fault]:
    """An error that says what it blames, as v4 has them."""
    return lambda target: target.fault("status", status=status, body=error(scope), **options)


def error(scope: str) -> str:
    said = {"error_label": "NO", "error_ref": "R-1", "message": "No", "params": {"why": ["no"]}}
    return json.dumps({**said, "error_scope": scope, "status_code": 400})


def in_one_page(to: str) -> Callable[[Target], Sequence[Fault]]:
    return lambda target: [target.page(target.texts, to=to)]


def in_two_pages(link: Callable[[Target], str]) -> Callable[[Target], Sequence[Fault]]:
    return lambda target: [
        target.page(target.texts[:2], to=link(target)),
        target.page(target.texts[2:]),
    ]


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def empty_page(cursor: str) -> Callable[[Target], Fault]:
    return lambda target: target.page([], to=cursor)


RESULT_ROWS: tuple[MatrixRow, ...] = (
    retried(
        "429, `Retry-After` in seconds",
        "rate_limited",
        first("status", status=429, headers={"Retry-After": "2"}),
    ),
    retried(
        "429, `Retry-After` as a date",
        "rate_limited",
        lambda target: target.fault(
            "status", status=429, headers={"Retry-After": http_date(5)}, times=1
        ),
    ),
    retried("429 without `Retry-After`", "rate_limited", first("status", status=429)),
    retried(
        "429, `Retry-After` as a date, server clock ten years ahead",
        "rate_limited",
        lambda target: target.fault(
            "status",
            status=429,
            times=1,
            headers={"Date": http_date(3e8), "Retry-After": http_date(3e8 + 4)},
        ),
    ),
    retried(
        "500, 502, 503 and 504, one after the other",
        "server_error",
        *(first("status", status=status) for status in (500, 502, 503, 504)),
        occurrences=(1, 1, 1, 1),
    ),
    retried(
        "425, 507, 509, 520, 522, 524, 529 and 530, one after the other",
        "server_error",
        *(
            first("status", status=status, body="<h1>Try later</h1>")
            for status in (425, 507, 509, 520, 522, 524, 529, 530)
        ),
        occurrences=(1,) * 8,
    ),
    retried(
        "529 from a CDN, `Retry-After` in seconds",
        "server_error",
        first("status", status=529, headers={"Retry-After": "2"}),
    ),
    retried("connection reset before the answer", "connection_failed", first("reset")),
    retried("connection reset in the body", "connection_failed", first("reset_body")),
    retried("body shorter than announced", "connection_failed", first("cut")),
    retried(
        "body of the announced length with truncated JSON", "answer_cut_off", first("truncate")
    ),
    aside("answer over 256 MB", "answer_too_large", always("bomb", size=270_000_000)),
    aside("HTML with status 200", "not_json", always("html")),
    aside("error object with status 200", "unexpected_answer", whole(b'{"error":"internal"}')),
    aside("204 without a body", "no_data", always("status", status=204, body="")),
    aside("200 with an empty body", "no_data", always("empty")),
    MatrixRow(
        name="redirect within the host",
        outcome="followed; loaded",
        calls=2,
        faults=lambda target: [target.fault("redirect", body=target.results_url, times=1)],
    ),
    aside(
        "redirect to another host",
        "foreign_link",
        always("redirect", body="https://elsewhere.invalid/"),
    ),
    aside(
        "redirect loop",
        "endless_redirects",
        lambda target: target.fault("redirect", body=target.results_url),
        calls=6,
    ),
    *(
        MatrixRow(
            name=f"`next` {style}", outcome="followed; loaded", calls=2, faults=in_two_pages(link)
        )
        for style, link in (
            ("as an absolute link", lambda target: f"{target.results_url}?cursor=c"),
            ("as a relative link", lambda target: f"{target.results_path}?cursor=c"),
            ("as a cursor", lambda _target: "c"),
        )
    ),
    aside(
        "`next` is null, `have_next_page` is true",
        "missing_link",
        lambda target: target.fault(
            "replace", body=json.dumps({"results": target.rows, "paging": {"have_next_page": True}})
        ),
        versions=V3,
    ),
    *(
        MatrixRow(
            name=f"`next` {style}",
            outcome="read as the last page; loaded",
            calls=1,
            faults=in_one_page(to),
            versions=V4,
        )
        for style, to in (("is the word null", "null"), ("is empty", ""))
    ),
    aside("`next` links to the same page", "endless_pages", always("loop_next"), calls=2),
    aside(
        "`next` links form a loop of several pages",
        "endless_pages",
        *((lambda target, to=to: target.page(target.texts[:1], to=to)) for to in ("a", "b", "a")),
        calls=3,
    ),
    aside("`next` links to another host", "foreign_link", always("foreign_next")),
    MatrixRow(
        name="empty page, `have_next_page` is true",
        outcome="followed; loaded",
        calls=2,
        faults=lambda target: [
            empty_page("c")(target),
            target.page(target.texts),
        ],
    ),
    aside(
        "endless empty pages",
        "endless_pages",
        *(empty_page(str(number)) for number in range(12)),
        calls=10,
    ),
    aside(
        "cursor ignored: every page is the same",
        "endless_pages",
        *((lambda target, to=str(to): target.page(target.texts, to=to)) for to in range(12)),
        calls=11,
    ),
    aside(
        "the same page twice",
        "page_repeated",
        *(
            (lambda target, to=to: target.page(target.texts[:3], to=to))
            for to in ("c", None, "c", None)
        ),
        calls=4,
    ),
    MatrixRow(
        name="results move between pages during the read",
        outcome="number of results differs: read again; loaded",
        calls=3,
        issues=(("pages_shifted", "reread", 1),),
        faults=lambda target: [
            target.page(target.texts[:2], to="c"),
            target.page(target.texts[1:]),
        ],
    ),
    aside(
        "results move between pages during every read",
        "pages_shifted",
        *(
            (
                lambda target, begin=begin, end=end, to=to: target.page(
                    target.texts[begin:end], to=to
                )
            )
            for begin, end, to in (
                (0, 2, "c"),
                (1, None, None),
                (0, 2, "c"),
                (3, None, None),
            )
        ),
        calls=4,
    ),
    aside(
        "`results` is missing",
        "unexpected_answer",
        whole(b'{"paging":{"next":null}}'),
        versions=V3,
    ),
    aside("`results` is null", "unexpected_answer", whole(b'{"results":null}'), versions=V3),
    aside(
        "`results` is an object", "unexpected_answer", whole(b'{"results":{"a":1}}'), versions=V3
    ),
    aside("outputs are null", "unexpected_answer", whole(b"null"), versions=V4),
    aside(
        "outputs wrapped in an object, as in v3",
        "unexpected_answer",
        lambda target: target.fault("replace", body=json.dumps({"results": target.rows})),
        versions=V4,
    ),
    value("a list instead of an object", b"[1]", kind="not_an_object", action="kept"),
    aside("404 for the results of a listed job", "not_found", always("status", status=404)),
    retried(
        "400 with scope `server`",
        "server_error",
        blaming("server", 400, times=1),
        versions=V4,
    ),
    retried(
        "503 with an unknown scope",
        "server_error",
        blaming("weather", 503, times=1),
        versions=V4,
    ),
    *(
        aside(
            f"{status} with scope `{scope}`",
            kind,
            blaming(scope, status),
            versions=V4,
        )
        for scope, status, kind in (
            ("input", 400, "refused"),
            ("param", 500, "refused"),
            ("integ", 424, "integration_failed"),
            ("input", 402, "payment_required"),
            ("input", 422, "run_aborted"),
        )
    ),
    *(
        aside(f"{status} without a scope", kind, always("status", status=status, body="No"))
        for status, kind in (
            (402, "payment_required"),
            (422, "run_aborted"),
            (424, "integration_failed"),
        )
    ),
    aside(
        "403 without a scope",
        "forbidden",
        always("status", status=403, body="Forbidden"),
        versions=V4,
    ),
    aside(
        "an error that contains the API key",
        "refused",
        lambda target: target.fault(
            "status",
            status=400,
            body=json.dumps(
                dict.fromkeys(("error_label", "error_ref", "message"), f"key {target.api_key} is")
                | {"error_scope": "input"}
            ),
        ),
        versions=V4,
    ),
    value("10,000 keys", json.dumps({f"key {n}": n for n in range(10_000)}).encode()),
    value("200 nested levels", nested(200)),
    aside(
        "a result with 100,000 nested levels",
        "unexpected_answer",
        lambda target: target.page([nested(100_000)]),
    ),
    value("a value of 50 MB", b'{"text":"%b"}' % (b"x" * 50_000_000)),
    value("integers of 40 digits", b'{"a":%b}' % (b"7" * 40)),
    value("the number 1e400", b'{"a":1e400}'),
    value("NaN", b'{"a":NaN}', loaded=b'{"a":"NaN"}', kind="not_a_number"),
    value("Infinity", b'{"a":[-Infinity]}', loaded=b'{"a":["-Infinity"]}', kind="not_a_number"),
    value(r"`\u0000`", rb'{"a":"x\u0000y"}', loaded=rb'{"a":"x\ufffdy"}', kind="null_character"),
    value(
        "half a surrogate pair",
        rb'{"a":"\ud83d!"}',
        loaded=rb'{"a":"\ufffd!"}',
        kind="half_surrogate",
    ),
    value("invalid UTF-8", b'{"a":"\xff!"}', loaded='{"a":"\ufffd!"}'.encode(), kind="not_utf8"),
    value(
        "a control character",
        b'{"a":"x\x01y\nz"}',
        loaded=rb'{"a":"x\u0001y\u000az"}',
        kind="control_character",
    ),
    value(
        "é in ISO-8859-1, declared in `Content-Type`", '{"a":"é"}'.encode(), charset="iso-8859-1"
    ),
    value("é in UTF-16 with a byte order mark", '{"a":"é"}'.encode(), charset="utf-16"),
    value("two equal keys", b'{"a":1,"a":2}'),
    value("an empty key", b'{"":1}'),
    value("a key of 10,000 characters", b'{"%b":1}' % (b"k" * 10_000)),
    value("`_dlt_id` as a key", b'{"_dlt_id":"mine","_dlt_load_id":"mine"}'),
    value("SQL in keys and values", b'{"a\'); drop table jobs; --":"\'; drop table jobs; --"}'),
)


def listing(
    name: str,
    outcome: str,
    added: Callable[[Target], str],
    *,
    more_calls: int = 0,
    issues: Issues = (),
    versions: tuple[Version, ...] = BOTH,
) -> MatrixRow:
    """A list with one more job."""
    is_aside = any(action == "set_aside" for _, action, _ in issues)
    return MatrixRow(
        name=name,
        outcome=outcome,
        calls=LIST_CALLS + more_calls,
        v4_calls=RUN_LIST_CALLS + more_calls,
        issues=issues,
        exit=1 if is_aside else 0,
        added=added,
        kind="jobs",
        versions=versions,
    )


def run_list(
    name: str, outcome: str, *, calls: int, quirk: Quirk, issues: Issues = ()
) -> MatrixRow:
    """A list of runs that is not as it was asked for."""
    return MatrixRow(
        name=name,
        outcome=outcome,
        calls=calls,
        issues=issues,
        exit=1 if any(action == "set_aside" for _, action, _ in issues) else 0,
        quirk=quirk,
        kind="list",
        versions=V4,
    )


UNSORTED: Issues = (("unsorted_listing", "kept", 1),)


LISTING_ROWS: tuple[MatrixRow, ...] = (
    MatrixRow(
        name="job list ignores `page`",
        outcome="read until a page has nothing new; loaded",
        calls=2,
        faults=lambda target: [target.fault("repeat")],
        kind="jobs",
        versions=V3,
    ),
    listing(
        "job without a uid",
        "job set aside, the others are loaded",
        lambda _target: '{"status":"stopped"}',
        issues=(("missing_uid", "set_aside", 1),),
    ),
    listing(
        "job with a number as uid",
        "loaded, the number as text",
        lambda target: target.job(uid=int(target.uid[:8], 16)),
    ),
    listing(
        "job listed twice with different content",
        "job read once more; loaded",
        lambda target: json.dumps({**target.rows[0], "status": "running"}),
        more_calls=1,
        issues=(("listed_twice", "reread", 1),),
    ),
    listing(
        "job with an unknown status",
        "job loaded, its results are not fetched",
        lambda target: target.job(status="teleporting"),
    ),
    listing("job without timestamps", "loaded as null", Target.job),
    listing(
        "job with unreadable timestamps",
        "null, and kept as text in a column `api_…`",
        lambda target: target.job(start_time="yesterday", finish_time="+12345-01-01T00:00:00Z"),
        issues=(("unfit_value", "mended", 1), ("unfit_value", "mended", 1)),
    ),
    listing(
        "job with times with and without an offset",
        "loaded as UTC",
        lambda target: target.job(
            start_time="2026-01-01T10:00:00", finish_time="2026-01-01T13:30:00+02:00"
        ),
    ),
    listing(
        "job with a time in the year 9999",
        "loaded",
        lambda target: target.job(finish_time="9999-12-31T23:59:59Z"),
    ),
    MatrixRow(
        name="404 for the job list of a listed workflow",
        outcome="the loaded jobs stay",
        calls=1,
        issues=(("not_found", "kept", 1),),
        faults=lambda target: [target.fault("status", status=404)],
        kind="jobs",
        versions=V3,
    ),
    aside(
        "403 for the job list of one workflow",
        "forbidden",
        always("status", status=403),
        of="jobs",
        versions=V3,
    ),
    aside("job list is an object", "unexpected_answer", whole(b'{"jobs":[]}'), of="jobs"),
    aside("job list is HTML", "not_json", always("html"), of="jobs"),
    aside(
        "job list answered with 503 beyond the time limit for retries",
        "server_error",
        always("status", status=503, headers=LONGER_THAN_BUDGET),
        of="jobs",
    ),
    MatrixRow(
        name="404 for the details of a workflow",
        outcome="workflow loaded without details",
        calls=1,
        issues=(("not_found", "kept", 1),),
        faults=lambda target: [target.fault("status", status=404)],
        kind="details",
        versions=V3,
    ),
    MatrixRow(
        name="418 for the details of a workflow",
        outcome="workflow loaded without details; the next sync tries again",
        calls=1,
        issues=(("refused", "set_aside", 1),),
        exit=1,
        faults=lambda target: [target.fault("status", status=418)],
        kind="details",
        versions=V3,
    ),
    listing(
        "a `LIVE` run",
        "loaded; its outputs are not fetched, the API does not keep them",
        lambda target: target.job(execution_mode="LIVE", status="SUCCEEDED", output_count=3),
        versions=V4,
    ),
    run_list(
        "a run without `updated_at`",
        "all runs are read; loaded",
        calls=RUN_LIST_CALLS,
        quirk=lambda runs, first, count: [
            {**run, "updated_at": None} if at == 3 else run for at, run in enumerate(runs)
        ][first : first + count],
        issues=UNSORTED,
    ),
    run_list(
        "run list not in the requested order",
        "all runs are read; loaded",
        calls=RUN_LIST_CALLS,
        quirk=lambda runs, first, count: runs[::-1][first : first + count],
        issues=UNSORTED,
    ),
    run_list(
        "run list ignores `limit`",
        "read to its end; loaded",
        calls=4,
        quirk=lambda runs, first, _count: runs[first : first + 10],
    ),
    run_list(
        "run list ignores `offset`",
        "the runs that came are loaded; the next sync tries again",
        calls=5,
        quirk=lambda runs, _first, count: runs[:count],
        issues=(("endless_pages", "set_aside", 1),),
    ),
    aside(
        "403 without a scope for the run list",
        "forbidden",
        always("status", status=403, body="Forbidden"),
        of="list",
        versions=V4,
    ),
    aside(
        "400 with scope `input` for the run list",
        "refused",
        blaming("input", 400),
        of="list",
        versions=V4,
    ),
)


RESULTS = "/results$|/outputs$"


def failing(
    name: str,
    cause: str,
    *,
    calls: int,
    path: str,
    issues: Issues = (),
    versions: tuple[Version, ...] = BOTH,
    **fault: Any,
) -> MatrixRow:
    return MatrixRow(
        name=name,
        outcome="the sync of the workspace fails; committed rows stay; the others go on",
        calls=calls,
        issues=(*issues, (cause, "failed", 1)),
        exit=1,
        faults=lambda target: [Fault(match=path, workspace=target.uid, **fault)],
        kind="workspace",
        versions=versions,
    )


WORKSPACE_ROWS: tuple[MatrixRow, ...] = (
    failing(
        "401 during the sync",
        "unauthorized",
        calls=4,
        path=RESULTS,
        kind="status",
        status=401,
        skip=3,
    ),
    failing(
        "403 for the list of workflows",
        "forbidden",
        calls=1,
        path="/workflows$",
        kind="status",
        status=403,
        versions=V3,
    ),
    failing(
        "403 with scope `auth` for the run list",
        "unauthorized",
        calls=1,
        path="/runs$",
        kind="status",
        status=403,
        body=error("auth"),
        versions=V4,
    ),
    failing(
        "400 with scope `config` for the run list",
        "misconfigured",
        calls=1,
        path="/runs$",
        kind="status",
        status=400,
        body=error("config"),
        versions=V4,
    ),
    failing(
        "the key belongs to another workspace than `project_uid`",
        "foreign_workspace",
        calls=1,
        path="/workspaces$",
        kind="replace",
        body='{"uid":"another","name":"Another"}',
        versions=V4,
    ),
    failing(
        "a run of another workspace than `project_uid`",
        "foreign_workspace",
        calls=1,
        path="/runs$",
        kind="replace",
        body='[{"uid":"r","workspace_uid":"another","updated_at":"2026-01-10T12:00:00Z"}]',
        versions=V4,
    ),
    failing(
        "503 for all results, beyond the time limit for retries",
        "server_error",
        calls=6,
        path=RESULTS,
        issues=(("server_error", "set_aside", 1), ("server_error", "set_aside", 1)),
        kind="status",
        status=503,
        headers=LONGER_THAN_BUDGET,
        skip=3,
    ),
    MatrixRow(
        name="connection refused",
        outcome="retried for a minute, then the sync of the workspace fails; the others go on",
        calls=0,
        issues=(("connection_failed", "failed", 1), ("connection_failed", "retried", SEVERAL)),
        exit=1,
        kind="unreachable",
    ),
    MatrixRow(
        name="403 for the workspace itself",
        outcome="the row of the workspace is set aside; the rest is loaded",
        calls=1,
        issues=(("forbidden", "set_aside", 1),),
        exit=1,
        faults=lambda target: [
            Fault(
                match="/workspace$|/workspaces$",
                workspace=target.uid,
                kind="status",
                status=403,
                body="Forbidden",
            )
        ],
        kind="workspace",
    ),
    MatrixRow(
        name="empty list of workflows after one with workflows",
        outcome="nothing is marked as deleted; a second empty list in a row is accepted",
        calls=1,
        issues=(("empty_listing", "kept", 1),),
        faults=lambda target: [
            Fault(match="/workflows$", workspace=target.uid, kind="replace", body="[]")
        ],
        kind="second",
        versions=V3,
    ),
    MatrixRow(
        name="the clock of this machine was a year ahead at the last sync",
        outcome="details with a future time are fetched again",
        calls=1,
        kind="clock",
        versions=V3,
    ),
    MatrixRow(
        name="`row_count` differs from the number of results",
        outcome="read again; if equal, loaded and read again by later syncs",
        calls=2,
        issues=(("row_count_differs", "kept", 1),),
        kind="count",
    ),
)

DRIP = MatrixRow(
    name="answer slower than the deadline",
    outcome="retried; loaded",
    calls=2,
    issues=(("answer_too_slow", "retried", 1),),
    kind="drip",
)

EXTRA_ROWS: tuple[MatrixRow, ...] = (
    MatrixRow(
        name="404 for the call of a table that is off by default, or of flow runs",
        outcome="what is loaded stays, nothing is marked as deleted; the rest is loaded",
        calls=1,
        issues=(("not_found", "kept", 1),),
        faults=lambda target: [target.fault("status", status=404, body="<h1>None</h1>")],
        kind="extra",
        versions=V4,
    ),
    MatrixRow(
        name="404 for the inputs of three jobs, and none were found before",
        outcome="no further job is asked; the next sync tries again",
        calls=3,
        issues=(("not_found", "kept", 1),) * 3,
        faults=lambda target: [target.fault("status", status=404)],
        kind="inputs",
    ),
    MatrixRow(
        name="400 for `limit` of inputs, deliveries or outputs of flow runs",
        outcome="asked again with the smaller limit of older servers; loaded",
        calls=2,
        faults=lambda target: [target.fault("status", status=400, body=error("param"), times=1)],
        kind="limit",
        versions=V4,
    ),
)
"""Of tables that are off by default, in tests/sync/test_extra_faults.py."""

OTHER_ROWS: tuple[MatrixRow, ...] = (
    *EXTRA_ROWS,
    # by itself, for the deadline's clock is a test's
    DRIP,
    # of v3 in tests/unit/http/test_tls.py, for it takes a server with a certificate
    MatrixRow(
        name="`next` links to plain http",
        outcome="followed over https; loaded",
        calls=2,
        kind="tls",
    ),
)

ROWS = (*RESULT_ROWS, *LISTING_ROWS, *WORKSPACE_ROWS, *OTHER_ROWS)
