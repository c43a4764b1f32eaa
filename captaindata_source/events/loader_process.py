"""Starts the process that loads what waits in the inbox, and starts it again where it ends."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from captaindata_source.events.processes import POLL_SECONDS, command_for, end
from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["LoaderProcess"]

logger = logging.getLogger(__name__)

WAITS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before it is started again, from the second time in a row on the next one."""
STEADY_SECONDS = 120.0


class LoaderProcess:
    """A process of `captaindata listen --loader`, which ends with this one, however that ends.

    Args:
        inbox: The inbox.
        options: Where to load.
        workspaces: Configured names.
    """

    def __init__(self, inbox: Path, options: SyncOptions, workspaces: Sequence[str]) -> None:
        self._command = command_for(
            options, workspaces, "listen", "--loader", "--inbox", str(inbox)
        )
        self._is_over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Lets it end what is under way, for some seconds."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        ends_in_a_row = 0
        while not self._is_over.is_set():
            # its input is a pipe of ours: it ends when the pipe does
            process = self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.PIPE, start_new_session=True
            )
            try:
                started = time.monotonic()
                while process.poll() is None and not self._is_over.wait(POLL_SECONDS):
                    if time.monotonic() - started > STEADY_SECONDS:
                        ends_in_a_row = 0
            finally:
                if process.stdin is not None:
                    process.stdin.close()
                end(process)
            if self._is_over.is_set():
                return
            wait = WAITS[min(ends_in_a_row, len(WAITS) - 1)]
            ends_in_a_row += 1
            logger.warning(
                "The loader of events ended (exit code %s): it is started again in %.0f s",
                process.returncode,
                wait,
            )
            self._is_over.wait(wait)
