"""Runs the views on an engine with the interpreter of `.venv/engines`.

Reads datasets as JSON from standard input: tables as parquet files with the types of their
columns, and the statements that make the views. Answers with JSON: the rows of each view, or why it
has none. It imports nothing of this project.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ZONE = "America/Los_Angeles"
"""Of the session: no view may follow it."""
Rows = list[dict[str, Any]]


class Engine:
    """An engine that holds datasets."""

    types: Mapping[str, str]
    """Type of a column of a raw table to the engine's."""

    def fill(self, dataset: str, table: str, columns: Mapping[str, str], file: str) -> None:
        """Makes a table of a file, as dlt would make it."""
        raise NotImplementedError

    def run(self, statement: str) -> None:
        raise NotImplementedError

    def rows(self, view: str) -> Rows:
        """The rows of a view."""
        raise NotImplementedError


class Spark(Engine):
    types = {  # noqa: RUF012 - read only
        **{"text": "string", "json": "string", "bigint": "bigint", "double": "double"},
        **{"bool": "boolean", "timestamp": "timestamp"},
    }

    def __init__(self, folder: Path) -> None:
        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "1",
            "spark.default.parallelism": "1",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.session.timeZone": ZONE,
            "spark.sql.warehouse.dir": str(folder / "spark"),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        }
        builder = importlib.import_module("pyspark.sql").SparkSession.builder.master("local[1]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self._session = builder.getOrCreate()
        self._session.sparkContext.setLogLevel("OFF")

    def fill(self, dataset: str, table: str, columns: Mapping[str, str], file: str) -> None:
        self.run(f"create database if not exists {dataset}")
        self.run(f"create table {dataset}.{table} using parquet location '{Path(file).parent}'")

    def run(self, statement: str) -> None:
        self._session.sql(statement)

    def rows(self, view: str) -> Rows:
        """The rows of a view. It becomes a table, for others read it many times: as views of views
        of views, a few rows take minutes."""
        found = self._session.sql(f"select * from {view}").persist()
        rows = [row.asDict() for row in found.collect()]
        found.write.saveAsTable(f"{view}_rows")
        found.unpersist()
        self.run(f"drop view {view}")
        self.run(f"alter table {view}_rows rename to {view}")
        return rows


class ClickHouse(Engine):
    types = {  # noqa: RUF012 - read only
        **{"text": "String", "json": "String", "bigint": "Int64", "double": "Float64"},
        **{"bool": "Bool", "timestamp": "DateTime64(6, 'UTC')"},
    }
    SETTINGS = "output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 1"
    FIRST, LAST = (
        f"toDateTime64('{text}', 6, 'UTC')"
        for text in ("1900-01-01 00:00:00", "2299-12-31 23:59:59")
    )
    """The ends of its times."""

    def __init__(self, folder: Path) -> None:
        session = importlib.import_module("chdb.session")
        self._session = session.Session(str(folder / "chdb"))
        self.run(f"set session_timezone = '{ZONE}'")

    def fill(self, dataset: str, table: str, columns: Mapping[str, str], file: str) -> None:
        types = {name: f"Nullable({self.types[kind]})" for name, kind in columns.items()}
        listed = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
        name = f"`{dataset}___{table}`"
        self.run(f"create table {name} ({listed}) engine = MergeTree order by tuple()")
        values = ", ".join(
            f"if(isNull(`{column}`), null, greatest({self.FIRST}, least({self.LAST}, `{column}`)))"
            if kind == "timestamp"
            else f"`{column}`"
            for column, kind in columns.items()
        )
        self.run(f"insert into {name} select {values} from file('{file}', Parquet)")

    def run(self, statement: str) -> None:
        self._session.query(statement)

    def rows(self, view: str) -> Rows:
        found = self._session.query(f"select * from {view} settings {self.SETTINGS}", "JSON")
        rows: Rows = json.loads(str(found))["data"]
        return rows


class DuckLake(Engine):
    types = {  # noqa: RUF012 - read only
        **{"text": "varchar", "json": "json", "bigint": "bigint", "double": "double"},
        **{"bool": "boolean", "timestamp": "timestamp with time zone"},
    }

    def __init__(self, folder: Path) -> None:
        self._connection = importlib.import_module("duckdb").connect()
        (packages,) = importlib.import_module("duckdb_ext").__path__
        (extension,) = Path(packages).rglob("ducklake.duckdb_extension")
        self.run(f"load '{extension}'")
        self.run(f"attach 'ducklake:{folder}/lake.ducklake' as lake (data_path '{folder}/lake')")
        self.run(f"use lake; set timezone = '{ZONE}'")

    def fill(self, dataset: str, table: str, columns: Mapping[str, str], file: str) -> None:
        self.run(f'create schema if not exists "{dataset}"')
        values = ", ".join(
            f'cast("{name}" as {self.types[kind]}) as "{name}"' for name, kind in columns.items()
        )
        self.run(f'create table "{dataset}".{table} as select {values} from "{file}"')

    def run(self, statement: str) -> None:
        self._connection.execute(statement)

    def rows(self, view: str) -> Rows:
        found = self._connection.execute(f"select * from {view}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


class Snowflake(Engine):
    types = {  # noqa: RUF012 - read only
        **{"text": "varchar", "json": "variant", "bigint": "number(19, 0)", "double": "float"},
        **{"bool": "boolean", "timestamp": "timestamp_tz"},
    }

    def __init__(self, folder: Path) -> None:
        fakesnow = importlib.import_module("fakesnow")
        self._patched = fakesnow.patch()
        self._patched.__enter__()
        connector = importlib.import_module("snowflake.connector")
        self._connection = connector.connect(database="db", schema="public")
        self._cursor = self._connection.cursor()

    def fill(self, dataset: str, table: str, columns: Mapping[str, str], file: str) -> None:
        self.run(f"create schema if not exists {dataset}")
        listed = ", ".join(f"{name} {self.types[kind]}" for name, kind in columns.items())
        self.run(f"create table {dataset}.{table} ({listed})")
        rows = importlib.import_module("pyarrow.parquet").read_table(file)
        for number, (name, kind) in enumerate(columns.items()):
            if kind == "json":
                texts = [text and _as_variant(text) for text in rows[name].to_pylist()]
                rows = rows.set_column(number, name, [texts])
        # fakesnow has no fast way for rows: those of dlt come in files
        self._connection._duck_conn.register("given", rows)
        self._connection._duck_conn.execute(f"insert into db.{dataset}.{table} from given")

    def run(self, statement: str) -> None:
        self._cursor.execute(statement)

    def rows(self, view: str) -> Rows:
        self._cursor.execute(f"select * from {view}")
        names = [column[0].lower() for column in self._cursor.description]
        return [dict(zip(names, values, strict=True)) for values in self._cursor.fetchall()]


def _as_variant(text: str) -> str:
    """JSON in one spelling, as a variant has it: fakesnow keeps the text. So it is not shown here
    what Snowflake makes of `1.0`."""
    return json.dumps(json.loads(text, parse_float=_whole), sort_keys=True, ensure_ascii=False)


def _whole(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


ENGINES: Mapping[str, Callable[[Path], Engine]] = {
    "clickhouse": ClickHouse,
    "ducklake": DuckLake,
    "snowflake": Snowflake,
    "spark": Spark,
}


def answer(engine: Engine, datasets: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Dataset, view, and its rows or the text of an error."""
    for dataset, content in datasets.items():
        for name, table in content["tables"].items():
            engine.fill(dataset, name, table["columns"], table["file"])
        if content["schema"]:
            engine.run(content["schema"])
        for name, view in content["views"].items():
            try:
                engine.run(view["statement"])
                yield dataset, name, engine.rows(view["relation"])
            except Exception as error:  # noqa: BLE001 - any is told
                yield dataset, name, f"{type(error).__name__}: {error}"


def plain(value: Any) -> Any:
    """What JSON has no type for."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


@contextmanager
def own_output() -> Iterator[Any]:
    """Standard output, to which nothing else writes."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        yield answers


def main() -> None:
    os.environ["TZ"] = "UTC"
    with own_output() as answers, tempfile.TemporaryDirectory() as folder:
        datasets = json.load(sys.stdin)
        engine = ENGINES[sys.argv[1]](Path(folder))
        found: dict[str, dict[str, Any]] = {name: {} for name in datasets}
        for dataset, view, rows in answer(engine, datasets):
            found[dataset][view] = rows
        json.dump(found, answers, default=plain)


if __name__ == "__main__":
    main()
