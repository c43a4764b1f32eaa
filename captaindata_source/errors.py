"""Everything this package raises.

    CaptainDataError
    ├── ConfigError            wrong or missing configuration; nothing was sent yet
    ├── BusyError              another sync of the same workspace is running
    ├── DestinationError       the warehouse can't be reached, read or written
    └── ApiError               the API, or what stands before it, said no
        ├── AuthError          401: fatal for the workspace; 403: for the object
        ├── NotFoundError      404: fatal for the object
        ├── RefusedError       any other 4xx: fatal for the call
        ├── UnavailableError   still failing after all retries
        │   └── UnreachableError   the host never answered: fatal for the workspace
        └── ContractError      an answer that the API's contract does not allow
            ├── PaginationError    a list of pages that does not end, or can't be followed
            └── ForeignHostError   a link or redirect that leaves the configured host

Messages say what happened, where, and what to do about it. They never hold a
key, a header or a body.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    "RefusedError",
    "UnavailableError",
    "UnreachableError",
    "causes",
    "root_error",
]


class CaptainDataError(Exception):
    """Base of all errors of this package."""

    kind: str = "unexpected_error"
    """What it is called in `sync_issues`."""


class ConfigError(CaptainDataError):
    """Configuration that can't work; raised before the first call."""


class BusyError(CaptainDataError):
    """Another sync of the same workspace is running."""

    kind = "busy"


class DestinationError(CaptainDataError):
    """The warehouse can't be reached, read or written."""

    kind = "destination_failed"


class ApiError(CaptainDataError):
    """A call to the API failed.

    Args:
        message: What happened and what to do about it.
        path: Path of the request, without host and query.
        status: HTTP status, None where no answer came.
        kind: What it is called in `sync_issues`; None: the name that its class has there.
    """

    kind = "refused"

    def __init__(
        self, message: str, *, path: str, status: int | None = None, kind: str | None = None
    ) -> None:
        super().__init__(f"{message} [GET {path}{f', HTTP {status}' if status else ''}]")
        self.path = path
        self.status = status
        self.kind = kind or type(self).kind


class AuthError(ApiError):
    """The key is not accepted (401) or may not see this (403)."""

    kind = "forbidden"


class NotFoundError(ApiError):
    """The object does not exist, or no longer (404)."""

    kind = "not_found"


class RefusedError(ApiError):
    """A 4xx that a repeated call would not change."""


class UnavailableError(ApiError):
    """No usable answer within the retry deadline."""


class UnreachableError(UnavailableError):
    """No answer at all, to any call: the address is wrong, or the network is down."""

    kind = "connection_failed"


class ContractError(ApiError):
    """The answer is not what the API promises."""

    kind = "unexpected_answer"


class PaginationError(ContractError):
    """A list whose pages loop or can't be followed."""

    kind = "endless_pages"


class ForeignHostError(ContractError):
    """A link or redirect to a host that is not the configured one; nothing was sent there."""

    kind = "foreign_link"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on: dlt wraps errors several layers deep."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def root_error(error: BaseException) -> BaseException:
    """Our own error among the causes of one, else the first of them."""
    chain = list(causes(error))
    return next((each for each in chain if isinstance(each, CaptainDataError)), chain[-1])
