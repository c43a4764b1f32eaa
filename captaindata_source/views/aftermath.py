"""What followed a load: views, tables of results, the copy; for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captaindata_source.views.shipped import load_views
from captaindata_source.views.view import Change, State

__all__ = ["Aftermath"]


@dataclass(slots=True, kw_only=True)
class Aftermath:
    """What followed a load.

    Args:
        changes: What became of each view.
        error: Why the views could not be seen to.
        published: Where the copy is.
        publish_error: Why it is not.
    """

    changes: list[Change] = field(default_factory=list)
    error: str | None = None
    published: Path | None = None
    publish_error: str | None = None

    @property
    def is_ok(self) -> bool:
        """A view that is blocked or skipped is no failure; one that was never made is, and so is a
        table that lacks rows."""
        is_made = not self.in_state(State.FAILED) and not any(
            each.is_stale for each in self.changes
        )
        return is_made and self.error is None and self.publish_error is None

    def in_state(self, state: State) -> list[Change]:
        return [change for change in self.changes if change.state is state]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; views that nobody asked for are not named as skipped."""
        optional = {view.name for view in load_views() if view.is_optional}
        views: dict[str, list[str]] = {}
        for change in self.changes:
            is_missed = change.state is not State.SKIPPED or change.view not in optional
            if change.state is not State.UNCHANGED and is_missed:
                views.setdefault(str(change.state), []).append(change.view)
        return {
            "views": views,
            "views_error": self.error,
            "published": None if self.published is None else str(self.published),
            "publish_error": self.publish_error,
        }

    def as_text(self) -> str:
        """For people: what changed, and what stands in the way."""
        counts = [
            f"{len(found)} {state}"
            for state in (State.CREATED, State.REPLACED, State.DROPPED)
            if (found := self.in_state(state))
        ]
        lines = [f"views: {', '.join(counts)}"] if counts else []
        for change in self.in_state(State.BLOCKED):
            kind, outcome = "view", "replaced and stays as it was"
            if change.is_stale:
                kind, outcome = "table", "refreshed and lacks the newest rows"
            lines.append(f"{kind} {change.view} could not be {outcome}: {change.reason}")
        left_out = [change.left_out for change in self.changes if change.left_out]
        if left_out:
            lines.append(
                f"views of results: {sum(left_out):,} rows of retries that the main run holds too "
                f"are left out of {len(left_out)} results_… from now on; "
                "results_include_retries = true keeps them"
            )
        lines += [
            f"view {change.view}: FAILED, it could not be made: {change.reason}"
            for change in self.in_state(State.FAILED)
        ]
        if self.error:
            lines.append(f"views: FAILED: {self.error}")
        if self.published:
            lines.append(f"copy for readers: {self.published}")
        if self.publish_error:
            lines.append(f"copy for readers: FAILED: {self.publish_error}")
        return "\n".join(lines)
