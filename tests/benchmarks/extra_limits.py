"""A sync under a rate limit: how much of it is used, and what is refused."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.cases import RATE_LIMITED
from tests.benchmarks.extras import Bench
from tests.benchmarks.measure import BenchError
from tests.benchmarks.rig import check_contents, workspace_env
from tests.benchmarks.servers import page_server

CALLS_PER_MINUTE = 300
WINDOW_SECONDS = 60.0
REFUSED = 429


def rate_limit(bench: Bench) -> None:
    """A sync with `requests_per_minute`, from a server that answers 429 beyond it.

    The share is of the calls that the budget allows between the beginning of its second minute and
    that of the last whole one.
    """
    per_minute = max(1, round(CALLS_PER_MINUTE * bench.scale))
    with bench.serving(RATE_LIMITED) as (_, expected), bench.rig.place("duckdb") as place:
        log = place.folder / "calls.txt"
        env = {"CALLS_PER_MINUTE": str(per_minute), "CALL_LOG": str(log)}
        with page_server(bench.rig.current, env) as server:
            options = workspace_env(server.base_url, requests_per_minute=per_minute)
            bench.rig.sync(place, options)
        check_contents("duckdb", place, expected)
        answered, refused = read_log(log)
    title = f"{CALLS_PER_MINUTE:,} calls a minute allowed"
    share = share_used(answered, per_minute)
    bench.note("budget_used", f"{title}: share used", [100 * share], "%", "duckdb")
    bench.note("refused", f"{title}: answered 429", [refused], "calls", "duckdb")


def read_log(log: Path) -> tuple[list[float], int]:
    """The times of the calls that were answered, and the number of those that were refused."""
    calls = [line.split() for line in log.read_text().splitlines()]
    answered = sorted(float(at) for at, status in calls if int(status) != REFUSED)
    return answered, len(calls) - len(answered)


def share_used(answered: list[float], per_minute: int) -> float:
    """Calls that were answered, over those that the limit allows in the same time."""
    whole = len(answered) // per_minute
    first, last = per_minute, per_minute * (whole - 1)
    if first >= last:
        raise BenchError(f"{len(answered)} calls are not three minutes' worth")
    minutes = (answered[last] - answered[first]) / WINDOW_SECONDS
    return (last - first) / per_minute / minutes
