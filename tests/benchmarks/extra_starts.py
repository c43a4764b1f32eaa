"""How soon the command does what it is asked for, and how long the views take."""

from __future__ import annotations

import socket
import subprocess
import time

from tests.benchmarks.cases import RESULT_VIEWS, SMALL
from tests.benchmarks.extras import Bench
from tests.benchmarks.measure import BenchError, child_environment
from tests.benchmarks.rig import CAPTAINDATA, DESTINATIONS, Place, workspace_env

FIRST_REQUEST_TIMEOUT = 60.0


def starts(bench: Bench) -> None:
    """`--help`, `check`, and `sync` up to its first request."""
    for destination in DESTINATIONS:
        seconds = []
        for _ in range(bench.rounds):
            with bench.rig.place(destination) as place:
                seconds.append(first_request(place))
        bench.note("first_request", "sync: first request after", seconds, "s", destination)
    with bench.serving(SMALL):
        for destination in DESTINATIONS:
            command = [CAPTAINDATA, "check", "--destination", destination]
            with bench.rig.place(destination) as place:
                walls = [bench.rig.run(command, place)[0].wall for _ in range(bench.rounds)]
            bench.note("check", "captaindata check: wall", walls, "s", destination)
    with bench.rig.place("duckdb") as place:
        command = [CAPTAINDATA, "--help"]
        walls = [bench.rig.run(command, place)[0].wall for _ in range(bench.rounds)]
    bench.note("help", "captaindata --help: wall", walls, "s")


def first_request(place: Place) -> float:
    """Seconds from the start of a sync until its first request arrives; the sync ends there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(FIRST_REQUEST_TIMEOUT)
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
        begin = time.perf_counter()
        process = subprocess.Popen(
            [CAPTAINDATA, "sync", "--destination", place.destination],
            cwd=place.folder,
            env=child_environment(place.folder, {**place.env, **workspace_env(base_url)}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                return time.perf_counter() - begin
        except TimeoutError as error:
            raise BenchError("the sync sent no request") from error
        finally:
            process.kill()
            process.wait()


def views(bench: Bench) -> None:
    """`views create` after `views drop`, with one typed view of results a workflow."""
    with bench.serving(RESULT_VIEWS) as (case, _):
        for destination in DESTINATIONS:
            drop, create = (
                [CAPTAINDATA, "views", each, "--destination", destination]
                for each in ("drop", "create")
            )
            seconds = []
            with bench.rig.place(destination) as place:
                synced = bench.rig.sync(place)
                imports = synced.usage.wall - bench.after_imports(synced, destination)
                for _ in range(bench.rounds):
                    bench.rig.run(drop, place)
                    usage, output = bench.rig.run(create, place)
                    made = [line.split()[1] for line in output.splitlines()]
                    typed = sum(name.startswith("results_flow_") for name in made)
                    if typed != case.workflows:
                        raise BenchError(f"{typed} views of results, not {case.workflows}")
                    seconds.append(usage.wall - imports)
            title = f"all views, {typed} of results among them"
            bench.note("views", f"{title}: beyond imports", seconds, "s", destination)
            bench.note("views_count", f"{title}: number", [len(made)], "", destination)
