"""Serves the application of events, and loads what waits."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import h11
import uvicorn
from dlt.common.runtime import signals
from uvicorn.protocols.http.h11_impl import H11Protocol

from captaindata_source.engine.event_loads import EventLoads
from captaindata_source.errors import BusyError, ConfigError
from captaindata_source.events.loader import Loader
from captaindata_source.events.receiver import EventApp, require_secrets
from captaindata_source.events.schedule import Schedule
from captaindata_source.events.senders import is_local
from captaindata_source.events.turns import Turn
from captaindata_source.events.writer import open_inbox
from captaindata_source.settings.event_options import EventOptions
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.file_locks import folder_lock

__all__ = ["load_events", "serve_events"]

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 1_000
HEAD_SECONDS = 10.0
"""How long a client may take for the head of a request."""
IDLE_SECONDS = 30
SHUTDOWN_SECONDS = 5
ENDING = (signal.SIGINT, signal.SIGTERM)
POLL_SECONDS = 0.5


def serve_events(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    events: EventOptions,
    *,
    host: str,
    port: int,
    every: float | None,
    announce: Callable[[str], None],
) -> None:
    """Receives events until SIGINT or SIGTERM.

    Args:
        workspaces: Options of each workspace.
        options: Where to load.
        events: Where the inbox is.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        every: Seconds between the beginnings of two syncs; None: no syncs.
        announce: Told of the address, once it is served.

    Raises:
        ConfigError: A workspace has no secret, and the address is not of this machine alone; or
            the address can't be listened on.
        DestinationError: The inbox can't be opened.
    """
    if not is_local(host):
        require_secrets(workspaces)
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(f"{host}:{port} can't be listened on: {why}") from None
    EventLoads(workspaces, options)  # what is configured wrongly is told before anything starts
    open_inbox(Path(events.event_inbox).absolute()).close()
    config = uvicorn.Config(
        EventApp(workspaces, options, events),
        http=PromptProtocol,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    names = [each.name for each in workspaces]
    schedule = Schedule(every, options, names) if every is not None else None
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{listener.getsockname()[1]}")
    try:
        with _own_signals():
            uvicorn.Server(config).run([listener])
    finally:
        if schedule is not None:
            schedule.close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Lets the server's end be ours: it sends itself the signal again that ended it."""
    before = {each: signal.signal(each, lambda *_: None) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class PromptProtocol(H11Protocol):
    """Closes connections whose next request does not begin in time, whatever they send slowly."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # head and body of an answer are written apart: else each would take 40 ms
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._allow(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._allow(None)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._allow(None)

    def on_response_complete(self) -> None:
        is_unread = self.conn.their_state is h11.SEND_BODY  # it was answered without its body
        self._allow(HEAD_SECONDS if is_unread else IDLE_SECONDS + HEAD_SECONDS)
        super().on_response_complete()

    def _allow(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        if seconds is not None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(seconds, self.transport.close)


def load_events(
    workspaces: Sequence[Settings],
    options: SyncOptions,
    events: EventOptions,
    *,
    on_turn: Callable[[Turn], None],
) -> None:
    """Loads what waits in the inbox, until SIGTERM or the end of the standard input.

    Args:
        workspaces: Options of each workspace.
        options: Where to load.
        events: Where the inbox is.
        on_turn: Told of each turn.

    Raises:
        ConfigError: As `EventLoads`.
    """
    threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    inbox = Path(events.event_inbox).absolute()
    # readers may hold the file now and then; who holds it for long is told by the error
    logging.getLogger("captaindata_source.warehouse.database.opening").setLevel(logging.ERROR)
    with signals.intercepted_signals(), _only_loader(inbox):
        loads = EventLoads(workspaces, options)
        Loader(inbox, workspaces, loads, max_wait=events.event_max_wait, on_turn=on_turn).run()


@contextmanager
def _only_loader(inbox: Path) -> Iterator[None]:
    """Waits until no other process loads from the inbox."""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(folder_lock(inbox))
                break
            except BusyError:
                wait_seconds(POLL_SECONDS)
        yield


def _end_with_input() -> None:
    """Ends this process as whoever started it ends."""
    try:
        while os.read(sys.stdin.fileno(), 1):
            pass
    except (OSError, ValueError, AttributeError):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
