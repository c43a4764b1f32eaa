"""What answers tell of rate limits: of which calls, how many remain, until when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Budget", "RateLimits"]

MAX_TYPES = 16
"""Values of `X-RateLimit-Type` that are told apart; the header may hold anything."""
MAX_TYPE_LENGTH = 64


@dataclass(slots=True, eq=False)
class Budget:
    """Calls that the API counts together. Points in time are those of the monotonic clock."""

    remaining: int | None = None
    seen_limit: int = 0
    resets_at: float = -math.inf
    paused_until: float = -math.inf

    def spend(self) -> None:
        """Counts a call that leaves."""
        if self.remaining is not None:
            self.remaining -= 1

    def renew(self, now: float) -> bool:
        """Forgets what remained if the reset is past; tells whether there was something."""
        is_due = self.remaining is not None and now >= self.resets_at
        if is_due:
            self.remaining = None
        return is_due

    def opens_at(self, reserve: float) -> float:
        """From when on a call may leave, if `reserve` (a share) is left to others."""
        if self.remaining is None or self.remaining > math.ceil(self.seen_limit * reserve):
            return self.paused_until
        return max(self.resets_at, self.paused_until)


class RateLimits:
    """The budgets that route classes draw on; whoever shares it between threads holds a lock.

    A budget is named by `X-RateLimit-Type`, so that classes whose answers name the same type share
    one. An answer without that header is about the type that its class was told last; a class that
    was told none, or too many in all, has a budget of its own. A class draws on all budgets that
    its answers were about.
    """

    def __init__(self) -> None:
        self._by_type: dict[str, Budget] = {}
        self._by_route: dict[str, list[Budget]] = {}
        self._own: dict[str, Budget] = {}
        self._told_last: dict[str, Budget] = {}

    def budgets(self, route: str) -> list[Budget]:
        """All that a call of that class draws on."""
        return self._by_route.get(route, [])

    def routes(self, budget: Budget) -> list[str]:
        """The classes that draw on a budget."""
        return [route for route, budgets in self._by_route.items() if budget in budgets]

    def budget_of(self, route: str, headers: Mapping[str, str]) -> Budget:
        """The one that an answer to a call of that class is about."""
        name = headers.get("x-ratelimit-type", "").strip().lower()[:MAX_TYPE_LENGTH]
        if name and len(self._by_type) < MAX_TYPES:
            self._by_type.setdefault(name, Budget())
        if name in self._by_type:
            self._told_last[route] = self._by_type[name]
        elif name or route not in self._told_last:
            self._told_last[route] = self._own.setdefault(route, Budget())
        budget = self._told_last[route]
        known = self._by_route.setdefault(route, [])
        if budget not in known:
            known.append(budget)
        return budget
