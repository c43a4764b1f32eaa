"""Finds out which of the facts that the documentation leaves open hold for an account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from captaindata_source.api.asking import NOT_SEEN, Answered, Asker, Fact, form_of, order_of, share
from captaindata_source.api.base import Api, Record
from captaindata_source.api.documents import (
    LISTS,
    OBJECTS,
    RAW_LISTS,
    RAWS,
    ApiBase,
    record,
    segment,
)
from captaindata_source.api.pagination import link_target
from captaindata_source.api.statuses import SUCCEEDED

__all__ = ["MAX_CALLS", "Fact", "open_facts"]

MAX_CALLS = 25
"""Of a workspace, redirects included."""
WORKFLOWS, PAGES, JOBS = 2, 3, 4
"""Lists that are begun, pages of one that are read, jobs whose results are."""
FAR = 1_000_000
BIG_LIMIT = 500
FLOW_LIMIT = 1_000
NEXT_HEADER = "x-pagination-next"


class _Paging(msgspec.Struct):
    next: str | int | None = None


class _Results(msgspec.Struct):
    results: list[msgspec.Raw]
    paging: _Paging | None = None


_results = msgspec.json.Decoder(_Results)


def open_facts(api: Api) -> list[Fact]:
    """Asks at most `MAX_CALLS` times. Never raises because of what the API answers.

    Args:
        api: A workspace; none of its calls is tried twice.
    """
    if not isinstance(api, ApiBase):
        return []
    asker = Asker(api.documents, most=MAX_CALLS)
    found = [*(_of_v3(asker) if api.lists_workflows else _of_v4(asker, has_flows=api.has_flows))]
    return [*found, *asker.facts()]


def _of_v3(ask: Asker) -> Iterator[Fact]:
    first = ask.ask("workspace", OBJECTS)
    yield Fact("key in the documented header", _taken(first))
    listed = _records(ask.ask("workflows", LISTS))
    paths = [f"workflows/{segment(str(each.get('uid')))}/jobs" for each in listed[:WORKFLOWS]]
    lists = [(_records(ask.ask(path, LISTS, page=0)), path) for path in paths]
    jobs, path = max(lists, key=lambda each: len(each[0]), default=([], ""))
    pages = [jobs]
    for number in range(1, PAGES):
        if not pages[-1] or not path:
            break
        pages.append(_records(ask.ask(path, LISTS, page=number)))
    seen = [job for page in pages for job in page]
    yield Fact("order of job lists", _order(seen))
    steps = [(page, _is_new(after, page)) for page, after in pairwise(pages)]
    sizes = [len(page) for page, is_followed in steps if is_followed]
    yield Fact("jobs on pages that another follows", ", ".join(map(str, sizes)) or NOT_SEEN)
    short = [is_followed for page, is_followed in steps if 0 < len(page) < len(pages[0])]
    yield Fact("short pages that another follows", share(short))
    far = ask.ask(path, LISTS, page=FAR) if jobs else None
    yield Fact("page beyond the end of a job list", _beyond(far))
    jobs = list({str(job.get("uid")): job for page, _ in lists for job in [*page, *seen]}.values())
    yield from _results_of_v3(ask, jobs)


def _results_of_v3(ask: Asker, jobs: Sequence[Record]) -> Iterator[Fact]:
    by_uid = {str(job.get("uid")): job for job in jobs}
    subs = [job for job in jobs if str(job.get("main_job_uid")) in by_uid.keys() - {job["uid"]}]
    chosen = sorted(jobs, key=lambda job: -_count(job, "row_count"))
    empty = [job for job in chosen if job.get("row_count") == 0][:1]
    pages: dict[str, list[bytes]] = {}
    nexts: list[object] = []
    sizes, follows, counts, totals = [], "", [], []
    pair = [str(subs[0]["uid"]), str(subs[0]["main_job_uid"])] if subs else []
    uids = [*(str(job["uid"]) for job in [*chosen[:JOBS], *empty]), *pair]
    for uid in dict.fromkeys(uids):
        path = f"jobs/{segment(uid)}/results"
        answer = ask.ask(path, _results)
        if answer is None or answer.data is None:
            continue
        rows = pages[uid] = [bytes(row) for row in answer.data.results]
        link = answer.data.paging.next if answer.data.paging else None
        if link in (None, ""):
            counts += _agrees(by_uid[uid], "row_count", len(rows))
            totals += _agrees(by_uid[uid], "total_row_count", len(rows))
            continue
        nexts.append(link)
        sizes.append(len(rows))
        if not follows:
            target, parameters = link_target(str(link), path)
            further = ask.ask(target, _results, **parameters)
            follows = "brings rows" if further and further.data else "fails"
    forms = sorted({form_of(each) for each in nexts})
    yield Fact("next of results is", ", ".join(forms) or NOT_SEEN)
    yield Fact("following it", follows or NOT_SEEN)
    yield Fact("results on a page that another follows", _most(sizes))
    yield Fact("row_count equals the results", share(counts))
    yield Fact("total_row_count equals the results", share(totals))
    retried = pages.get(pair[0], []) if pair else []
    main = set(pages.get(pair[1], [])) if pair else set()
    again = [row in main for row in retried] if main else []
    yield Fact("results of a retry that are in the main run", share(again))


def _of_v4(ask: Asker, *, has_flows: bool) -> Iterator[Fact]:
    workspace = ask.ask("workspaces", RAWS)
    yield Fact("key in the documented header", _taken(workspace))
    runs = _records(ask.ask("runs", LISTS, limit=100, offset=0, sort="-updated_at"))
    yield Fact("order of runs by updated_at", order_of([run.get("updated_at") for run in runs]))
    yield Fact("runs on a page of at most 100", str(len(runs)) if runs else NOT_SEEN)
    far = ask.ask("runs", LISTS, limit=100, offset=FAR, sort="-updated_at")
    yield Fact("page beyond the end of runs", _beyond(far))
    chosen = sorted(runs, key=lambda run: -_count(run, "output_count"))
    empty = [run for run in chosen if run.get("output_count") == 0][:1]
    limits, sizes, nexts, counts = [], [], [], []
    for run in [*chosen[:JOBS], *empty]:
        path = f"runs/{segment(str(run.get('uid')))}/outputs"
        answer = ask.ask(path, RAW_LISTS, limit=BIG_LIMIT)
        if answer is None:
            break
        limits.append(_taken(answer))
        if answer.data is None:
            continue
        link = (answer.headers.get(NEXT_HEADER) or "").strip()
        if link.lower() in ("", "null", "none"):
            counts += _agrees(run, "output_count", len(answer.data))
        else:
            nexts.append(form_of(link))
            sizes.append(len(answer.data))
    yield Fact(f"limit={BIG_LIMIT} of outputs", ", ".join(sorted(set(limits))) or NOT_SEEN)
    yield Fact("next of outputs is", ", ".join(sorted(set(nexts))) or NOT_SEEN)
    yield Fact("outputs on a page that another follows", _most(sizes))
    yield Fact("output_count equals the outputs", share(counts))
    identities = ask.ask("identities", LISTS, retrieve_accounts="true", page=1)
    yield Fact("identities with retrieve_accounts", _taken(identities))
    data = (identities.data if identities else None) or []
    yield Fact("identities that name accounts", share(["accounts" in each for each in data]))
    yield Fact("page beyond the end of identities", _beyond(ask.ask("identities", LISTS, page=FAR)))
    if has_flows:
        yield from _of_flows(ask, runs)


def _of_flows(ask: Asker, runs: Sequence[Record]) -> Iterator[Fact]:
    answer = ask.ask("flows/runs", LISTS, limit=100, offset=0, sort="-created_at")
    flow_runs = _records(answer)
    yield Fact("flow runs", _taken(answer))
    yield Fact(
        "order of flow runs by created_at", order_of([r.get("created_at") for r in flow_runs])
    )
    named = {str(run["flow_run_id"]) for run in runs if run.get("flow_run_id") not in (None, "")}
    by = [name for name in ("uid", "id") if named & {str(each.get(name)) for each in flow_runs}]
    yield Fact("flow_run_id of runs is", " and ".join(by) or NOT_SEEN)
    ended = [run for run in flow_runs if run.get("status") in SUCCEEDED][:1]
    outputs = [
        ask.ask(f"flows/runs/{segment(str(run['uid']))}/outputs", RAW_LISTS, limit=FLOW_LIMIT)
        for run in ended
    ]
    yield Fact(
        f"limit={FLOW_LIMIT} of outputs of flows", _taken(outputs[0]) if outputs else NOT_SEEN
    )


def _records(answer: Answered[list[dict[str, msgspec.Raw]]] | None) -> list[Record]:
    if answer is None or answer.data is None:
        return []
    return [found for each in answer.data if (found := record(each)).get("uid")]


def _taken(answer: Answered[Any] | None) -> str:
    if answer is None or answer.status is None:
        return NOT_SEEN
    return "taken" if answer.data is not None else f"refused with {answer.status}"


def _beyond(answer: Answered[list[dict[str, msgspec.Raw]]] | None) -> str:
    if answer is None or answer.status is None:
        return NOT_SEEN
    if answer.data is None:
        return f"status {answer.status}"
    return "repeats items" if answer.data else "empty"


def _is_new(page: Sequence[Record], before: Sequence[Record]) -> bool:
    return bool({str(job.get("uid")) for job in page} - {str(job.get("uid")) for job in before})


def _order(jobs: Sequence[Record]) -> str:
    found = order_of([_time(job) for job in jobs])
    if found != "none":
        return found
    planned = order_of([job.get("scheduled_time") for job in jobs])
    return f"{planned} by scheduled_time" if planned not in ("none", NOT_SEEN) else found


def _time(job: Record) -> object:
    return job.get("start_time") or job.get("scheduled_time")


def _count(job: Record, name: str) -> int:
    value = job.get(name)
    return value if isinstance(value, int) else -1


def _agrees(job: Record, name: str, rows: int) -> list[bool]:
    return [job[name] == rows] if isinstance(job.get(name), int) else []


def _most(sizes: Sequence[int]) -> str:
    return str(max(sizes)) if sizes else NOT_SEEN
