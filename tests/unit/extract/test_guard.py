"""What a failed call costs: its object, or the sync of the workspace."""

from __future__ import annotations

import pytest

from captaindata_source.errors import (
    ApiError,
    AuthError,
    CallRefusedError,
    NotFoundError,
    Problem,
    UnavailableError,
    UnreachableError,
)
from captaindata_source.extract.guard import MAX_UNANSWERED, Guard
from captaindata_source.issues import IssueLog


def error(kind: type[ApiError], status: int | None = None, scope: str | None = None) -> ApiError:
    problem = Problem(label="L", scope=scope) if scope else None
    return kind("No", path="/x", status=status, problem=problem)


@pytest.mark.parametrize(
    "failed",
    [
        error(UnreachableError),
        error(AuthError, 401),
        error(AuthError, 403, "auth"),
        error(CallRefusedError, 400, "config"),
        error(CallRefusedError, 503, " Config "),
    ],
)
def test_what_all_calls_would_fail_on_ends_the_sync(failed: ApiError) -> None:
    issues = IssueLog()
    with pytest.raises(ApiError) as caught:
        Guard(issues).set_aside(failed, "job 1")
    assert caught.value is failed
    assert issues.take() == []


@pytest.mark.parametrize(
    "failed",
    [
        error(AuthError, 403),
        error(NotFoundError, 404),
        error(CallRefusedError, 400, "input"),
        error(AuthError, 401, "integ"),
        error(UnavailableError, 429, "auth"),
        error(UnavailableError, 401, "server"),
    ],
)
def test_what_one_object_fails_on_sets_it_aside(failed: ApiError) -> None:
    issues = IssueLog()
    Guard(issues).set_aside(failed, "job 1")
    [issue] = issues.take()
    assert (issue.kind, issue.action, issue.detail) == (
        failed.kind,
        "set_aside",
        f"job 1: {failed}",
    )


def test_no_answers_in_a_row_end_the_sync() -> None:
    guard, silence = Guard(IssueLog()), error(UnavailableError, 503)
    for interrupt in (guard.answered, lambda: guard.set_aside(error(NotFoundError, 404), "job")):
        for _ in range(MAX_UNANSWERED - 1):
            guard.set_aside(silence, "job")
        interrupt()
    for _ in range(MAX_UNANSWERED - 1):
        guard.set_aside(silence, "job")
    with pytest.raises(UnavailableError):
        guard.set_aside(silence, "job")


def test_a_strict_guard_ends_with_the_first_failure() -> None:
    with pytest.raises(NotFoundError):
        Guard(IssueLog(), is_strict=True).set_aside(error(NotFoundError, 404), "job")
