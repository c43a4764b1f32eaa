"""Runs the chaos, all parts or one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.chaos import tables
from tests.chaos.places import DATABASES

PARTS: dict[str, Callable[[argparse.Namespace], bool]] = {
    "kills": tables.kills_table,
    "plain": tables.plain_table,
    "soak": tables.soak_table,
    "fuzz": tables.fuzz_table,
    "budget": tables.budget_table,
    "together": tables.together_table,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--number", type=int, default=200, help="kills, for each database")
    parser.add_argument("--database", action="append", choices=DATABASES, help="repeatable")
    parser.add_argument("--aimed", action="store_true", help="kills hit loads alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--days", type=int, default=200, help="of the soak")
    parser.add_argument("--pages", type=int, default=10_000, help="random ones")
    parser.add_argument("--workspaces", type=int, default=16, help="with a budget")
    parser.add_argument("--per-minute", type=int, default=150, help="budget of each")
    parser.add_argument("--rounds", type=int, default=100, help="of processes that begin together")
    parser.add_argument("--time-factor", type=float, default=2.0, help="of the budgets")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    verdicts = [run(arguments) for name, run in PARTS.items() if name in (arguments.parts or PARTS)]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
