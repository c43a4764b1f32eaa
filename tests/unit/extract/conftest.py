"""Fixtures: syncs of a sandbox without dlt and a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from captaindata_source.sandbox import World
from tests.conftest import SMALL_WORLD
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.world_syncs import MakeSyncs, WorldSyncs


@pytest.fixture
def make_syncs(tmp_path: Path) -> Iterator[MakeSyncs]:
    """Makes syncs over a small world, or the one that is given."""
    sandboxes: list[FaultySandbox] = []

    def make(seed: int = 1, **options: object) -> WorldSyncs:
        sandbox = FaultySandbox(World(seed, **SMALL_WORLD | options))  # type: ignore[arg-type]
        sandbox.start()
        sandboxes.append(sandbox)
        return WorldSyncs(sandbox, tmp_path)

    yield make
    for sandbox in sandboxes:
        sandbox.stop()


@pytest.fixture
def syncs(make_syncs: MakeSyncs) -> WorldSyncs:
    """Syncs over a small world of one workspace."""
    return make_syncs()
