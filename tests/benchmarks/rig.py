"""What every measurement needs: served pages, an empty warehouse, one process at a time."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.cases import Case
from tests.benchmarks.measure import BenchError, Usage, run_measured, wait_until_quiet
from tests.benchmarks.servers import PageServer, Postgres

PYTHON = sys.executable
CAPTAINDATA = str(Path(PYTHON).with_name("captaindata"))
DUCKDB_FILE = "warehouse.duckdb"
DESTINATIONS = ("duckdb", "postgres")

Expected = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty directory, and an empty warehouse.

    Args:
        folder: The directory; the DuckDB file will be in it.
        destination: `duckdb` or `postgres`.
        url: Of the Postgres database.
    """

    folder: Path
    destination: str
    url: str = ""

    @property
    def address(self) -> str:
        """Where the rows are: a file or a URL."""
        return self.url or str(self.folder / DUCKDB_FILE)

    @property
    def env(self) -> dict[str, str]:
        """dlt's configuration for it."""
        return {"DESTINATION__POSTGRES__CREDENTIALS": self.url} if self.url else {}


@dataclass(frozen=True, slots=True)
class Synced:
    """A sync that succeeded: what it took, and the part of its `--json` about the workspace."""

    usage: Usage
    report: Mapping[str, Any] = field(repr=False)


class Rig:
    """The servers, and how a process is run beside them.

    Args:
        folder: Empty; for pages and Postgres. Everything else is in temporary directories.
        server: Serves the link `current` in `folder`.
        max_wait: Seconds to wait before each run for a quiet machine.
    """

    def __init__(self, folder: Path, server: PageServer, *, max_wait: float) -> None:
        self._pages = folder / "pages"
        self._server = server
        self._max_wait = max_wait
        (folder / "postgres").mkdir()
        self._postgres = Postgres(folder / "postgres")

    def close(self) -> None:
        self._postgres.close()

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @contextmanager
    def serving(self, case: Case) -> Iterator[Expected]:
        """Writes the pages of a case, and serves them from then on; gives what a load has to bring.

        Within another case's pages, those are served again at the end.
        """
        folder = Path(tempfile.mkdtemp(prefix=f"{case.name}-", dir=_made(self._pages)))
        before = self.current.readlink() if self.current.is_symlink() else None
        try:
            expected = helper("pages", str(folder), json.dumps(asdict(case)))
            self._serve(folder)
            yield expected
        finally:
            if before is not None:
                self._serve(before)
            shutil.rmtree(folder)

    @property
    def current(self) -> Path:
        """The link to the pages that are served."""
        return self._pages.parent / "current"

    def _serve(self, folder: Path) -> None:
        link = self.current.with_name("next")
        link.symlink_to(folder)
        link.replace(self.current)

    @contextmanager
    def place(self, destination: str) -> Iterator[Place]:
        """An empty directory with an empty warehouse."""
        with tempfile.TemporaryDirectory(prefix="captaindata-bench-") as name:
            if destination == "duckdb":
                yield Place(folder=Path(name), destination=destination)
                return
            with self._postgres.database() as url:
                yield Place(folder=Path(name), destination=destination, url=url)

    def run(
        self,
        command: Sequence[str],
        place: Place,
        env: Mapping[str, str] | None = None,
        *,
        most_mb: float = math.inf,
    ) -> tuple[Usage, str]:
        """Runs a command in a place, with the configuration of `captaindata`; see run_measured."""
        os.sync()  # what earlier runs wrote is not to be written during this one
        wait_until_quiet(at_most=self._max_wait)
        return run_measured(
            command,
            place=place.folder,
            env={**workspace_env(self.base_url), **place.env, **(env or {})},
            server_pid=self._server.pid,
            most_mb=most_mb,
        )

    def sync(self, place: Place, env: Mapping[str, str] | None = None) -> Synced:
        """One `captaindata sync`.

        Raises:
            BenchError: It failed, or says that it did not load all.
        """
        command = [CAPTAINDATA, "sync", "--destination", place.destination, "--json"]
        # no other way works out who is in the results
        usage, output = self.run(command, place, {**WITHOUT_PEOPLE, **(env or {})})
        report = json.loads(output)["workspaces"][0]
        if report["outcome"] != "loaded":
            raise BenchError(f"outcome: {report['outcome']}")
        return Synced(usage, report)


WITHOUT_PEOPLE = {"SOURCES__CAPTAINDATA__CREATE_PEOPLE": "false"}


def workspace_env(base_url: str, **options: object) -> dict[str, str]:
    """The environment that configures the one workspace; `options` are further ones of it."""
    key = {"name": "bench", "api_key": "bench-key", "project_uid": "bench"}
    workspaces = json.dumps([{**key, "base_url": base_url, **options}])
    return {"SOURCES__CAPTAINDATA__WORKSPACES": workspaces}


def check_fetched(synced: Synced, *, fetched: int, skipped: int) -> None:
    """Compares the jobs that a sync says it fetched and skipped.

    Raises:
        BenchError: They are others.
    """
    found = (synced.report["results_fetched"], synced.report["results_skipped"])
    if found != (fetched, skipped):
        raise BenchError(f"fetched, skipped: {found}, not {(fetched, skipped)}")


def check_contents(way: str, place: Place, expected: Expected) -> None:
    """Compares what is in the warehouse, in a process of its own.

    Raises:
        BenchError: It is not what the server serves.
    """
    loaded = helper("contents", way, place.address)
    wrong = {
        name: f"{value}, not {expected[name]}"
        for name, value in loaded.items()
        if value != expected[name]
    }
    if wrong:
        raise BenchError(f"loaded {wrong}")


def helper(module: str, *arguments: str) -> dict[str, int]:
    """Runs a module of this package, which prints JSON."""
    done = subprocess.run(
        [PYTHON, "-m", f"tests.benchmarks.{module}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise BenchError(f"{module} failed: {last[:300]}")
    found: dict[str, int] = json.loads(done.stdout)
    return found


def progress(line: str) -> None:
    """Tells the person who waits."""
    print(f"  {line}", file=sys.stderr, flush=True)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
