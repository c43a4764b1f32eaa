"""What an event is before its body is made, and which events there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from captaindata_source.sandbox.contents import Workspace
from captaindata_source.sandbox.world import World

EventKind = Literal["created", "succeeded", "failed", "batch", "final", "integration"]
On = Literal["all", "final", "mixed"]
CallbacksOf = Literal["all", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOptions:
    """Which events there are, and what they carry.

    Attributes:
        on: Callbacks of v4: a POST for each batch and a last one, the last one alone, or either,
            as the uid of the run has it.
        callbacks: The runs that have callbacks: all that keep outputs, or those alone whose
            `callback.url` the API shows.
        batch_rows: Most rows in a batch.
        final_results: Whether the only POST of `on="final"` carries the results; else they are
            null.
        final_repeats: Whether the last POST of `on="all"` repeats the last batch; else its results
            are null.
        has_refs: Whether callbacks carry `callback_ref_uid`; older servers send none.
        before_api: Whether events of jobs that the API shows late are sent when they happen. By
            default they are sent once the API shows them.
    """

    on: On = "final"
    callbacks: CallbacksOf = "all"
    batch_rows: int = 100
    final_results: bool = True
    final_repeats: bool = False
    has_refs: bool = True
    before_api: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event whose body is not made yet. `day` is its time in days from the world's start, and
    `order` its place among those of its subject."""

    day: float
    order: int
    kind: EventKind
    subject: str
    uid: str
    body: Callable[[], bytes] = field(repr=False)


class Drafts(Protocol):
    """Yields the events of a workspace after one day and until another, in any order."""

    def __call__(
        self, world: World, workspace: Workspace, start: float, end: float, *, options: EventOptions
    ) -> Iterator[Draft]:
        """Yield them."""
