"""The workspace's own row, and the readings of its quota."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from captaindata_source.api import Record
from captaindata_source.api.credentials import strip_json
from captaindata_source.errors import ApiError
from captaindata_source.extract.plan.context import Context
from captaindata_source.extract.plan.deep_looks import MEMBERS, are_members_due
from captaindata_source.extract.rows import digest, row_hash
from captaindata_source.tables import QUOTA_READINGS, WORKSPACES, Row
from captaindata_source.times import UnfitError, parse_time

__all__ = ["WorkspacePlan", "quota_month"]


class WorkspacePlan:
    """Compares the workspace with what is loaded of it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.are_members_read = False
        """Whether the members were fetched."""

    def rows(self) -> tuple[Row | None, Row | None]:
        """The workspace's row and the reading of its quota; None where there is nothing new, or it
        could not be read."""
        context = self._context
        try:
            record = self._record()
            members = self._known_members()
            if members is None:
                members = b"[" + b",".join(map(bytes, context.api.members())) + b"]"
                self.are_members_read = True
        except ApiError as error:
            context.guard.set_aside(error, "The workspace's own row")
            return None, None
        context.guard.answered()
        return self._row(record, strip_json(members)), self._reading(record)

    def _record(self) -> Record:
        context = self._context
        try:
            record = context.api.workspace()
            if (end := quota_month(record.get("current_month_end"))) is not None:
                context.to_come.append(end)
        finally:
            context.is_clock_read.set()
        return record

    def checkpoint(self) -> Row | None:
        """The row that says when members were read; None where they were not."""
        if not self.are_members_read:
            return None
        now = self._context.now
        uid = self._context.settings.project_uid
        return {"workspace_uid": uid, "uid": MEMBERS, "read_at": now, "jobs": 0, "loaded_at": now}

    def _known_members(self) -> bytes | None:
        """The members that are loaded, as JSON, where they were read recently."""
        context = self._context
        if are_members_due(context):
            return None
        for row in context.stored(WORKSPACES, [context.settings.project_uid]):
            if isinstance(members := row.get("members"), str):
                return members.encode()
        return None

    def _row(self, record: Record, members: bytes) -> Row | None:
        context = self._context
        text = members.decode("utf-8", "replace")
        # a database may write JSON in another way
        plain = json.dumps(json.loads(text), sort_keys=True)
        content = row_hash(record, plain, context.settings.name)
        if content == context.memory.workspace_hash and not context.settings.full_refresh:
            return None
        context.count(WORKSPACES, 1)
        context.written(WORKSPACES, context.settings.project_uid)
        return context.row(
            WORKSPACES,
            {**record, "uid": context.settings.project_uid},
            configured_name=context.settings.name,
            members=text,
            row_hash=content,
        )

    def _reading(self, record: Record) -> Row | None:
        """What is left of the quota: the last reading of each UTC day and month of the quota."""
        context = self._context
        unit = context.api.quota_unit
        quota = {f"quota_{part}": record.get(f"{unit}_{part}") for part in ("left", "max", "used")}
        if all(value is None for value in quota.values()):
            return None
        reading = {
            **quota,
            **{
                name: record.get(name)
                for name in ("plan_name", "current_month_start", "current_month_end")
            },
            "unit": unit,
        }
        day = context.now.astimezone(UTC).date()
        uid = digest(f"{day}\n{quota_month(record.get('current_month_start'))}")
        content = row_hash(reading)
        if context.memory.quota_readings.get(uid) == content:
            return None
        return context.row(QUOTA_READINGS, reading, uid=uid, read_at=context.now, row_hash=content)


def quota_month(time: object) -> datetime | None:
    """The month of a quota that begins then; None where it can't be read."""
    try:
        return parse_time(time)
    except UnfitError:
        return None
