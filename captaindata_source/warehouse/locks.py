"""Who may change the destination."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dlt
from dlt.common.runtime import signals
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import BusyError, DestinationError
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    WITH_VIEWS,
    SessionLock,
    connected,
    file_of,
    lock_address_of,
    lock_file_of,
)
from captaindata_source.warehouse.file_locks import lock_beside
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
        A connection to it, which holds no lock; None where we do not connect by ourselves.

    Raises:
        DestinationError: It can't be opened, or others did not let go of it for long.
    """
    kind = pipeline.destination.destination_type
    with _in_this_process(pipeline):
        if kind not in WITH_VIEWS:
            yield None
            return
        # DuckDB: held open, or each of dlt's load jobs would open and checkpoint the file
        patience = FILE_SECONDS if is_patient and waits_for_file else 0.0
        with connected(pipeline, patience=patience) as client, ExitStack() as stack:
            # other processes would race to create the same tables
            name = f"captaindata {pipeline.dataset_name}"
            take: Callable[[], str | None]
            if (address := lock_address_of(client)) is not None:
                session = turn.session if turn is not None else None
                if session is None:
                    session = SessionLock(address)
                    stack.callback(session.release)
                take = partial(session.take, name)
                _wait_for_turn(take, pipeline.dataset_name, is_patient=is_patient)
                stack.callback(session.give_back, name)
            elif file_of(client) is None and (file := lock_file_of(client)) is not None:
                take = partial(_take_beside, stack, file, name)
                _wait_for_turn(take, pipeline.dataset_name, is_patient=is_patient)
            yield client


def _take_beside(stack: ExitStack, catalog: Path, name: str) -> str | None:
    """Takes a lock beside the catalog of a lake; who has it, where it can't be had."""
    try:
        stack.enter_context(lock_beside(catalog, name))
    except BusyError as error:
        return str(error)
    return None


@contextmanager
def _in_this_process(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Threads of one process take turns at a DuckDB file or a lake, or at a dataset elsewhere."""
    place = f"{pipeline.destination.destination_name} {pipeline.dataset_name}"
    if pipeline.destination.destination_type in WITH_VIEWS:
        client = pipeline.sql_client()
        if (file := lock_file_of(client)) is not None:
            place = str(file.resolve())
        elif (address := lock_address_of(client)) is not None:
            place = f"{address} {client.dataset_name}"
    with _guard:
        lock = _places.setdefault(place, threading.Lock())
    while not lock.acquire(timeout=TURN_POLL_SECONDS):
        signals.raise_if_signalled()
    try:
        yield
    finally:
        lock.release()


def _wait_for_turn(take: Callable[[], str | None], dataset: str, *, is_patient: bool) -> None:
    """Takes a lock; never waits in the database, where no signal ends it."""
    seconds = TURN_SECONDS if is_patient else SHORT_TURN_SECONDS
    holder: str | None = None
    for tried in range(int(seconds / TURN_POLL_SECONDS)):
        if (holder := take()) is None:
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
