"""Excel workbooks, written by rust_xlsxwriter in constant memory.

Rows are put on disk first: only then it is known how many sheets they take, and whether a column
has values that a cell of its type can't hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.runtime import signals

from captaindata_source.errors import ConfigError
from captaindata_source.export.excel import are_long, is_text
from captaindata_source.export.files import ROWS, unwritten
from captaindata_source.export.sheets import SheetNames
from captaindata_source.export.stream import Stream

__all__ = ["Part", "require_writer", "spool", "write_workbook"]

MAX_ROWS = 1_048_575
"""Rows of a sheet below its headings."""
MAX_COLUMNS = 16_384
SAMPLE = 500
"""Rows that widths of columns are made for."""
NARROW, WIDE = 8, 60
DAY_US = 86_400_000_000
EPOCH_DAYS = 25_569
"""1970 as Excel counts days."""
MARCH_1900 = 61
"""Excel counts a 29 February 1900 that never was: days before it have one number less."""
FIRST_DAY, LAST_DAY = -25_567, 2_932_896
"""1900-01-01 and 9999-12-31 as days since 1970."""
FORMATS = {"time": "yyyy-mm-dd hh:mm:ss", "date": "yyyy-mm-dd"}


@dataclass(kw_only=True)
class Part:
    """Rows of one view, on disk.

    Args:
        title: For the name of its sheet.
        path: The rows.
        schema: Of the rows.
        rows: How many there are.
        widths: Of the columns.
        mixed: Columns with values that a cell of their type can't hold: these are text.
    """

    title: str
    path: Path
    schema: pa.Schema
    rows: int = 0
    widths: list[int] = field(default_factory=list)
    mixed: set[str] = field(default_factory=set)


def require_writer() -> Any:
    """The library that writes workbooks.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import rustpy_xlsxwriter  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            "--format xlsx needs an extra: pip install 'captaindata-source[xlsx]'"
        ) from None
    return rustpy_xlsxwriter


def spool(stream: Stream, path: Path, *, title: str) -> Part:
    """Puts rows on disk.

    Args:
        stream: The rows.
        path: A new file.
        title: For the name of their sheet.

    Raises:
        ConfigError: There are more columns than a sheet has.
    """
    reader = stream.reader()
    part = Part(title=title, path=path, schema=reader.schema)
    if len(part.schema) > MAX_COLUMNS:
        raise ConfigError(
            f"{title} has {len(part.schema):,} columns and a sheet {MAX_COLUMNS:,}: export it in "
            "another format"
        )
    part.widths = [_width(name, None) for name in part.schema.names]
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(str(path), part.schema, options=options) as writer:
        for batch in reader:
            if part.rows == 0:
                part.widths = [
                    _width(name, column.slice(0, SAMPLE))
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                ]
            part.rows += batch.num_rows
            part.mixed |= {
                name
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
                if pc.any(_misfits(column)).as_py()
            }
            writer.write_batch(batch)
    return part


def write_workbook(
    parts: Sequence[Part], *, folder: Path, target: Path, max_rows: int = MAX_ROWS
) -> Path:
    """Writes a workbook with a sheet, or more where rows are too many, for each part.

    Args:
        parts: The rows.
        folder: Gets the file.
        target: Where it will be, for messages.
        max_rows: Rows of a sheet.

    Raises:
        DestinationError: It can't be written.
    """
    library = require_writer()
    fresh = folder / ROWS
    names = SheetNames()
    book = library.FastExcel(str(fresh), output_format="xlsx")
    book.format(bold_headers=True).freeze(row=1)
    for part in parts:
        batches = _Batches(part)
        for first in range(0, max(part.rows, 1), max_rows):
            book.sheet(
                names.take(part.title),
                _rows(part, batches.take(min(max_rows, part.rows - first))),
                column_widths=part.widths,
                column_formats=[_format(library, each.type) for each in part.schema],
                autofilter=True,
            )
    try:
        with _temporary_files_in(folder):
            book.save()
    except (OSError, RuntimeError) as error:
        signals.raise_if_signalled()
        raise unwritten(target, error) from error
    return fresh


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """The library puts the rows of each sheet into temporary files, which may need gigabytes: the
    disk that gets the workbook is the one to hold them."""
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


