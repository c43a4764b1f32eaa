"""Loads the package at hand, again from its beginning where the connection broke."""

from __future__ import annotations

import logging
import threading

import dlt
from dlt.common.runtime import signals

from captaindata_source.leftovers import packages, restart
from captaindata_source.locks import Turn, holding
from captaindata_source.remedies import is_passing, message_of
from captaindata_source.waiting import wait_seconds

__all__ = ["load"]

logger = logging.getLogger(__name__)

LOAD_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try: a minute in all, after `FILE_SECONDS` in the first at most."""


def load(pipeline: dlt.Pipeline, *, turn: Turn, within: threading.Lock, workspace: str) -> None:
    """Loads what the pipeline has normalized.

    Args:
        pipeline: Of the workspace.
        turn: The right to sync it.
        within: Lock of this process.
        workspace: Its name.

    Raises:
        Exception: It could not be loaded; the package waits for the next sync.
    """
    is_again = False
    for seconds in (*LOAD_WAITS, None):
        try:
            # only the first try waits for a file, in the lock that all workspaces share
            with holding(pipeline, within=within, waits_for_file=not is_again) as client:
                turn.check(client, max(packages(pipeline), default=""))
                if is_again:
                    restart(pipeline)
                pipeline.load()
        except Exception as error:
            if seconds is None or signals.was_signal_received() or not is_passing(error):
                raise
            logger.warning(
                "Workspace %s: %s. Trying again in %.0f s", workspace, message_of(error), seconds
            )
            wait_seconds(seconds)
            is_again = True
        else:
            return
