"""Sends a world's events to a receiver: in order or not, twice, again after a failure."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.delivery import Delivery, Disorder, Redelivery
from captaindata_source.sandbox.event_drafts import EventOptions
from captaindata_source.sandbox.events import Event, config_name, events_between
from captaindata_source.sandbox.world import World
from captaindata_source.sandbox.world_base import Generation

__all__ = ["Delivery", "Disorder", "Redelivery", "Sender"]

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
TICK_SECONDS = 0.2


class Sender:
    """Sends the events of a world by HTTP, each workspace's to `<url>/<name of the workspace>`.

    Events from before it was made are not sent. It may be used from several threads.

    Args:
        world: The world.
        url: Where to send them, such as `http://127.0.0.1:8790/events`. A user and password in it
            are sent as basic auth.
        secret: Sent as `Authorization: Bearer <secret>` otherwise.
        workspaces: Those with events; by default all.
        generation: The generation of the API whose events are sent, for all workspaces or by the
            uid of a workspace.
        names: Uid of a workspace to its name in the URL; by default `config_name`.
        options: Which events there are, and what they carry.
        disorder: How far their order can't be relied on.
        redelivery: How events are sent again.
        clock: Gives the seconds by which redelivery waits.
        on_delivery: Called after each try.

    Raises:
        ValueError: If the address or the secret can't be used.

    Attributes:
        counts: Number of tries by outcome: `accepted`, `refused`, `given up`.
    """

    def __init__(
        self,
        world: World,
        url: str,
        *,
        secret: str | None = None,
        workspaces: Sequence[Workspace] | None = None,
        generation: Generation | Mapping[str, Generation] = "v4",
        names: Mapping[str, str] | None = None,
        options: EventOptions | None = None,
        disorder: Disorder | None = None,
        redelivery: Redelivery | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._url, auth = _address(url)
        self._workspaces = world.workspaces if workspaces is None else workspaces
        self._generation = generation
        self._names = names or {}
        self._options = options or EventOptions()
        self._disorder = disorder or Disorder()
        self._redelivery = redelivery or Redelivery()
        self._clock = clock
        self._on_delivery = on_delivery
        self._until = world.now
        self._numbers = itertools.count()
        self._held: list[tuple[datetime, int, Event]] = []
        self._failed: list[tuple[float, int, Event, int]] = []
        self._lock = threading.RLock()
        self._client = httpx.Client(
            headers=_bearer(secret), auth=auth, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    @property
    def waiting(self) -> int:
        """How many events are held back, or wait to be sent again."""
        return len(self._held) + len(self._failed)

    def advance(self, to: datetime) -> None:
        """Move the world's clock from event to event and at last to `to`, and send each event at
        its moment: the API then shows what the event tells of.

        Raises:
            ValueError: If the clock would go back.
        """
        with self._lock:
            if to < self._world.now:
                raise ValueError("the clock only goes forward")
            for moment, event in self._due(to):
                self._set_clock(moment)
                self._send_again()
                self._send(event, tried=1)
            self._set_clock(to)
            self._send_again()

    def send_due(self, stop: threading.Event | None = None) -> None:
        """Send the events up to what the world's clock shows, and leave the clock alone.

        Args:
            stop: Ends sending early when set; what was not sent then stays unsent.
        """
        with self._lock:
            self._send_again()
            for _, event in self._due(self._world.now):
                if stop is not None and stop.is_set():
                    return
                self._send(event, tried=1)

    def flush(self) -> int:
        """Send at once, in their order, what is held back and what waits to be sent again; return
        how many still wait."""
        with self._lock:
            held, self._held = sorted(self._held), []
            failed, self._failed = sorted(self._failed), []
            for _, _, event, tried in failed:
                self._send(event, tried=tried + 1)
            for _, _, event in held:
                self._send(event, tried=1)
            return self.waiting

    @contextmanager
    def running(self, *, tick: float = TICK_SECONDS) -> Iterator[Self]:
        """Send in a thread what is due, while the clock is moved by somebody else."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(tick):
                self.send_due(stop)

        thread = threading.Thread(target=run, name="captaindata-sandbox-events", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _set_clock(self, moment: datetime) -> None:
        with self._world.lock:
            self._world.now = max(moment, self._world.now)

    def _due(self, to: datetime) -> Iterator[tuple[datetime, Event]]:
        """Yield what is to be sent until `to`, with its moment, in the order of sending."""
        start, self._until = self._until, max(to, self._until)
        sources = [
            events_between(
                self._world,
                workspace,
                start,
                to,
                generation=self._generation_of(workspace),
                options=self._options,
                name=self._name_of(workspace),
            )
            for workspace in self._workspaces
        ]
        for event in heapq.merge(*sources, key=_moment):
            yield from self._held_until(event.moment)
            for moment in self._disorder.times(event):
                if moment <= event.moment:
                    yield moment, event
                else:
                    heapq.heappush(self._held, (moment, next(self._numbers), event))
        yield from self._held_until(to)

    def _held_until(self, moment: datetime) -> Iterator[tuple[datetime, Event]]:
        while self._held and self._held[0][0] <= moment:
            at, _, event = heapq.heappop(self._held)
            yield at, event

    def _send_again(self) -> None:
        while self._failed and self._failed[0][0] <= self._clock():
            _, _, event, tried = heapq.heappop(self._failed)
            self._send(event, tried=tried + 1)

    def _send(self, event: Event, *, tried: int) -> None:
        delivery = Delivery(event=event, tried=tried, status=self._post(event))
        if delivery.is_accepted:
            self.counts["accepted"] += 1
        elif tried < self._redelivery.tries:
            self.counts["refused"] += 1
            due = self._clock() + self._redelivery.wait(tried)
            heapq.heappush(self._failed, (due, next(self._numbers), event, tried))
        else:
            self.counts["given up"] += 1
            logger.warning("an event for %s was not taken in %d tries", event.workspace, tried)
        if self._on_delivery is not None:
            self._on_delivery(delivery)

    def _post(self, event: Event) -> int | None:
        try:
            response = self._client.post(
                f"{self._url}/{event.workspace}",
                content=event.body,
                headers={"Content-Type": "application/json"},
            )
        except httpx.TransportError:
            return None
        return response.status_code

    def _generation_of(self, workspace: Workspace) -> Generation:
        if isinstance(self._generation, str):
            return self._generation
        return self._generation.get(workspace.uid, "v4")

    def _name_of(self, workspace: Workspace) -> str:
        return self._names.get(workspace.uid) or config_name(workspace)


def _moment(event: Event) -> datetime:
    return event.moment


def _address(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return an address without user and password, and those."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        read = httpx.URL()
    if read.scheme not in {"http", "https"} or not read.host or read.query or read.fragment:
        raise ValueError("events go to an address such as http://127.0.0.1:8790/events")
    auth = (read.username, read.password) if read.userinfo else None
    return str(read.copy_with(userinfo=b"")).rstrip("/"), auth


def _bearer(secret: str | None) -> dict[str, str]:
    if secret is None:
        return {}
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip() or not secret:
        raise ValueError("the secret of events must be printable ASCII, without spaces at its ends")
    return {"Authorization": f"Bearer {secret}"}
