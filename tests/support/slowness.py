"""How much slower a workflow became, computed in Python: as `failing_workflows` must say it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, median, variance

from tests.support.databases import Row

DAY = 86_400
HALF_DAY, SIX_HOURS = DAY // 2, DAY // 4
MOST_EARLIER = 1_000


def times_as_long(recent: Sequence[Row], earlier: Sequence[Row]) -> tuple[float | None, bool]:
    """How many times as long recent runs took, and whether the workflow is slower.

    Args:
        recent: Runs with `run_at` and `duration_seconds`, in their order.
        earlier: Those before them.
    """
    late = [each for each in map(_timed, recent) if each]
    all_early = [each for each in map(_timed, earlier) if each]
    early = [each for each in map(_timed, earlier[-MOST_EARLIER:]) if each]
    differences, spreads, weights = [], [], Counter[int]()
    for at, length in late:
        found = sorted(
            (apart, n)
            for n, (before, _) in enumerate(early)
            if at - before >= HALF_DAY
            and (apart := abs((at - before + HALF_DAY) % DAY - HALF_DAY)) <= SIX_HOURS
        )
        if not found:
            continue
        most = max(5, len(found) / 3)
        near = [n for apart, n in found if sum(other < apart for other, _ in found) + 1 <= most]
        lengths = [early[n][1] for n in near]
        differences.append(length - fmean(lengths))
        if len(lengths) > 1:
            spreads.append(variance(lengths))
        for n in near:
            weights[n] += 1 / len(near)  # type: ignore[assignment]
    runs = len(differences)
    if runs < 5 or len(all_early) < 5:
        return None, False
    own = variance(differences)
    free = runs + len(weights) - 2
    spread = ((runs - 1) * own + (len(weights) - 1) * (fmean(spreads) if spreads else own)) / free
    share = 1 / runs + sum(weight**2 for weight in weights.values()) / runs**2
    chance = (2.5 + 4 / free) * math.sqrt(spread * share)
    mean = fmean(differences)
    is_slower = (
        runs * 10 >= len(late) * 8
        and mean > max(math.log(1.5), chance) + 1e-9
        and median(differences) > math.log(1.25)
    )
    return round(math.exp(mean), 3), is_slower


def _timed(run: Row) -> tuple[int, float] | None:
    if run["duration_seconds"] is None:
        return None
    return math.floor(run["run_at"].timestamp()), math.log(max(run["duration_seconds"], 1))
