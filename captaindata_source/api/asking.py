"""Asks an API for what its documentation leaves open: few calls, and none of its data is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

import msgspec

from captaindata_source.api.documents import Documents
from captaindata_source.errors import ApiError
from captaindata_source.times import UnfitError, parse_time

__all__ = ["NOT_SEEN", "Answered", "Asker", "Fact", "form_of", "order_of", "share"]

T = TypeVar("T")

NOT_SEEN = "not seen"
REDIRECTS = 5
"""Calls that one answer may take beyond the first."""
LIMIT_HEADERS = (
    *("x-ratelimit-type", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    "retry-after",
)
EPOCH = 1_000_000_000


class Fact(NamedTuple):
    """Something that the API's documentation leaves open.

    Args:
        name: What.
        found: How it is here; no data of the account.
    """

    name: str
    found: str


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """An answer. `data` is None where it was no document of the right form.

    Args:
        status: Of HTTP; None: there was no answer.
        data: The document.
        headers: Those that came with it.
    """

    status: int | None
    data: T | None
    headers: Mapping[str, str]


class Asker:
    """Sends a limited number of calls, none of them twice.

    Args:
        documents: Of the workspace.
        most: Calls.
    """

    def __init__(self, documents: Documents, *, most: int) -> None:
        self._documents = documents
        self._most = most
        self._is_over = False
        self._statuses: Counter[str] = Counter()
        self._headers: set[str] = set()
        self._resets: set[str] = set()
        self._remaining = 0

    @property
    def calls(self) -> int:
        return self._documents.client.calls

    def ask(
        self, link: str, decoder: msgspec.json.Decoder[T], **params: str | int
    ) -> Answered[T] | None:
        """Sends a call; None where no more are allowed."""
        if self._is_over or self.calls + REDIRECTS >= self._most:
            return None
        try:
            reply = self._documents.reply(link, decoder, **params)
        except ApiError as error:
            self._is_over = error.is_fatal
            self._statuses[str(error.status or "no answer")] += 1
            return Answered(error.status, None, {})
        self._statuses["200"] += 1
        self._see(reply.headers)
        return Answered(200, reply.data, reply.headers)

    def facts(self) -> list[Fact]:
        """What all answers said."""
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(self._statuses.items()))
        headers = ", ".join(sorted(self._headers))
        remaining = f"{self._remaining} or more" if self._remaining else NOT_SEEN
        return [
            Fact("statuses", statuses or NOT_SEEN),
            Fact("rate limit headers", headers or NOT_SEEN),
            Fact("x-ratelimit-reset is", ", ".join(sorted(self._resets)) or NOT_SEEN),
            Fact("calls allowed in a window", remaining),
        ]

    def _see(self, headers: Mapping[str, str]) -> None:
        self._headers.update(name for name in LIMIT_HEADERS if name in headers)
        remaining = headers.get("x-ratelimit-remaining", "").strip()
        if remaining.isdecimal() and len(remaining) < len(str(EPOCH)):
            self._remaining = max(self._remaining, int(remaining) + 1)
        try:
            reset = float(headers.get("x-ratelimit-reset", ""))
        except ValueError:
            return
        self._resets.add("a point in time" if reset > EPOCH else "seconds")


def order_of(times: Sequence[object]) -> str:
    """In which order times are."""
    read = []
    for time in times:
        try:
            read.append(parse_time(time))
        except UnfitError:
            continue
    if len(set(read)) < 2:
        return NOT_SEEN
    if all(later >= earlier for later, earlier in pairwise(read)):
        return "newest first"
    if all(earlier <= later for earlier, later in pairwise(read)):
        return "oldest first"
    return "none"


def form_of(link: object) -> str:
    """How a link to the next page is written."""
    if link in (None, ""):
        return NOT_SEEN
    text = str(link).strip()
    if isinstance(link, int) or text.isdecimal():
        return "a number"
    if text.lower().startswith(("http://", "https://")):
        return "a URL"
    if text.startswith("?"):
        return "a query"
    return "a path" if "/" in text and "?" in text else "a cursor"


def share(facts: Sequence[bool]) -> str:
    """Of how many something holds."""
    return f"{sum(facts)} of {len(facts)}" if facts else NOT_SEEN
