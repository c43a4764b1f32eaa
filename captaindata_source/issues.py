"""What went wrong without ending a sync, for the table `sync_issues`.

An issue says what was met and what was done about it. It never holds a key or anything of what was
loaded but the uids of workflows and jobs.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import uuid4

__all__ = ["Action", "Issue", "IssueLog", "Kind"]


class Action(StrEnum):
    """What was done about an issue, as `sync_issues.action` has it."""

    RETRIED = "retried"
    """The call was made again."""
    REREAD = "reread"
    """What had two versions was read once more, by itself."""
    SET_ASIDE = "set_aside"
    """Nothing of it was loaded; the next sync tries again."""
    MENDED = "mended"
    """A value was loaded in a form that the destination can hold."""
    KEPT = "kept"
    """It was loaded as it came, or what was loaded before stays."""
    FAILED = "failed"
    """The sync of the workspace ended."""


class Kind(StrEnum):
    """What was met, as `sync_issues.kind` has it; `sql/README.md` says what each means."""

    ANSWER_CUT_OFF = "answer_cut_off"
    ANSWER_TOO_LARGE = "answer_too_large"
    ANSWER_TOO_SLOW = "answer_too_slow"
    BUSY = "busy"
    CONNECTION_FAILED = "connection_failed"
    CONTROL_CHARACTER = "control_character"
    COUNTS_NOT_TRUSTED = "counts_not_trusted"
    DESTINATION_FAILED = "destination_failed"
    EMPTY_LISTING = "empty_listing"
    ENDLESS_PAGES = "endless_pages"
    ENDLESS_REDIRECTS = "endless_redirects"
    FORBIDDEN = "forbidden"
    FOREIGN_LINK = "foreign_link"
    FOREIGN_WORKSPACE = "foreign_workspace"
    HALF_SURROGATE = "half_surrogate"
    INTEGRATION_FAILED = "integration_failed"
    LISTED_TWICE = "listed_twice"
    MISCONFIGURED = "misconfigured"
    MISSING_LINK = "missing_link"
    MISSING_UID = "missing_uid"
    NO_DATA = "no_data"
    NOT_A_NUMBER = "not_a_number"
    NOT_AN_OBJECT = "not_an_object"
    NOT_FOUND = "not_found"
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    NULL_CHARACTER = "null_character"
    PAGE_REPEATED = "page_repeated"
    PAGES_SHIFTED = "pages_shifted"
    PAYMENT_REQUIRED = "payment_required"
    QUOTA_USED_UP = "quota_used_up"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    RESERVED_UID = "reserved_uid"
    RESULTS_CAME_LATE = "results_came_late"
    ROW_COUNT_DIFFERS = "row_count_differs"
    ROW_COUNT_SETTLED = "row_count_settled"
    RUN_ABORTED = "run_aborted"
    SERVER_ERROR = "server_error"
    UNAUTHORIZED = "unauthorized"
    UNEXPECTED_ANSWER = "unexpected_answer"
    UNEXPECTED_ERROR = "unexpected_error"
    UNFIT_VALUE = "unfit_value"
    UNSORTED_LISTING = "unsorted_listing"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    ZERO_COUNT_WRONG = "zero_count_wrong"


DETAIL_LENGTH = 500


class _Subject(NamedTuple):
    workflow_uid: str | None = None
    job_uid: str | None = None


class _Event(NamedTuple):
    """What makes two issues the same; the second only counts."""

    kind: Kind
    action: Action
    workflow_uid: str | None
    job_uid: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that went wrong.

    Args:
        kind: What was met, such as `rate_limited`; sql/tables.md lists all.
        action: What was done.
        workflow_uid: The workflow it is about, if any.
        job_uid: The job it is about, if any.
        detail: More about it, for people.
        seen_at: When it was first met.
        occurrences: How often.
        uid: Identifies it.
    """

    kind: Kind
    action: Action
    workflow_uid: str | None
    job_uid: str | None
    detail: str | None
    seen_at: datetime
    occurrences: int
    uid: str

    def as_row(self, *, workspace_uid: str, sync_uid: str | None = None) -> dict[str, Any]:
        """The row of `sync_issues`; `sync_uid` where the sync has a row in `sync_runs`."""
        return {
            "workspace_uid": workspace_uid,
            "uid": self.uid,
            "sync_uid": sync_uid,
            "seen_at": self.seen_at,
            "workflow_uid": self.workflow_uid,
            "job_uid": self.job_uid,
            "kind": self.kind.value,
            "action": self.action.value,
            "occurrences": self.occurrences,
            "detail": self.detail,
        }


class IssueLog:
    """Collects the issues of one sync of one workspace; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._local = threading.local()
        self._found: dict[_Event, Issue] = {}
        self._taken: list[Issue] = []
        self._set_aside: dict[str, Issue] = {}
        self.count = 0

    @contextmanager
    def about(
        self, *, workflow_uid: str | None = None, job_uid: str | None = None
    ) -> Iterator[None]:
        """What this thread adds within is about that workflow or job."""
        before = self._subject
        self._local.subject = _Subject(workflow_uid, job_uid)
        try:
            yield
        finally:
            self._local.subject = before

    def add(self, kind: Kind, action: Action, *, detail: str | None = None) -> None:
        """Records an issue of the workflow or job at hand.

        Args:
            kind: What was met.
            action: What was done.
            detail: For people; no values that are loaded, no key.
        """
        detail = detail[:DETAIL_LENGTH] if detail else None
        event = _Event(kind, action, *self._subject, detail)
        with self._lock:
            known = self._found.get(event)
            if known is None:
                self.count += 1
                known = Issue(
                    **event._asdict(), seen_at=datetime.now(UTC), occurrences=0, uid=uuid4().hex
                )
            issue = replace(known, occurrences=known.occurrences + 1)
            self._found[event] = issue
            if action == Action.SET_ASIDE:
                self._set_aside[issue.uid] = issue

    @property
    def set_aside(self) -> list[Issue]:
        """What the next sync has to try again."""
        with self._lock:
            return list(self._set_aside.values())

    @property
    def is_pending(self) -> bool:
        """Whether there are issues that were not taken yet."""
        return bool(self._found)

    def take(self) -> list[Issue]:
        """The issues since the last take."""
        with self._lock:
            taken, self._found = list(self._found.values()), {}
            self._taken += taken
        return taken

    def commit(self, issues: Collection[Issue]) -> None:
        """These, which were taken, are loaded."""
        loaded = {issue.uid for issue in issues}
        with self._lock:
            self._taken = [issue for issue in self._taken if issue.uid not in loaded]

    def take_uncommitted(self) -> list[Issue]:
        """All issues that are not loaded for sure."""
        self.take()
        with self._lock:
            return list(self._taken)

    @property
    def _subject(self) -> _Subject:
        subject: _Subject = getattr(self._local, "subject", _Subject())
        return subject
