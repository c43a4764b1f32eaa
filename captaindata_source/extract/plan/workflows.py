"""Workflows: compared with a listing of them, or made of the jobs that name them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from captaindata_source.api import Record, is_flow
from captaindata_source.api.credentials import strip_record
from captaindata_source.errors import ApiError
from captaindata_source.extract.plan.changes import WORKFLOW_FIELDS
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.rows import row_hash
from captaindata_source.issues import Action, Kind
from captaindata_source.tables import WORKFLOWS, Row
from captaindata_source.times import UnfitError, aware, parse_time
from captaindata_source.warehouse.memory import FLOW_KIND

__all__ = ["ListedWorkflows", "NamedWorkflows"]

LISTED, NAMED = "workflow", "action"
"""`kind` of workflows that have a list, and of those that runs name; else it is `FLOW_KIND`."""


class ListedWorkflows:
    """Compares the listing of workflows with what is loaded; empty where the API has none."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._workflows: list[Record] | None = None
        self._loaded: dict[str, Row] = {}
        """Rows of the warehouse that are written again."""
        self._changed: set[str] = set()

    def all(self) -> list[Record]:
        """The listing, read once."""
        context = self._context
        with context.lock:
            if self._workflows is None:
                listed = context.api.workflows()
                context.guard.answered()
                self._workflows = list({record["uid"]: record for record in listed}.values())
            return self._workflows

    def changed(self) -> Iterator[Callable[[], Row | None]]:
        """For each workflow to load a call that fetches its details and returns its row."""
        context = self._context
        changed: dict[str, tuple[Record, str]] = {}
        for record in self.all():
            content = row_hash(record)
            known = context.memory.workflows.get(record["uid"])
            if (
                context.settings.full_refresh
                or known is None
                or known.is_deleted
                or known.row_hash != content
                or self._is_old(known.details_fetched_at)
            ):
                context.written(WORKFLOWS, record["uid"])
                self._changed.add(record["uid"])
                changed[record["uid"]] = record, content
        known_uids = [uid for uid in changed if uid in context.memory.workflows]
        self._loaded = {row["uid"]: row for row in context.stored(WORKFLOWS, known_uids)}
        for each in changed.values():
            yield partial(self._row, *each)

    def vanished(self) -> list[Row]:
        """Rows of the workflows that are no longer listed, marked so."""
        context = self._context
        listed = {record["uid"] for record in self.all()}
        gone = [
            uid
            for uid, known in context.memory.workflows.items()
            if uid not in listed and not known.is_deleted
        ]
        rows = [
            {"kind": LISTED, **row, "is_deleted": True, "loaded_at": context.now}
            for row in context.stored(WORKFLOWS, gone)
        ]
        for uid in gone:
            context.written(WORKFLOWS, uid)
        for row in rows:
            self._see_change(row["uid"], {**row, "is_deleted": False}, row)
        context.count(WORKFLOWS, len(rows))
        return rows

    def without_kind(self) -> list[Row]:
        """Rows of an earlier version, with the kind that they lack; call it after `changed`, and
        before `vanished`."""
        context, listed = self._context, {record["uid"] for record in self.all()}
        lacking = [
            uid
            for uid, known in context.memory.workflows.items()
            if known.kind is None
            and known.is_deleted != (uid in listed)
            and uid not in self._changed
        ]
        for uid in lacking:
            context.written(WORKFLOWS, uid)
        rows = [
            {**row, "kind": LISTED, "loaded_at": context.now}
            for row in (context.stored(WORKFLOWS, lacking) if lacking else ())
        ]
        context.count(WORKFLOWS, len(rows))
        return rows

    @property
    def were_any(self) -> bool:
        """Whether the warehouse holds workflows that are not marked as deleted."""
        return any(not known.is_deleted for known in self._context.memory.workflows.values())

    def _is_old(self, fetched_at: datetime | None) -> bool:
        if fetched_at is None:
            return True
        age = self._context.now - aware(fetched_at)
        # a time to come was written by a clock that went wrong
        return (
            not timedelta(0) <= age <= timedelta(days=self._context.settings.details_max_age_days)
        )

    def _row(self, record: Record, content: str) -> Row | None:
        context = self._context
        loaded = self._loaded.pop(record["uid"], None)
        with context.issues.about(workflow_uid=record["uid"]):
            details: object = None
            try:
                details = context.api.workflow_details(record["uid"])
                context.guard.answered()
                if details is None:
                    context.issues.add(
                        Kind.NOT_FOUND, Action.KEPT, detail="Gone since it was listed"
                    )
            except ApiError as error:
                context.guard.set_aside(error, f"Details of workflow {record['uid']}")
            if details is not None:
                record = {**record, "details": details}
            row = context.row(
                WORKFLOWS,
                record,
                details_fetched_at=context.now,
                is_deleted=False,
                row_hash=content,
                kind=LISTED,
            )
        if details is None:  # what was loaded of it stays, and is tried again
            row["details_fetched_at"] = None
            if loaded is not None:
                row.update({name: loaded.get(name) for name in ("details", "details_fetched_at")})
        if loaded is not None:
            self._see_change(record["uid"], loaded, row)
        context.count(WORKFLOWS, 1)
        return row

    def _see_change(self, uid: str, loaded: Row, row: Row) -> None:
        # secrets are in no change: nothing would ever remove them
        old, new = (
            strip_record({name: each.get(name) for name in WORKFLOW_FIELDS})
            for each in (loaded, row)
        )
        self._context.changes.see(WORKFLOWS, (uid,), {"workflow_uid": uid}, old, new)


