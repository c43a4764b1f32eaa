"""Exports: from a view to a file in its place, and the bookmark of `--new`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dlt

from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.export.bookmark import Bookmark, alone
from captaindata_source.export.files import Format, Sink
from captaindata_source.export.relations import Exportable, find_view
from captaindata_source.export.results import Listed
from captaindata_source.export.run import Order, Run, Written
from captaindata_source.export.selection import Filters
from captaindata_source.views.results.tables import PREFIX
from captaindata_source.views.workspaces import choose_workspaces, loaded_workspaces
from captaindata_source.warehouse.database import open_database, schema_of
from captaindata_source.warehouse.remedies import message_of

__all__ = ["export_results", "export_view"]

NO_DATABASE = "Views and results can be exported from DuckDB and Postgres alone"


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
        for what, title, views, target in _files(run, chosen, order.kind, folder):
            try:
                yield replace(run.write(what, views, target), what=title)
            except OSError as error:
                raise CaptainDataError(f"{title}: {message_of(error)}") from error


def _files(
    run: Run, chosen: Sequence[Listed], kind: Format, folder: Path
) -> Iterator[tuple[str, str, Mapping[str, Exportable], Path]]:
    """What each file of results holds, also in words, its views by title, and the file."""
    if kind != "xlsx":
        for each in chosen:
            view = find_view(run.database, run.dataset, each.view)
            name = f"{each.view.removeprefix(PREFIX)}.{kind}"
            yield each.view, each.view, {each.view: view}, folder / each.workspace.folder / name
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
        target = folder / space.folder / f"{space.folder}.xlsx"
        yield f"results of {space.uid}", f"results of {space.label}", views, target


@contextmanager
def _opened(
    pipeline: dlt.Pipeline, order: Order, *, workspaces: Sequence[str] = ()
) -> Iterator[Run]:
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError(NO_DATABASE)
        dataset = schema_of(pipeline)
        named = []
        if workspaces:
            named = choose_workspaces(loaded_workspaces(database, dataset), workspaces)
        filters = Filters(workspaces=named, since=order.since, zone=order.zone)
        if order.new_for is None:
            yield Run(database, dataset, order, filters, None)
            return
        with alone(pipeline, order.new_for):
            bookmark = Bookmark(database, dataset, order.new_for)
            yield Run(database, dataset, order, filters, bookmark)
