"""A power cut: what a process wrote to a SQLite database and did not sync is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw


class _File(apsw.VFSFile):
    def __init__(self, filename: Any, flags: list[int], synced: dict[str, bytes]) -> None:
        self._path = filename if isinstance(filename, str) else filename.filename()
        self._synced = synced
        super().__init__("", filename, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._synced[self._path] = Path(self._path).read_bytes()


class _Files(apsw.VFS):
    def __init__(self, name: str, synced: dict[str, bytes]) -> None:
        self._synced = synced
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802
        return _File(name, flags, self._synced)


class Power:
    """Connections whose unsynced writes can be lost."""

    def __init__(self) -> None:
        self._synced: dict[str, bytes] = {}
        self._files = _Files(f"power {id(self)}", self._synced)
        self.connection: Any = None

    def connect(self, path: str) -> Any:
        """Opens a database, as the `connect` of an inbox."""
        self.connection = apsw.Connection(path, vfs=f"power {id(self)}")
        # the shared memory of the log needs the system's own files
        self.connection.execute("pragma locking_mode = exclusive").fetchall()
        return self.connection

    def keep_what_is_synced(self, folder: Path) -> None:
        """Writes the files as they were last synced: what is left after a power cut now."""
        folder.mkdir()
        for path, content in self._synced.items():
            (folder / Path(path).name).write_bytes(content)
