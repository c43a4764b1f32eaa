"""Runs `captaindata sync` at intervals, beside the receiver."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence

from captaindata_source.events.processes import POLL_SECONDS, command_for, end
from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["Schedule"]


class Schedule:
    """A sync in a process of its own, begun at once and then at each interval after the last began.

    Args:
        seconds: The interval.
        options: Where to load.
        workspaces: Configured names.
    """

    def __init__(self, seconds: float, options: SyncOptions, workspaces: Sequence[str]) -> None:
        self._seconds = seconds
        self._command = command_for(options, workspaces, "sync", "--quiet")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it, with a running sync after some seconds."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        wait = 0.0
        while not self._is_over.wait(wait):
            process = subprocess.Popen(  # noqa: S603 - our own command
                self._command, stdin=subprocess.DEVNULL, start_new_session=True
            )
            waited = 0.0
            while process.poll() is None and not self._is_over.wait(POLL_SECONDS):
                waited += POLL_SECONDS
            if process.poll() is None:
                process.terminate()
                end(process)
            wait = max(0.0, self._seconds - waited)
