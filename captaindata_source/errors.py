"""Everything this package raises.

    CaptainDataError
    ├── ConfigError            wrong or missing configuration; nothing was sent yet
    │   └── WrongDatasetError  the dataset is another's: nothing is written there
    ├── BusyError              another sync of the same workspace is running
    ├── DestinationError       the warehouse can't be reached, read or written
    └── ApiError               the API, or what stands before it, said no
        ├── AuthError          401: fatal for the workspace; 403: for the object
        ├── NotFoundError      404: fatal for the object
        ├── RefusedError       any other 4xx, or what the API blames on the call: fatal for the call
        ├── UnavailableError   still failing after all retries
        │   └── UnreachableError   the host never answered: fatal for the workspace
        └── ContractError      an answer that the API's contract does not allow
            ├── PaginationError    a list of pages that does not end, or can't be followed
            └── ForeignHostError   a link or redirect that leaves the configured host

Where the API says what it blames (`Problem.scope`), that decides instead of the status: `auth` and
`config` are fatal for the workspace.

Messages say what happened, where, and what to do about it. They never hold a
key, a header or a body; of a `Problem` they hold label, scope and reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

__all__ = [
    "ApiError",
    "AuthError",
    "BusyError",
    "CaptainDataError",
    "ConfigError",
    "ContractError",
    "DestinationError",
    "ForeignHostError",
    "NotFoundError",
    "PaginationError",
    "Problem",
    "RefusedError",
    "UnavailableError",
    "UnreachableError",
    "WrongDatasetError",
    "WrongWorkspaceError",
    "causes",
    "root_error",
]

FATAL_SCOPES = frozenset({"auth", "config"})
"""What every other call of the workspace would fail on too."""
CALL_SCOPES = frozenset({"input", "param", "integ"})
SERVER_SCOPE = "server"
SCOPES = FATAL_SCOPES | CALL_SCOPES | {SERVER_SCOPE}
PRINTED_LENGTH = 100


class CaptainDataError(Exception):
    """Base of all errors of this package."""

    kind: str = "unexpected_error"
    """What it is called in `sync_issues`."""


class ConfigError(CaptainDataError):
    """Configuration that can't work; raised before the first call."""


class WrongDatasetError(ConfigError):
    """The dataset holds what must not be mixed with this: nothing is written there."""


class BusyError(CaptainDataError):
    """Another sync of the same workspace is running."""

    kind = "busy"


class DestinationError(CaptainDataError):
    """The warehouse can't be reached, read or written."""

    kind = "destination_failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """What the API itself says of a failed call.

    Args:
        label: Its name for what happened.
        scope: What it blames: input, param, integ, config, auth or server (documented).
        reference: What the vendor's support finds the call by.
        message: For people. Not printed: it may quote what the call was about.
        params: Details, of any shape. Not printed either.
    """

    label: str | None = None
    scope: str | None = None
    reference: str | None = None
    message: str | None = field(default=None, repr=False)
    params: object = field(default=None, repr=False)

    @property
    def known_scope(self) -> str | None:
        """The scope, where it is one of `SCOPES`."""
        scope = (self.scope or "").strip().lower()
        return scope if scope in SCOPES else None

    def printable(self, *, secrets: Iterable[str] = ()) -> Problem:
        """The same with a label, scope and reference that can be shown.

        They are printable ASCII, up to `PRINTED_LENGTH` characters each.

        Args:
            secrets: Replaced by `***`.
        """
        longest_first = sorted(filter(None, map(_plain, secrets)), key=len, reverse=True)
        hidden = "|".join(map(re.escape, longest_first))

        def shown(text: str | None) -> str | None:
            plain = _plain(text or "")
            # before the cut: part of a secret would not be found
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
        status: HTTP status, None where no answer came.
        kind: What it is called in `sync_issues`; None: the name that its class has there.
        problem: What the API said of it, if anything.
    """

    kind = "refused"

    def __init__(
        self,
        message: str,
        *,
        path: str,
        status: int | None = None,
        kind: str | None = None,
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

    kind = "forbidden"


class WrongWorkspaceError(AuthError):
    """The key belongs to another workspace than the one that is configured."""

    kind = "foreign_workspace"

    @property
    def is_fatal(self) -> bool:
        return True


class NotFoundError(ApiError):
    """The object does not exist, or no longer (404)."""

    kind = "not_found"


class RefusedError(ApiError):
    """A refusal that a repeated call would not change."""


class UnavailableError(ApiError):
    """No usable answer within the retry deadline."""


class UnreachableError(UnavailableError):
    """No answer at all, to any call: the address is wrong, or the network is down."""

    kind = "connection_failed"

    @property
    def is_fatal(self) -> bool:
        return True


class ContractError(ApiError):
    """The answer is not what the API promises."""

    kind = "unexpected_answer"


class PaginationError(ContractError):
    """A list whose pages loop or can't be followed."""

    kind = "endless_pages"


class ForeignHostError(ContractError):
    """A link or redirect to a host that is not the configured one; nothing was sent there."""

    kind = "foreign_link"


def causes(error: BaseException, *, hidden: bool = False) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on: dlt wraps errors several layers deep.

    Args:
        error: The outermost.
        hidden: Whether to go on where one was raised `from None`.

    Yields:
        Each error once, also where a chain leads back into itself.
    """
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        is_shown = hidden or not each.__suppress_context__
        each = each.__cause__ or (each.__context__ if is_shown else None)


def root_error(error: BaseException) -> BaseException:
    """Our own error among the causes of one, else the first of them."""
    chain = list(causes(error))
    return next((each for each in chain if isinstance(each, CaptainDataError)), chain[-1])


def _plain(text: str) -> str:
    return "".join(char for char in text if " " <= char <= "~").strip()
