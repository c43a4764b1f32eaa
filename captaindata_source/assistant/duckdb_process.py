"""A process of its own for one query, or for one copy of the views. It gets a task as JSON on
standard input and answers with JSON on standard output.

It is run by its path, in an empty environment, and imports nothing of this package: it starts in
0.2 seconds. DuckDB does not bound the memory of texts, and some of its functions heed no interrupt;
the system bounds and ends a process.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

MB = 1024 * 1024
QUERY_MEMORY_MB = 512
"""What DuckDB may use for a query."""
ADDRESS_MB = 2560
"""What the process of a query may use; 800 MB of it are DuckDB's own start."""
COPY_MEMORY_MB = 768
THREADS = 2
BATCH = 20
NUMBERS = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*")
LOCKED_DOWN: dict[str, Any] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "secret_directory": "/nonexistent",
    "extension_directory": "/nonexistent",
    "temp_directory": "",
    "memory_limit": f"{QUERY_MEMORY_MB}MB",
    "threads": str(THREADS),
}


def _driver() -> Any:
    """DuckDB, without the parts in Python, which take twice as long to import as the rest."""
    try:
        import _duckdb  # noqa: PLC0415 - found where the task says
    except ImportError:
        import duckdb  # noqa: PLC0415 - another build

        return duckdb
    return _duckdb


class _NoSelectError(Exception):
    """It is not one select."""


def _bound(seconds: int) -> None:
    """Lets the system end this process where it uses too much; it can write no file."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    for kind, bound in (
        (resource.RLIMIT_AS, ADDRESS_MB * MB),
        (resource.RLIMIT_CPU, (seconds + 1) * THREADS + 5),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))


def _query(task: dict[str, Any]) -> dict[str, Any]:
    duckdb = _driver()

    _bound(task["seconds"])
    connection = duckdb.connect(task["file"], read_only=True, config=LOCKED_DOWN)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set home_directory = '/nonexistent'")  # DuckDB 1.4 takes it here alone
    connection.execute(f"set search_path = '{task['schema']}'")
    connection.execute("set lock_configuration = true")
    sql, values = task["sql"], task["values"]
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise _NoSelectError
    described = f"select * from (\n{sql}\n) limit 0"  # noqa: S608 - it is a select
    found = connection.execute(described, values).description or []
    names = [str(column[0]) for column in found]
    kinds = [_kind(str(column[1])) for column in found]
    result = connection.execute(
        wrapped(sql, columns=len(names), rows=task["rows"], cell=task["cell"]), values
    )
    rows: list[Any] = []
    size = 0
    while len(rows) <= task["rows"] and size <= task["size"]:
        batch = result.fetchmany(BATCH)
        if not batch:
            break
        rows += map(unpacked, batch)
        size += sum(len(cell) for row in batch for cell in row if cell is not None)
    return {"names": names, "kinds": kinds, "rows": rows}


def _kind(name: str) -> str:
    if NUMBERS.fullmatch(name):
        return "number"
    return "boolean" if name == "BOOLEAN" else "text"


def wrapped(sql: str, *, columns: int, rows: int, cell: int) -> str:
    """A select around a statement. Each cell is a text: its length, a colon, and its beginning.

    The statement was read by itself before, so it can't end the parentheses early.
    """
    names = [f"c{number}" for number in range(columns)]
    cells = ", ".join(
        f"length(cast({name} as text)) || ':' || left(cast({name} as text), {cell})"
        for name in names
    )
    return f"select {cells} from (\n{sql}\n) as q({', '.join(names)}) limit {rows + 1}"  # noqa: S608


def unpacked(row: Sequence[str | None]) -> list[Any]:
    """Of each cell of such a select, the text and its whole length."""
    found: list[Any] = []
    for cell in row:
        length, _, text = (cell or "").partition(":")
        found += [None, None] if cell is None else [text, int(length)]
    return found


def _copy(task: dict[str, Any]) -> dict[str, Any]:
    duckdb = _driver()

    os.umask(0o077)
    with suppress(FileNotFoundError):
        os.unlink(task["target"])  # noqa: PTH108 - as little is imported as can be
    connection = duckdb.connect(
        config={
            "memory_limit": f"{COPY_MEMORY_MB}MB",
            "threads": str(THREADS),
            "temp_directory": task["spill"],
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
        }
    )
    schema = _quoted(task["schema"])
    connection.execute(f"attach {_literal(task['source'])} as warehouse (read_only)")
    stamp = stamp_of(task["source"])
    connection.execute(f"attach {_literal(task['target'])} as copy")
    connection.execute("set timezone = 'UTC'; use warehouse")
    connection.execute(f"create schema copy.{schema}")
    skipped = []
    there = _relations(connection, task["schema"])
    for name, comment in there:
        place = f"copy.{schema}.{_quoted(name)}"
        if name not in task["views"]:
            try:
                query = f"select * from warehouse.{schema}.{_quoted(name)}"  # noqa: S608
                connection.execute(f"create table {place} as {query}")
            except duckdb.Error as error:
                if type(error).__name__ in ("IOException", "OutOfMemoryException"):
                    raise
                skipped.append(name)  # a view that is broken
                continue
            _describe(connection, place, "table", comment, [task["schema"], name])
    connection.execute("use copy")
    for name, comment in there:
        if name in task["views"]:
            place = f"copy.{schema}.{_quoted(name)}"
            try:
                connection.execute(f"create view {place} as {task['views'][name]}")
            except duckdb.Error:
                skipped.append(name)
                continue
            _describe(connection, place, "view", comment, [task["schema"], name])
    connection.execute("use memory; detach warehouse; detach copy")
    return {"stamp": stamp, "views": len(there) - len(skipped), "skipped": skipped}


def _relations(connection: Any, schema: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = connection.execute(
        """
        select view_name, comment from duckdb_views()
        where database_name = 'warehouse' and schema_name = $1
        union all
        select table_name, comment from duckdb_tables()
        where database_name = 'warehouse' and schema_name = $1
        order by 1
        """,
        [schema],
    ).fetchall()
    return found


def _describe(connection: Any, place: str, kind: str, comment: str | None, source: Any) -> None:
    if comment:
        connection.execute(f"comment on {kind} {place} is {_literal(comment)}")
    columns = connection.execute(
        """
        select column_name, comment from duckdb_columns()
        where database_name = 'warehouse' and schema_name = $1 and table_name = $2
            and comment is not null
        """,
        source,
    ).fetchall()
    for column, text in columns:
        connection.execute(f"comment on column {place}.{_quoted(column)} is {_literal(text)}")


def stamp_of(file: str) -> int:
    """When the file, or its log, last changed, in nanoseconds."""
    found = 0
    for path in (file, f"{file}.wal"):
        with suppress(OSError):
            found = max(found, os.stat(path).st_mtime_ns)  # noqa: PTH116
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> None:
    """Does the task. Whatever fails is part of the answer."""
    with os.fdopen(0, encoding="utf-8") as given:
        task = json.load(given)
    sys.path.extend(task["paths"])
    try:
        answer = {"copy": _copy, "query": _query}[task["do"]](task)
    except MemoryError:
        answer = {"error": "memory", "kind": "", "words": ""}
    except _NoSelectError:
        answer = {"error": "select", "kind": "", "words": ""}
    except Exception as error:  # noqa: BLE001 - the reader decides which words are shown
        answer = {"error": "duckdb", "kind": type(error).__name__, "words": str(error)}
    data = json.dumps(answer).encode("ascii")
    while data:
        data = data[os.write(1, data) :]
    os._exit(0)


if __name__ == "__main__":
    main()
