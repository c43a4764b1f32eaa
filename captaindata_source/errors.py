"""All errors of this package.

    CaptainDataError
    ├── ConfigError            wrong or missing configuration; nothing was sent yet
    │   └── WrongDatasetError  the dataset holds other data; nothing is written to it
    ├── BusyError              another sync of the same workspace is running
    ├── DestinationError       the warehouse can't be reached, read or written
    └── ApiError               the API, or a proxy before it, refused or did not answer
        ├── AuthError          401: ends the workspace's sync; 403: for one object
        ├── NotFoundError      404: for one object
        ├── CallRefusedError   any other 4xx, or an error that the API blames on the call
        ├── UnavailableError   still failing after all retries
        │   ├── UnreachableError   the host never answered: ends the workspace's sync
        │   └── QuotaError         the quota is used up: the workspace's sync ends early
        └── ContractError      an answer that the API's contract does not allow
            ├── PaginationError    a list of pages that does not end, or can't be followed
            └── ForeignHostError   a link or redirect that leaves the configured host

If the API names the cause (`Problem.scope`), the scope decides instead of the status: `auth` and
`config` end the sync of the workspace.

A message says what happened, where, and what to do about it. It never contains a key, a header or
a body; of a `Problem` it contains label, scope and reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from captaindata_source.issues import Kind

__all__ = [
    "ApiError",
    "AuthError",
    "BusyError",
    "CallRefusedError",
    "CaptainDataError",
    "ConfigError",
    "ContractError",
    "DestinationError",
    "ForeignHostError",
    "NotFoundError",
    "PaginationError",
    "Problem",
    "QuotaError",
    "UnavailableError",
    "UnreachableError",
    "WrongDatasetError",
    "WrongWorkspaceError",
    "causes",
    "root_error",
]

FATAL_SCOPES = frozenset({"auth", "config"})
"""Errors with which every other call of the workspace would fail too."""
CALL_SCOPES = frozenset({"input", "param", "integ"})
SERVER_SCOPE = "server"
SCOPES = FATAL_SCOPES | CALL_SCOPES | {SERVER_SCOPE}
PRINTED_LENGTH = 100


class CaptainDataError(Exception):
    """Base of all errors of this package."""

    kind: Kind = Kind.UNEXPECTED_ERROR
    """Its kind in `sync_issues`."""


class ConfigError(CaptainDataError):
    """The configuration is wrong or missing; raised before the first call."""


class WrongDatasetError(ConfigError):
    """The dataset holds data that must not be mixed with this; nothing is written to it."""


class BusyError(CaptainDataError):
    """Another sync of the same workspace is running."""

    kind = Kind.BUSY


class DestinationError(CaptainDataError):
    """The warehouse can't be reached, read or written."""

    kind = Kind.DESTINATION_FAILED


@dataclass(frozen=True, slots=True)
class Problem:
    """What the API reports about a failed call.

    Args:
        label: Name of the error.
        scope: Cause: input, param, integ, config, auth or server (documented in API v4, "Errors").
        reference: ID by which the vendor's support finds the call.
        message: Text for people. Not printed: it may contain inputs of the call.
        params: Details, of any shape. Not printed.
    """

    label: str | None = None
    scope: str | None = None
    reference: str | None = None
    message: str | None = field(default=None, repr=False)
    params: object = field(default=None, repr=False)

    @property
    def known_scope(self) -> str | None:
        """The scope, if it is one of `SCOPES`, else None."""
        scope = (self.scope or "").strip().lower()
        return scope if scope in SCOPES else None

    def printable(self, *, secrets: Iterable[str] = ()) -> Problem:
        """A copy whose label, scope and reference can be printed.

        Each is printable ASCII of up to `PRINTED_LENGTH` characters.

        Args:
            secrets: Texts that are replaced by `***`.
        """
        longest_first = sorted(filter(None, map(_plain, secrets)), key=len, reverse=True)
        hidden = "|".join(map(re.escape, longest_first))

        def shown(text: str | None) -> str | None:
            plain = _plain(text or "")
            # before cutting: a part of a secret would not be found
            plain = re.sub(hidden, "***", plain, flags=re.IGNORECASE) if hidden else plain
            return plain[:PRINTED_LENGTH] or None

        return replace(
            self,
            label=shown(self.label),
            scope=shown(self.scope),
            reference=shown(self.reference),
        )

    def __str__(self) -> str:
        parts = {"": self.label, "scope ": self.scope, "reference ": self.reference}
        return ", ".join(f"{name}{value}" for name, value in parts.items() if value)


