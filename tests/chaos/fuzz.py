"""Random pages through the path of the results: equal, or changed and flagged, or set aside.

What a page means is found out here by other means than the connector's, with Python's own parser,
which takes the same liberties: `NaN`, halves of surrogate pairs, control characters.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import hypothesis

from captaindata_source.api.v3 import V3Api
from captaindata_source.extract.guard import Guard
from captaindata_source.extract.queue import Package, ResultJob, ResultQueue
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.http import AdaptiveThrottle, Clock, HttpClient, Secret
from captaindata_source.issues import Action, Issue, IssueLog
from tests.chaos.pages import ANY_PAGES
from tests.support.reading import FilesInFolder

JOB = "j"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOO_DEEP = "nested too deep"
EQUAL, FLAGGED, ASIDE = "arrived equal", "changed and flagged", "set aside"


@dataclass(slots=True)
class Fuzz:
    """What became of the pages."""

    pages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """Of the issues."""
    wrong: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """The `data` of all rows."""


class _Number(str):
    """A number as it is written; equal to no string."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Number) and str(self) == str(other)

    __hash__ = str.__hash__


class _Object(list[Any]):
    """Keys and values in their order, all of those that are there twice."""

    __slots__ = ()


def fuzz(pages: int) -> Fuzz:
    """Sends so many pages, the same in each run."""
    found = Fuzz()

    @hypothesis.settings(
        max_examples=pages,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(ANY_PAGES)
    def send(body: bytes) -> None:
        found.pages += 1
        try:
            # as it is outside of hypothesis, which raises it
            with _recursion_limit(1000), tempfile.TemporaryDirectory() as folder:
                rows, issues = read(body, Path(folder))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            found.wrong.append(f"{_short(body)}: crash: {error!r}")
            return
        with _recursion_limit(10_000):  # comparing goes deeper than what is compared
            outcome, complaint = judge(body, rows, issues)
        found.outcomes[outcome] += 1
        found.kinds.update({f"{issue.kind}, {issue.action}" for issue in issues})
        found.texts += rows or []
        if complaint:
            found.wrong.append(f"{_short(body)}: {complaint}")

    with _quiet():
        send()
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Each page would log a line or two."""
    logger = logging.getLogger("captaindata_source")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _recursion_limit(frames: int) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def read(body: bytes, folder: Path) -> tuple[list[str] | None, list[Issue]]:
    """Reads a job whose only page is that: its rows, None where it was set aside, and issues."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    issues = IssueLog()
    client = HttpClient(
        base_url="http://localhost/v3",
        headers={},
        key_header="authorization",
        key=Secret("k"),
        throttle=AdaptiveThrottle(max_parallel=1),
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)),
        clock=Clock(monotonic=lambda: now[0], sleep=sleep),
    )
    queue = ResultQueue()
    queue.add(ResultJob(uid=JOB, workflow_uid="w", version="v", finish_time=NOW))
    found = FilesInFolder(folder, workspace_uid="ws", load_id="load", loaded_at=NOW)
    reader = ResultReader(
        api=V3Api(client, issues),
        package=Package(queue),
        workspace_uid="ws",
        files=found.files,
        marks_empty=lambda _: False,
        issues=issues,
        guard=Guard(issues),
    )
    rows, ledger = found.read(reader)
    client.close()
    if not ledger:
        assert not rows, "rows of a job that does not count as loaded"
        return None, issues.take()
    assert [row["position"] for row in rows] == list(range(len(rows))), "positions"
    assert ledger[0]["result_rows"] == len(rows), "count"
    return [row["data"] for row in rows], issues.take()


def judge(body: bytes, rows: list[str] | None, issues: list[Issue]) -> tuple[str, str]:
    """What became of a page, and what is wrong with that; empty where nothing is."""
    about = [issue for issue in issues if issue.job_uid == JOB]
    sent = _results(body, "surrogateescape")
    if rows is None:
        reasons = [issue for issue in about if issue.action == Action.SET_ASIDE and issue.detail]
        if not reasons:
            return ASIDE, "lost in silence"
        is_deep = any(TOO_DEEP in (issue.detail or "") for issue in reasons)
        return ASIDE, "" if sent is None or is_deep else f"could have been read: {reasons[0]}"
    try:
        arrived = [_parse(row, is_strict=True) for row in rows]
    except ValueError as error:
        return EQUAL, f"arrived, but is no JSON: {error}"
    if sent is None:
        return EQUAL, f"is no page of results, but brought {len(rows)} rows"
    if arrived == sent:
        return EQUAL, ""
    is_flagged = any(issue.action == Action.MENDED for issue in about)
    if not is_flagged:
        return FLAGGED, f"changed in silence: {_short(repr(arrived))}"
    as_it_should = [_mended(value) for value in _results(body, "replace") or []]
    if arrived != as_it_should:
        return FLAGGED, f"changed to something else: {_short(repr(arrived))}"
    return FLAGGED, ""


def _results(body: bytes, errors: str) -> list[Any] | None:
    encoding = json.detect_encoding(body[:4])
    if not encoding.startswith("utf-8"):
        errors = "replace"
    try:
        page = _parse(body.decode(encoding, errors).lstrip("\ufeff"), is_strict=False)
    except (ValueError, RecursionError):
        return None
    found = dict(page).get("results") if isinstance(page, _Object) else None
    return found if isinstance(found, list) and not isinstance(found, _Object) else None


def _parse(text: str, *, is_strict: bool) -> Any:
    def constant(name: str) -> _Number:
        if is_strict:
            raise ValueError(name)
        return _Number(name)

    return json.loads(
        text,
        strict=is_strict,
        object_pairs_hook=_Object,
        parse_int=_Number,
        parse_float=_Number,
        parse_constant=constant,
    )


def _mended(value: Any) -> Any:
    """What JSON and all destinations can hold of a value."""
    if isinstance(value, _Object):
        return _Object((_mended(key), _mended(inner)) for key, inner in value)
    if isinstance(value, list):
        return [_mended(inner) for inner in value]
    if isinstance(value, _Number):
        return str(value) if value[-1].isalpha() else value
    if isinstance(value, str):
        return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
    return value


def _short(what: bytes | str) -> str:
    text = what if isinstance(what, str) else repr(what)
    return text if len(text) <= 600 else f"{text[:400]} … {text[-200:]}"
