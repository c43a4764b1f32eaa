"""Syncs in processes of their own that are killed, or run to their end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from captaindata_source.sandbox import Generation, LoggedRequest
from tests.chaos.phases import loaded_packages, loads_begun, pending_packages
from tests.support.harness import Harness, Synced

POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Killed:
    """What a killed sync had asked for and left, and the packages that were loaded before it."""

    requests: list[LoggedRequest]
    folder: Path
    loaded_before: set[str]


class Syncs:
    """Syncs of a harness, in one working folder for dlt until that is lost.

    Args:
        harness: Where.
        package_results: Results after which a load package is closed.
        versions: Of the API, by uid of a workspace, where not v3.
    """

    def __init__(
        self, harness: Harness, *, package_results: int, versions: Mapping[str, Generation]
    ) -> None:
        harness.versions.update(versions)
        harness.extra["SOURCES__CAPTAINDATA__PACKAGE_MAX_RESULTS"] = str(package_results)
        self.harness = harness
        self.folder = harness.folder / "data"

    def run(self) -> tuple[list[LoggedRequest], float]:
        """Syncs without a kill: what it asked for, and the seconds that it took."""
        synced, seconds = self._sync()
        assert synced.code == 0, f"exit {synced.code}: {synced.summary}\n{synced.stderr}"
        return synced.requests, seconds

    def kill(self, after: float, *, load: int | None = None) -> Killed | None:
        """Kills a sync so many seconds after its start; None where it had ended before.

        Args:
            after: Seconds.
            load: Counts them from the beginning of that load instead, from 0.
        """
        log = self.harness.sandbox.log
        log.clear()
        before = loaded_packages(self.folder)
        process, _ = self.harness.start(data_dir=str(self.folder))
        while load is not None and process.exitcode is None:
            if len(loads_begun(self.folder) - before) > load:
                break
            process.join(POLL_SECONDS)
        process.join(after)
        if process.exitcode is not None:
            return None
        process.kill()
        process.join()
        return Killed(log.entries, self.folder, before)

    def lose_folder(self) -> None:
        """Removes dlt's working folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self) -> tuple[str, list[LoggedRequest], float]:
        """Syncs to the end: why it is none, what it asked for, and the seconds that it took."""
        try:
            synced, seconds = self._sync()
        except TimeoutError as error:
            return str(error), [], 0.0
        stuck = ""
        if synced.code:
            stuck = f"exit {synced.code}: {synced.summary}\n{synced.stderr}"
        elif pending := pending_packages(self.folder):
            stuck = f"left behind: {', '.join(pending)}"
        return stuck, synced.requests, seconds

    def _sync(self) -> tuple[Synced, float]:
        self.harness.sandbox.log.clear()
        begun = time.monotonic()
        synced = self.harness.finish(*self.harness.start(data_dir=str(self.folder)))
        return synced, time.monotonic() - begun
