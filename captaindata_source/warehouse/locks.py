"""Who may change the destination."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dlt
from dlt.common.runtime import signals
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import DestinationError
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    DUCKDB,
    POSTGRES,
    SessionLock,
    connected,
    file_of,
)
from captaindata_source.warehouse.turns import Turn

__all__ = ["holding"]

logger = logging.getLogger(__name__)

TURN_POLL_SECONDS = 0.2
TURN_SECONDS = 1800.0
"""How long another process may load into the same dataset."""
SHORT_TURN_SECONDS = 5.0
"""The same for what can do without: a session that was just closed ends a moment later."""
FILE_SECONDS = 60.0
"""How long another process may hold the DuckDB file."""
_guard = threading.Lock()
_places: dict[str, threading.Lock] = {}
"""What threads of this process take turns at."""


@contextmanager
def holding(
    pipeline: dlt.Pipeline,
    *,
    turn: Turn | None = None,
    is_patient: bool = True,
    waits_for_file: bool = True,
) -> Iterator[SqlClientBase[Any] | None]:
    """Holds the destination: whoever changes it does so in turn, in whichever thread or process.

    Args:
        pipeline: Gives destination and dataset.
        turn: Whose connection for locks is used; None: one more is opened.
        is_patient: Whether to wait long for other processes.
        waits_for_file: Whether to do so for a process that holds the DuckDB file.

    Yields:
        A connection to it, which holds no lock; None where it is neither DuckDB nor Postgres.

    Raises:
        DestinationError: It can't be opened, or others did not let go of it for long.
    """
    kind = pipeline.destination.destination_type
    with _in_this_process(pipeline):
        if kind not in (DUCKDB, POSTGRES):
            yield None
            return
        # DuckDB: held open, or each of dlt's load jobs would open and checkpoint the file
        patience = FILE_SECONDS if is_patient and waits_for_file else 0.0
        with connected(pipeline, patience=patience) as client, ExitStack() as stack:
            if kind == POSTGRES:
                # other processes would race to create the same tables
                session = turn.session if turn is not None else None
                if session is None:
                    session = SessionLock(client.credentials.to_native_representation())
                    stack.callback(session.release)
                name = f"captaindata {pipeline.dataset_name}"
                _wait_for_turn(session, name, pipeline.dataset_name, is_patient=is_patient)
                stack.callback(session.give_back, name)
            yield client


@contextmanager
def _in_this_process(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Threads of one process take turns at a DuckDB file, or at a dataset elsewhere."""
    place = f"{pipeline.destination.destination_name} {pipeline.dataset_name}"
    if pipeline.destination.destination_type in (DUCKDB, POSTGRES):
        client = pipeline.sql_client()
        if (file := file_of(client)) is not None:
            place = str(file.resolve())
        else:
            place = f"{client.credentials.to_native_representation()} {client.dataset_name}"
    with _guard:
        lock = _places.setdefault(place, threading.Lock())
    while not lock.acquire(timeout=TURN_POLL_SECONDS):
        signals.raise_if_signalled()
    try:
        yield
    finally:
        lock.release()


def _wait_for_turn(session: SessionLock, name: str, dataset: str, *, is_patient: bool) -> None:
    """Takes an advisory lock; never waits in the database, where no signal ends it."""
    seconds = TURN_SECONDS if is_patient else SHORT_TURN_SECONDS
    holder: str | None = None
    for tried in range(int(seconds / TURN_POLL_SECONDS)):
        if (holder := session.take(name)) is None:
            return
        if tried == 0:
            logger.info("Another process loads into %s: waiting (%s)", dataset, holder)
        wait_seconds(TURN_POLL_SECONDS)
    raise DestinationError(
        f"Another process has been loading into dataset {dataset} for "
        f"{TURN_SECONDS / 60:.0f} minutes ({holder}): end it, or try later"
        if is_patient
        else f"Another process loads into dataset {dataset} ({holder})"
    )
