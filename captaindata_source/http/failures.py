"""From an answer that is no data to the error that it means, or to another try."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from captaindata_source.errors import (
    SERVER_SCOPE,
    ApiError,
    AuthError,
    CallRefusedError,
    ContractError,
    NotFoundError,
    Problem,
    UnavailableError,
    UnreachableError,
)
from captaindata_source.http.connections import Secret
from captaindata_source.http.ratelimit import http_date, parse_retry_after
from captaindata_source.http.retry import RETRIED_STATUSES, TransientError
from captaindata_source.issues import Kind

__all__ = ["UNREADABLE", "exhausted", "failure", "read_problem", "unreadable"]

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise; `msgspec.ValidationError` is a `DecodeError`."""
MAX_EXPLAINED_BYTES = 64 * 1024
RATE_LIMITED = 429
TRY_LATER = "Check base_url and the network, or try later"

ABOUT_ONE_CALL = {
    402: Kind.PAYMENT_REQUIRED,
    422: Kind.RUN_ABORTED,
    424: Kind.INTEGRATION_FAILED,
}
"""What statuses beside the usual ones mean (documented in API v4, "Errors")."""
REMEDIES = {
    401: "The API key is not accepted: copy it again from My Account > General",
    403: "The key may not see this: check that project_uid is the workspace the key belongs to",
    402: "The API asks for payment: check the plan and the credits of the workspace",
    404: "Captain Data does not know this object, or no longer",
    424: "An integration of the run, such as LinkedIn, failed: look at its account",
    RATE_LIMITED: "The rate limit did not clear: set requests_per_minute to what your plan allows",
}
SCOPE_REMEDIES = {
    "auth": "The API does not accept the key: copy it again from Captain Data, and check that its "
    "owner may read this workspace",
    "config": "The workspace is not set up as the API wants it: check its settings in Captain Data",
}

_CLASSES: dict[int, type[ApiError]] = {401: AuthError, 403: AuthError, 404: NotFoundError}
_SCOPE_CLASSES: dict[str, type[ApiError]] = {"auth": AuthError, "config": CallRefusedError}
_KINDS = {401: Kind.UNAUTHORIZED}
_SCOPE_KINDS = {"auth": Kind.UNAUTHORIZED, "config": Kind.MISCONFIGURED}
_REFUSED = "The API refused the call"
_VERDICTS = {
    2: "The API answered without data",
    3: "The API answered without data",
    4: _REFUSED,
    5: "The API failed",
}


def read_problem(
    body: bytes, *, explain: Callable[[bytes], Problem | None] | None, key: Secret
) -> Problem | None:
    """What the body of a failed call says of it; None where it says nothing, or can't be read.

    Args:
        body: As the server sent it, in UTF-8.
        explain: Reads it.
        key: The value of the key's header; what is shown of the problem does not hold it, nor its
            last word.
    """
    if explain is None or len(body) > MAX_EXPLAINED_BYTES:
        return None
    try:
        problem = explain(body)
    except (msgspec.DecodeError, ValueError, RecursionError):  # not JSON, not UTF-8, too deep
        return None
    value = key.reveal()
    return problem and problem.printable(secrets=[value, *value.split()[-1:]])


def failure(
    status: int, headers: Mapping[str, str], *, path: str, problem: Problem | None, now: float
) -> ApiError | TransientError:
    """The error that an answer without data means; what may pass is a `TransientError`.

    A scope that the API names outweighs the status; only 429 is a rate limit whatever it names.

    Args:
        status: HTTP status.
        headers: Of the answer.
        path: Path of the request.
        problem: What the body says.
        now: Epoch seconds by our clock.
    """
    scope = (problem.known_scope or "") if problem and status != RATE_LIMITED else ""
    if scope == SERVER_SCOPE or (not scope and status in RETRIED_STATUSES):
        now = http_date(headers.get("date"), default=now)
        return TransientError(
            f"The API answered {status}",
            status=status,
            retry_after=parse_retry_after(headers.get("retry-after"), now=now),
            kind=Kind.RATE_LIMITED if status == RATE_LIMITED else Kind.SERVER_ERROR,
            problem=problem,
        )
    if scope:
        known = REMEDIES.get(status, _REFUSED) if status in (402, 404, 424) else _REFUSED
        message = SCOPE_REMEDIES.get(scope, known)
    else:
        message = REMEDIES.get(status, _VERDICTS[min(max(status // 100, 2), 5)])
    is_refusal = bool(scope) or 400 <= status < 500
    by_status = _CLASSES.get(status, CallRefusedError if is_refusal else ContractError)
    kind = (
        _KINDS.get(status)
        or ABOUT_ONE_CALL.get(status)
        or (Kind.NO_DATA if 200 <= status < 400 else None)
    )
    return _SCOPE_CLASSES.get(scope, by_status)(
        message,
        path=path,
        status=status,
        kind=_SCOPE_KINDS.get(scope, kind),
        problem=problem,
    )


def exhausted(error: TransientError, *, path: str, is_reached: bool) -> UnavailableError:
    """What a failure is that did not pass.

    Args:
        error: The last one.
        path: Path of the request.
        is_reached: Whether the host ever answered.
    """
    remedy = REMEDIES[RATE_LIMITED] if error.status == RATE_LIMITED else TRY_LATER
    kind = UnavailableError if is_reached else UnreachableError
    return kind(
        f"{error}, also after retries. {remedy}",
        path=path,
        status=error.status,
        kind=error.kind,
        problem=error.problem,
    )


def unreadable(
    error: Exception, body: bytes, headers: Mapping[str, str], *, path: str
) -> ContractError | TransientError:
    """The error that a body means which can't be decoded; one that breaks off may come whole.

    Args:
        error: One of `UNREADABLE`.
        body: In UTF-8.
        headers: Of the answer.
        path: Path of the request.
    """
    if isinstance(error, msgspec.ValidationError):
        return ContractError(f"The answer has another shape than expected: {error}", path=path)
    if not isinstance(error, msgspec.DecodeError):
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deep"
        return ContractError(f"The answer is {what}", path=path)
    if _breaks_off(body, error):
        return TransientError("The answer breaks off", kind=Kind.ANSWER_CUT_OFF)
    kind = headers.get("content-type", "no content type").split(";")[0]
    return ContractError(
        f"The answer is not JSON ({kind}, {len(body)} bytes): is base_url right?",
        path=path,
        kind=Kind.NOT_JSON if body.strip() else Kind.NO_DATA,
    )


def _breaks_off(body: bytes, error: msgspec.DecodeError) -> bool:
    """Whether a JSON document ends too early; a number cut short is called malformed at its end."""
    if body[:64].lstrip()[:1] not in (b"{", b"["):
        return False
    place = re.search(r"\(byte (\d+)\)$", str(error))
    return "truncated" in str(error) or (place is not None and int(place[1]) >= len(body))
