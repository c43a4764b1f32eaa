"""The views on DuckDB: a copy of their rows alone, which a process of its own reads for each query.

The copy is in a hidden folder beside the warehouse, for its owner alone. It is made again when the
warehouse has changed; until the new one is there, the last one serves. The warehouse is open only
meanwhile, in the process that copies.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import duckdb
import fasteners
from anyio.abc import Process, TaskGroup
from mcp.server.mcpserver.exceptions import ToolError

from captaindata_source.assistant import duckdb_process
from captaindata_source.assistant.answers import Answer, Ask
from captaindata_source.assistant.failures import duckdb_failed, too_slow

__all__ = ["DuckDbReader"]

logger = logging.getLogger(__name__)

CONCURRENT = 4
FRESH_SECONDS = 5.0
FIRST_SECONDS = 45.0
"""How long a call waits where there is no copy yet."""
RETRY_SECONDS = 3.0
"""Between tries to copy, where one failed."""
COPY_SECONDS = 3600
MAX_OUTPUT = 64 * 1024 * 1024
HELD = "lock on file"


class DuckDbReader:
    """The views of a dataset.

    Args:
        warehouse: The DuckDB file.
        schema: The schema of the views.
        views: Name to query of views that stay views in the copy: they read other views alone.
        patience: Seconds that a call waits for a newer copy before it is answered from the last.
    """

    kind = "duckdb"

    def __init__(
        self,
        warehouse: Path,
        schema: str,
        views: Mapping[str, str],
        *,
        patience: float = FRESH_SECONDS,
    ) -> None:
        self._patience = patience
        self._warehouse = warehouse
        self.schema = schema
        self._views = dict(views)
        self.folder, self._is_temporary = _folder_for(warehouse)
        self._copy = self.folder / f"views_of_{schema}.duckdb"
        self._limiter: anyio.CapacityLimiter | None = None
        self._tasks: TaskGroup | None = None
        self._copied: anyio.Event | None = None
        """Set when the copying that is under way has ended."""
        self._failure = ""
        self._tried = 0.0
        self._running: set[Process] = set()

    def start(self, tasks: TaskGroup) -> None:
        """Begins to copy if that is needed, beside whatever else is done."""
        self._tasks = tasks
        self._refresh()

    def close(self) -> None:
        """Ends what runs, and removes the copy where it is not kept."""
        for process in list(self._running):
            with suppress(ProcessLookupError):
                process.kill()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def as_of(self) -> str:
        """When the warehouse that was copied had last changed."""
        seconds = self._copy.stat().st_mtime
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"

    async def ask(self, ask: Ask) -> Answer:
        """Runs a query on the newest copy that can be had soon."""
        await self._fresh()
        self._limiter = self._limiter or anyio.CapacityLimiter(CONCURRENT)
        as_of = self.as_of()
        task = {
            "do": "query",
            "file": str(self._copy),
            "schema": self.schema,
            "sql": ask.sql,
            "values": list(ask.values),
            "rows": ask.rows,
            "seconds": ask.seconds,
            "cell": ask.cell,
            "size": ask.size,
        }
        async with self._limiter:
            answer = await self._run(task, seconds=ask.seconds + 1)
        if answer is None:
            raise too_slow(ask.seconds)
        if "error" in answer:
            raise duckdb_failed(answer)
        return Answer(
            names=answer["names"],
            kinds=answer["kinds"],
            rows=answer["rows"],
            as_of=as_of,
        )

    async def _fresh(self) -> None:
        """Waits for a copy, not for long where there is one."""
        is_there = self._copy.exists()
        if is_there and self._is_current():
            return
        self._refresh()
        if self._copied is not None:
            with anyio.move_on_after(self._patience if is_there else FIRST_SECONDS):
                await self._copied.wait()
        if not self._copy.exists():
            raise ToolError(
                f"The copy of the warehouse's views can't be made: {self._failure}"
                if self._failure
                else "The copy of the warehouse's views is being made: try again in a minute"
            )

    def _is_current(self) -> bool:
        return self._copy.stat().st_mtime_ns == duckdb_process.stamp_of(str(self._warehouse))

    def _refresh(self) -> None:
        """Begins to copy, unless that is under way or has just failed."""
        is_soon = time.monotonic() - self._tried < RETRY_SECONDS
        if self._copied is not None or is_soon or self._tasks is None:
            return
        if self._copy.exists() and self._is_current():
            return
        self._copied = anyio.Event()
        self._tasks.start_soon(self._make_copy)

    async def _make_copy(self) -> None:
        assert self._copied is not None  # noqa: S101 - by `_refresh`
        lock = fasteners.InterProcessLock(self.folder / ".lock")
        try:
            while not lock.acquire(blocking=False):  # another server is at it
                await anyio.sleep(0.2)
            if not (self._copy.exists() and self._is_current()):
                self._failure = await self._copy_once()
                if self._failure:
                    logger.warning("The copy of the views could not be made: %s", self._failure)
        except OSError as error:
            self._failure = f"{self.folder}: {error.strerror}"
            logger.warning("The copy of the views could not be made: %s", self._failure)
        finally:
            with suppress(Exception):  # it was not taken
                lock.release()
            self._tried = time.monotonic() if self._failure else 0.0
            self._copied.set()
            self._copied = None

    async def _copy_once(self) -> str:
        """Makes a copy and puts it in the place of the last one. Returns why it could not."""
        fresh = self._copy.with_suffix(".part")
        spill = self.folder / "spill"
        task = {
            "do": "copy",
            "source": str(self._warehouse),
            "target": str(fresh),
            "schema": self.schema,
            "spill": str(spill),
            "views": self._views,
        }
        try:
            answer = await self._run(task, seconds=COPY_SECONDS)
            if answer is None or "error" in answer:
                return _why(answer, self._warehouse)
            if not answer["views"]:
                return "the warehouse has no views: run `captaindata views create`"
            if answer["skipped"]:
                logger.warning("Views that can't be read: %s", ", ".join(answer["skipped"]))
            os.utime(fresh, ns=(answer["stamp"], answer["stamp"]))
            fresh.replace(self._copy)  # a query that reads the last one keeps it
        finally:
            for leftover in self.folder.glob(f"{fresh.name}*"):
                leftover.unlink(missing_ok=True)
            shutil.rmtree(spill, ignore_errors=True)
        return ""

    async def _run(self, task: dict[str, Any], *, seconds: float) -> dict[str, Any] | None:
        """Lets a process do a task; None: it did not end in time."""
        task["paths"] = [str(Path(duckdb.__file__).parents[1])]
        keep = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        process = await anyio.open_process(
            [sys.executable, "-I", duckdb_process.__file__],
            env=keep,
            stderr=-3,  # subprocess.DEVNULL
        )
        self._running.add(process)
        output = bytearray()
        try:
            with anyio.move_on_after(seconds):
                assert process.stdin and process.stdout  # noqa: S101 - they are pipes
                with suppress(anyio.BrokenResourceError):
                    await process.stdin.send(json.dumps(task).encode())
                await process.stdin.aclose()
                async for part in process.stdout:
                    output += part
                    if len(output) > MAX_OUTPUT:
                        break
                await process.wait()
                try:
                    found: dict[str, Any] = json.loads(output)
                except ValueError:  # the system ended it
                    return {"error": "memory", "kind": "", "words": ""}
                return found
            return None
        finally:
            self._running.discard(process)
            with suppress(ProcessLookupError):
                process.kill()
            with anyio.CancelScope(shield=True):
                await process.aclose()


def _folder_for(warehouse: Path) -> tuple[Path, bool]:
    """A folder for the copy that nobody else can look into, and whether it is a temporary one: the
    folder of the warehouse may not be ours to write to."""
    folder = warehouse.resolve().with_name(f".{warehouse.name}.mcp")
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        there = folder.lstat()
        is_ours = not hasattr(os, "geteuid") or there.st_uid == os.geteuid()
        if stat.S_ISDIR(there.st_mode) and is_ours and os.access(folder, os.W_OK):
            folder.chmod(0o700)
            return folder, False
    return Path(tempfile.mkdtemp(prefix="captaindata-mcp-")), True


def _why(answer: Mapping[str, Any] | None, warehouse: Path) -> str:
    """Why a copy could not be made, in words that hold no data."""
    if answer is None:
        return f"it took longer than {COPY_SECONDS // 60} minutes"
    said = str(answer.get("words", ""))
    if HELD in said:
        return f"another process, such as a sync, holds {warehouse}: try again when it has ended"
    if "No space left" in said:
        return "the disk is full: free some space"
    if not warehouse.exists():
        return f"there is no {warehouse}: run `captaindata sync` first"
    return str(duckdb_failed(answer))
