"""Runs the command, and reads what it loaded, with the interpreter of `.venv/engines`.

Reads a command as a line of JSON, answers with a line of JSON. Each runs in a fork of this process,
which has imported the connector.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import dlt.destinations.impl.duckdb.duck  # noqa: F401 - so that forks need not

import captaindata_source.engine.sync  # noqa: F401
from tests.support import processes


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            command = json.loads(line)
            child = os.fork()
            if child == 0:
                _run(command)
            _, status = os.waitpid(child, 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)


def _run(command: dict[str, Any]) -> None:
    if "read" not in command:
        processes._run(**command)
    try:
        rows = globals()[f"read_{command['read']}"](*command["arguments"])
        Path(command["answer"]).write_text(json.dumps(rows, default=str), encoding="utf-8")
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def read_delta(places: dict[str, str]) -> dict[str, Any]:
    """The rows of Delta tables, as Daft reads them."""
    import daft  # noqa: PLC0415 - forks alone

    return {name: daft.read_deltalake(place).to_pylist() for name, place in places.items()}


def read_iceberg(places: dict[str, str]) -> dict[str, Any]:
    """The rows of Iceberg tables, as Daft reads them from their newest metadata."""
    import daft  # noqa: PLC0415 - forks alone
    from pyiceberg.table import StaticTable  # noqa: PLC0415

    found = {}
    for name, place in places.items():
        newest = max(Path(place, "metadata").glob("*.metadata.json"))
        found[name] = daft.read_iceberg(StaticTable.from_metadata(str(newest))).to_pylist()
    return found


def read_extensions() -> dict[str, Any]:
    """Puts extensions of DuckDB where it looks for them: in the home of the tests."""
    from duckdb_extensions import import_extension  # noqa: PLC0415

    for name in ("ducklake", "sqlite_scanner"):
        import_extension(name)
    return {}


def read_ducklake(catalog: str, queries: dict[str, str]) -> dict[str, Any]:
    """The rows of queries in a lake, by their names."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach 'ducklake:{catalog}' as lake; use lake.captaindata")
        found = {}
        for name, sql in queries.items():
            cursor = connection.execute(sql)
            columns = [column[0] for column in cursor.description or []]
            found[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return found


if __name__ == "__main__":
    main()
