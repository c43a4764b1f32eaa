"""Processes of the command that run beside the receiver."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["POLL_SECONDS", "command_for", "end"]

POLL_SECONDS = 0.2
END_SECONDS = 8.0


def command_for(options: SyncOptions, workspaces: Sequence[str], *arguments: str) -> Sequence[str]:
    """The command line of a process that loads into the same place.

    Args:
        options: Where to load.
        workspaces: Configured names.
        arguments: The command and its other arguments.
    """
    return [
        *(sys.executable, "-m", "captaindata_source.cli", *arguments),
        *("--destination", options.destination, "--dataset", options.dataset),
        *(part for name in workspaces for part in ("--workspace", name)),
    ]


def end(process: subprocess.Popen[bytes]) -> None:
    """Waits some seconds for a process that was told to end, then kills it."""
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
