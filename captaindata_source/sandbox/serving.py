"""The sandbox for people: serves until it is stopped, and shows the config that it needs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.server import Sandbox
from captaindata_source.sandbox.world import World

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8765
TICK_SECONDS = 1.0
# The workspace that example secrets read through v4.
V4_WORKSPACE = 1


def example_secrets(world: World, base_url: str, v4_base_url: str | None = None) -> str:
    """Return the TOML for `.dlt/secrets.toml` that lets the connector read a sandbox.

    Args:
        world: The world that the sandbox serves.
        base_url: Base URL of v3.
        v4_base_url: Base URL of v4, from which the second workspace is then read.
    """
    return "\n".join(
        _example_table(workspace, base_url)
        if v4_base_url is None or workspace.index != V4_WORKSPACE
        else _example_table(workspace, v4_base_url) + 'api_version = "v4"\n'
        for workspace in world.workspaces
    )


def _example_table(workspace: Workspace, base_url: str) -> str:
    return f"""[[sources.captaindata.workspaces]]
name = "{workspace.name.split()[0].lower()}"
api_key = "{workspace.api_key}"
project_uid = "{workspace.uid}"
base_url = "{base_url}"
"""


def serve(
    *,
    port: int = DEFAULT_PORT,
    days_per_minute: float = 0.0,
    seed: int = 0,
    start: datetime | None = None,
    rate_limit: int | None = None,
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
        announce: Called with the sandbox once it serves, to tell the user about it.
        stop: Ends serving when set.

    Raises:
        OSError: If the port is taken.
        ModuleNotFoundError: If the extra `sandbox` is not installed.
    """
    begun = start or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = stop or threading.Event()
    with Sandbox(World(seed, start=begun), rate_limit=rate_limit, port=port) as sandbox:
        logger.info("sandbox of seed %d serves %s", seed, sandbox.base_url)
        if announce is not None:
            announce(sandbox)
        try:
            _run_clock(sandbox.world, days_per_minute, ended)
        except KeyboardInterrupt:
            logger.info("sandbox interrupted")


def _run_clock(world: World, days_per_minute: float, ended: threading.Event) -> None:
    then = time.monotonic()
    while not ended.wait(TICK_SECONDS):
        now = time.monotonic()
        world.advance(days=days_per_minute * (now - then) / 60)
        then = now
