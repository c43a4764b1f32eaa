"""Measures `captaindata sync` beside what else loads the same pages: `make bench`.

    python -m tests.benchmarks.bench [--part base|axes|extras] [--way …] [--rounds 3] [--smoke]

Every run is a fresh process in a fresh directory with an empty warehouse. Its time counts only
after what it loaded was compared with what the server serves.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import extra_limits, extra_starts, extra_syncs, smoke, tables, targets
from tests.benchmarks.cases import AXES, BASE, SMOKE, Case
from tests.benchmarks.extras import Bench
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.measure import BenchError
from tests.benchmarks.records import Figure, Records
from tests.benchmarks.rig import Rig, progress
from tests.benchmarks.servers import page_server
from tests.benchmarks.ways import WAYS, measure_way

PARTS = ("base", "axes", "extras")
EXTRAS: dict[str, Callable[[Bench], None]] = {
    "starts": extra_starts.starts,
    "nothing-new": extra_syncs.nothing_new,
    "changed": extra_syncs.changed,
    "packages": extra_syncs.packages,
    "views": extra_starts.views,
    "rate-limit": extra_limits.rate_limit,
    "ledger": extra_syncs.ledger,
}
IMPORT_ROUNDS = 5
INTERRUPTED = 130


def measure_case(bench: Bench, case: Case, ways: Sequence[str], rounds: int) -> None:
    """Runs each way once in each round, in turn."""
    with bench.serving(case) as (served, expected):
        for number in range(1, rounds + 1):
            progress(f"{served.title}: round {number} of {rounds}")
            for way in ways:
                bench.measure_imports(way)
                measure_way(bench.rig, bench.records, way, served, expected, number)


def measure_extra(bench: Bench, name: str) -> None:
    """Takes one of the other measurements; one that fails does not stop the others."""
    progress(name)
    try:
        EXTRAS[name](bench)
    except BenchError as error:
        progress(f"{name}: FAILED: {error}")
        bench.records.add_figure(Figure(name=name, title=name, failure=str(error)))


def measure(bench: Bench, options: argparse.Namespace) -> None:
    """Measures what the options name."""
    ways = options.way or WAYS
    if options.smoke:
        measure_case(bench, SMOKE, smoke.WAYS, smoke.ROUNDS)
        return
    parts = options.part or (["extras"] if options.extra else PARTS)
    if "base" in parts:
        measure_case(bench, BASE, ways, options.rounds)
    if "axes" in parts:
        for case in AXES:
            if options.case and case.name not in options.case:
                continue
            measure_case(bench, case, ways, rounds=1)
    if "extras" in parts:
        for name in options.extra or EXTRAS:
            measure_extra(bench, name)


@contextmanager
def prepared(options: argparse.Namespace, records: Records) -> Iterator[Bench]:
    """Running servers, and folders that are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="captaindata-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # where root runs this, Postgres is another user
        with page_server(folder / "current") as server:
            rig = Rig(folder, server, max_wait=options.max_wait)
            try:
                yield Bench(
                    rig=rig,
                    records=records,
                    rounds=options.rounds,
                    import_rounds=smoke.IMPORT_ROUNDS if options.smoke else IMPORT_ROUNDS,
                    scale=options.scale,
                )
            finally:
                rig.close()


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measure captaindata sync.")
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="this part only (repeatable)")
    add("--way", action="append", choices=WAYS, help="this way to load only (repeatable)")
    names = [case.name for case in AXES]
    add("--case", action="append", choices=names, help="this axis only (repeatable)")
    add("--extra", action="append", choices=list(EXTRAS), help="this extra only (repeatable)")
    add("--rounds", type=int, default=3, help="of the base case and of the extras (default 3)")
    add(
        "--max-wait",
        type=float,
        default=0,
        help="seconds to wait before each run for a quiet machine (default 0)",
    )
    add("--scale", type=float, default=1, help="factor of all numbers of jobs, to try it out")
    add("--json", type=Path, metavar="FILE", help="gets all runs as JSON (default bench.json)")
    add("--smoke", action="store_true", help="a small case, checks of ratios only")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 if a run failed or, with --smoke, a bound was exceeded."""
    options = build_parser().parse_args(arguments)
    file = options.json or (None if options.smoke else Path("bench.json"))
    records = Records(file, {"machine": describe_machine(), "scale": options.scale})
    is_interrupted = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the servers end with this process
    try:
        with prepared(options, records) as bench:
            measure(bench, options)
    except KeyboardInterrupt:
        is_interrupted = True
    print(tables.as_text(records))
    if options.smoke:
        rows, exceeded = smoke.bound_rows(records)
        print(f"\n{tables.align(rows)}", *exceeded, sep="\n")
    else:
        exceeded = []
        if len(rows := targets.target_rows(records)) > 1:
            print(f"\n{tables.align(rows)}")
    if is_interrupted:
        return INTERRUPTED
    return 1 if exceeded or tables.failures(records) else 0


if __name__ == "__main__":
    sys.exit(main())
