"""The work of one load package: what its resources share."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import create_load_id

from captaindata_source.extract.extraction import Extraction, Log
from captaindata_source.tables import JOB_RESULTS

__all__ = ["CurrentWork", "NewPackage", "PackageWork"]

FILES_FOLDER = "result_files"


class PackageWork:
    """The work of one load package for all workspaces of a source.

    The threads work until all resources have ended, or one of them ended early: by an error, or
    since dlt closed it. A resource with `add_limit` may be closed early without that.

    Args:
        extractions: Of each workspace.
        tables: Tables whose resources are selected.
        limited: Those of them that have a limit.
        folder: Of the files of results; removed at the end.
    """

    def __init__(
        self,
        extractions: Sequence[Extraction],
        *,
        tables: Collection[str],
        limited: Collection[str] = (),
        folder: Path,
    ) -> None:
        self.extractions = extractions
        self._limited = frozenset(limited)
        self._open = set(tables)
        names = [name for name in (JOB_RESULTS.name, *sorted(tables)) if name in tables]
        self._logs_in = next((name for name in names if name not in self._limited), None)
        self._remove_files = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._is_begun = False
        self.is_over = False
        """Whether it has ended, in whatever way."""

    def begin(self) -> None:
        """Begins to fetch; a second call does nothing."""
        if not self._is_begun:
            self._is_begun = True
            for extraction in self.extractions:
                extraction.begin()

    def is_open(self, table: str) -> bool:
        """Whether that resource has not ended yet."""
        return not self.is_over and table in self._open

    def is_last(self, table: str) -> bool:
        """Whether all other resources have ended."""
        return self._open <= {table}

    def logs_in(self, table: str) -> bool:
        """Whether that resource loads the log, once all others have ended."""
        return table == self._logs_in

    def logs(self) -> Iterator[Log]:
        """What the package says of each workspace's sync."""
        for extraction in self.extractions:
            if extraction.is_loaded:
                yield extraction.log()

    def end(self, table: str) -> None:
        """Tells that a resource has yielded all of its rows."""
        self._open.discard(table)
        if not self._open:
            self.close()

    def abandon(self, table: str, *, is_closed: bool) -> None:
        """Tells that a resource has ended early.

        Args:
            table: Its table.
            is_closed: Whether dlt closed it; else it failed.
        """
        if not (is_closed and table in self._limited):
            self.close()
            return
        for extraction in self.extractions:
            extraction.streams[table].close()
        self.end(table)

    def close(self) -> None:
        """Ends the threads and removes the files, which dlt has linked."""
        self.is_over = True
        for extraction in self.extractions:
            extraction.close()
        self._remove_files()


@dataclass(frozen=True, slots=True)
class NewPackage:
    """A load package that is begun.

    Args:
        load_id: Identifies it.
        folder: For files of results.
        table: Whose resource began it.
        is_loaded: Whether a pipeline loads it; else its rows are only iterated.
    """

    load_id: str
    folder: Path
    table: str
    is_loaded: bool


class CurrentWork:
    """Gives all resources of a load package the same work.

    Args:
        make: Makes the work of a load package.
    """

    def __init__(self, make: Callable[[NewPackage], PackageWork]) -> None:
        self._make = make
        self._load_id: str | None = None
        self._work: PackageWork | None = None

    def __call__(self, table: str) -> PackageWork:
        """The work of the load package at hand.

        Args:
            table: Whose resource asks.
        """
        try:
            load_id: str | None = dlt.current.load_package_state()["load_id"]
        except CurrentLoadPackageStateNotAvailable:
            load_id = None
        work = self._work
        if work is not None and load_id == self._load_id and (load_id or work.is_open(table)):
            return work
        self.close()
        folder = _new_folder(load_id)
        try:
            package = NewPackage(load_id or create_load_id(), folder, table, load_id is not None)
            self._work = self._make(package)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._load_id = load_id
        return self._work

    @property
    def extractions(self) -> Sequence[Extraction]:
        """Those of the last package; empty where none was begun."""
        return self._work.extractions if self._work is not None else ()

    @property
    def loaded_jobs(self) -> frozenset[str]:
        """Uids of the jobs whose results are complete in the last package."""
        return frozenset(uid for each in self.extractions for uid in each.loaded_jobs.uids)

    def close(self) -> None:
        """Ends what is under way, if anything."""
        if self._work is not None:
            self._work.close()


def _new_folder(load_id: str | None) -> Path:
    if load_id is None:
        return Path(tempfile.mkdtemp(prefix="captaindata-"))
    parent = Path(dlt.current.pipeline().working_dir) / FILES_FOLDER
    shutil.rmtree(parent, ignore_errors=True)  # of a process that was killed
    folder = parent / load_id
    folder.mkdir(mode=0o700, parents=True)
    return folder
