"""Files that hold data are for their owner alone, whatever the umask of the shell says."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from captaindata_source.files import take_place
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import DuckDb

OTHERS = 0o077


def open_to_others(folder: Path) -> list[str]:
    """Files and folders that group or others can do anything with; the test's own left out."""
    own = {path for path in folder.glob("*.*") if path.stem[:3] in ("run", "syn")}
    return [
        f"{path.relative_to(folder)} {path.stat().st_mode:o}"
        for path in set(folder.rglob("*")) - own
        if path.stat().st_mode & OTHERS
    ]


@pytest.mark.integration
@pytest.mark.parametrize("database", ["duckdb"], indirect=True)
def test_all_that_the_commands_leave_is_for_its_owner_alone(
    make_harness: MakeHarness, database: DuckDb
) -> None:
    harness = make_harness(workflows=2)
    copy = harness.folder / "bi" / "for_bi.duckdb"
    harness.extra |= {
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "SOURCES__CAPTAINDATA__PUBLISH_COPY": str(copy),
    }
    kept = str(harness.folder / "kept")
    harness.sync(data_dir=kept)
    for kind in ("csv", "parquet", "jsonl"):
        done = processes.run(
            ["results", "export", "--workspace", "acme", "--format", kind],
            environment=harness.environment(data_dir=kept),
            folder=harness.folder,
        )
        assert done.code == 0, done.stderr
    exports = list((harness.folder / "exports").rglob("*.*"))
    assert {path.suffix for path in exports} == {".csv", ".parquet", ".jsonl"}
    assert database.path.exists()
    assert len(list((harness.folder / "kept").rglob("*"))) > 10
    assert open_to_others(harness.folder) == []
    assert copy.stat().st_mode & 0o777 == 0o400, "nobody writes into a copy"

    copy.chmod(0o640)
    before = copy.stat()
    harness.world.advance(days=2)
    harness.sync(data_dir=kept)
    assert copy.stat().st_ino != before.st_ino
    assert copy.stat().st_mtime > before.st_mtime
    assert copy.stat().st_mode == before.st_mode, "someone opened it to a group"
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.execute("select count(*) from captaindata_views.jobs").fetchone()
    copy.chmod(0o600)
    assert open_to_others(harness.folder) == []


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A fresh file for its owner, and one that its group and others may read."""
    fresh, target = tmp_path / "fresh", tmp_path / "target"
    for path, mode in ((fresh, 0o600), (target, 0o644)):
        path.write_text(path.name, encoding="utf-8")
        path.chmod(mode)
    return fresh, target


def test_a_file_keeps_the_mode_of_the_one_before(files: tuple[Path, Path]) -> None:
    fresh, target = files
    take_place(fresh, target)
    assert (target.read_text(encoding="utf-8"), fresh.exists()) == ("fresh", False)
    assert target.stat().st_mode & 0o777 == 0o644


def test_the_first_of_its_name_keeps_its_own(files: tuple[Path, Path], tmp_path: Path) -> None:
    fresh, _ = files
    take_place(fresh, tmp_path / "other")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_file_keeps_the_group_of_the_one_before_or_shuts_groups_out(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, is_allowed: bool
) -> None:
    fresh, target = files
    group = target.stat().st_gid + 1
    given: list[tuple[Path, int, int]] = []
    original = Path.stat

    def stat(self: Path, **options: bool) -> os.stat_result:
        found = original(self, **options)
        return os.stat_result((*found[:5], group, *found[6:])) if self == target else found

    def chown(path: Path, user: int, group: int) -> None:
        given.append((path, user, group))
        if not is_allowed:
            raise PermissionError

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "chown", chown)
    take_place(fresh, target)
    assert given == [(fresh, -1, group)]
    assert target.stat().st_mode & 0o777 == (0o644 if is_allowed else 0o604)
