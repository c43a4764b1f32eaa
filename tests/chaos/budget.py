"""Many workspaces at once, each with a budget of calls a minute: all use it up, none exceeds it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass

from captaindata_source.sandbox import Dialect, RateLimit, World
from tests.chaos.places import Place
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.processes import TIME_FACTOR

MIN_WINDOWS = 3
"""Budgets' worth of calls that a workspace must need, so that there is a middle."""
MIN_SHARE = 0.95
MAX_REFUSED = 0.01
WINDOW_SECONDS = 60.0
MAX_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What became of the budgets.

    Args:
        code: Exit code of the sync.
        calls: All calls.
        refused: Those that were answered 429.
        seconds: From the first call to the last, in the connector's time.
        shares: Of each workspace, by name: calls that were served over calls that the budget
            allows, between the first whole budget and the last.
    """

    code: int
    calls: int
    refused: int
    seconds: float
    shares: dict[str, float]

    @property
    def share(self) -> float:
        """Of all budgets together."""
        return sum(self.shares.values()) / len(self.shares)

    @property
    def complaints(self) -> list[str]:
        """What is not as it has to be."""
        found = {
            f"exit {self.code}": self.code == 0,
            f"{self.share:.1%} of the budgets were used": self.share >= MIN_SHARE,
            "a workspace was starved": min(self.shares.values()) >= MIN_SHARE,
            f"{self.refused} of {self.calls} calls were refused": self.refused
            < MAX_REFUSED * self.calls,
        }
        return [complaint for complaint, is_right in found.items() if not is_right]


def budget(
    place: Place,
    *,
    workspaces: int,
    per_minute: int,
    windows: int = 6,
    factor: float,
    seed: int = 0,
) -> Usage:
    """Syncs new workspaces at once, against an API that allows each so many calls a minute.

    Args:
        place: Gives the database.
        workspaces: How many.
        per_minute: Budget of each, and limit of the API.
        windows: Budgets' worth of calls that each workspace needs, about.
        factor: How many times faster time passes. The machine must make
            `workspaces * per_minute / 60 * factor` calls a second with ease.
        seed: Chooses the data.
    """
    workflows, days = 12, 50
    world = World(
        seed,
        workspaces=workspaces,
        workflows=workflows,
        days=days,
        jobs_per_day=windows * per_minute / (0.75 * workflows * days),
        mean_results=2,
        dialect=Dialect(),
    )
    limit = RateLimit(per_minute, window=WINDOW_SECONDS, clock=lambda: time.monotonic() * factor)
    with FaultySandbox(world, rate_limit=limit) as sandbox, place.harness(sandbox) as harness:
        harness.options.pop("max_parallel_requests")
        harness.options["requests_per_minute"] = per_minute
        harness.extra[TIME_FACTOR] = str(factor)
        names = {each.uid: f"workspace-{index}" for index, each in enumerate(world.workspaces)}
        configs = [harness.config(each, name=names[each.uid]) for each in world.workspaces]
        process, name = harness.start(configs=configs)
        process.join(MAX_SECONDS)
        synced = harness.finish(process, name)
    served: defaultdict[str, list[float]] = defaultdict(list)
    for request in synced.requests:
        if request.status != 429:
            served[names[request.workspace_uid or ""]].append(request.monotonic * factor)
    times = [request.monotonic * factor for request in synced.requests]
    return Usage(
        code=synced.code,
        calls=len(times),
        refused=sum(request.status == 429 for request in synced.requests),
        seconds=max(times) - min(times),
        shares={name: _share(sorted(found), per_minute) for name, found in served.items()},
    )


def _share(times: list[float], per_minute: int) -> float:
    """From the first call of the second budget to that of the last whole one."""
    windows = len(times) // per_minute
    if windows < MIN_WINDOWS:
        raise ValueError(f"{len(times)} calls have no middle: there must be more jobs")
    first, last = per_minute, per_minute * (windows - 1)
    return (last - first) / per_minute / ((times[last] - times[first]) / WINDOW_SECONDS)
