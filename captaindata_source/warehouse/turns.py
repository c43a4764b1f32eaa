"""Who may sync a workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import BusyError
from captaindata_source.waiting import wait_seconds
from captaindata_source.warehouse.database import (
    WITH_VIEWS,
    SessionLock,
    lock_address_of,
    lock_file_of,
)
from captaindata_source.warehouse.file_locks import busy, folder_lock, lock_beside
from captaindata_source.warehouse.past_loads import last_load

__all__ = ["Turn", "alone"]

POLL_SECONDS = 0.2
KNOCK, WAIT = "knock", "wait"
"""What is asked for: a short turn while another sync runs, and the end of a short turn."""
ASK_TRIES = 20
ASK_POLL_SECONDS = 0.05
WAIT_SECONDS = 0.6
"""How long who has short turns leaves it to a sync that waits."""
KNOCK_SECONDS = 60.0
"""How long a short turn is asked for before the work that it is for is put off."""
WAY_SECONDS = 120.0
"""How long a sync waits for a short turn of others."""


class Turn:
    """The right to sync a workspace.

    Args:
        pipeline: Gives destination, dataset and working folder.
        workspace_uid: The workspace.
    """

    def __init__(self, pipeline: dlt.Pipeline, workspace_uid: str) -> None:
        self._folder = Path(pipeline.working_dir)
        self._workspace_uid = workspace_uid
        self._file: Path | None = None
        self._dataset = ""
        self.session: SessionLock | None = None
        """The connection that holds its lock in Postgres, a lake's catalog too; None elsewhere."""
        if pipeline.destination.destination_type in WITH_VIEWS:
            client = pipeline.sql_client()
            self._dataset = client.dataset_name
            if (address := lock_address_of(client)) is not None:
                self.session = SessionLock(address)
            elif (file := lock_file_of(client)) is not None:
                self._file = file.resolve()
        self._names = (f"captaindata sync {self._dataset}", workspace_uid)
        self._held, self._held_knock = ExitStack(), ExitStack()
        self._is_short = False
        self._last_load = f"{time.time():.6f}"

    def take(self, *, patience: float = 0.0) -> None:
        """Takes it.

        Args:
            patience: Seconds to wait for others.

        Raises:
            BusyError: Another sync of the workspace is running.
            DestinationError: The destination can't be reached.
        """
        ends = time.monotonic() + patience
        while True:
            try:
                self._take()
            except BusyError:
                if time.monotonic() >= ends:
                    raise
                wait_seconds(POLL_SECONDS)
            else:
                return

    def _take(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(folder_lock(self._folder))
            if self.session is not None:
                if (holder := self.session.take(*self._names)) is not None:
                    self.session.release()
                    raise busy(holder)
                stack.callback(self.session.release)
            elif self._file is not None:
                what = f"{self._dataset}\n{self._workspace_uid}"
                stack.enter_context(lock_beside(self._file, what))
            self._held = stack.pop_all()
        self._last_load = f"{time.time():.6f}"

    def release(self) -> None:
        """Gives it back; does nothing where it is not held."""
        self._held.close()
        self._held_knock.close()

    def take_after_short_turns(self) -> None:
        """Takes it; waits for whoever has it for a short turn, and for nobody else.

        Raises:
            BusyError: Another sync of the workspace is running.
            DestinationError: The destination can't be reached.
        """
        try:
            self.take()
        except BusyError:
            if not self._is_asked(KNOCK):
                raise
            with self._asking(WAIT):
                self.take(patience=WAY_SECONDS)

    def give_way(self) -> None:
        """Lets whoever knocks have a turn, and takes it again.

        Raises:
            BusyError: It could not be taken again: another sync began meanwhile.
            DestinationError: The destination can't be reached.
        """
        with self._asking(WAIT):
            self.release()
            wait_seconds(2 * POLL_SECONDS)
            self.take(patience=WAY_SECONDS)

    def take_short(self) -> None:
        """Takes it for a short time; asks a sync of the workspace, wherever it runs, to give way.

        Raises:
            BusyError: It did not.
            DestinationError: The destination can't be reached.
        """
        self._is_short = True
        if self._is_asked(WAIT):
            wait_seconds(WAIT_SECONDS)
        self._held_knock.enter_context(self._asking(KNOCK))
        self.take(patience=KNOCK_SECONDS)

    @property
    def is_knocked(self) -> bool:
        """Whether someone else waits for a short turn."""
        return not self._is_short and self._is_asked(KNOCK)

    def _is_asked(self, what: str) -> bool:
        names = (f"captaindata {what} {self._dataset}", self._workspace_uid)
        if self.session is not None:
            if self.session.take(*names) is not None:
                return True
            self.session.give_back(*names)
        elif self._file is not None:
            try:
                with lock_beside(self._file, "\n".join(names)):
                    return False
            except BusyError:
                return True
        return False

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Holds a lock that tells others of a wish."""
        names = (f"captaindata {what} {self._dataset}", self._workspace_uid)
        with ExitStack() as stack:
            session = SessionLock(self.session.address) if self.session is not None else None
            if session is not None:
                stack.callback(session.release)
            for _ in range(ASK_TRIES):  # someone may just be looking whether anybody asks
                if session is not None and session.take(*names) is None:
                    break
                if session is None and self._file is not None:
                    with suppress(BusyError):
                        stack.enter_context(lock_beside(self._file, "\n".join(names)))
                        break
                wait_seconds(ASK_POLL_SECONDS)
            yield

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
def alone(pipeline: dlt.Pipeline, *, workspace_uid: str, is_short: bool = False) -> Iterator[Turn]:
    """Two syncs of one workspace would undo one another; the locks end with their process.

    One is in dlt's folder; one is where the rows go, for whoever works in another folder: beside a
    DuckDB file, in the database of a Postgres dataset.

    Args:
        pipeline: Gives destination, dataset and working folder.
        workspace_uid: The workspace.
        is_short: Whether it is for a short time: a sync that runs is asked to give way.

    Raises:
        BusyError: Another sync of the workspace is running.
        DestinationError: The destination can't be reached.
    """
    turn = Turn(pipeline, workspace_uid)
    try:
        if is_short:
            turn.take_short()
        else:
            turn.take_after_short_turns()
        yield turn
    finally:
        turn.release()
