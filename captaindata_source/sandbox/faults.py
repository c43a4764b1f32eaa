"""Rules that make the sandbox misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

FaultKind = Literal[
    "status", "reset", "reset_body", "cut", "truncate", "html", "drip", "empty",
    "loop_next", "foreign_next", "redirect", "replace",
]  # fmt: skip
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: requests whose path matches are answered wrongly.

    Kinds: `status` answers with `status` (503), `headers` and `body`; `reset` aborts the
    connection before any byte, `reset_body` after half the body; `cut` closes it after half the
    body that Content-Length promised; `truncate` sends half the JSON with a right Content-Length;
    `html` sends a page with status 200; `drip` sends `size` bytes every `seconds`; `empty` sends
    no body; `loop_next` lets `next` of results point to the page itself; `foreign_next` lets it
    point to `body`; `redirect` answers `status` (307) to `body`; `replace` sends `body` with
    `status` (200).

    Attributes:
        match: Regular expression that is searched in the path (without the query).
        kind: What goes wrong.
        times: How often; None means always.
        skip: How many matching requests pass first.
        status: The status, where the kind has one.
        headers: More headers of the answer.
        body: Body, or URL, where the kind has one.
        seconds: Interval of `drip`.
        size: Bytes per interval of `drip`.
    """

    match: str
    kind: FaultKind
    times: int | None = None
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    seconds: float = 0.01
    size: int = 64

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}; there are {', '.join(KINDS)}")
        try:
            re.compile(self.match)
        except re.error as error:
            raise ValueError(f"match is no regular expression: {error}") from error

    @classmethod
    def from_json(cls, rule: Mapping[str, Any]) -> Fault:
        """Return the rule that a JSON object describes.

        Raises:
            ValueError: If a field is unknown, missing or wrong.
        """
        known = {item.name for item in fields(cls)}
        if unknown := set(rule) - known:
            raise ValueError(f"unknown fields of a fault: {', '.join(sorted(unknown))}")
        if missing := {"match", "kind"} - set(rule):
            raise ValueError(f"missing fields of a fault: {', '.join(sorted(missing))}")
        return cls(**rule)


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    used: int = 0

    def fires(self, path: str) -> bool:
        if not re.search(self.fault.match, path):
            return False
        self.seen += 1
        spent = self.fault.times is not None and self.used >= self.fault.times
        if self.seen <= self.fault.skip or spent:
            return False
        self.used += 1
        return True


class Faults:
    """The rules in force, in order; the first that fires decides.

    Args:
        faults: Rules to begin with.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._armed = [_Armed(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Add rules after those in force."""
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._armed = []

    def take(self, path: str) -> Fault | None:
        """Return the rule that a request to `path` falls under, and count it."""
        with self._lock:
            return next((armed.fault for armed in self._armed if armed.fires(path)), None)
