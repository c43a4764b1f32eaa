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

__all__ = ["JobsServer", "Order", "ServedJob"]

Order = Literal["newest", "oldest", "none"]
START = datetime(2026, 10, 1, tzinfo=UTC)
LISTED_FOR = timedelta(days=60)
KEPT_FOR = timedelta(days=90)
RESULTS_PAGE = {"v3": 1_000, "v4": 500}
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

    @property
    def finished(self) -> datetime:
        return self.updated


@dataclass
class JobsServer:
    """The server.

    Args:
        version: v3 or v4.
        workflows: How many there are.
        jobs: Of each workflow, when it starts.
        every: Between two jobs of a workflow.
        page_size: Jobs on a page of v3.
        order: Of v3's lists.
        empty: Of so many jobs all but one have no results.
        rows: Results of the others.
    """

    version: str = "v3"
    workflows: int = 20
    jobs: int = 300
    every: timedelta = timedelta(hours=2)
    page_size: int = 50
    order: Order = "newest"
    empty: int = 3
    rows: int = 2
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
                self.add(number, self._next[number])
                self._next[number] += self.every

    def add(self, workflow: int, started: datetime | None = None) -> ServedJob:
        """Adds a job that has ended."""
        started = started or self.now
        number, self._made = self._made, self._made + 1
        rows = 0 if number % self.empty else self.rows
        uid = f"{self._random.getrandbits(64):016x}"
        status = "finished" if self.version == "v3" else "SUCCEEDED"
        job = ServedJob(uid, f"w{workflow}", started, started, status, rows, rows)
        self.served[uid] = job
        self._lists.setdefault(job.workflow_uid, []).append(job)
        return job

    def retry(self, job: ServedJob, *, rows: int) -> None:
        """Gives a job other results."""
        job.updated, job.rows, job.counted = self.now, rows, rows

    def listed(self, workflow_uid: str) -> list[ServedJob]:
        """The list of a workflow, in its order."""
        jobs = [
            job for job in self._lists.get(workflow_uid, ()) if job.started >= self.now - LISTED_FOR
        ]
        if self.order == "none":
            return sorted(jobs, key=lambda job: job.uid)
        return sorted(jobs, key=lambda job: job.started, reverse=self.order == "newest")

    def fewest(self, *, lookback: timedelta | None, changed: list[ServedJob]) -> int:
        """The fewest calls of a sync.

        Args:
            lookback: How far the lists are read; None: as a whole.
            changed: Jobs whose results are to be fetched, if they have any.
        """
        since = datetime.min.replace(tzinfo=UTC) if lookback is None else self.now - lookback
        results = sum(
            math.ceil(job.rows / RESULTS_PAGE[self.version]) for job in changed if job.rows
        )
        if self.version == "v4":
            size = sum(job.updated >= since for job in self.served.values())
            return 2 + max(1, math.ceil(size / RUNS_PAGE)) + results
        pages = 0
        for number in range(self.workflows):
            size = sum(job.started >= since for job in self.listed(f"w{number}"))
            pages += max(1, math.ceil(size / self.page_size))
        details = self.workflows if lookback is None else 0
        return 3 + details + pages + results

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serves; gives the base URL."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, headers, found = owner.answer(self.path)
                body = json.dumps(found).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{self.version}"
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, link: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of a call."""
        url = urlsplit(link)
        path = url.path.removeprefix(f"/{self.version}/")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.calls.append(path)
        if self.quota is not None and len(self.calls) > self.quota:
            return 429, {"Retry-After": "36000"}, {"message": "quota"}
        found = (self._v3 if self.version == "v3" else self._v4)(path.split("/"), query)
        if found is None:
            return 404, {}, {"message": "not found"}
        return 200, {"Content-Type": "application/json"}, found

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
                first = int(query.get("page", 0)) * self.page_size
                jobs = self.listed(uid)[first : first + self.page_size]
                return [self._job(job) for job in jobs]
            case ["jobs", uid]:
                return self._job(self.served[uid]) if uid in self.served else None
            case ["jobs", uid, "results"]:
                rows = self._rows(self.served[uid])
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
                return [self._run(job) for job in kept[first : first + int(query["limit"])]]
            case ["runs", uid]:
                return self._run(self.served[uid]) if uid in self.served else None
            case ["runs", uid, "outputs"]:
                return self._rows(self.served[uid])
        return None

    def _rows(self, job: ServedJob) -> list[dict[str, Any]]:
        return [{"of": job.uid, "number": number} for number in range(job.rows)]

    def _job(self, job: ServedJob) -> dict[str, Any]:
        return {
            "uid": job.uid,
            "workflow_uid": job.workflow_uid,
            "status": job.status,
            "start_time": job.started.isoformat(),
            "finish_time": job.finished.isoformat(),
            "row_count": job.counted,
            "total_row_count": job.counted,
        }

    def _run(self, job: ServedJob) -> dict[str, Any]:
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