class ApiError(CaptainDataError):
    """A call to the API failed.

    Args:
        message: What happened and what to do about it.
        path: Path of the request, without host and query.
        status: HTTP status; None if there was no answer.
        kind: Its kind in `sync_issues`; None for the kind of its class.
        problem: What the API reported about it, if anything.
    """

    kind = Kind.REFUSED

    def __init__(
        self,
        message: str,
        *,
        path: str,
        status: int | None = None,
        kind: Kind | None = None,
        problem: Problem | None = None,
    ) -> None:
        problem = problem and problem.printable()
        more = f", HTTP {status}" if status else ""
        if said := str(problem or ""):
            more += f"; {said}"
        super().__init__(f"{message} [GET {path}{more}]")
        self.path = path
        self.status = status
        self.kind = kind or type(self).kind
        self.problem = problem

    @property
    def is_fatal(self) -> bool:
        """Whether every other call of the workspace would fail too."""
        scope = self.problem.known_scope if self.problem and self.status != 429 else None
        return self.status == 401 if scope is None else scope in FATAL_SCOPES


class AuthError(ApiError):
    """The key is not accepted (401, or scope auth) or may not see this (403)."""

    kind = Kind.FORBIDDEN


class WrongWorkspaceError(AuthError):
    """The key belongs to another workspace than the configured one."""

    kind = Kind.FOREIGN_WORKSPACE

    @property
    def is_fatal(self) -> bool:
        return True


class NotFoundError(ApiError):
    """The object does not exist, or no longer exists (404)."""

    kind = Kind.NOT_FOUND


class CallRefusedError(ApiError):
    """The API refused the call; repeating it would not help."""


class UnavailableError(ApiError):
    """No usable answer within the retry deadline."""


class UnreachableError(UnavailableError):
    """No call was ever answered: the address is wrong, or the network is down."""

    kind = Kind.CONNECTION_FAILED

    @property
    def is_fatal(self) -> bool:
        return True


class QuotaError(UnavailableError):
    """A 429 whose wait is longer than a sync may take: a daily quota is used up.

    Args:
        renews_at: When the API says that calls are allowed again.
    """

    kind = Kind.QUOTA_USED_UP

    def __init__(self, *, path: str, renews_at: datetime) -> None:
        super().__init__(
            f"The API's quota is used up; it renews at {renews_at:%Y-%m-%d %H:%M} UTC",
            path=path,
            status=429,
        )
        self.renews_at = renews_at


class ContractError(ApiError):
    """The answer does not have the documented form."""

    kind = Kind.UNEXPECTED_ANSWER


class PaginationError(ContractError):
    """The pages of a list form a loop or cannot be followed."""

    kind = Kind.ENDLESS_PAGES


class ForeignHostError(ContractError):
    """A link or redirect to another host than the configured one; nothing was sent to it."""

    kind = Kind.FOREIGN_LINK


def causes(error: BaseException, *, hidden: bool = False) -> Iterator[BaseException]:
    """An error, the error it was raised from, and so on. dlt wraps errors several times.

    Args:
        error: The outermost.
        hidden: Whether to include errors that `raise … from None` hides.

    Yields:
        Each error once, also if the chain is a loop.
    """
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        is_shown = hidden or not each.__suppress_context__
        each = each.__cause__ or (each.__context__ if is_shown else None)


def root_error(error: BaseException) -> BaseException:
    """The first `CaptainDataError` among the causes of an error, else the innermost cause."""
    chain = list(causes(error))
    return next((each for each in chain if isinstance(each, CaptainDataError)), chain[-1])


def _plain(text: str) -> str:
    return "".join(char for char in text if " " <= char <= "~").strip()
