"""The functions that one page of results passes, from its request until it waits for a file.

`python -m tests.support.page_walk` prints them for each generation of the API.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import pytest

import captaindata_source
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.sandbox import World
from tests.conftest import SMALL_WORLD
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import WorldSyncs

__all__ = ["Walk", "walk"]

PACKAGE = Path(captaindata_source.__file__).parent
INLINE = ("<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>", "<lambda>")
"""Count as part of the function that they stand in."""

Walk = list[tuple[str, str]]
"""File and function, in the order of the first call."""


def walk(version: str, folder: Path, *, method: str = "_fetch") -> Walk:
    """Syncs a small workspace; gives what ran below a method of the reader for a job of one page.

    Args:
        version: Of the API.
        folder: For files.
        method: `_fetch` (the pages of a job) or `_read` (the whole job, until its files).
    """
    walks: list[Walk] = []
    whole = getattr(ResultReader, method)

    def recorded(reader: ResultReader, job: object, **options: object) -> object:
        sent, rows = reader._api.calls, reader._package.rows
        with _recording() as found:
            result = whole(reader, job, **options)
        if reader._api.calls == sent + 1 and reader._package.rows > rows:
            walks.append([*found])
        return result

    world = World(1, **SMALL_WORLD)  # type: ignore[arg-type]
    world.dialect = replace(world.dialect, reset_style="epoch")
    with FaultySandbox(world, rate_limit=10_000) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResultReader, method, recorded)
        WorldSyncs(sandbox, folder).sync(api_version=version, max_parallel_requests=1)
    return max(walks, key=len)


@contextmanager
def _recording() -> Iterator[dict[tuple[str, str], None]]:
    """The functions of this package that the calling thread enters, in their order."""
    found: dict[tuple[str, str], None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            name = frame.f_code.co_qualname
            if not name.endswith(INLINE):
                found[str(path.relative_to(PACKAGE)), name] = None

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)


def main() -> None:
    for method in ("_fetch", "_read"):
        for version in ("v3", "v4"):
            with TemporaryDirectory() as folder:
                passed = walk(version, Path(folder), method=method)
            files = {file for file, _ in passed}
            print(f"{method} {version}: {len(files)} files, {len(passed)} functions")
            for file, name in passed:
                print(f"    {file:32} {name}")


if __name__ == "__main__":
    main()
