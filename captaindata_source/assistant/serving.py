"""Serves over standard input and output, or over HTTP on this machine, until it is asked to end."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from captaindata_source.assistant.answers import Reader
from captaindata_source.assistant.server import Assistant
from captaindata_source.errors import CaptainDataError, causes
from captaindata_source.warehouse.remedies import words_of

__all__ = ["HOST", "quiet_logs", "serve_http", "serve_stdio"]

HOST = "127.0.0.1"
LAST_SECONDS = 0.5
"""How long what still runs may take to end, once the server has been asked to."""
GONE = (BrokenPipeError, ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What happens when a client disappears."""


def serve_stdio(reader: Reader, *, zone: str) -> None:
    """Serves one client over standard input and output, until it closes them.

    Args:
        reader: Reads the views.
        zone: Time zone of days in arguments.
    """
    _until_signal(reader, Assistant(reader, zone=zone).run_stdio_async)


def serve_http(reader: Reader, *, zone: str, port: int, announce: Callable[[int], None]) -> None:
    """Serves clients of this machine over HTTP.

    Requests of web pages are refused: by their `Origin`, and by a `Host` that is not this machine.

    Args:
        reader: Reads the views.
        zone: Time zone of days in arguments.
        port: Where it listens.
        announce: Is told the port once it does.

    Raises:
        OSError: The port can't be served on.
    """
    import socket  # noqa: PLC0415 - not needed for stdio

    import uvicorn  # noqa: PLC0415 - slow to import
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen()
    port = listening.getsockname()[1]
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    app = Assistant(reader, zone=zone).streamable_http_app(
        host=HOST,
        transport_security=TransportSecuritySettings(
            allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
        ),
    )
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)

    async def serve() -> None:
        announce(port)
        await server.serve(sockets=[listening])

    try:
        _until_signal(reader, serve)
    finally:
        listening.close()


def _until_signal(reader: Reader, serve: Callable[[], Awaitable[None]]) -> None:
    """Serves in a thread, so that a signal ends the process whatever waits for input.

    Raises:
        Exception: Serving failed.
    """
    ended = threading.Event()
    failures: list[BaseException] = []

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            reader.start(tasks)
            await serve()
            tasks.cancel_scope.cancel()

    def in_thread() -> None:
        try:
            anyio.run(run)
        except BaseException as error:  # noqa: BLE001 - raised below, in the main thread
            failures.append(error)
        finally:
            ended.set()

    before = {
        number: signal.signal(number, lambda *_: ended.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    thread = threading.Thread(target=in_thread, name="mcp", daemon=True)
    thread.start()
    try:
        ended.wait()
        reader.close()
        thread.join(LAST_SECONDS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for error in failures:
        if not _is_gone(error):
            raise _told(error)


def _is_gone(error: BaseException) -> bool:
    """Whether it is only that the client has disappeared."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_gone(each) for each in error.exceptions)
    return any(isinstance(each, GONE) for each in causes(error))


def _told(error: BaseException) -> Exception:
    """An error that the command tells in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, CaptainDataError):
        return error
    if isinstance(error, OSError):
        return CaptainDataError(f"The client can't be answered: {error.strerror}")
    return CaptainDataError(f"The server failed: {words_of(error)}")


class OneLine(logging.Filter):
    """Leaves tracebacks out of a log; they may hold data."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def quiet_logs() -> None:
    """Keeps tracebacks out of standard error, whoever logs them."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(OneLine())
    for name in ("mcp", "uvicorn"):
        with suppress(ValueError):
            logging.getLogger(name).setLevel(logging.ERROR)
