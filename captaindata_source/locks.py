"""Who may sync a workspace, and who may change the destination."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import dlt
import fasteners
from dlt.common.runtime import signals
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.database import DUCKDB, POSTGRES
from captaindata_source.errors import BusyError, DestinationError

__all__ = ["alone", "holding", "wait_seconds"]

logger = logging.getLogger(__name__)

SIGNAL_POLL_SECONDS = 0.2
TURN_POLL_SECONDS = 0.2
MAX_TURN_SECONDS = 1800.0


def wait_seconds(seconds: float) -> None:
    """Waits, but not past a signal that ends the process."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        signals.raise_if_signalled()
        time.sleep(min(left, SIGNAL_POLL_SECONDS))


@contextmanager
def alone(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Two syncs of one workspace would undo one another; the lock ends with its process.

    Raises:
        BusyError: Another sync of the workspace is running.
    """
    folder = Path(pipeline.working_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(folder / "sync.lock")
    if not lock.acquire(blocking=False):
        raise BusyError(
            "Another sync of this workspace, to this destination and from this folder, is "
            "running: wait for it to end"
        )
    try:
        yield
    finally:
        lock.release()


@contextmanager
def holding(pipeline: dlt.Pipeline, *, within: threading.Lock) -> Iterator[None]:
    """Holds the destination: whoever changes it does so in turn, in whichever process.

    Args:
        pipeline: Gives destination and dataset.
        within: Lock of this process.

    Raises:
        DestinationError: Others did not let go of it for long.
    """
    kind = pipeline.destination.destination_type
    with within, ExitStack() as stack:
        if kind in (DUCKDB, POSTGRES):
            # DuckDB: held open, or each of dlt's load jobs would open and checkpoint the file
            client = pipeline.sql_client()
            stack.enter_context(cast("AbstractContextManager[object]", client))
            if kind == POSTGRES:
                # other processes would race to create the same tables; ends with its session
                _wait_for_turn(client, pipeline.dataset_name)
        yield


def _wait_for_turn(client: SqlClientBase[Any], dataset: str) -> None:
    """Takes an advisory lock; never waits in the database, where no signal ends it."""
    for tried in range(int(MAX_TURN_SECONDS / TURN_POLL_SECONDS)):
        rows = client.execute_sql(
            "select pg_try_advisory_lock(hashtext(%s))", f"captaindata {dataset}"
        )
        if rows and rows[0][0]:
            return
        if tried == 0:
            logger.info("Another process loads into %s: waiting", dataset)
        wait_seconds(TURN_POLL_SECONDS)
    raise DestinationError(
        f"Another process has been loading into dataset {dataset} for "
        f"{MAX_TURN_SECONDS / 60:.0f} minutes: end it (pg_locks names its pid), or try later"
    )
