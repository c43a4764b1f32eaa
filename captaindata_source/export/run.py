"""An export: the rows of a view on their way into a file, and the bookmark of `--new`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dlt.common.runtime import signals

from captaindata_source.errors import ConfigError
from captaindata_source.export.bookmark import Bookmark
from captaindata_source.export.excel import CELL, Cells
from captaindata_source.export.files import ROWS, Format, Sink, send, workbench, write
from captaindata_source.export.relations import Exportable
from captaindata_source.export.selection import Filters, fresh_rows_query, rows_query
from captaindata_source.export.stream import KeyFile, Stream
from captaindata_source.export.workbook import Part, require_writer, spool, write_workbook
from captaindata_source.files import take_place
from captaindata_source.since import Since
from captaindata_source.sqltext import literal
from captaindata_source.times import UTC_NAME
from captaindata_source.warehouse.database import Database

__all__ = ["Order", "Run", "Written"]

BATCH_ROWS = 20_000
MEMORY = "128MB"
"""Of DuckDB, while it reads a view; one that needs more is read again without a limit."""
NO_MEMORY = "out of memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How something is exported.

    Args:
        kind: Format of the file.
        workspaces: Configured names or uids of the workspaces; none: all.
        since: The first time of rows; None: all.
        zone: `report_timezone`.
        new_for: Name of the exports whose rows are left out; None: none are.
        is_for_excel: Whether CSV is made for spreadsheets.

    Raises:
        ConfigError: The library for workbooks is not installed, or CSV is asked for in another
            format.
    """

    kind: Format = "csv"
    workspaces: Sequence[str] = ()
    since: Since | None = None
    zone: str = UTC_NAME
    new_for: str | None = None
    is_for_excel: bool = False

    def __post_init__(self) -> None:
        if self.is_for_excel and self.kind != "csv":
            raise ConfigError(f"--excel is about CSV: leave it out with --format {self.kind}")
        if self.kind == "xlsx":
            require_writer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of an export.

    Args:
        what: A view, or the results of a workspace where they are in one workbook.
        rows: How many there are.
        path: The file; None: there was no new row, so none was written.
        notes: What is to be known of them.
    """

    what: str
    rows: int
    path: Path | None = None
    notes: Sequence[str] = ()


class Run:
    """Exports into one dataset, by one connection.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        order: How they are exported.
        filters: Which rows.
        bookmark: What was exported before; None: it does not matter.
    """

    def __init__(
        self,
        database: Database,
        dataset: str,
        order: Order,
        filters: Filters,
        bookmark: Bookmark | None,
    ) -> None:
        self.database = database
        self.dataset = dataset
        self._order = order
        self._filters = filters
        self._bookmark = bookmark

    def send(self, view: Exportable, sink: Sink) -> Written:
        """Writes rows into a pipe."""
        with self._rows(view, None) as (stream, cells):
            send(stream, view.columns, self._order.kind, sink)
        return Written(what=view.name, rows=stream.rows, notes=_notes(view, stream, cells))

    def write(
        self, what: str, views: Mapping[str, Exportable], target: Path, *, is_numbered: bool = True
    ) -> Written:
        """Writes a file.

        DuckDB keeps what it reads in memory as far as it may; few queries need so much.

        Args:
            what: What it holds.
            views: By title: a view, or several for a workbook.
            target: The file.
            is_numbered: Whether a file with new rows has a number in its name anyway.
        """
        if self.database.kind != "duckdb":
            return self._write(what, views, target, is_numbered=is_numbered)
        [(limit,)] = self.database.query("select current_setting('memory_limit')")
        self.database.run(f"set memory_limit = '{MEMORY}'")
        try:
            return self._write(what, views, target, is_numbered=is_numbered)
        except Exception as error:
            if signals.was_signal_received() or NO_MEMORY not in str(error).lower():
                raise
        finally:
            self.database.run(f"set memory_limit = {literal(limit)}")
        return self._write(what, views, target, is_numbered=is_numbered)

    def _write(
        self, what: str, views: Mapping[str, Exportable], target: Path, *, is_numbered: bool
    ) -> Written:
        notes, rows = [], 0
        parts: list[Part] = []
        keys: dict[str, KeyFile] = {}
        with workbench(target) as folder:
            fresh = folder / ROWS
            for number, (title, view) in enumerate(views.items()):
                if self._bookmark is not None:
                    keys[view.name] = KeyFile(folder / f"keys-{number}")
                with self._rows(view, keys.get(view.name)) as (stream, cells):
                    if self._order.kind == "xlsx":
                        parts.append(spool(stream, folder / f"spool-{number}", title=title))
                    else:
                        write(
                            *(stream, view.columns, self._order.kind),
                            folder=folder,
                            target=target,
                            is_for_excel=self._order.is_for_excel,
                        )
                rows += stream.rows
                notes += _notes(view, stream, cells)
            path: Path | None = None
            if rows or self._bookmark is None:
                if self._order.kind == "xlsx":
                    kept = [part for part in parts if part.rows or self._bookmark is None]
                    write_workbook(kept, folder=folder, target=target)
                path = self._place(
                    what, fresh, target, rows=rows, keys=keys, is_numbered=is_numbered
                )
        return Written(what=what, rows=rows, path=path, notes=notes)

    def _place(
        self,
        what: str,
        fresh: Path,
        target: Path,
        *,
        rows: int,
        keys: Mapping[str, KeyFile],
        is_numbered: bool,
    ) -> Path:
        """Puts a file into its place, then moves the bookmark."""
        if self._bookmark is None:
            take_place(fresh, target)
            return target
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        place = self._bookmark.begin(what, target, is_numbered=is_numbered)
        take_place(fresh, place.path)
        self._bookmark.finish(place, rows, {view: each.tables() for view, each in keys.items()})
        return place.path

    @contextmanager
    def _rows(self, view: Exportable, keys: KeyFile | None) -> Iterator[tuple[Stream, Cells]]:
        """The rows of a view, as they are to be written."""
        if self._bookmark is None:
            query = rows_query(view, self.dataset, self._filters)
        else:
            query = fresh_rows_query(
                *(view, self.dataset, self._filters),
                kind=self.database.kind,
                exported=self._bookmark.exported(view.name),
            )
        cells = Cells(is_csv=self._order.kind == "csv")
        is_for_cells = self._order.is_for_excel or self._order.kind == "xlsx"
        has_start = self._filters.since is not None and view.time is not None
        with self.database.reader(query, BATCH_ROWS) as reader:
            yield (
                Stream(
                    reader,
                    time=view.time.column if has_start and view.time is not None else None,
                    keys=keys,
                    change=cells if is_for_cells else None,
                ),
                cells,
            )
        if keys is not None:
            keys.close()


def _notes(view: Exportable, stream: Stream, cells: Cells) -> list[str]:
    """What is to be known of the rows of a view."""
    lines = []
    if stream.without_time and view.time is not None:
        rows = "rows" if stream.without_time > 1 else "row"
        lines.append(
            f"{view.name}: {stream.without_time:,} {rows} without {view.time.column} left out"
        )
    for column, count in sorted(cells.cut.items()):
        texts = "texts" if count > 1 else "text"
        lines.append(f"{view.name}.{column}: {count:,} {texts} cut to {CELL:,} characters")
    return lines
