"""Events that were acknowledged, on disk until what they told of is loaded.

A SQLite database: what is committed survives a kill and a power cut (`synchronous = full`). The
receiver writes it and the loader reads it, in processes of their own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from captaindata_source.events.bodies import BATCH, CREATED, Event

__all__ = ["Inbox", "Stored", "Waiting"]

SCHEMA = """
create table if not exists events (
    id integer primary key,
    uid text not null,
    workspace text not null,
    ref text not null,
    kind text not null,
    job_uid text,
    workflow_uid text,
    identity_uid text,
    row_count integer not null,
    results blob,
    received_at real not null,
    due_at real not null,
    tries integer not null default 0,
    copies integer not null default 1,
    done_at real
) strict;
create unique index if not exists refs on events (workspace, ref);
create index if not exists waiting on events (workspace, due_at) where done_at is null;
create index if not exists jobs on events (workspace, coalesce(job_uid, uid))
    where done_at is null;
create index if not exists done on events (done_at) where done_at is not null;
"""
PRAGMAS = (
    "pragma auto_vacuum = incremental",
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma secure_delete = on",
    "pragma busy_timeout = 10000",
)
INSERT = """
insert into events (
    uid, workspace, ref, kind, job_uid, workflow_uid, identity_uid, row_count, results,
    received_at, due_at
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (workspace, ref) do update set
    copies = copies + 1,
    uid = case when {again} then excluded.uid else uid end,
    received_at = case when {again} then excluded.received_at else received_at end,
    due_at = case when {again} then excluded.due_at else due_at end,
    tries = case when {again} then 0 else tries end,
    done_at = case when {again} then null else done_at end
""".format(
    again="done_at is not null and (excluded.kind like 'integration!_%' escape '!' or "
    "(done_at < excluded.received_at - 600 and excluded.kind like 'job!_%' escape '!'))"
)
"""A copy of an event that waits, or was done lately, changes nothing. Of those that are done, one
of an account has no uid and may be another one that says the same; a job may have been tried again;
a copy of a callback has its uid."""
OLD_SECONDS = 300.0
"""What waits longer than that goes first; else what is newest."""
BATCH_SECONDS = 600.0
"""How long a batch waits for the end of its run before the run is looked at."""
CREATED_SECONDS = 120.0
"""How long a new job waits for its end, or another event of its workflow, before it is read."""
KEPT_SECONDS = 7 * 86_400.0
"""How long copies of an event that is done are known."""
PURGED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An event as it is to be stored.

    Args:
        workspace: Configured name.
        event: The event.
        received_at: Epoch seconds.
    """

    workspace: str
    event: Event
    received_at: float


class Waiting(NamedTuple):
    """An event that waits; the fields are those of the database, without results."""

    id: int
    uid: str
    kind: str
    job_uid: str | None
    workflow_uid: str | None
    identity_uid: str | None
    row_count: int
    received_at: float
    tries: int
    copies: int


WAITING = ", ".join(f"e.{name}" for name in Waiting._fields)
DUE = f"""
with picked as (
    select
        coalesce(job_uid, uid) as key,
        min(received_at) >= :old as is_new,
        min(received_at) * case when min(received_at) < :old then 1 else -1 end as place
    from events
    where workspace = :workspace and done_at is null and due_at <= :now
    group by 1
    order by is_new, place
    limit :most
)
select {WAITING}
from picked
inner join events as e
    on e.workspace = :workspace and e.done_at is null and coalesce(e.job_uid, e.uid) = picked.key
order by picked.is_new, picked.place, picked.key, e.id
"""  # noqa: S608 - names of columns


class Inbox:
    """One connection to the inbox, for one thread at a time.

    Args:
        path: The database; made with rights for its owner alone where it is missing.
        connect: Opens it; for tests.

    Raises:
        sqlite3.Error: It can't be opened or made.
    """

    def __init__(self, path: Path, *, connect: Callable[[str], Any] | None = None) -> None:
        self.path = path
        if connect is None:
            path.touch(mode=0o600)
            connect = _connect
        self._database = connect(str(path))
        for pragma in PRAGMAS:
            self._database.execute(pragma).fetchall()
        for statement in SCHEMA.split(";"):
            if statement.strip():
                self._database.execute(statement)

    def close(self) -> None:
        """Closes it."""
        self._database.close()

    @contextmanager
    def _committed(self) -> Iterator[Any]:
        self._database.execute("begin immediate")
        try:
            yield self._database
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")

    def add(self, events: Iterable[Stored]) -> None:
        """Stores events; they are on disk once it returns.

        Raises:
            sqlite3.Error: They are not.
        """
        with self._committed() as database:
            for each in events:
                database.execute(INSERT, _values(each))

    def workspaces(self) -> list[str]:
        """Names of those that have events that wait."""
        rows = self._database.execute(
            "select distinct workspace from events where done_at is null"
        ).fetchall()
        return [name for (name,) in rows]

    def count(self) -> int:
        """How many events wait."""
        rows = self._database.execute(
            "select count(*) from events where done_at is null"
        ).fetchall()
        return int(rows[0][0])

    def state(self) -> tuple[int, int]:
        """Equal as long as no event arrives."""
        ((version,),) = self._database.execute("pragma data_version").fetchall()
        ((newest,),) = self._database.execute("select max(id) from events").fetchall()
        return int(version), int(newest or 0)

    def due(self, workspace: str, *, now: float, most_jobs: int) -> list[Waiting]:
        """The events to see to now, each with all others of its job: those that wait for long, the
        oldest first, then the newest first.

        Args:
            workspace: Configured name.
            now: Epoch seconds.
            most_jobs: Jobs, or events that are about none.
        """
        named = {"workspace": workspace, "now": now, "old": now - OLD_SECONDS, "most": most_jobs}
        return [Waiting(*row) for row in self._database.execute(DUE, named).fetchall()]

    def created_of(self, workspace: str, workflow_uids: Sequence[str]) -> list[Waiting]:
        """Events of new jobs of some workflows, due or not."""
        marks = ", ".join("?" * len(workflow_uids))
        rows = self._database.execute(
            f"select {WAITING} from events as e where workspace = ? and done_at is null "  # noqa: S608
            f"and kind = '{CREATED}' and workflow_uid in ({marks}) order by id",
            (workspace, *workflow_uids),
        ).fetchall()
        return [Waiting(*row) for row in rows]

    def results_of(self, event_id: int) -> bytes | None:
        """The results of an event, a list in JSON; None where it has none."""
        rows = self._database.execute(
            "select results from events where id = ?", (event_id,)
        ).fetchall()
        return None if not rows or rows[0][0] is None else bytes(rows[0][0])

    def next_due(self, workspace: str) -> float | None:
        """When an event is next due, in epoch seconds; None where none waits."""
        rows = self._database.execute(
            "select min(due_at) from events where workspace = ? and done_at is null", (workspace,)
        ).fetchall()
        return None if rows[0][0] is None else float(rows[0][0])

    def settle(
        self,
        done: Iterable[int],
        again: Iterable[tuple[int, float]],
        *,
        now: float,
        counts: bool = True,
    ) -> None:
        """Marks events as done, or as to be tried again.

        Args:
            done: Of these events.
            again: Of these, with the time from which on, in epoch seconds.
            now: Epoch seconds.
            counts: Whether that was a try.
        """
        with self._committed() as database:
            for each in done:
                database.execute(
                    "update events set done_at = ?, results = null where id = ?", (now, each)
                )
            for each, due_at in again:
                database.execute(
                    "update events set due_at = ?, tries = tries + ? where id = ?",
                    (due_at, int(counts), each),
                )

    def purge(self) -> None:
        """Forgets events that were done long ago, and gives their space back."""
        with self._committed() as database:
            database.execute(
                "delete from events where id in (select id from events where done_at < ? limit ?)",
                (time.time() - KEPT_SECONDS, PURGED),
            )
        self._database.execute(f"pragma incremental_vacuum({PURGED})").fetchall()
        self._database.execute("pragma wal_checkpoint(truncate)").fetchall()


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _values(stored: Stored) -> tuple[object, ...]:
    event, now = stored.event, stored.received_at
    waits = {BATCH: BATCH_SECONDS, CREATED: CREATED_SECONDS}.get(event.kind, 0.0)
    results = b"[" + b",".join(event.results) + b"]" if event.results else None
    return (
        *(uuid4().hex, stored.workspace, event.ref, event.kind),
        *(event.job_uid, event.workflow_uid, event.identity_uid, len(event.results)),
        *(results, now, now + waits),
    )
