"""Files that hold data: made for their owner alone, replaced in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from captaindata_source.errors import causes

__all__ = ["OWNER_ONLY", "naming", "opener", "take_place"]

OWNER_ONLY = 0o077
"""A umask: nothing for group and others."""


def opener(path: str, flags: int) -> int:
    """For `open`: a new file is for its owner alone, whatever the umask."""
    return os.open(path, flags, 0o600)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Lets an error of the operating system that names no path, such as a full disk, name this."""
    try:
        yield
    except OSError as error:
        for each in causes(error):  # what fails to be written may fail again when it is closed
            if isinstance(each, OSError) and each.filename is None:
                each.filename = str(path)
        raise


def take_place(fresh: Path, target: Path) -> None:
    """Puts a finished file in another's place, in one step.

    Whoever could read the other can read this one: its group, mode and access list are taken over.
    Where the group can't be, it is shut out, for it would be another one.

    Raises:
        OSError: It can't be put there; the other is still there.
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
