"""Who may sync a workspace, and who may change the destination."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import fasteners
from dlt.common.runtime import signals
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import BusyError, DestinationError
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    DUCKDB,
    POSTGRES,
    SessionLock,
    connected,
    file_of,
    this_process,
)
from captaindata_source.warehouse.past_loads import last_load

__all__ = ["Turn", "alone", "folder_lock", "holding"]

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
_files: set[Path] = set()
"""Files that this process holds: the system's locks tell processes apart, not threads."""


class Turn:
    """The right to sync a workspace.

    Args:
        session: The connection that holds its lock in Postgres; None elsewhere.
        names: The lock.
        workspace_uid: The workspace.
    """

    def __init__(
        self, session: SessionLock | None, names: tuple[str, ...], workspace_uid: str
    ) -> None:
        self.session = session
        self._names = names
        self._workspace_uid = workspace_uid
        self._last_load = f"{time.time():.6f}"

    def check(self, client: SqlClientBase[Any] | None, load_id: str) -> None:
        """Sees that it is held still; takes it again where its connection to Postgres broke.

        Args:
            client: Connected to the destination; None where there is no such thing.
            load_id: What is about to be loaded.

        Raises:
            BusyError: Another sync has taken it meanwhile, and maybe ended already.
            DestinationError: Postgres can't be reached.
        """
        session = self.session
        if session is not None and client is not None and not session.is_held(*self._names):
            if (holder := session.retake(*self._names)) is not None:
                raise _lost(holder)
            if last_load(client, self._workspace_uid) > self._last_load:
                session.give_back(*self._names)  # it stays lost, however often one asks
                raise _lost("which has ended")
        self._last_load = max(self._last_load, load_id)


def _lost(holder: str) -> BusyError:
    return BusyError(
        "The connection broke that kept other syncs of this workspace away, and another one began "
        f"meanwhile ({holder}): this one ends, what it committed is kept"
    )


@contextmanager
def alone(pipeline: dlt.Pipeline, *, workspace_uid: str) -> Iterator[Turn]:
    """Two syncs of one workspace would undo one another; the locks end with their process.

    One is in dlt's folder; one is where the rows go, for whoever works in another folder: beside a
    DuckDB file, in the database of a Postgres dataset.

    Args:
        pipeline: Gives destination, dataset and working folder.
        workspace_uid: The workspace.

    Raises:
        BusyError: Another sync of the workspace is running.
        DestinationError: The destination can't be reached.
    """
    kind = pipeline.destination.destination_type
    with ExitStack() as stack:
        stack.enter_context(folder_lock(Path(pipeline.working_dir)))
        session: SessionLock | None = None
        names: tuple[str, ...] = ()
        if kind in (DUCKDB, POSTGRES):
            client = pipeline.sql_client()
            if kind == POSTGRES:
                session = SessionLock(client.credentials.to_native_representation())
                names = (f"captaindata sync {client.dataset_name}", workspace_uid)
                stack.callback(session.release)
                if (holder := session.take(*names)) is not None:
                    raise _busy(holder)
            elif (file := file_of(client)) is not None:
                what = f"{client.dataset_name}\n{workspace_uid}"
                stack.enter_context(_lock_beside(file.resolve(), what))
        yield Turn(session, names, workspace_uid)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Locks a working folder of dlt; the lock is beside it, for the folder may be made anew.

    Raises:
        BusyError: Another process has it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _file_lock(folder.parent / f".{folder.name}.lock"):
        yield


@contextmanager
def _lock_beside(file: Path, what: str) -> Iterator[None]:
    """Locks `what` in a DuckDB file, by a file beside it."""
    if not file.parent.is_dir():
        raise DestinationError(
            f"The folder of the DuckDB file, {file.parent}, does not exist: make it, or name "
            "another file in destination.duckdb.credentials"
        )
    name = hashlib.blake2b(what.encode(), digest_size=4).hexdigest()
    with ExitStack() as stack:
        try:
            stack.enter_context(_file_lock(file.with_name(f".{file.name}.{name}.lock")))
        except OSError as error:
            raise DestinationError(
                f"The folder of the DuckDB file, {file.parent}, can't be written "
                f"({error.strerror}): DuckDB needs it for its log; give this user the right to, or "
                "name another file in destination.duckdb.credentials"
            ) from error
        yield


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with _held_by_thread(path):
        lock = fasteners.InterProcessLock(path)
        try:
            is_ours = lock.acquire(blocking=False)
        except threading.ThreadError as error:
            raise DestinationError(f"{path} can't be locked: move it to a local disk") from error
        if not is_ours:
            with suppress(OSError):
                raise _busy(path.read_text(encoding="utf-8").strip())
            raise _busy("")
        try:
            with suppress(OSError):  # a full disk; it only names who holds the lock
                lock.lockfile.truncate(0)
                lock.lockfile.write(
                    f"{this_process()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
                )
                lock.lockfile.flush()
            yield
        finally:
            lock.release()


@contextmanager
def _held_by_thread(path: Path) -> Iterator[None]:
    with _guard:
        if path in _files:
            raise _busy(this_process())
        _files.add(path)
    try:
        yield
    finally:
        with _guard:
            _files.discard(path)


def _busy(holder: str) -> BusyError:
    by = f" ({holder})" if holder else ""
    return BusyError(
        f"Another sync of this workspace into this destination is running{by}: wait for it to end"
    )


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
