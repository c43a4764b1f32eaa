"""Remedies for files: those of dlt's working folder, and those that someone named."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from captaindata_source.errors import DestinationError
from captaindata_source.tabular import one_line
from captaindata_source.warehouse.remedies.case import GO_ON, Case

__all__ = ["CASES", "DLT_CASES", "elsewhere"]

NO_FOLDER = "dlt's working folder can't be written"
GONE = (
    "A file of dlt's working folder is gone",
    "let nothing clean it up while a sync runs, or let DLT_DATA_DIR name another folder; " + GO_ON,
)
CASES = (
    Case(
        "The disk of dlt's working folder is full",
        f"free some space, or let DLT_DATA_DIR name a folder on another disk; {GO_ON}",
        codes=("ENOSPC", "EDQUOT", "EFBIG"),
    ),
    Case(
        NO_FOLDER,
        "give this user the right to, or let DLT_DATA_DIR name another folder",
        codes=("EACCES", "EPERM", "EROFS"),
    ),
    Case(
        NO_FOLDER,
        "give this user the right to, or let DLT_DATA_DIR name another folder",
        codes=("ENOTDIR", "EISDIR", "EEXIST"),
        may_be_package=True,
    ),
    Case(*GONE, codes=("ENOENT",), may_be_package=True),
    Case("Too many files are open", "raise the limit (ulimit -n)", codes=("EMFILE", "ENFILE")),
    Case("The disk failed", f"check it; {GO_ON}", codes=("EIO",), may_be_package=True),
)
"""By the name of the operating system's error."""
DLT_CASES = (
    Case(
        *GONE,
        codes=(
            "LoadPackageNotFound",
            "LoadPackageAlreadyCompleted",
            "SchemaNotFoundError",
            "LoadPackageNotCompleted",
            "LoadPackageInconsistent",
        ),
        may_be_package=True,
    ),
)
"""By the class of dlt's error."""
ELSEWHERE = (
    (("ENOSPC", "EDQUOT", "EFBIG"), "The disk of {path} is full", "free some space there"),
    (
        ("EACCES", "EPERM", "EROFS"),
        "{path} can't be read or written",
        "give this user the right to",
    ),
    (("ENOTDIR", "EEXIST"), "{path} can't be made", "a file is where a folder is needed; move it"),
    (("EISDIR",), "{path} is a folder", "name a file in it"),
    (("ENOENT",), "{path} does not exist", "make it"),
)
"""What the operating system says of a path that is not dlt's."""


def elsewhere(error: BaseException) -> DestinationError | None:
    """What an error means that names a path outside of dlt's working folder."""
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, bytes)):
        return None
    path = os.fsdecode(error.filename)
    code = errno.errorcode.get(error.errno or 0, "")
    for codes, what, remedy in () if _is_dlts(path) else ELSEWHERE:
        if code in codes:
            return DestinationError(
                f"{what.format(path=one_line(path))}: {remedy}, or name another path "
                f"({error.strerror})"
            )
    return None


def _is_dlts(path: str) -> bool:
    if "dlt" not in sys.modules:
        return False
    from dlt.common.pipeline import get_dlt_pipelines_dir  # noqa: PLC0415 - slow to import

    folder = Path(get_dlt_pipelines_dir()).parent
    return Path(path).resolve().is_relative_to(folder.resolve())