class _Batches:
    """The rows of a part, taken in turn by its sheets."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._batches = self._read()
        self._rest: pa.RecordBatch | None = None

    def take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The next rows."""
        while rows > 0:
            batch = self._rest if self._rest is not None else next(self._batches)
            self._rest = batch.slice(rows) if batch.num_rows > rows else None
            batch = batch.slice(0, rows)
            rows -= batch.num_rows
            yield batch

    def _read(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._part.path)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                signals.raise_if_signalled()
                yield batch


def _rows(part: Part, batches: Iterator[pa.RecordBatch]) -> Any:
    """What the library takes: Arrow batches, or records where a column has values of two kinds."""
    if not part.mixed:
        changed = (_with_numbers(batch) for batch in batches)
        schema = pa.schema((each.name, _cell_type(each.type)) for each in part.schema)
        return pa.RecordBatchReader.from_batches(schema, changed)
    return _records(part, batches)


def _records(part: Part, batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    names = part.schema.names
    for batch in batches:
        plain = _with_numbers(batch)
        columns = [
            _with_texts(batch.column(name), plain.column(name))
            if name in part.mixed
            else plain.column(name).to_pylist()
            for name in names
        ]
        for row in zip(*columns, strict=True):
            yield dict(zip(names, row, strict=True))


def _with_texts(column: pa.Array, plain: pa.Array) -> list[Any]:
    """The values of a column, as texts where a cell of their type can't hold them."""
    values: list[Any] = plain.to_pylist()
    texts = column.cast(pa.string()).to_pylist()
    for place in pc.indices_nonzero(_misfits(column)).to_pylist():
        values[place] = texts[place]
    return values


def _misfits(column: pa.Array) -> pa.Array:
    """Which values a cell of the column's type can't hold."""
    kind = column.type
    if pa.types.is_integer(kind):
        found = are_long(column)
    elif pa.types.is_floating(kind):
        found = pc.invert(pc.is_finite(column))
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        days = pc.floor(_days(column))
        found = pc.or_(pc.less(days, FIRST_DAY), pc.greater(days, LAST_DAY))
    else:
        return pa.repeat(pa.scalar(value=False), len(column))
    return pc.fill_null(found, fill_value=False)


def _with_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times and dates as Excel counts them: days since 1900, UTC."""
    columns = [_numbers(column) for column in batch.columns]
    return pa.record_batch(columns, names=batch.schema.names)


def _numbers(column: pa.Array) -> pa.Array:
    if _cell_type(column.type) == column.type:
        return column
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return column.cast(pa.string())
    days = pc.add(_days(column), float(EPOCH_DAYS))
    return pc.if_else(pc.less(days, MARCH_1900), pc.subtract(days, 1.0), days)


def _days(column: pa.Array) -> pa.Array:
    if pa.types.is_date(column.type):
        return column.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
    times = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())
    return pc.divide(times.cast(pa.float64(), safe=False), float(DAY_US))


def _cell_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pa.float64()
    is_plain = (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or is_text(kind)
    )
    return kind if is_plain else pa.string()


def _format(library: Any, kind: pa.DataType) -> Any:
    name = "date" if pa.types.is_date(kind) else "time" if pa.types.is_timestamp(kind) else None
    return name and library.Format().set_num_format(FORMATS[name])


def _width(name: str, sample: pa.Array | None) -> int:
    """A width in which the first values can be read, and the name beside its button."""
    longest = len(name) + 3
    if sample is not None and len(sample):
        if pa.types.is_date(sample.type) or pa.types.is_timestamp(sample.type):
            longest = max(longest, len(FORMATS["time"]) + 1)
        else:
            lengths = pc.utf8_length(sample.cast(pa.string()))
            longest = max(longest, pc.max(lengths).as_py() or 0)
    return max(NARROW, min(longest, WIDE))
