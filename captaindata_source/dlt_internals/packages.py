"""The files of dlt's load packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dlt
from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName

__all__ = ["packages", "restart_package", "unfinished"]

MADE_WHILE_LOADING = ("sql", "reference")
"""Formats of jobs that dlt adds when others are done."""
PENDING_TRANSITIONS = getattr(PackageStorage, "PENDING_TRANSITIONS_FOLDER", ".pending_transitions")
"""Where dlt notes that a job has ended before it moves its file; dlt 1.24 and older have none."""
STATES = (
    PackageStorage.STARTED_JOBS_FOLDER,
    PackageStorage.COMPLETED_JOBS_FOLDER,
    PackageStorage.FAILED_JOBS_FOLDER,
    PackageStorage.NEW_JOBS_FOLDER,
)


def packages(pipeline: dlt.Pipeline) -> dict[str, Path]:
    """The packages that wait for their load and their folders, the oldest first."""
    folder = Path(pipeline.working_dir) / "load" / "normalized"
    return {each.name: each for each in sorted(folder.glob("*/"))}


def restart_package(folder: Path, *, appended: Sequence[str] = ()) -> None:
    """Puts a package that was begun back to its beginning; one that was not stays as it is.

    Args:
        folder: Of the package, among dlt's normalized ones.
        appended: Tables whose jobs stay done where they are: rows that were appended once would be
            there twice.
    """
    if not _is_begun(folder):
        return
    for state in STATES:
        for file in list((folder / state).iterdir()):
            if file.suffix == ".exception":
                file.unlink()
                continue
            job = ParsedLoadJobFileName.parse(file.name)
            if job.file_format in MADE_WHILE_LOADING:
                file.unlink()
            elif not (state == PackageStorage.COMPLETED_JOBS_FOLDER and job.table_name in appended):
                name = job._replace(retry_count=0).file_name()
                file.rename(folder / PackageStorage.NEW_JOBS_FOLDER / name)
    for file in _files_in(folder / PENDING_TRANSITIONS):
        file.unlink()
    (folder / PackageStorage.PACKAGE_COMPLETED_FILE_NAME).unlink(missing_ok=True)
    if not (update := folder / PackageStorage.SCHEMA_UPDATES_FILE_NAME).exists():
        update.write_text("{}", encoding="utf-8")
    (folder / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).unlink(missing_ok=True)


def unfinished(folder: Path) -> set[str]:
    """Tables of a package with a job that was begun and is not known to have ended.

    Args:
        folder: Of the package, among dlt's normalized ones.
    """
    return {
        job.table_name
        for state in (PackageStorage.STARTED_JOBS_FOLDER, PackageStorage.NEW_JOBS_FOLDER)
        for file in _files_in(folder / state)
        if file.suffix != ".exception"
        for job in [ParsedLoadJobFileName.parse(file.name)]
        if job.retry_count or state == PackageStorage.STARTED_JOBS_FOLDER
    }


def _is_begun(folder: Path) -> bool:
    """Whether anything of a package may have reached the destination."""
    if (folder / PackageStorage.APPLIED_SCHEMA_UPDATES_FILE_NAME).exists():
        return True
    new = _files_in(folder / PackageStorage.NEW_JOBS_FOLDER)
    return any(_files_in(folder / state) for state in STATES[:-1]) or any(
        file.suffix == ".exception" or ParsedLoadJobFileName.parse(file.name).retry_count
        for file in new
    )


def _files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