class NamedWorkflows:
    """Workflows that are known by their jobs alone: from the first to the last that was seen."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._runs: dict[str, tuple[datetime | None, datetime | None]] = {}
        known_ones = context.memory.workflows
        self._hashes: dict[str, str | None] = {
            uid: known.row_hash if known.kind else None for uid, known in known_ones.items()
        }
        self._names: dict[str, tuple[datetime | None, str]] = {
            uid: (known.updated_at, known.name)
            for uid, known in known_ones.items()
            if is_flow(uid) and known.name
        }
        """Of flows: the name in the newest run, and when that was created."""
        if context.settings.full_refresh and context.settings.named_jobs is None:
            self._hashes.clear()
        for uid, known in context.memory.workflows.items():
            self._see(uid, known.created_at)
            self._see(uid, known.updated_at)
        for uid, (first, last) in context.totals.created.items():
            self._see(uid, first)
            self._see(uid, last)
        self.rows: deque[Row] = deque()

    def see(self, job: Record) -> None:
        """Sees a job."""
        name = job.get("workflow_uid")
        if isinstance(name, str) and name:
            created = self._see(name, job.get("created_at"))
            if is_flow(name) and (title := job.get("workflow_name")):
                before, _ = self._names.get(name, (None, ""))
                if before is None or (created is not None and created >= aware(before)):
                    self._names[name] = created, str(title)

    def settle(self) -> None:
        """Makes rows of the workflows that changed by what was seen."""
        for uid, (first, last) in self._runs.items():
            _, name = self._names.get(uid, (None, uid))
            record = {"uid": uid, "name": name, "created_at": first, "updated_at": last}
            content = row_hash(record)
            if self._hashes.get(uid) == content:
                continue
            self._hashes[uid] = content
            kind = FLOW_KIND if is_flow(uid) else NAMED
            added = {"is_deleted": False, "row_hash": content, "kind": kind}
            row = self._context.row(WORKFLOWS, record, **added)
            self._context.keep(WORKFLOWS, self.rows, row)
            known = self._context.memory.workflows.get(uid)
            if known is not None and known.name:
                old = {"name": known.name, "is_deleted": known.is_deleted}
                self._context.changes.see(WORKFLOWS, (uid,), {"workflow_uid": uid}, old, row)

    def _see(self, name: str, created: object) -> datetime | None:
        """Returns when the run was created."""
        first, last = self._runs.get(name, (None, None))
        try:
            moment = parse_time(created)
        except UnfitError:
            moment = None
        if moment is not None:
            moment = moment.astimezone(UTC)
            first = min(first or moment, moment)
            last = max(last or moment, moment)
        self._runs[name] = first, last
        return moment
