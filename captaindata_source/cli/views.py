"""`captaindata views create|drop|list|render`: the SQL views of a warehouse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from captaindata_source.cli.dataset import options_of, warehouse_of
from captaindata_source.cli.output import is_delivered, write_table, write_text
from captaindata_source.cli.shared_arguments import (
    FAILED,
    OK,
    Parsers,
    add_command,
    add_destination,
)
from captaindata_source.errors import ConfigError
from captaindata_source.tabular import one_line
from captaindata_source.views.dialects import DIALECTS

if TYPE_CHECKING:
    from captaindata_source.views.view import Change

__all__ = ["add_views"]

NO_VIEWS = "Views are made on DuckDB and Postgres alone"


def add_views(commands: Parsers) -> None:
    """Adds the command."""
    text = "create, drop or list the SQL views of the warehouse"
    views = add_command(commands, "views", text)
    actions = views.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("create", _create_views, "bring all views up to date, as each sync does"),
        ("drop", _drop_views, "drop all views (and tables of results); others' are left alone"),
        ("list", _list_views, "list the views and how they stand"),
    ):
        add_destination(add_command(actions, name, text, run))
    _add_render(actions)


def _add_render(actions: Parsers) -> None:
    text = "print the SQL of the views for an engine that the connector makes no views on"
    render = add_command(actions, "render", text, _render_views)
    render.add_argument("view", nargs="*", help="a view (all by default)")
    render.add_argument("--dialect", required=True, choices=DIALECTS, help="the engine")
    render.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="TABLE",
        help="leave out views that need this table, which is not loaded (repeatable)",
    )
    render.add_argument(
        "--dataset", default="captaindata", help="dataset (schema) of the tables (captaindata)"
    )


def _create_views(options: argparse.Namespace) -> int:
    from captaindata_source.views import refresh
    from captaindata_source.views.view import State
    from captaindata_source.warehouse import database

    how = replace(options_of(options), create_views=True)
    warehouse = warehouse_of(options, how)
    if warehouse.destination.destination_type not in (database.DUCKDB, database.POSTGRES):
        raise ConfigError(NO_VIEWS)
    aftermath = refresh.follow_load(warehouse, how, copy_to=None)
    _write_changes(aftermath.changes)
    if aftermath.error:
        write_text(f"FAILED: {aftermath.error}")
    is_ok = aftermath.is_ok and not aftermath.in_state(State.BLOCKED)
    return OK if is_ok else FAILED


def _render_views(options: argparse.Namespace) -> int:
    from captaindata_source.settings import config
    from captaindata_source.settings.sync_options import SyncOptions
    from captaindata_source.views.dialects.render import script

    how = SyncOptions(dataset=options.dataset, **config.load_options())
    write_text(
        script(
            options.dialect,
            how.dataset,
            names=options.view,
            without=options.without,
            report_timezone=how.report_timezone,
        )
    )
    return OK if is_delivered() else FAILED


def _drop_views(options: argparse.Namespace) -> int:
    from captaindata_source.views.install import drop_views
    from captaindata_source.views.view import State
    from captaindata_source.warehouse.database import open_database, schema_of
    from captaindata_source.warehouse.locks import holding

    pipeline = warehouse_of(options)
    with (
        holding(pipeline, waits_for_file=False),
        open_database(pipeline) as database,
    ):
        if database is None:
            raise ConfigError(NO_VIEWS)
        changes = drop_views(database, schema_of(pipeline))
    _write_changes(changes)
    return FAILED if any(change.state is State.BLOCKED for change in changes) else OK


def _write_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        reason = f" ({change.reason})" if change.reason else ""
        write_text(one_line(f"{change.state:<10} {change.view}{reason}"))


def _list_views(options: argparse.Namespace) -> int:
    from captaindata_source.views.install import list_views
    from captaindata_source.warehouse.database import open_database, schema_of

    how = options_of(options)
    pipeline = warehouse_of(options, how)
    with open_database(pipeline) as database:
        if database is None:
            raise ConfigError(NO_VIEWS)
        zone = how.report_timezone
        found = sorted(list_views(database, schema_of(pipeline), report_timezone=zone))
    write_table([("view", "state", "shows"), *found])
    return OK if is_delivered() else FAILED
