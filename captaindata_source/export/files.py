"""Files of rows: written beside their place, then put there in one step."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.export.excel import headings
from captaindata_source.export.stream import Stream
from captaindata_source.files import naming
from captaindata_source.sqltext import literal, quoted
from captaindata_source.warehouse.database.statements import watch
from captaindata_source.warehouse.remedies import words_of

__all__ = ["FORMATS", "ROWS", "Format", "Sink", "send", "unwritten", "workbench", "write"]

Format = Literal["csv", "parquet", "jsonl", "xlsx"]
FORMATS: Sequence[Format] = ("csv", "parquet", "jsonl", "xlsx")
Sink = Callable[[bytes], bool]
"""Takes a piece of a file; false: it wants no more."""
ROWS = "rows.part"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_OPTIONS: Mapping[str, str] = {
    "csv": f"format csv, header, timestampformat '{TIME_FORMAT}'",
    "parquet": "format parquet, compression zstd",
    "jsonl": f"format json, timestampformat '{TIME_FORMAT}'",
}
BOM = "\ufeff"
LINE_END = "\r\n"
STALE_SECONDS = 86_400.0
"""Age of what a process that was killed has left."""
PIPE_BYTES = 65_536
_REASON = re.compile(r"(?:write (?:to )?|open )file .*?\.part\W+([A-Z][\w' -]+)")
"""What DuckDB says of the file that it writes, and why."""


@contextmanager
def workbench(target: Path) -> Iterator[Path]:
    """A folder beside a file to make it in; nothing is left of it afterwards.

    Args:
        target: The file; its folder is made if it is missing.

    Raises:
        ConfigError: The file is a folder.
        OSError: The folder can't be made.
    """
    if target.is_dir():
        raise ConfigError(f"{target} is a folder: name a file in it with --output")
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{_plain(target.name)}.*.part"):
        with suppress(OSError):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stale)
    folder = Path(
        tempfile.mkdtemp(prefix=f".{_plain(target.name)}.", suffix=".part", dir=target.parent)
    )
    try:
        with naming(target):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plain(name: str) -> str:
    """Short enough for more to be added, and without what `glob` knows."""
    return re.sub(r"[^\w. -]", "_", name)[:60]


def write(
    stream: Stream,
    columns: Sequence[tuple[str, str]],
    kind: Format,
    *,
    folder: Path,
    target: Path,
    is_for_excel: bool = False,
) -> Path:
    """Writes rows into a file.

    Times are UTC. Arrays and objects are JSON: nested in jsonl, text in csv and parquet.

    Args:
        stream: The rows.
        columns: Names and types of the columns in the database.
        kind: Any format but xlsx.
        folder: Gets the file.
        target: Where it will be, for messages.
        is_for_excel: Whether CSV begins with a BOM and has the line ends of Windows.

    Raises:
        DestinationError: It can't be written.
    """
    fresh = folder / ROWS
    with duckdb.connect() as writer:
        watch(writer)
        try:
            _copy(writer, stream, columns, str(fresh), _options(kind, columns, is_for_excel))
        except duckdb.Error as error:
            raise unwritten(target, error) from None
    if is_for_excel and stream.rows == 0:
        fresh.write_text(_heading(columns), encoding="utf-8", newline="")
    return fresh


def send(stream: Stream, columns: Sequence[tuple[str, str]], kind: Format, sink: Sink) -> None:
    """Writes rows into a pipe.

    Args:
        stream: The rows.
        columns: Names and types of the columns in the database.
        kind: csv or jsonl.
        sink: Gets the bytes.

    Raises:
        DestinationError: The rows can't be read.
    """
    source, pipe = os.pipe()
    is_left = threading.Event()

    def pump() -> None:
        with os.fdopen(source, "rb", buffering=0) as reader:
            while piece := reader.read(PIPE_BYTES):
                if not sink(piece):
                    is_left.set()
                    return

    pumping = threading.Thread(target=pump, name="output")
    pumping.start()
    try:
        with duckdb.connect() as writer:
            watch(writer)
            _copy(writer, stream, columns, f"/dev/fd/{pipe}", _options(kind, columns, False))
    except duckdb.Error:
        if not is_left.is_set():
            raise
    finally:
        os.close(pipe)
        pumping.join()


def unwritten(target: Path, error: Exception) -> Exception:
    """What an error of whoever wrote a file means; the same where it is another's."""
    if isinstance(error, duckdb.Error):
        found = _REASON.search(str(error))
        if found is None:
            return error
        reason = found[1].strip()
    else:
        reason = words_of(error)
    return DestinationError(
        f"{target} can't be written: {reason}. Free some space there, or name another folder with "
        "--output"
    )


def _copy(
    writer: duckdb.DuckDBPyConnection,
    stream: Stream,
    columns: Sequence[tuple[str, str]],
    path: str,
    options: str,
) -> None:
    types = {name: "json" for name, type_name in columns if type_name.lower() == "json"}
    if "timestampformat" in options:  # DuckDB before 1.5.6 has no format for times with a zone
        types |= {
            field.name: "timestamp" for field in stream.schema if pa.types.is_timestamp(field.type)
        }
    selected = ", ".join(
        f"cast({quoted(name)} as {types[name]}) as {quoted(name)}"
        if name in types
        else quoted(name)
        for name in stream.schema.names
    )
    # one thread: others would each hold rows that wait for their turn
    writer.execute("set timezone = 'UTC'; set threads = 1")
    rows: Any = stream.reader()
    writer.register("rows_of_export", rows)
    writer.execute(f"copy (select {selected} from rows_of_export) to {literal(path)} ({options})")


def _options(kind: Format, columns: Sequence[tuple[str, str]], is_for_excel: bool) -> str:
    if not is_for_excel:
        return _OPTIONS[kind]
    # a suffix is between the last row and the end: DuckDB writes none of its own there
    return (
        f"{_OPTIONS[kind].replace('header', 'header false')}, prefix {literal(_heading(columns))}, "
        f"suffix {literal(LINE_END)}, new_line '\\r\\n'"
    )


def _heading(columns: Sequence[tuple[str, str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=LINE_END).writerow(headings([name for name, _ in columns]))
    return BOM + text.getvalue()
