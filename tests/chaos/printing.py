"""Tables, and a part's verdict."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.tables import align

__all__ = ["align", "mean_and_max", "say"]


def say(title: str, rows: Sequence[Sequence[str]], wrong: Sequence[str]) -> bool:
    """Prints a table, and what was wrong; says whether nothing was."""
    print(f"\n{title}\n\n{align(rows)}", flush=True)
    for each in wrong:
        print(f"WRONG: {each}", flush=True)
    return not wrong


def mean_and_max(numbers: Sequence[float]) -> str:
    """Such as `1.5, 8`."""
    return f"{sum(numbers) / len(numbers):.1f}, {max(numbers):.0f}" if numbers else "none"
