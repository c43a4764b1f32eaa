"""The sandbox for people: serves until it is stopped, and shows the config that it needs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from captaindata_source.sandbox.delivery import Disorder
from captaindata_source.sandbox.event_drafts import EventOptions
from captaindata_source.sandbox.events import config_name
from captaindata_source.sandbox.sending import Sender
from captaindata_source.sandbox.server import Sandbox
from captaindata_source.sandbox.world import World

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8765
TICK_SECONDS = 1.0
# What a receiver must cope with, at a rate that shows within minutes.
SOME_DISORDER = Disorder(doubles=0.05, late=0.05, missing=0.02)
# The workspace that example secrets read through v4.
V4_WORKSPACE = 1


def example_secrets(
    world: World, base_url: str, v4_base_url: str | None = None, *, event_secret: str | None = None
) -> str:
    """Return the TOML for `.dlt/secrets.toml` that lets the connector read a sandbox.

    Args:
        world: The world that the sandbox serves.
        base_url: Base URL of v3.
        v4_base_url: Base URL of v4, from which the second workspace is then read.
        event_secret: What events are sent with, if any are.
    """
    tables = []
    for workspace in world.workspaces:
        is_v4 = v4_base_url is not None and workspace.index == V4_WORKSPACE
        lines = [
            "[[sources.captaindata.workspaces]]",
            f'name = "{config_name(workspace)}"',
            f'api_key = "{workspace.api_key}"',
            f'project_uid = "{workspace.uid}"',
            f'base_url = "{v4_base_url if is_v4 else base_url}"',
            *(['api_version = "v4"'] if is_v4 else []),
            *([] if event_secret is None else [f"event_secret = {json.dumps(event_secret)}"]),
        ]
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def serve(
    *,
    port: int = DEFAULT_PORT,
    days_per_minute: float = 0.0,
    seed: int = 0,
    start: datetime | None = None,
    rate_limit: int | None = None,
    events_to: str | None = None,
    event_secret: str | None = None,
    announce: Callable[[Sandbox], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serve a sandbox on localhost until `stop` is set or the user interrupts.

    Args:
        port: Port on 127.0.0.1; 0 takes a free one.
        days_per_minute: How fast the sandbox's clock runs; 0 lets it stand.
        seed: Chooses the data and the dialect.
        start: Where its clock starts; by default the last midnight in UTC.
        rate_limit: Requests per workspace and minute.
        events_to: Where events are sent as the clock runs; each workspace's go to
            `<events_to>/<name>`. Names and API versions are those of `example_secrets`.
        event_secret: Sent with them as `Authorization: Bearer <event_secret>`.
        announce: Called with the sandbox once it serves, to tell the user about it.
        stop: Ends serving when set.

    Raises:
        OSError: If the port is taken.
        ModuleNotFoundError: If the extra `sandbox` is not installed.
        ValueError: If the address or the secret of events can't be used.
    """
    begun = start or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = stop or threading.Event()
    with ExitStack() as stack:
        world = World(seed, start=begun)
        if events_to is not None:
            sender = stack.enter_context(_sender(world, events_to, event_secret))
        sandbox = stack.enter_context(Sandbox(world, rate_limit=rate_limit, port=port))
        if events_to is not None:
            stack.enter_context(sender.running())
        logger.info("sandbox of seed %d serves %s", seed, sandbox.base_url)
        if announce is not None:
            announce(sandbox)
        try:
            _run_clock(sandbox.world, days_per_minute, ended)
        except KeyboardInterrupt:
            logger.info("sandbox interrupted")


def _sender(world: World, url: str, secret: str | None) -> Sender:
    return Sender(
        world,
        url,
        secret=secret,
        generation={
            workspace.uid: "v4" if workspace.index == V4_WORKSPACE else "v3"
            for workspace in world.workspaces
        },
        options=EventOptions(on="mixed"),
        disorder=SOME_DISORDER,
    )


def _run_clock(world: World, days_per_minute: float, ended: threading.Event) -> None:
    then = time.monotonic()
    while not ended.wait(TICK_SECONDS):
        now = time.monotonic()
        world.advance(days=days_per_minute * (now - then) / 60)
        then = now
