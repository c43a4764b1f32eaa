"""A sandbox, a database, and syncs between them, each in a new OS process."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import Generation, LoggedRequest, Workspace
from tests.support import processes
from tests.support.databases import Database, Row
from tests.support.faulty_sandbox import FaultySandbox

PARALLEL_REQUESTS = 3
"""Enough threads to meet; each leaves a file of results, which Postgres takes 50 ms to connect
for. Half the seeds of test_equal_to_sandbox clear `Harness.options`, and so use the default."""


@dataclass(frozen=True, slots=True)
class Synced:
    """One sync: exit code, summary of `--json`, and the requests that the sandbox saw."""

    code: int
    summary: dict[str, Any]
    stderr: str
    requests: list[LoggedRequest]

    @property
    def workspaces(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.summary["workspaces"]}

    @property
    def total(self) -> Counter[str]:
        """Rows loaded by table, over all workspaces."""
        rows: Counter[str] = Counter()
        for each in self.summary["workspaces"]:
            rows.update(each["rows"])
        return rows

    def paths(self, ending: str) -> list[str]:
        """Paths of the requests that end so, in their order."""
        return [request.path for request in self.requests if request.path.endswith(ending)]


class Harness:
    """Syncs a sandbox into a database.

    Args:
        sandbox: Serves; its clock stands unless a test moves it.
        database: Where the rows go.
        folder: For the processes; holds no configuration files.
    """

    def __init__(self, sandbox: FaultySandbox, database: Database, folder: Path) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        self.database = database
        self.folder = folder
        self.options: dict[str, Any] = {
            "max_parallel_requests": PARALLEL_REQUESTS,
            "deep_listing_hours": 0,  # the clock of the world moves, that of the connector does not
        }
        """Goes into the table of every workspace."""
        self.versions: dict[str, Generation] = {}
        """By uid of a workspace: the version of the API that it is read through, where not v3."""
        self.extra: dict[str, str] = {}
        """Goes into the environment of every process."""
        self._number = 0

    def config(self, workspace: Workspace, **options: Any) -> dict[str, Any]:
        """The table of a workspace in `sources.captaindata.workspaces`."""
        version = self.versions.get(workspace.uid, "v3")
        options = {"api_version": version, **self.options, **options}
        return {
            "name": workspace.name.split()[0].lower(),
            "api_key": workspace.api_key,
            "project_uid": workspace.uid,
            "base_url": self.sandbox.base_url_of(options["api_version"]),
            **options,
        }

    def environment(
        self, configs: Iterable[dict[str, Any]] | None = None, *, data_dir: str | None = None
    ) -> dict[str, str]:
        """A clean environment; an empty `DLT_DATA_DIR` unless one is named."""
        self._number += 1
        if configs is None:
            configs = [self.config(workspace) for workspace in self.world.workspaces]
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "DLT_DATA_DIR": data_dir or str(self.folder / f"dlt-{self._number}"),
            "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps(list(configs)),
            # what is not about views does without them, which is faster
            "SOURCES__CAPTAINDATA__CREATE_VIEWS": "false",
            **self.database.environment(),
            **self.extra,
        }

    def start(
        self, *arguments: str, command: str = "sync", **environment: Any
    ) -> tuple[ForkServerProcess, str]:
        """Starts a sync, or another command that takes `--json`; `finish` waits for it."""
        found = self.environment(**environment)
        name = f"sync-{self._number}"
        database = ["--destination", self.database.name, "--dataset", self.database.dataset]
        line = [command, "--json", *database, *arguments]
        return (
            processes.start(line, environment=found, folder=self.folder, name=name),
            name,
        )

    def start_plainly(self, **mishaps: str) -> tuple[ForkServerProcess, str]:
        """Starts `pipeline.run(captaindata())` in a new process, with dlt's defaults; dlt's working
        folder stays."""
        workspace = self.world.workspaces[0]
        key = "SOURCES__CAPTAINDATA__"
        environment = {
            **self.environment([]),
            **mishaps,
            f"{key}API_KEY": workspace.api_key,
            f"{key}PROJECT_UID": workspace.uid,
            f"{key}BASE_URL": self.sandbox.base_url,
            f"{key}DEEP_LISTING_HOURS": "0",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DESTINATION": self.database.name,
            "DATASET": self.database.dataset,
        }
        del environment["SOURCES__CAPTAINDATA__WORKSPACES"]
        name = f"plain-{self._number}"
        process = processes.start(
            processes.PLAIN, environment=environment, folder=self.folder, name=name
        )
        return process, name

    def run_plainly(self, **mishaps: str) -> int | None:
        """Does so to the end. Returns the exit code, which is below 0 where it was killed."""
        process, _ = self.start_plainly(**mishaps)
        process.join(processes.TIMEOUT_SECONDS)
        return process.exitcode

    def finish(self, process: ForkServerProcess, name: str) -> Synced:
        completed = processes.finish(process, folder=self.folder, name=name)
        summary = json.loads(completed.stdout) if completed.stdout else {}
        return Synced(completed.code, summary, completed.stderr, list(self.sandbox.log.entries))

    def sync(self, *arguments: str, expect: int = 0, **environment: Any) -> Synced:
        """Syncs in a new process with an empty `DLT_DATA_DIR`; the request log starts empty."""
        self.sandbox.log.clear()
        synced = self.finish(*self.start(*arguments, **environment))
        assert synced.code == expect, f"exit {synced.code}\n{synced.summary}\n{synced.stderr}"
        for each in self.folder.glob("dlt-*"):
            shutil.rmtree(each)
        return synced

    def resync(self, *arguments: str, expect: int = 0, **environment: Any) -> Synced:
        """Runs `captaindata resync` as `sync` runs that."""
        return self.sync(*arguments, command="resync", expect=expect, **environment)

    def rows(self, table: str, *, where: str = "1 = 1") -> list[Row]:
        return self.database.execute(f"select * from {table} where {where}")

    def forget_state(self) -> None:
        """Deletes dlt's own state in the destination."""
        self.database.execute("delete from _dlt_pipeline_state")
