"""Measures a whole sync against dlt's own `rest_api` source. By hand, on a quiet machine:

    .venv/bin/python tests/benchmarks/bench.py

Every run is a fresh process in a fresh directory with an empty warehouse. Its time counts only
after what it loaded was compared with what the server serves.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import tables
from tests.benchmarks.measure import BenchError, Usage, run_measured, wait_until_quiet
from tests.benchmarks.servers import Postgres, Sizes, page_server
from tests.benchmarks.tables import AGAIN, DUCKDB, POSTGRES, TITLES, Tally

HERE = Path(__file__).parent
PYTHON = sys.executable
CAPTAINDATA = str(Path(PYTHON).with_name("captaindata"))
DUCKDB_FILE = "warehouse.duckdb"
RIVALS = {"rest_api": "default", "tuned": "append", "merge": "merge"}


class Bench:
    """A page server, a Postgres server, and what they were used to measure."""

    def __init__(
        self, sizes: Sizes, *, port: int, server_pid: int, postgres: Postgres, max_wait: float
    ) -> None:
        self._sizes = sizes
        self._max_wait = max_wait
        self._base_url = f"http://127.0.0.1:{port}/v3"
        self._server_pid = server_pid
        self._postgres = postgres
        self._expected = contents("expected", *sizes.arguments())
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.trivial: list[dict[str, float]] = []

    def round(self, names: Sequence[str]) -> None:
        """Runs each way once, in turn."""
        self._fetch_trivially()
        if DUCKDB in names or AGAIN in names:
            self._duckdb(names)
        if POSTGRES in names:
            self._postgres_sync()
        for name in RIVALS:
            if name in names:
                self._rival(name)

    def _duckdb(self, names: Sequence[str]) -> None:
        for with_phases in (False, True):
            with workplace() as place:
                for name in (DUCKDB, AGAIN):
                    if name == AGAIN and AGAIN not in names:
                        continue

                    def check(output: str, *, is_again: bool = name == AGAIN) -> None:
                        self._check_report(output, is_again=is_again)
                        self._compare(contents("duckdb", str(place / DUCKDB_FILE)))

                    if not self._ours(name, place, {}, check, with_phases=with_phases):
                        break

    def _postgres_sync(self) -> None:
        for with_phases in (False, True):
            with workplace() as place, self._postgres.database() as url:

                def check(output: str) -> None:
                    self._check_report(output, is_again=False)
                    self._compare(contents("postgres", url))

                env = {"DESTINATION__POSTGRES__CREDENTIALS": url}
                self._ours(POSTGRES, place, env, check, with_phases=with_phases)

    def _ours(
        self,
        name: str,
        place: Path,
        env: Mapping[str, str],
        check: Callable[[str], None],
        *,
        with_phases: bool,
    ) -> bool:
        """One sync; its phases are measured in a process of their own, whose time doesn't count."""
        workspace = {
            "name": "bench",
            "api_key": "bench-key",
            "project_uid": "bench",
            "base_url": self._base_url,
        }
        env = {**env, "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps([workspace])}
        destination = POSTGRES if name == POSTGRES else DUCKDB
        arguments = ["sync", "--destination", destination, "--json"]
        tally = self.tallies[name]
        file = place / "phases.json"
        command = [PYTHON, str(HERE / "phases.py"), str(file)] if with_phases else [CAPTAINDATA]
        try:
            usage, output = self._measured([*command, *arguments], place, env)
            check(output)
        except BenchError as error:
            return self._failed(name, error)
        if with_phases:
            phases = json.loads(file.read_text())
            tally.phases.append({**phases, "start and exit": usage.wall - sum(phases.values())})
        else:
            self._note(name, usage)
        return True

    def _rival(self, name: str) -> None:
        with workplace() as place:
            script = str(HERE / "rest_api_rival.py")
            try:
                usage, output = self._measured(
                    [PYTHON, script, self._base_url, RIVALS[name]], place, {}
                )
                loaded = contents("rival", str(place / DUCKDB_FILE))
                distinct = loaded.pop("distinct_results")
                self._compare(loaded)
                self._compare({"results": distinct})
            except BenchError as error:
                self._failed(name, error)
                return
            phases = json.loads(output.splitlines()[-1])["phases"]
            phases["start and exit"] = usage.wall - sum(phases.values())
            self.tallies[name].phases.append(phases)
            self._note(name, usage)

    def _fetch_trivially(self) -> None:
        script = str(HERE / "trivial_client.py")
        jobs, _, pages, _ = self._sizes.arguments()
        with workplace() as place:
            usage, output = self._measured([PYTHON, script, self._base_url, jobs, pages], place, {})
        self.trivial.append({**json.loads(output), "server_cpu": usage.server_cpu})

    def _measured(
        self, command: Sequence[str], place: Path, env: Mapping[str, str]
    ) -> tuple[Usage, str]:
        wait_until_quiet(at_most=self._max_wait)
        return run_measured(command, place=place, env=env, server_pid=self._server_pid)

    def _check_report(self, output: str, *, is_again: bool) -> None:
        report = json.loads(output)["workspaces"][0]
        fetched = 0 if is_again else self._sizes.jobs
        found = (report["outcome"], report["results_fetched"], report["results_skipped"])
        if found != ("loaded", fetched, self._sizes.jobs - fetched):
            raise BenchError(f"outcome, fetched, skipped: {found}")

    def _compare(self, loaded: Mapping[str, int]) -> None:
        wrong = {
            name: f"{value}, not {self._expected[name]}"
            for name, value in loaded.items()
            if value != self._expected[name]
        }
        if wrong:
            raise BenchError(f"loaded {wrong}")

    def _note(self, name: str, usage: Usage) -> None:
        self.tallies[name].runs.append(usage)
        progress(
            f"{TITLES[name].strip()}: {usage.wall:.2f} s, {usage.cpu:.2f} s CPU, "
            f"{usage.peak_mb:,.0f} MB"
        )

    def _failed(self, name: str, error: BenchError) -> bool:
        self.tallies[name].failures.append(str(error))
        progress(f"{TITLES[name].strip()}: FAILED: {error}")
        return False


def contents(*arguments: str) -> dict[str, int]:
    """See contents.py."""
    done = subprocess.run(
        [PYTHON, str(HERE / "contents.py"), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise BenchError(f"the warehouse can't be read: {last[:300]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


@contextmanager
def workplace() -> Iterator[Path]:
    """An empty directory."""
    with tempfile.TemporaryDirectory(prefix="captaindata-bench-") as folder:
        yield Path(folder)


def progress(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def as_json(bench: Bench, sizes: Sizes, *, served: int) -> str:
    return json.dumps(
        {
            "sizes": asdict(sizes),
            "bytes": served,
            "trivial_client": bench.trivial,
            "ways": {name: asdict(tally) for name, tally in bench.tallies.items()},
        },
        indent=2,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a sync against dlt's rest_api source.")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100, help="results on a page")
    parser.add_argument("--pages", type=int, default=1, help="pages of a job")
    parser.add_argument("--row-bytes", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--only", action="append", choices=list(TITLES), help="run this one only (repeatable)"
    )
    parser.add_argument(
        "--max-wait",
        type=float,
        default=0,
        help="seconds to wait before each run for a quiet machine (default 0)",
    )
    parser.add_argument("--json", action="store_true", help="print all runs as JSON")
    options = parser.parse_args()
    sizes = Sizes(options.jobs, options.rows, options.pages, options.row_bytes)
    with workplace() as folder, page_server(sizes) as (port, pid, served):
        postgres = Postgres(folder)
        try:
            bench = Bench(
                sizes, port=port, server_pid=pid, postgres=postgres, max_wait=options.max_wait
            )
            for number in range(options.rounds):
                progress(f"round {number + 1} of {options.rounds}")
                bench.round(options.only or list(TITLES))
        finally:
            postgres.close()
    if options.json:
        print(as_json(bench, sizes, served=served))
    else:
        print(tables.as_text(bench.tallies, bench.trivial, sizes, served=served))
    return 1 if any(tally.failures for tally in bench.tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
