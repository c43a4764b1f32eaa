"""The options of a workspace whose UID is not configured, once it is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from captaindata_source.api import Record
from captaindata_source.issues import IssueLog
from captaindata_source.settings.workspace import Settings

__all__ = ["LearnedSettings", "with_uid"]


@dataclass(frozen=True, kw_only=True)
class LearnedSettings(Settings):
    """Options of a workspace whose UID was learned.

    Args:
        record: What the API said of the workspace; None: the UID is that of an earlier sync.
        calls: Requests that this took.
        issues: What went wrong on the way.
    """

    record: Record | None = field(default=None, repr=False, compare=False)
    calls: int = field(default=0, repr=False, compare=False)
    issues: IssueLog = field(default_factory=IssueLog, repr=False, compare=False)


def with_uid(
    settings: Settings,
    uid: str,
    *,
    record: Record | None = None,
    calls: int = 0,
    issues: IssueLog | None = None,
) -> LearnedSettings:
    """Options with the UID that was learned; see `LearnedSettings`.

    Raises:
        ConfigError: It can't be a UID.
    """
    options = {each.name: getattr(settings, each.name) for each in dataclasses.fields(Settings)}
    learned = {"record": record, "calls": calls, "issues": issues or IssueLog()}
    return LearnedSettings(**{**options, "project_uid": uid, **learned})
