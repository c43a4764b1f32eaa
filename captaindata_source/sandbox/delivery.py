"""How events are delivered: how reliable their order is, and what follows a failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from captaindata_source.sandbox.event_drafts import EventKind
from captaindata_source.sandbox.events import Event
from captaindata_source.sandbox.rng import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Disorder:
    """How far the order of events can't be relied on. Shares are from 0 to 1; which events they
    are depends on the seed.

    Attributes:
        doubles: Share of events that are sent twice, the second time within `late_hours`.
        late: Share of events that are held back, and so sent after later ones.
        late_hours: They are held back for so long at most, by the world's clock.
        missing: Share of events that are never sent.
        missing_kinds: The kinds of event of which some are never sent.
        seed: Chooses the events.
    """

    doubles: float = 0.0
    late: float = 0.0
    late_hours: float = 6.0
    missing: float = 0.0
    missing_kinds: frozenset[EventKind] = frozenset({"batch"})
    seed: int = 0

    def times(self, event: Event) -> list[datetime]:
        """Return the moments at which an event is sent."""
        rng = stream(self.seed, "disorder", event.workspace, event.uid)
        dice = [rng.random() for _ in range(5)]
        if dice[0] < self.missing and event.kind in self.missing_kinds:
            return []
        longest = timedelta(hours=self.late_hours)
        first = event.moment + (longest * dice[2] if dice[1] < self.late else timedelta(0))
        return [first, first + longest * dice[4]] if dice[3] < self.doubles else [first]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivery:
    """How an event is sent again that was not answered 2xx.

    Attributes:
        tries: How often it is sent at most.
        first_wait: Seconds until the second try; each wait is twice the one before.
        longest_wait: The longest wait in seconds.
    """

    tries: int = 8
    first_wait: float = 1.0
    longest_wait: float = 600.0

    def wait(self, tried: int) -> float:
        """Return the seconds to wait after so many tries."""
        return float(min(self.first_wait * 2.0 ** (tried - 1), self.longest_wait))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A try to send an event. `status` is the answer's, None if there was none."""

    event: Event
    tried: int
    status: int | None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver took the event."""
        return self.status is not None and 200 <= self.status < 300
