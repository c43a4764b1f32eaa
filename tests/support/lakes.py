"""Syncs into destinations whose packages are in `.venv/engines`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from captaindata_source.tables import ALL_TABLES, TABLES
from tests.support.databases import Row
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness, Synced
from tests.support.runners import ROOT, Runner

__all__ = ["DuckLake", "EngineHarness", "Lake", "Sqlite"]

PYTHON = ROOT / ".venv" / "engines" / "bin" / "python"
SCRIPT = Path(__file__).with_name("lake_run.py")
READ = [table.name for table in TABLES]
KINDS = {table.name: table.columns for table in ALL_TABLES}


class Engine:
    """A destination of `.venv/engines`; the process that reads it is set by `EngineHarness`."""

    name: str
    dialect = ""
    dataset = "captaindata"
    runner: Runner
    folder: Path

    def environment(self) -> dict[str, str]:
        """dlt's configuration for it."""
        raise NotImplementedError

    def tables(self) -> dict[str, list[Row]]:
        """All rows of `READ`; times are UTC, JSON is parsed."""
        raise NotImplementedError

    def destination(self) -> Any:
        raise NotImplementedError

    def hold(self) -> None: ...

    def release(self) -> None: ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        raise NotImplementedError

    def read(self, how: str, *arguments: Any) -> Any:
        """What a function of `lake_run` reads."""
        answer = self.folder / "answer.json"
        done = self.runner(read=how, arguments=arguments, answer=str(answer))
        assert done == {"code": 0}, self.runner.log
        return json.loads(answer.read_text(encoding="utf-8"))


class Lake(Engine):
    """Delta or Iceberg tables in a folder, read by Daft."""

    name = "filesystem"

    def __init__(self, folder: Path, table_format: str) -> None:
        self.bucket = folder / "bucket"
        self.table_format = table_format

    def environment(self) -> dict[str, str]:
        return {
            "DESTINATION__FILESYSTEM__BUCKET_URL": str(self.bucket),
            "SOURCES__CAPTAINDATA__TABLE_FORMAT": self.table_format,
        }

    def tables(self) -> dict[str, list[Row]]:
        places = {name: str(self.bucket / self.dataset / name) for name in READ}
        return typed(self.read(self.table_format, places))


class DuckLake(Engine):
    """A lake with its catalog in SQLite."""

    name = "ducklake"

    def __init__(self, folder: Path) -> None:
        self.catalog = folder / "lake.sqlite"
        self.files = folder / "lake"

    def environment(self) -> dict[str, str]:
        prefix = "DESTINATION__DUCKLAKE__CREDENTIALS__"
        return {
            f"{prefix}DUCKLAKE_NAME": "lake",
            f"{prefix}CATALOG": f"sqlite:///{self.catalog}",
            f"{prefix}STORAGE": str(self.files),
        }

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        found: list[Row] = self.read("ducklake", f"sqlite:{self.catalog}", {"": sql})[""]
        return found

    def tables(self) -> dict[str, list[Row]]:
        queries = {name: f"select * from {name}" for name in READ}
        return typed(self.read("ducklake", f"sqlite:{self.catalog}", queries))


class Sqlite(Engine):
    """A SQLite database: dlt makes a file of it for each dataset."""

    name = "sqlalchemy"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "warehouse.db"

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__SQLALCHEMY__CREDENTIALS": f"sqlite:///{self.path}"}

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        path = self.path.with_name(f"{self.path.stem}__{self.dataset}{self.path.suffix}")
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            with connection:
                return [dict(row) for row in connection.execute(sql, tuple(parameters))]

    def tables(self) -> dict[str, list[Row]]:
        return typed({name: self.execute(f"select * from {name}") for name in READ})


def typed(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Values as the columns of their tables have them."""
    return {name: _typed(KINDS[name], rows) for name, rows in tables.items()}


def _typed(kinds: Mapping[str, str], rows: list[Row]) -> list[Row]:
    readers: dict[str, Callable[[Any], Any]] = {"json": _json, "timestamp": _time, "bool": _flag}
    return [
        {
            name: value
            if value is None or kinds.get(name) not in readers
            else readers[str(kinds[name])](value)
            for name, value in row.items()
        }
        for row in rows
    ]


def _json(value: Any) -> Any:
    return json.loads(value)


def _time(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _flag(value: Any) -> bool:
    return bool(value)


class EngineHarness(Harness):
    """As `Harness`; the command runs in `.venv/engines`."""

    def __init__(self, sandbox: FaultySandbox, engine: Engine, folder: Path) -> None:
        super().__init__(sandbox, engine, folder)
        self.engine = engine
        self._tables: dict[str, list[Row]] = {}
        """What is loaded, since the last sync."""
        self.runner = self.new_runner()
        engine.runner, engine.folder = self.runner, folder

    def new_runner(self, name: str = "engine") -> Runner:
        """One more process."""
        return Runner(str(SCRIPT), folder=self.folder, environment={}, name=name, python=PYTHON)

    def rows(self, table: str, *, where: str = "1 = 1") -> list[Row]:
        assert where == "1 = 1", "all rows are read"
        if not self._tables:
            self._tables = self.engine.tables()
        return self._tables[table]

    def begin(self, runner: Runner, *arguments: str, **environment: Any) -> str:
        """Begins a sync."""
        found = self.environment(**environment)
        self._tables = {}
        name = f"sync-{self._number}"
        database = ["--destination", self.database.name, "--dataset", self.database.dataset]
        line = ["sync", "--json", *database, *arguments]
        runner.begin(arguments=line, environment=found, folder=str(self.folder), name=name)
        return name

    def end(self, runner: Runner, name: str) -> Synced:
        """Waits for it."""
        code = runner.end()["code"]
        out, err = ((self.folder / f"{name}.{end}").read_text("utf-8") for end in ("out", "err"))
        summary = json.loads(out) if out else {}
        return Synced(code, summary, err, list(self.sandbox.log.entries))

    def sync(self, *arguments: str, expect: int = 0, **environment: Any) -> Synced:
        """Syncs with an empty `DLT_DATA_DIR`; the request log starts empty."""
        self.sandbox.log.clear()
        synced = self.end(self.runner, self.begin(self.runner, *arguments, **environment))
        assert synced.code == expect, f"exit {synced.code}\n{synced.summary}\n{synced.stderr}"
        return synced

    def close(self) -> None:
        """Ends the process."""
        self.runner.close()
