"""A client over a scripted server, in time that passes only where a test says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
from hypothesis import HealthCheck, settings

from captaindata_source.http import HttpClient, Reply, RetryPolicy, Secret, Throttle
from captaindata_source.http.throttle import Clock

START = 1_700_000_000.0
"""Wall clock of the tests, epoch seconds."""


KEY = "k3y-0f-a-customer"


BASE_URL = "https://api.example/v3"


calm = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: a busy machine is no failure."""


Step = Callable[[httpx.Request], httpx.Response]


class FakeTime:
    """Time that passes only where someone sleeps, or a test says so."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.sleeps: list[float] = []
        self.clock = Clock(
            monotonic=lambda: self.elapsed,
            wall=lambda: START + self.elapsed,
            sleep=self._sleep,
        )

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.elapsed += seconds


class RecordingThrottle:
    """Lets everything through and notes what it was told."""

    parallel = 8.0

    def __init__(self) -> None:
        self.acquired = 0
        self.released: list[Mapping[str, str] | None] = []
        self.pauses: list[float] = []
        self.routes: list[str] = []

    def per_minute(self, route: str = "") -> float | None:
        return None

    def acquire(self, route: str = "") -> None:
        self.acquired += 1
        self.routes.append(route)

    def release(self, headers: Mapping[str, str] | None, route: str = "") -> None:
        self.released.append(headers)
        self.routes.append(route)

    def pause(
        self, seconds: float, route: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.pauses.append(seconds)
        self.routes.append(route)


class Script:
    """A server that plays its steps, the last one again and again, and records what it got."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._steps[min(len(self.requests), len(self._steps)) - 1](request)

    @property
    def urls(self) -> list[str]:
        return [str(request.url) for request in self.requests]


def reply(status: int = 200, /, body: bytes = b'{"ok": true}', **headers: str) -> Step:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, content=body, headers=sent)


def failure(error: Exception) -> Step:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


def make_client(
    script: Script,
    *,
    time: FakeTime | None = None,
    throttle: Throttle | None = None,
    retry: RetryPolicy | None = None,
    base_url: str = BASE_URL,
    **options: Any,
) -> HttpClient:
    return HttpClient(
        base_url=base_url,
        headers={"x-project-id": "project-1"},
        key_header="authorization",
        key=Secret(f"x-api-key {KEY}"),
        throttle=throttle or RecordingThrottle(),
        retry=retry or RetryPolicy(jitter=lambda: 1.0),
        transport=httpx.MockTransport(script),
        clock=(time or FakeTime()).clock,
        **options,
    )


def get(script: Script, link: str = "workspace", **options: Any) -> Reply[Any]:
    with make_client(script, **options) as http:
        return http.get(link, decode=msgspec.json.decode)
