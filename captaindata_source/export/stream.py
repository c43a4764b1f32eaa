"""The rows of a query on their way into a file: batch by batch, never all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.runtime import signals

from captaindata_source.export.selection import ROW_HASH, ROW_KEY

__all__ = ["KeyFile", "Stream"]

Change = Callable[[pa.RecordBatch], pa.RecordBatch]


class KeyFile:
    """Keys and hashes of rows, on disk until their file is complete.

    Args:
        path: A new file.
    """

    SCHEMA = pa.schema([("row_key", pa.string()), ("row_hash", pa.string())])

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = pa.ipc.new_stream(str(path), self.SCHEMA)

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds the keys of rows."""
        columns = [batch.column(name).cast(pa.string()) for name in (ROW_KEY, ROW_HASH)]
        self._writer.write_batch(pa.record_batch(columns, schema=self.SCHEMA))

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def tables(self) -> Iterator[pa.Table]:
        """What was added."""
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])


class Stream:
    """Rows as Arrow batches.

    Args:
        source: A reader of record batches.
        time: Column of the time that rows must have; None: they need none.
        keys: Gets the keys of the rows, which the batches do not have any more.
        change: What is done with each batch at last.
    """

    def __init__(
        self,
        source: Any,
        *,
        time: str | None = None,
        keys: KeyFile | None = None,
        change: Change | None = None,
    ) -> None:
        self._source = source
        self._time = time
        self._keys = keys
        self._change = change or (lambda batch: batch)
        self.rows = 0
        """Rows so far."""
        self.without_time = 0
        """Rows that were left out, for their time is not known."""

    @property
    def schema(self) -> pa.Schema:
        """Of the batches."""
        empty = [pa.array([], field.type) for field in _plain_schema(self._source.schema)]
        batch = pa.record_batch(empty, schema=_plain_schema(self._source.schema))
        return self._change(self._without_keys(batch)).schema

    def reader(self) -> pa.RecordBatchReader:
        """The batches, once."""
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for each in self._source:
            signals.raise_if_signalled()
            batch = _plain(each)
            if self._time is not None:
                is_known = pc.is_valid(batch.column(self._time))
                kept = batch.filter(is_known)
                self.without_time += batch.num_rows - kept.num_rows
                batch = kept
            if batch.num_rows == 0:
                continue
            self.rows += batch.num_rows
            if self._keys is not None:
                self._keys.add(batch)
            yield self._change(self._without_keys(batch))

    def _without_keys(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch if self._keys is None else batch.drop_columns([ROW_KEY, ROW_HASH])


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """Without types that only a driver knows, such as ADBC's for numbers of any length."""
    return pa.schema(
        pa.field(field.name, getattr(field.type, "storage_type", field.type)) for field in schema
    )


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [getattr(column, "storage", column) for column in batch.columns]
    return pa.record_batch(columns, schema=_plain_schema(batch.schema))
