"""A small server of both generations of the API, which shares nothing with the sandbox: lists of
jobs that grow with its clock, in the order and the pages that it is told.

It counts calls, and knows the fewest that would do.
"""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import httpx

__all__ = ["BASE_PATH", "JobsServer", "Order", "ServedJob"]

Order = Literal["newest", "oldest", "none"]
START = datetime(2026, 10, 1, tzinfo=UTC)
LISTED_FOR = timedelta(days=60)
KEPT_FOR = timedelta(days=90)
NEVER = datetime.min.replace(tzinfo=UTC)
RESULTS_PAGE = {"v3": 1_000, "v4": 500, "edges": 500}
BASE_PATH = {"v3": "v3", "v4": "v4", "edges": "v1"}
RUNS_PAGE = 100


@dataclass(slots=True)
class ServedJob:
    """A job, or a run."""

    uid: str
    workflow_uid: str
    started: datetime
    updated: datetime
    status: str
    rows: int
    counted: int
    changed: datetime
    """When it came to be as it is."""

    @property
    def finished(self) -> datetime:
        return self.updated


@dataclass
class JobsServer:
    """The server.

    Args:
        version: v3, v4 or edges.
        workflows: How many there are.
        jobs: Of each workflow, when it starts.
        every: Between two jobs of a workflow.
        page_size: Jobs on a page of v3.
        order: Of v3's lists.
        empty: Of so many jobs all but one have no results.
        rows: Results of the others.
        failed: One in so many jobs fails; 0: none.
    """

    version: str = "v3"
    workflows: int = 20
    jobs: int = 300
    every: timedelta = timedelta(hours=2)
    page_size: int = 50
    order: Order = "newest"
    empty: int = 3
    rows: int = 2
    failed: int = 0
    now: datetime = START
    calls: list[str] = field(default_factory=list)
    served: dict[str, ServedJob] = field(default_factory=dict)
    quota: int | None = None
    """Calls after which each is refused until tomorrow; None: no limit."""
    _random: random.Random = field(default_factory=lambda: random.Random(1))
    _lists: dict[str, list[ServedJob]] = field(default_factory=dict)
    _next: list[datetime] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        for number in range(self.workflows):
            first = self.now - self.jobs * self.every + number * timedelta(seconds=7)
            self._next.append(first)
        self.advance(timedelta())

    def advance(self, by: timedelta) -> None:
        """Lets time pass: jobs begin and end."""
        self.now += by
        for number in range(self.workflows):
            while self._next[number] < self.now:
                job = self.add(number, self._next[number])
                job.changed = job.started
                self._next[number] += self.every

    def add(self, workflow: int, started: datetime | None = None) -> ServedJob:
        """Adds a job that has ended."""
        started = started or self.now
        number, self._made = self._made, self._made + 1
        has_failed = bool(self.failed) and number % self.failed == 0
        rows = 0 if number % self.empty or has_failed else self.rows
        uid = f"{self._random.getrandbits(64):016x}"
        status = self._statuses[not has_failed]
        job = ServedJob(uid, f"w{workflow}", started, started, status, rows, rows, self.now)
        self.served[uid] = job
        self._lists.setdefault(job.workflow_uid, []).append(job)
        return job

    @property
    def _statuses(self) -> tuple[str, str]:
        return ("failed", "finished") if self.version == "v3" else ("FAILED", "SUCCEEDED")

    def retry(self, job: ServedJob, *, rows: int) -> None:
        """Lets a job succeed now, with other results."""
        job.status = self._statuses[1]
        job.updated, job.rows, job.counted, job.changed = self.now, rows, rows, self.now

    def listed(self, workflow_uid: str) -> list[ServedJob]:
        """The list of a workflow, in its order."""
        jobs = [
            job for job in self._lists.get(workflow_uid, ()) if job.started >= self.now - LISTED_FOR
        ]
        if self.order == "none":
            return sorted(jobs, key=lambda job: job.uid)
        return sorted(jobs, key=lambda job: job.started, reverse=self.order == "newest")

    def fewest(
        self, *, lookback: timedelta | None, changed: list[ServedJob], members: bool = True
    ) -> int:
        """The fewest calls of a sync: the workspace's own, pages of lists, pages of results.

        Args:
            lookback: How far the lists are read, where they are newest first; None: as a whole, and
                the details of workflows too.
            changed: Jobs whose results are to be fetched, if they have any.
            members: Whether they are read.
        """
        results = sum(
            math.ceil(job.rows / RESULTS_PAGE[self.version]) for job in changed if job.rows
        )
        own, details = 1 + members, 0
        if self.version == "v3":
            own, details = own + 1, self.workflows if lookback is None else 0
        return own + details + sum(self.pages(lookback).values()) + results

    def pages(self, lookback: timedelta | None) -> dict[str, int]:
        """The pages of each list, by its path.

        Args:
            lookback: As `fewest`.
        """
        is_whole = lookback is None or (self.version == "v3" and self.order != "newest")
        since = self.now - lookback if lookback and not is_whole else NEVER
        if self.version != "v3":
            size = sum(job.updated >= since for job in self.served.values())
            return {"runs": max(1, math.ceil(size / RUNS_PAGE))}
        return {
            f"workflows/w{number}/jobs": max(
                1,
                math.ceil(
                    sum(job.started >= since for job in self.listed(f"w{number}")) / self.page_size
                ),
            )
            for number in range(self.workflows)
        }

    def transport(self) -> httpx.BaseTransport:
        """Answers in this process, without a socket."""

        def handle(request: httpx.Request) -> httpx.Response:
            status, headers, found = self.answer(request.url.raw_path.decode())
            return httpx.Response(status, headers=headers, json=found)

        return httpx.MockTransport(handle)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serves; gives the base URL."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: the other end would wait 40 ms
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                status, headers, found = owner.answer(self.path)
                body = json.dumps(found).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{BASE_PATH[self.version]}"
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, link: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of a call."""
        url = urlsplit(link)
        path = url.path.removeprefix(f"/{BASE_PATH[self.version]}/")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.calls.append(path)
        if self.quota is not None and len(self.calls) > self.quota:
            return 429, {"Retry-After": "36000"}, {"message": "quota"}
        found = (self._v3 if self.version == "v3" else self._v4)(path.split("/"), query)
        if found is None:
            return 404, {}, {"message": "not found"}
        return 200, {"Content-Type": "application/json"}, found

    def page(self, jobs: list[ServedJob], number: int) -> list[ServedJob] | None:
        """A page of a list of v3; None: a 404."""
        return jobs[number * self.page_size : (number + 1) * self.page_size]

    def _v3(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["workspace"]:
                return {"name": "Workspace", "tasks_left": 1, "tasks_max": 2, "tasks_used": 1}
            case ["users"]:
                return {"users": [{"uid": "u", "email": "u@example.com"}], "pages": 1}
            case ["workflows"]:
                return [{"uid": f"w{n}", "name": f"Workflow {n}"} for n in range(self.workflows)]
            case ["workflows", _, "details"]:
                return {"steps": []}
            case ["workflows", uid, "jobs"]:
                jobs = self.page(self.listed(uid), int(query.get("page", 0)))
                return None if jobs is None else [self.job_record(job) for job in jobs]
            case ["jobs", uid]:
                return self.job_record(self.served[uid]) if uid in self.served else None
            case ["jobs", uid, "results"]:
                rows = self.results_of(self.served[uid])
                return {"results": rows, "paging": {"have_next_page": False}}
        return None

    def _v4(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["workspaces"]:
                return {"uid": "w", "name": "Workspace", "credits_left": 1.5}
            case ["users"]:
                return [{"uid": "u", "email": "u@example.com"}]
            case ["runs"]:
                kept = [j for j in self.served.values() if j.updated >= self.now - KEPT_FOR]
                kept = [j for j in kept if query.get("status", j.status) == j.status]
                kept.sort(key=lambda job: (job.updated, job.uid), reverse=True)
                first = int(query.get("offset", 0))
                return [self.run_record(job) for job in kept[first : first + int(query["limit"])]]
            case ["runs", uid]:
                return self.run_record(self.served[uid]) if uid in self.served else None
            case ["runs", uid, "outputs"]:
                return self.results_of(self.served[uid])
        return None

    def results_of(self, job: ServedJob) -> list[dict[str, Any]]:
        """Results, which tell of which state of the job they are."""
        state = job.updated.isoformat()
        return [{"of": job.uid, "number": number, "of_state": state} for number in range(job.rows)]

    def job_record(self, job: ServedJob) -> dict[str, Any]:
        """A job of v3."""
        return {
            "uid": job.uid,
            "workflow_uid": job.workflow_uid,
            "status": job.status,
            "start_time": job.started.isoformat(),
            "finish_time": job.finished.isoformat(),
            "row_count": job.counted,
            "total_row_count": job.counted,
        }

    def run_record(self, job: ServedJob) -> dict[str, Any]:
        """A run of v4."""
        return {
            "uid": job.uid,
            "action_name": job.workflow_uid,
            "status": job.status,
            "execution_mode": "ASYNC",
            "workspace_uid": "w",
            "output_count": job.counted,
            "created_at": job.started.isoformat(),
            "started_at": job.started.isoformat(),
            "finished_at": job.finished.isoformat(),
            "updated_at": job.updated.isoformat(),
        }
