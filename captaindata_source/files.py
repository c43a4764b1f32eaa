"""Files with data: readable by their owner only, replaced in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from captaindata_source.errors import causes

__all__ = ["OWNER_ONLY", "naming", "opener", "take_place"]

OWNER_ONLY = 0o077
"""A umask: no rights for group and others."""


def opener(path: str, flags: int) -> int:
    """Opener for `open`: a new file is readable by its owner only, with any umask."""
    return os.open(path, flags, 0o600)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the path to errors of the operating system that have none, such as a full disk."""
    try:
        yield
    except OSError as error:
        for each in causes(error):  # closing the file may fail again
            if isinstance(each, OSError) and each.filename is None:
                each.filename = str(path)
        raise


def take_place(fresh: Path, target: Path) -> None:
    """Replaces a file with a finished one, in one step.

    The new file gets the group, mode and access list of the old one, so the same people can read
    it. If the group cannot be set, the group gets no rights.

    Raises:
        OSError: The file cannot be replaced; the old one is still there.
    """
    if target.exists():
        there = target.stat()
        has_group = fresh.stat().st_gid == there.st_gid
        if not has_group:
            try:
                os.chown(fresh, -1, there.st_gid)
                has_group = True
            except OSError:
                pass
        shutil.copystat(target, fresh)
        os.utime(fresh)
        if not has_group:
            fresh.chmod(there.st_mode & ~0o070)
    fresh.replace(target)
