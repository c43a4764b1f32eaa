"""What changed since the last load, as rows of the tables of changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from captaindata_source.extract.queue import ResultJob
from captaindata_source.extract.rows import digest
from captaindata_source.tables import CHANGE_TABLES, JOB_RESULTS, JOBS, Row, Table
from captaindata_source.times import aware
from captaindata_source.warehouse.memory import KnownJob, OpenChanges
from captaindata_source.warehouse.open_changes import MARKS

__all__ = ["JOB_FIELDS", "WORKFLOW_FIELDS", "Changes"]

JOB_FIELDS = (
    *("status", "row_count", "total_row_count", "finish_time"),
    *("is_deleted", "is_archived"),
)
WORKFLOW_FIELDS = ("name", "steps", "details", "is_deleted")
JSON_FIELDS = frozenset({"steps", "details"})
Entity = tuple[str, ...]


class Changes:
    """Collects changes; safe to share between threads.

    A sync may see an object several times: what it saw last counts. What an earlier load package of
    the sync took is known from then on.

    Args:
        workspace_uid: Goes into every row.
        now: The time of the sync.
        wanted: Tables that are loaded; changes of others are not kept.
        open_changes: Changes whose load was not committed.
    """

    def __init__(
        self,
        *,
        workspace_uid: str,
        now: datetime,
        wanted: Collection[str],
        open_changes: OpenChanges,
    ) -> None:
        self._workspace_uid = workspace_uid
        self._now = now
        self._wanted = wanted
        self._open = open_changes
        self._lock = threading.Lock()
        self._found: dict[str, dict[Entity, Row]] = {}
        """By table of changes: the object and field, to the change."""
        self._taken: dict[tuple[str, Entity], str | None] = {}
        """Values that an earlier package brought."""

    def see_job(self, known: KnownJob | None, row: Row) -> None:
        """Sees a job that is written again; None: for the first time."""
        if known is not None:
            uids = {"job_uid": row["uid"], "workflow_uid": row.get("workflow_uid")}
            old = {name: getattr(known, name) for name in JOB_FIELDS}
            self.see(JOBS, (row["uid"],), uids, old, row)

    def see(
        self,
        table: Table,
        key: Entity,
        uids: Mapping[str, object],
        old: Mapping[str, object],
        new: Row,
    ) -> None:
        """Sees a row that is written again.

        Args:
            table: Of the row.
            key: Names it within the workspace.
            uids: Columns of the change that name it.
            old: Fields to what is loaded.
            new: The row.
        """
        if table.name not in self._wanted:
            return
        changes = CHANGE_TABLES[table.name].name
        before = self._open.get(changes, {})
        for name, loaded in old.items():
            place = (*key, name)
            open_ = before.get(place)
            with self._lock:
                found = self._found.setdefault(changes, {})
                was = open_.old if open_ else _text(name, loaded)
                was = self._taken.get((changes, place), was)
                value = _text(name, new.get(name))
                found.pop(place, None)
                if not _is_same(name, was, value):
                    uid = open_.uid if open_ else self._uid(changes, *place, was, value)
                    row = {"field": name, "old_value": was, "new_value": value}
                    found[place] = self._row(uid, {**uids, **row})

    def see_results(self, job: ResultJob, rows: int, content: str) -> None:
        """Sees the results of a job that are written, where other ones were loaded.

        Args:
            job: The job.
            rows: How many there are now.
            content: Their hash.
        """
        changes = CHANGE_TABLES[JOB_RESULTS.name].name
        open_ = self._open.get(changes, {}).get((job.uid,))
        before, stored = job.before, job.stored
        if before is not None and before.content == content:
            return
        if open_ is not None:
            count, workflow = open_.rows, open_.old
        elif before is not None and stored is not None:
            count, workflow = stored.rows, stored.workflow_uid
        else:
            return
        if not count:
            return
        if not rows:
            change = "removed"
        elif workflow != job.workflow_uid:
            change = "moved"
        else:
            change = "added" if job.carries and rows > count else "replaced"
        uid = open_.uid if open_ else self._uid(changes, job.uid, content)
        row: Row = {"job_uid": job.uid, "old_workflow_uid": workflow}
        row |= {"workflow_uid": job.workflow_uid, "change": change}
        row |= {"rows_before": count, "rows_after": rows}
        with self._lock:
            self._found.setdefault(changes, {})[(job.uid,)] = self._row(uid, row)

    def take(self, table: Table) -> list[Row]:
        """The changes of a table that were found since the last call.

        Args:
            table: What changed, once all its rows of the load package are found.
        """
        changes = CHANGE_TABLES[table.name].name
        with self._lock:
            found = self._found.pop(changes, {})
            if table is not JOB_RESULTS:
                for place, row in found.items():
                    self._taken[changes, place] = row["new_value"]
                    self._open.get(changes, {}).pop(place, None)
        return list(found.values())

    def _uid(self, *parts: str | None) -> str:
        return digest(repr([self._workspace_uid, self._now.isoformat(), *parts]))

    def _row(self, uid: str, row: Row) -> Row:
        return {"workspace_uid": self._workspace_uid, "uid": uid, **row, "seen_at": self._now}


def _text(name: str, value: object) -> str | None:
    """A value as the tables of changes have it: times in UTC, JSON with sorted keys."""
    if name in MARKS:
        return "true" if value else "false"
    if value is None:
        return None
    if isinstance(value, datetime):
        return aware(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
    if name in JSON_FIELDS:
        parsed = _parsed(value)
        text = json.dumps(parsed, ensure_ascii=False, sort_keys=True)
        return text if _is_unicode(text) else json.dumps(parsed, sort_keys=True)
    return str(value)


def _is_same(name: str, one: str | None, other: str | None) -> bool:
    """Databases write numbers in JSON in their own way."""
    if one == other or name not in JSON_FIELDS or one is None or other is None:
        return one == other
    return bool(json.loads(one) == json.loads(other))


def _parsed(value: object) -> object:
    if isinstance(value, msgspec.Raw):
        value = bytes(value).decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):  # no database holds it
        return value


def _is_unicode(text: str) -> bool:
    """Whether there is no half of a surrogate pair in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
