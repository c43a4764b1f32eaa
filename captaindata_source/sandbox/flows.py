"""Flows of a workspace and their runs: each a function of the seed, a flow and a number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.sandbox.dialect import AwareTimeStyle
from captaindata_source.sandbox.jobs import Segment, iso
from captaindata_source.sandbox.planted import secret
from captaindata_source.sandbox.rng import stream, uid
from captaindata_source.sandbox.runs import last_error, number_of

Json = dict[str, Any]

NAMES = ("Leads to CRM", "Weekly Audience \u2192 Emails", "Website Visitors")
ARCHIVED_DAYS = 90.0
"""Flow runs are archived so many days after they were created."""
WAIT = 0.003
OUTCOMES = ("SUCCEEDED",) * 6 + ("FAILED", "PARTIAL_SUCCEEDED", "STOPPED", "BLOCKED")
ERRORS = {"FAILED": "A step of the flow failed", "BLOCKED": "An account must log in again"}
MADE = 5
"""One run in so many was made by a flow."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow; it runs once a day."""

    number: int
    uid: str
    name: str
    hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRun:
    """A run of a flow; times are days from the world's start."""

    uid: str
    flow: Flow
    user_uid: str
    created: float
    ends: float
    outcome: str
    rows: int

    def status(self, day: float) -> str:
        """Return the status on `day`."""
        if day < self.created + WAIT:
            return "QUEUED"
        return "RUNNING" if day < self.ends else self.outcome

    def segments(self, day: float) -> tuple[Segment, ...]:
        """Return the outputs on `day`, which grow while it runs."""
        begins = self.created + WAIT
        share = min(1.0, max(0.0, (day - begins) / (self.ends - begins)))
        count = int(self.rows * share)
        name = f"flow run {self.uid}"
        return (Segment(name, begins, self.ends, self.rows, 0, count),) if count else ()

    def render(
        self, day: float, *, seed: int, start: datetime, style: AwareTimeStyle, workspace_uid: str
    ) -> Json:
        """Return the flow run as the API shows it on `day`, with secrets among its fields."""
        rng = stream(seed, "flow run secrets", self.uid)
        status = self.status(day)
        has_ended = day >= self.ends and status != "BLOCKED"
        last = max(at for at in (self.created, self.created + WAIT, self.ends) if at <= day)

        def time(at: float) -> str:
            return iso(start + timedelta(days=at), style)

        return {
            "id": number_of(self.uid) % 10**9,
            "uid": self.uid,
            "user_uid": self.user_uid,
            "workspace_uid": workspace_uid,
            "last_error": last_error(ERRORS.get(status), status),
            "callback": {
                "url": f"https://hooks.example.com/{secret(rng)}?token={secret(rng)}",
                "headers": {"Authorization": f"Bearer {secret(rng)}"},
                "on": "final",
            },
            "status": status,
            "workflow": {
                "uid": self.flow.uid,
                "metadata": {"name": self.flow.name, "webhook": f"https://x.test/{secret(rng)}"},
            },
            "started_at": None if status == "QUEUED" else time(self.created + WAIT),
            "finished_at": time(self.ends) if has_ended else None,
            "created_at": time(self.created),
            "updated_at": time(last),
        }


class FlowBook:
    """The flows of one workspace and their runs.

    Args:
        seed: The world's seed.
        workspace: The workspace's index.
        days: Days of history before the start.
        mean_results: Mean number of outputs.
        user_uids: Members who may have started a run.

    Attributes:
        shared_uid: May be set to the uid of a run: a run of the first flow has it then.
    """

    def __init__(
        self,
        *,
        seed: int,
        workspace: int,
        days: int,
        mean_results: int,
        user_uids: tuple[str, ...],
    ) -> None:
        self._seed = seed
        self._workspace = workspace
        self._days = days
        self._mean_results = mean_results
        self._user_uids = user_uids
        self.shared_uid: str | None = None
        self._removed: set[str] = set()
        rng = stream(seed, workspace, "flows")
        self.flows = tuple(
            Flow(number, uid(rng), name, rng.uniform(0.1, 0.6)) for number, name in enumerate(NAMES)
        )

    def listed(self, day: float) -> list[FlowRun]:
        """Return the runs that are there on `day`, newest first."""
        runs = [run for run in self._until(day) if self._is_there(run, day)]
        return sorted(runs, key=lambda run: (-run.created, run.uid))

    def find(self, run_uid: str, day: float) -> FlowRun | None:
        """Return the run of a uid if it is there on `day`."""
        return next((run for run in self.listed(day) if run.uid == run_uid), None)

    def remove(self, run_uid: str) -> None:
        """Take a run out for good."""
        self._removed.add(run_uid)

    def maker_of(self, run_uid: str, created: float) -> FlowRun | None:
        """Return the flow run that made a run, if one did: the last one before it of some flow."""
        dice = number_of(run_uid)
        if dice % MADE:
            return None
        flow = self.flows[dice // MADE % len(self.flows)]
        number = math.floor(created + self._days - flow.hour)
        return self._run(flow, number) if number >= 0 else None

    def _until(self, day: float) -> Iterator[FlowRun]:
        for flow in self.flows:
            for number in range(math.floor(day + self._days - flow.hour) + 1):
                yield self._run(flow, number)

    def _is_there(self, run: FlowRun, day: float) -> bool:
        is_archived = day - run.created > ARCHIVED_DAYS
        return run.created <= day and not is_archived and run.uid not in self._removed

    def _run(self, flow: Flow, number: int) -> FlowRun:
        rng = stream(self._seed, self._workspace, "flow run", flow.number, number)
        own = uid(rng)
        created = number - self._days + flow.hour
        is_shared = flow.number == 0 and number == self._days - 1
        is_long = flow is self.flows[-1]
        took = rng.uniform(1.1, 2.6) if is_long else rng.uniform(0.01, 0.2)
        return FlowRun(
            uid=self.shared_uid if is_shared and self.shared_uid else own,
            flow=flow,
            user_uid=rng.choice(self._user_uids),
            created=created,
            ends=created + WAIT + took,
            outcome=OUTCOMES[(number + 3 * flow.number) % len(OUTCOMES)],
            rows=rng.randrange(0, 2 * self._mean_results + 1),
        )
