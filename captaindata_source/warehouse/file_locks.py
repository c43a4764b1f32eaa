"""Locks that are files: of working folders, and beside a DuckDB file."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import fasteners

from captaindata_source.errors import BusyError, DestinationError
from captaindata_source.warehouse.database import this_process

__all__ = ["busy", "folder_lock", "lock_beside"]

_guard = threading.Lock()
_files: set[Path] = set()
"""Files that this process holds: the system's locks tell processes apart, not threads."""


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
def lock_beside(file: Path, what: str) -> Iterator[None]:
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
                raise busy(path.read_text(encoding="utf-8").strip())
            raise busy("")
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
            raise busy(this_process())
        _files.add(path)
    try:
        yield
    finally:
        with _guard:
            _files.discard(path)


def busy(holder: str) -> BusyError:
    by = f" ({holder})" if holder else ""
    return BusyError(
        f"Another sync of this workspace into this destination is running{by}: wait for it to end"
    )
