"""Rules for wrong answers of the sandbox."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

FaultKind = Literal[
    "status", "reset", "reset_body", "cut", "truncate", "html", "drip", "empty",
    "loop_next", "foreign_next", "redirect", "replace", "repeat", "bomb",
]  # fmt: skip
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A rule: requests with a matching path get a wrong answer.

    Kinds: `status` answers with `status` (503), `headers` and `body`; `reset` aborts the
    connection before any byte, `reset_body` after half the body; `cut` closes it after half the
    body that Content-Length promised; `truncate` sends half the JSON with a right Content-Length;
    `html` sends a page with status 200; `drip` sends `size` bytes every `seconds`; `empty` sends
    no body; `loop_next` lets `next` of results (in v4 the header of outputs) point to the page
    itself; `foreign_next` lets it point to `body`; `redirect` answers `status` (307) to `body`;
    `replace` sends `body` with `status` (200); `repeat` answers as if the request had no query,
    with the first page again; `bomb` sends a gzip body that unpacks to `size` zero bytes.

    Attributes:
        match: Regular expression that is searched in the path (without the query).
        kind: What goes wrong.
        workspace: Uid of a workspace; only its requests match (by `x-project-id`, in v4 by key).
        chance: Probability of a wrong answer to a matching request; None for always.
        times: Number of wrong answers; None for no limit.
        skip: Number of matching requests that are answered correctly first.
        status: The status, if the kind has one.
        headers: More headers of the answer.
        body: Body or URL, if the kind has one.
        seconds: Interval of `drip`.
        size: Bytes per interval of `drip`, or of a `bomb` once unpacked.
    """

    match: str
    kind: FaultKind
    workspace: str | None = None
    chance: float | None = None
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
        if self.chance is not None and not 0 <= self.chance <= 1:
            raise ValueError(f"chance is {self.chance!r}, which is not between 0 and 1")


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    used: int = 0

    def fires(self, path: str, workspace: str | None, generator: random.Random) -> bool:
        fault = self.fault
        if fault.workspace not in (None, workspace) or not re.search(fault.match, path):
            return False
        self.seen += 1
        spent = fault.times is not None and self.used >= fault.times
        if self.seen <= fault.skip or spent:
            return False
        if fault.chance is not None and generator.random() >= fault.chance:
            return False
        self.used += 1
        return True


class Faults:
    """The active rules, in order. The first that applies decides.

    Args:
        faults: Rules to begin with.
        seed: For rules with a chance: the same requests in the same order get the same answers.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._generator = random.Random(seed)
        self._armed = [_Armed(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Add rules after the active ones."""
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._armed = []

    def take(self, path: str, workspace: str | None = None) -> Fault | None:
        """Return the rule that applies to a request of a workspace to `path`, and count it."""
        with self._lock:
            for armed in self._armed:
                if armed.fires(path, workspace, self._generator):
                    return armed.fault
        return None
