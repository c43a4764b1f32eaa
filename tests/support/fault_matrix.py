"""What the API may send and what a sync makes of it: the matrix, stated in advance.

`tests/sync/test_fault_matrix.py` holds a sync to each row, in each version of the API that it is
about; the README prints the table. A row is stated once: how a version writes a page, a link or a
run is the secret of its `Target`.
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
        outcome="tried again; loaded",
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
    kept = {"mended": "kept in a form that every destination holds", "kept": "loaded as sent"}
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
        "429 with seconds",
        "rate_limited",
        first("status", status=429, headers={"Retry-After": "2"}),
    ),
    retried(
        "429 with a date",
        "rate_limited",
        lambda target: target.fault(
            "status", status=429, headers={"Retry-After": http_date(5)}, times=1
        ),
    ),
    retried("429 without a header", "rate_limited", first("status", status=429)),
    retried(
        "429 by a clock that is ten years ahead",
        "rate_limited",
        lambda target: target.fault(
            "status",
            status=429,
            times=1,
            headers={"Date": http_date(3e8), "Retry-After": http_date(3e8 + 4)},
        ),
    ),
    aside(
        "429 for longer than the budget",
        "rate_limited",
        always("status", status=429, headers=LONGER_THAN_BUDGET),
    ),
    retried(
        "500, 502, 503 and 504 in a burst",
        "server_error",
        *(first("status", status=status) for status in (500, 502, 503, 504)),
        occurrences=(1, 1, 1, 1),
    ),
    retried(
        "425, 507, 509 and a CDN's 520, 522, 524, 529 and 530 in a burst",
        "server_error",
        *(
            first("status", status=status, body="<h1>Try later</h1>")
            for status in (425, 507, 509, 520, 522, 524, 529, 530)
        ),
        occurrences=(1,) * 8,
    ),
    retried(
        "a CDN's 529 with seconds",
        "server_error",
        first("status", status=529, headers={"Retry-After": "2"}),
    ),
    retried("connection reset before the answer", "connection_failed", first("reset")),
    retried("connection reset in the body", "connection_failed", first("reset_body")),
    retried("short body", "connection_failed", first("cut")),
    retried("truncated JSON of the right length", "answer_cut_off", first("truncate")),
    aside("answer beyond the cap", "answer_too_large", always("bomb", size=270_000_000)),
    aside("HTML with status 200", "not_json", always("html")),
    aside("error object with status 200", "unexpected_answer", whole(b'{"error":"internal"}')),
    aside("204", "no_data", always("status", status=204, body="")),
    aside("empty body", "no_data", always("empty")),
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
            ("absolute", lambda target: f"{target.results_url}?cursor=c"),
            ("relative", lambda target: f"{target.results_path}?cursor=c"),
            ("a bare cursor", lambda _target: "c"),
        )
    ),
    aside(
        "`next` null with have_next_page true",
        "missing_link",
        lambda target: target.fault(
            "replace", body=json.dumps({"results": target.rows, "paging": {"have_next_page": True}})
        ),
        versions=V3,
    ),
    *(
        MatrixRow(
            name=f"`next` {style}",
            outcome="the last page; loaded",
            calls=1,
            faults=in_one_page(to),
            versions=V4,
        )
        for style, to in (("the word null", "null"), ("empty", ""))
    ),
    aside("`next` to itself", "endless_pages", always("loop_next"), calls=2),
    aside(
        "`next` in a longer loop",
        "endless_pages",
        *((lambda target, to=to: target.page(target.texts[:1], to=to)) for to in ("a", "b", "a")),
        calls=3,
    ),
    aside("`next` to another host", "foreign_link", always("foreign_next")),
    MatrixRow(
        name="empty page with have_next_page true",
        outcome="followed; loaded",
        calls=2,
        faults=lambda target: [
            empty_page("c")(target),
            target.page(target.texts),
        ],
    ),
    aside(
        "empty pages without end",
        "endless_pages",
        *(empty_page(str(number)) for number in range(12)),
        calls=10,
    ),
    aside(
        "a cursor that is ignored",
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
        name="pages whose results shift while they are read",
        outcome="the count differs: read again; loaded",
        calls=3,
        issues=(("pages_shifted", "reread", 1),),
        faults=lambda target: [
            target.page(target.texts[:2], to="c"),
            target.page(target.texts[1:]),
        ],
    ),
    aside(
        "pages that shift at every reading",
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
        "`results` missing",
        "unexpected_answer",
        whole(b'{"paging":{"next":null}}'),
        versions=V3,
    ),
    aside("`results` null", "unexpected_answer", whole(b'{"results":null}'), versions=V3),
    aside("`results` an object", "unexpected_answer", whole(b'{"results":{"a":1}}'), versions=V3),
    aside("outputs null", "unexpected_answer", whole(b"null"), versions=V4),
    aside(
        "outputs in an object, as v3 has them",
        "unexpected_answer",
        lambda target: target.fault("replace", body=json.dumps({"results": target.rows})),
        versions=V4,
    ),
    value("no object (a number, a text, a list)", b"[1]", kind="not_an_object", action="kept"),
    aside("job gone (404) between list and results", "not_found", always("status", status=404)),
    retried(
        "400 of scope `server`",
        "server_error",
        blaming("server", 400, times=1),
        versions=V4,
    ),
    retried(
        "503 of a scope that nobody knows",
        "server_error",
        blaming("weather", 503, times=1),
        versions=V4,
    ),
    *(
        aside(
            f"{status} of scope `{scope}`",
            "refused",
            blaming(scope, status),
            versions=V4,
        )
        for scope, status in (("input", 400), ("param", 500), ("integ", 424))
    ),
    aside(
        "403 that names no scope",
        "forbidden",
        always("status", status=403, body="Forbidden"),
        versions=V4,
    ),
    aside(
        "an error that quotes the key",
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
    value("200 levels", nested(200)),
    aside(
        "a result with 100,000 levels",
        "unexpected_answer",
        lambda target: target.page([nested(100_000)]),
    ),
    value("50 MB in one row", b'{"text":"%b"}' % (b"x" * 50_000_000)),
    value("integers of 40 digits", b'{"a":%b}' % (b"7" * 40)),
    value("1e400", b'{"a":1e400}'),
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
    value("é in ISO-8859-1, as `Content-Type` says", '{"a":"é"}'.encode(), charset="iso-8859-1"),
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
        name="job list that ignores `page`",
        outcome="ends with the page that brings nothing new; loaded",
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
        "loaded, the number as a text",
        lambda target: target.job(uid=int(target.uid[:8], 16)),
    ),
    listing(
        "job twice in a list with different content",
        "read once more by itself; loaded",
        lambda target: json.dumps({**target.rows[0], "status": "running"}),
        more_calls=1,
        issues=(("listed_twice", "reread", 1),),
    ),
    listing(
        "unknown status",
        "loaded as it is, its results are not asked for",
        lambda target: target.job(status="teleporting"),
    ),
    listing("missing timestamps", "loaded as null", Target.job),
    listing(
        "nonsense timestamps",
        "null, and as a text into a column `api_…`",
        lambda target: target.job(start_time="yesterday", finish_time="+12345-01-01T00:00:00Z"),
        issues=(("unfit_value", "mended", 1), ("unfit_value", "mended", 1)),
    ),
    listing(
        "times without and with offsets",
        "loaded as UTC",
        lambda target: target.job(
            start_time="2026-01-01T10:00:00", finish_time="2026-01-01T13:30:00+02:00"
        ),
    ),
    listing(
        "a time in the far future",
        "loaded",
        lambda target: target.job(finish_time="9999-12-31T23:59:59Z"),
    ),
    MatrixRow(
        name="workflow deleted between two calls",
        outcome="its jobs stay as they are loaded",
        calls=1,
        issues=(("not_found", "kept", 1),),
        faults=lambda target: [target.fault("status", status=404)],
        kind="jobs",
        versions=V3,
    ),
    aside(
        "403 on one workflow only",
        "forbidden",
        always("status", status=403),
        of="jobs",
        versions=V3,
    ),
    aside("job list that is no list", "unexpected_answer", whole(b'{"jobs":[]}'), of="jobs"),
    aside("job list in HTML", "not_json", always("html"), of="jobs"),
    aside(
        "job list that is never answered",
        "server_error",
        always("status", status=503, headers=LONGER_THAN_BUDGET),
        of="jobs",
    ),
    MatrixRow(
        name="workflow's details are gone",
        outcome="loaded without them",
        calls=1,
        issues=(("not_found", "kept", 1),),
        faults=lambda target: [target.fault("status", status=404)],
        kind="details",
        versions=V3,
    ),
    MatrixRow(
        name="workflow's details fail",
        outcome="loaded without them; the next sync tries again",
        calls=1,
        issues=(("refused", "set_aside", 1),),
        exit=1,
        faults=lambda target: [target.fault("status", status=418)],
        kind="details",
        versions=V3,
    ),
    listing(
        "a live run",
        "loaded; its outputs are not asked for, nobody keeps them",
        lambda target: target.job(execution_mode="LIVE", status="SUCCEEDED", output_count=3),
        versions=V4,
    ),
    run_list(
        "a run without the time of its last change",
        "all runs are read; loaded",
        calls=RUN_LIST_CALLS,
        quirk=lambda runs, first, count: [
            {**run, "updated_at": None} if at == 3 else run for at, run in enumerate(runs)
        ][first : first + count],
        issues=UNSORTED,
    ),
    run_list(
        "run list in another order than was asked for",
        "all runs are read; loaded",
        calls=RUN_LIST_CALLS,
        quirk=lambda runs, first, count: runs[::-1][first : first + count],
        issues=UNSORTED,
    ),
    run_list(
        "run list that ignores `limit`",
        "read to its end; loaded",
        calls=4,
        quirk=lambda runs, first, _count: runs[first : first + 10],
    ),
    run_list(
        "run list that ignores `offset`",
        "what came is loaded; the next sync tries again",
        calls=5,
        quirk=lambda runs, _first, count: runs[:count],
        issues=(("endless_pages", "set_aside", 1),),
    ),
    aside(
        "run list refused (403), no scope is named",
        "forbidden",
        always("status", status=403, body="Forbidden"),
        of="list",
        versions=V4,
    ),
    aside(
        "run list refused, of scope `input`",
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
        outcome="the workspace fails, what was committed stays; others go on",
        calls=calls,
        issues=(*issues, (cause, "failed", 1)),
        exit=1,
        faults=lambda target: [Fault(match=path, workspace=target.uid, **fault)],
        kind="workspace",
        versions=versions,
    )


WORKSPACE_ROWS: tuple[MatrixRow, ...] = (
    failing(
        "workspace key revoked in the middle",
        "unauthorized",
        calls=4,
        path=RESULTS,
        kind="status",
        status=401,
        skip=3,
    ),
    failing(
        "workflow listing refused",
        "forbidden",
        calls=1,
        path="/workflows$",
        kind="status",
        status=403,
        versions=V3,
    ),
    failing(
        "run list refused, of scope `auth`",
        "unauthorized",
        calls=1,
        path="/runs$",
        kind="status",
        status=403,
        body=error("auth"),
        versions=V4,
    ),
    failing(
        "run list refused, of scope `config`",
        "misconfigured",
        calls=1,
        path="/runs$",
        kind="status",
        status=400,
        body=error("config"),
        versions=V4,
    ),
    failing(
        "the key belongs to another workspace than project_uid says",
        "foreign_workspace",
        calls=1,
        path="/workspaces$",
        kind="replace",
        body='{"uid":"another","name":"Another"}',
        versions=V4,
    ),
    failing(
        "a run of another workspace than project_uid says",
        "foreign_workspace",
        calls=1,
        path="/runs$",
        kind="replace",
        body='[{"uid":"r","workspace_uid":"another","updated_at":"2026-01-10T12:00:00Z"}]',
        versions=V4,
    ),
    failing(
        "the API goes down",
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
        outcome="tried again for a minute; the workspace fails, others go on",
        calls=0,
        issues=(("connection_failed", "failed", 1), ("connection_failed", "retried", SEVERAL)),
        exit=1,
        kind="unreachable",
    ),
    MatrixRow(
        name="the workspace itself refused (403)",
        outcome="its own row set aside, all else is loaded",
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
        name="empty workflow listing after a full one",
        outcome="nothing is marked as deleted; a second one in a row is believed",
        calls=1,
        issues=(("empty_listing", "kept", 1),),
        faults=lambda target: [
            Fault(match="/workflows$", workspace=target.uid, kind="replace", body="[]")
        ],
        kind="second",
        versions=V3,
    ),
    MatrixRow(
        name="our clock was a year ahead at the last sync",
        outcome="details from a time to come are fetched again",
        calls=1,
        kind="clock",
        versions=V3,
    ),
    MatrixRow(
        name="a row count that disagrees with the rows",
        outcome="read again; the same rows: loaded, and read again by later syncs",
        calls=2,
        issues=(("row_count_differs", "kept", 1),),
        kind="count",
    ),
)

DRIP = MatrixRow(
    name="slow drip beyond the deadline",
    outcome="tried again; loaded",
    calls=2,
    issues=(("answer_too_slow", "retried", 1),),
    kind="drip",
)

OTHER_ROWS: tuple[MatrixRow, ...] = (
    # by itself, for the deadline's clock is a test's
    DRIP,
    # of v3 in tests/unit/http/test_tls.py, for it takes a server with a certificate
    MatrixRow(
        name="`next` to plain http",
        outcome="followed over https; loaded",
        calls=2,
        kind="tls",
    ),
)

ROWS = (*RESULT_ROWS, *LISTING_ROWS, *WORKSPACE_ROWS, *OTHER_ROWS)
