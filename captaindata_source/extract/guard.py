"""What a failed call costs: its object, or the whole sync of the workspace."""

from __future__ import annotations

import logging
import threading

from captaindata_source.errors import ApiError, QuotaError, UnavailableError
from captaindata_source.issues import Action, IssueLog

__all__ = ["Guard"]

logger = logging.getLogger(__name__)

MAX_UNANSWERED = 3
"""So many objects in a row without an answer, after all retries: the API is down."""


class Guard:
    """Decides about objects that the API does not give as promised; shared between threads.

    ==============================  =============================================================
    the API                         the sync
    ==============================  =============================================================
    can't be reached                ends: base_url is wrong, or the network down
    refuses the key (401)           ends: every other call would be refused too
    blames the key, or how the      ends, whatever the status is: the same
    workspace is set up
    blames the call                 goes on without the object, whatever the status is
    asks for a long wait (429)      ends early: what was fetched is loaded
    gives no answer at all          goes on without the object; ends after `MAX_UNANSWERED` in a
                                    row
    answers anything else           goes on without the object
    ==============================  =============================================================

    `ApiError.is_fatal` holds all of it but the counting.

    Args:
        issues: Told what is set aside.
        is_strict: Whether the first failure ends the sync.
    """

    def __init__(self, issues: IssueLog, *, is_strict: bool = False) -> None:
        self._issues = issues
        self._is_strict = is_strict
        self._unanswered = 0
        self.quota: QuotaError | None = None
        """Why the sync is to end early, where the quota is used up."""
        self._lock = threading.Lock()

    def answered(self) -> None:
        """Tells that an object came as promised."""
        with self._lock:
            self._unanswered = 0

    def set_aside(self, error: ApiError, what: str) -> None:
        """Sets an object aside, the one that `IssueLog.about` names; the next sync tries again.

        Args:
            error: Why.
            what: The object, for people.

        Raises:
            ApiError: The error itself, where it is that of the whole workspace.
        """
        if isinstance(error, QuotaError) and not self._is_strict:
            self._end_early(error)
            return
        if self._is_strict or self._is_fatal(error):
            raise error
        logger.warning("%s set aside: %s", what, error)
        self._issues.add(error.kind, Action.SET_ASIDE, detail=f"{what}: {error}")

    def _end_early(self, error: QuotaError) -> None:
        with self._lock:
            is_first, self.quota = self.quota is None, self.quota or error
        if is_first:
            logger.warning("%s", error)
            self._issues.add(error.kind, Action.KEPT, detail=f"{error}: the sync ends early")

    def _is_fatal(self, error: ApiError) -> bool:
        with self._lock:
            self._unanswered = self._unanswered + 1 if isinstance(error, UnavailableError) else 0
            return error.is_fatal or self._unanswered >= MAX_UNANSWERED
