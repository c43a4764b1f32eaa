"""`captaindata listen` in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.harness import Harness
from tests.support.waiting import wait_for

__all__ = ["Listener"]

END_SECONDS = 60.0
HURRIED_SECONDS = 400.0


class Listener:
    """A receiver that runs; a context manager.

    Args:
        harness: Gives configuration and database.
        arguments: More arguments of the command.
        environment: More of the environment.
    """

    def __init__(
        self, harness: Harness, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.inbox = harness.folder / "inbox.db"
        self.workspaces = [harness.config(each)["name"] for each in harness.world.workspaces]
        self._harness = harness
        database = harness.database
        self._command = [
            *(sys.executable, "-m", "captaindata_source.cli", "listen", "--port", "0"),
            *("--destination", database.name, "--dataset", database.dataset),
            *("--inbox", str(self.inbox), *arguments),
        ]
        folder = harness.folder / "dlt of events"
        self._environment = {
            **harness.environment(data_dir=str(folder)),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **(environment or {}),
        }
        self.lines: list[str] = []
        """What it printed."""
        self.url = ""

    def start(self, *, port: int = 0) -> Self:
        """Starts it and waits until it listens."""
        self.url = ""
        self._command[self._command.index("--port") + 1] = str(port)
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._harness.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: self.url or self._process.poll() is not None)
        assert self.url, "\n".join(self.lines)
        return self

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line.rstrip())
            if found := re.match(r"Listens on (http://\S+/events)/", line):
                self.url = found[1]

    def _end_reading(self) -> None:
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def loaders(self) -> list[int]:
        """Processes of its own that load."""
        with suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            found = [int(child) for child in children.split()]
            threads = Path(f"/proc/{self.pid}/task").iterdir()
            for thread in threads:
                found += map(int, (thread / "children").read_text().split())
            return sorted(set(found))
        return []

    def kill(self) -> None:
        """Ends it and its processes at once."""
        for pid in (*self.loaders, self.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._end_reading()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it as Ctrl-C or another signal does; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(END_SECONDS)
        self._end_reading()
        return code

    def waiting(self) -> int:
        """How many events wait, but for batches of runs that were looked at and go on."""
        with closing(sqlite3.connect(f"file:{self.inbox}?mode=ro", uri=True)) as database:
            found = database.execute(
                "select count(*) from events where done_at is null "
                "and not (kind = 'run_batch' and received_at < ? and due_at > ?)",
                (time.time() - HURRIED_SECONDS, time.time()),
            )
            return int(found.fetchone()[0])

    def hurry(self) -> None:
        """Lets no event wait for others, or for the end of its job; each once."""
        with closing(sqlite3.connect(self.inbox, timeout=30)) as database, database:
            database.execute(
                "update events set due_at = 0, received_at = received_at - ? "
                "where done_at is null and tries = 0 and received_at > ?",
                (HURRIED_SECONDS, time.time() - HURRIED_SECONDS),
            )

    def wait_until_done(self) -> None:
        """Waits until no event waits."""

        def is_done() -> bool:
            self.hurry()
            return self.waiting() == 0

        wait_for(is_done)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
