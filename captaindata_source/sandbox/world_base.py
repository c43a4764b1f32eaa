"""What both generations of the API share: the clock, the workspaces, their keys and content."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from captaindata_source.sandbox.contents import Content, Workspace, make_content, make_workspace
from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.population import Population, make_population
from captaindata_source.sandbox.results import ResultStore

Json = dict[str, Any]
Generation = Literal["v3", "v4"]

GENERATIONS: tuple[Generation, ...] = get_args(Generation)
DEFAULT_START = datetime(2026, 1, 14, tzinfo=UTC)
MIN_DAYS = 10


class NotFoundError(LookupError):
    """The world has nothing of that uid or name now."""


class WorldBase:
    """Workspaces whose content is a function of a seed and a clock; see `World`."""

    def __init__(
        self,
        seed: int = 0,
        *,
        start: datetime = DEFAULT_START,
        workspaces: int = 2,
        workflows: int = 12,
        days: int = 60,
        jobs_per_day: float = 1.0,
        mean_results: int = 40,
        live_runs_per_day: float = 0.5,
        dialect: Dialect | None = None,
    ) -> None:
        if days < MIN_DAYS or workspaces < 1 or workflows < 1:
            raise ValueError(f"days must be {MIN_DAYS} or more, workspaces and workflows 1 or more")
        if start.tzinfo is None:
            raise ValueError("start must have a time zone")
        self.seed = seed
        self.start = start.astimezone(UTC)
        self.dialect = dialect or Dialect.from_seed(seed)
        self._now = self.start
        self.lock = threading.RLock()
        self._revoked: set[str] = set()
        self._only: dict[str, Generation] = {}
        self._results = ResultStore(seed, self.start)
        self.workspaces = [make_workspace(seed, index) for index in range(workspaces)]
        self._contents: dict[str, Content] = {}
        for workspace in self.workspaces:
            self._contents[workspace.uid] = make_content(
                seed,
                workspace,
                start=self.start,
                workflows=workflows,
                days=days,
                jobs_per_day=jobs_per_day,
                mean_results=mean_results,
                live_runs_per_day=live_runs_per_day,
            )

    @property
    def result_store(self) -> ResultStore:
        """What makes the rows of results."""
        return self._results

    def content(self, workspace: Workspace) -> Content:
        """Return what a workspace is made of."""
        return self._contents[workspace.uid]

    def population(self, workspace: Workspace) -> Population:
        """Return the people and companies that come back in the workspace's results."""
        return make_population(self.seed, workspace.index)

    @property
    def now(self) -> datetime:
        """The clock, in UTC."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        if moment < self.start:
            raise ValueError("the clock cannot show a time before the world's start")
        self._now = moment.astimezone(UTC)

    @property
    def day(self) -> float:
        """The clock, in days since the start."""
        return (self._now - self.start) / timedelta(days=1)

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Move the clock on and return what it shows.

        Raises:
            ValueError: If it would go back.
        """
        step = timedelta(days=days, hours=hours)
        if step < timedelta(0):
            raise ValueError("the clock only goes forward")
        with self.lock:
            self._now += step
            return self._now

    def revoke(self, workspace: Workspace) -> None:
        """Make the workspace's key invalid."""
        self._revoked.add(workspace.uid)

    def restore(self, workspace: Workspace) -> None:
        """Make the workspace's key valid again."""
        self._revoked.discard(workspace.uid)

    def limit_generation(self, workspace: Workspace, generation: Generation | None) -> None:
        """Make the workspace's key valid for one generation of the API only; None: for both.

        Raises:
            ValueError: If there is no such generation.
        """
        if generation is None:
            self._only.pop(workspace.uid, None)
        elif generation in GENERATIONS:
            self._only[workspace.uid] = generation
        else:
            raise ValueError(f"unknown generation {generation!r}; there are v3 and v4")

    def key_owner(self, key: str, generation: Generation = "v3") -> Workspace | None:
        """Return the workspace that a key belongs to, if the key is valid for a generation."""
        for workspace in self.workspaces:
            if workspace.api_key == key and workspace.uid not in self._revoked:
                allowed = self._only.get(workspace.uid, generation) == generation
                return workspace if allowed else None
        return None
