"""What a sync asked the API for, and what of a job decides it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

from captaindata_source.sandbox import LoggedRequest, World
from tests.support.oracle import SUCCESS, Oracle

__all__ = [
    "Asked",
    "listed_now",
    "listings",
    "outputs_of",
    "read_one_by_one",
    "results_of",
    "state_of",
    "successes",
]


class Asked(Protocol):
    """A sync that is over."""

    @property
    def requests(self) -> Sequence[LoggedRequest]:
        """Those that the sandbox saw."""

    def paths(self, ending: str) -> list[str]:
        """Paths of the requests that end so, in their order."""


def results_of(synced: Asked) -> set[str]:
    """Uids of the jobs whose results were asked for."""
    return {path.split("/")[3] for path in synced.paths("/results")}


def outputs_of(synced: Asked) -> set[str]:
    """Uids of the runs whose outputs were asked for."""
    return {path.split("/")[3] for path in synced.paths("/outputs")}


def read_one_by_one(synced: Asked) -> list[str]:
    """Uids of the jobs, or runs, that were asked for by themselves, each as often; sorted."""
    pattern = r"/v3/jobs/([^/]+)|/v4/runs/([^/]+)"
    found = (re.fullmatch(pattern, request.path) for request in synced.requests)
    return sorted(match[1] or match[2] for match in found if match)


def listings(synced: Asked) -> list[tuple[int, int]]:
    """Offset and limit of the calls that list runs."""
    found = []
    for request in synced.requests:
        query = parse_qs(request.query)
        if request.path == "/v4/runs" and "status" not in query:
            assert query["sort"] == ["-updated_at"]
            found.append((int(query["offset"][0]), int(query["limit"][0])))
    return found


def listed_now(world: World) -> list[dict[str, Any]]:
    """All jobs that the sandbox lists now."""
    return [
        job
        for workspace in world.workspaces
        for flow in world.workflows(workspace)
        for job in world.listed_jobs(workspace, flow["uid"])
    ]


def state_of(job: dict[str, Any]) -> tuple[Any, ...]:
    return (job["status"], job["finish_time"], job["row_count"], job["total_row_count"])


def successes(oracle: Oracle) -> dict[str, tuple[Any, ...]]:
    """The state of each job that ended well, by uid."""
    return {uid: state_of(job) for (_, uid), job in oracle.jobs.items() if job["status"] in SUCCESS}
