"""Exports: from a view to a file in its place, and the bookmark of `--new`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dlt

from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.export.bookmark import Bookmark, alone
from captaindata_source.export.excel import CELL, Cells
from captaindata_source.export.files import ROWS, Format, Sink, send, workbench, write
from captaindata_source.export.relations import Exportable, find_view
from captaindata_source.export.results import Listed
from captaindata_source.export.selection import Filters, fresh_rows_query, rows_query
from captaindata_source.export.stream import KeyFile, Stream
from captaindata_source.export.workbook import Part, require_writer, spool, write_workbook
from captaindata_source.files import take_place
from captaindata_source.since import Since
from captaindata_source.times import UTC_NAME
from captaindata_source.views.results.tables import PREFIX
from captaindata_source.views.workspaces import choose_workspaces, loaded_workspaces
from captaindata_source.warehouse.database import Database, open_database, schema_of
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Order", "Written", "export_results", "export_view"]

BATCH_ROWS = 20_000
NO_DATABASE = "Views and results can be exported from DuckDB and Postgres alone"


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


def export_view(
    pipeline: dlt.Pipeline,
    name: str,
    order: Order,
    *,
    path: Path | None = None,
    folder: Path = Path(),
    sink: Sink | None = None,
) -> Written:
    """Writes a view into a file; all or nothing.

    Args:
        pipeline: Gives destination and dataset.
        name: Of the view.
        order: How.
        path: The file; None: one in the folder that has the name of the view.
        folder: Where it goes then.
        sink: Gets the bytes in place of a file.

    Raises:
        ConfigError: There is no such view, or it can't be filtered as it was asked for.
        OSError: The folder can't be written.
        DestinationError: The database can't be read, or the file not be written.
    """
    with _opened(pipeline, order, workspaces=order.workspaces) as run:
        view = find_view(run.database, run.dataset, name)
        if sink is not None:
            return run.send(view, sink)
        target = path or folder / f"{view.name}.{order.kind}"
        return run.write(view.name, {view.name: view}, target, is_numbered=path is None)


def export_results(
    pipeline: dlt.Pipeline, chosen: Sequence[Listed], order: Order, *, folder: Path
) -> Iterator[Written]:
    """Writes the results of workflows into the folders of their workspaces.

    One file for each workflow; as xlsx one for each workspace, with a sheet for each workflow.

    Args:
        pipeline: Gives destination and dataset.
        chosen: The workflows.
        order: How.
        folder: Where the workspaces' folders are.

    Yields:
        What became of each file.

    Raises:
        CaptainDataError: One can't be written.
    """
    with _opened(pipeline, order) as run:
        for what, views, target in _files(run, chosen, order.kind, folder):
            try:
                yield run.write(what, views, target)
            except OSError as error:
                raise CaptainDataError(f"{what}: {message_of(error)}") from error


def _files(
    run: _Run, chosen: Sequence[Listed], kind: Format, folder: Path
) -> Iterator[tuple[str, Mapping[str, Exportable], Path]]:
    """What each file of results holds, its views by title, and the file."""
    if kind != "xlsx":
        for each in chosen:
            view = find_view(run.database, run.dataset, each.view)
            name = f"{each.view.removeprefix(PREFIX)}.{kind}"
            yield each.view, {each.view: view}, folder / each.workspace.folder / name
        return
    for space in {each.workspace.uid: each.workspace for each in chosen}.values():
        own = [each for each in chosen if each.workspace.uid == space.uid]
        names = Counter(each.workflow for each in own)
        views = {
            # two workflows may have one name
            each.workflow if names[each.workflow] == 1 else f"{each.workflow} {each.view}": (
                find_view(run.database, run.dataset, each.view)
            )
            for each in own
        }
        yield f"results of {space.uid}", views, folder / space.folder / f"{space.folder}.xlsx"


@contextmanager
def _opened(
    pipeline: dlt.Pipeline, order: Order, *, workspaces: Sequence[str] = ()
) -> Iterator[_Run]:
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError(NO_DATABASE)
        dataset = schema_of(pipeline)
        named = []
        if workspaces:
            named = choose_workspaces(loaded_workspaces(database, dataset), workspaces)
        filters = Filters(workspaces=named, since=order.since, zone=order.zone)
        if order.new_for is None:
            yield _Run(database, dataset, order, filters, None)
            return
        with alone(pipeline, order.new_for):
            bookmark = Bookmark(database, dataset, order.new_for)
            yield _Run(database, dataset, order, filters, bookmark)


class _Run:
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

        Args:
            what: What it holds.
            views: By title: a view, or several for a workbook.
            target: The file.
            is_numbered: Whether a file with new rows has a number in its name anyway.
        """
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
