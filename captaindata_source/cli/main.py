"""The command `captaindata`. dlt, and all that is slow to import, is imported by what needs it."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from captaindata_source import __version__
from captaindata_source.cli import warehouse
from captaindata_source.cli.arguments import number, whole
from captaindata_source.cli.logs import quiet_dlt
from captaindata_source.cli.output import erase_below, safe_output, write_json
from captaindata_source.errors import CaptainDataError, ConfigError
from captaindata_source.files import OWNER_ONLY
from captaindata_source.settings import files
from captaindata_source.tables import SELECTABLE
from captaindata_source.warehouse.remedies import message_of

if TYPE_CHECKING:
    from dlt.common.runtime.collector_base import Collector

    from captaindata_source.cli.progress import Display
    from captaindata_source.sandbox import Sandbox

__all__ = ["build_parser", "main"]

OK, NOT_ALL_LOADED, USAGE = 0, 1, 2
NEED_NO_CONFIG = ("init", "sandbox")
FIXED = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
DEFAULTS = {
    # what was loaded is kept in the destination alone, not a second time in staging or on disk
    "load.truncate_staging_dataset": "true",
    "load.delete_completed_jobs": "true",
    # a load job may have done its work when its connection breaks: not it is tried again, which
    # could double rows, but its package from the beginning
    "load.raise_on_max_retries": "1",
    # rows between extract and normalize are read at once, and then deleted
    "extract.data_writer.disable_compression": "true",
}
COLLECTORS = ("auto", "log", "tqdm", "enlighten", "alive_progress")
DEFAULT_PORT = 8765
MAX_PORT = 65_535


def run() -> None:
    """The installed command: `main`, and then an end without taking Python apart piece by piece,
    which takes longer than a sync that finds nothing new."""
    code = main()
    logging.shutdown()
    os._exit(code)


@safe_output()
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line. The files that it makes are for their owner alone.

    Args:
        arguments: Without the program's name; None: those of the process.

    Returns:
        0: all loaded; 1: a workspace or the load failed; 2: wrong usage or configuration.
    """
    options = build_parser().parse_args(arguments)
    os.environ.update(FIXED)
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr)
    quiet_dlt()
    run: Callable[[argparse.Namespace], int] = options.run
    umask = os.umask(OWNER_ONLY)
    try:
        _require_utf8(options)
        if options.command not in NEED_NO_CONFIG:
            files.require_readable()
        return run(options)
    except ConfigError as error:
        sys.stderr.write(f"captaindata: {error}\n")
    except CaptainDataError as error:
        sys.stderr.write(f"captaindata: {error}\n")
        return NOT_ALL_LOADED
    except KeyboardInterrupt:
        sys.stderr.write("captaindata: interrupted; what was loaded is kept\n")
        return NOT_ALL_LOADED
    except OSError as error:
        sys.stderr.write(f"captaindata: {message_of(error)}\n")
        return NOT_ALL_LOADED
    finally:
        os.umask(umask)
    return USAGE


def _require_utf8(options: argparse.Namespace) -> None:
    for name, value in vars(options).items():
        texts = value if isinstance(value, list) else [value]
        if not all(files.is_utf8(str(text)) for text in texts):
            raise ConfigError(f"The argument {name} is not UTF-8: type it anew")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands and options."""
    parser = argparse.ArgumentParser(
        prog="captaindata",
        description="Sync Captain Data into DuckDB, Postgres or any other dlt destination.",
    )
    parser.add_argument("--version", action="version", version=f"captaindata {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    sync = commands.add_parser("sync", help="load what is new", description="Load what is new.")
    _add_destination(sync)
    sync.add_argument(
        "--table",
        action="append",
        default=[],
        choices=[table.name for table in SELECTABLE],
        help="load this table only (repeatable)",
    )
    sync.add_argument(
        "--full-refresh",
        action="store_true",
        help="fetch everything again, keep what the API no longer lists",
    )
    sync.add_argument(
        "--max-minutes",
        type=number(example=30),
        metavar="N",
        help="end after about N minutes; the next sync goes on with the jobs that are left",
    )
    sync.add_argument(
        "--max-requests",
        type=whole(example=500),
        metavar="N",
        help="end after about N requests to the API; the next sync goes on with what is left",
    )
    sync.add_argument(
        "--progress",
        nargs="?",
        const="auto",
        choices=COLLECTORS,
        help="show dlt's own progress instead of ours (auto: a bar on a terminal, else lines)",
    )
    sync.add_argument(
        "--quiet", action="store_true", help="show nothing while it syncs, but the summary"
    )
    sync.add_argument(
        "--json", action="store_true", help="print a machine-readable summary on stdout"
    )
    sync.set_defaults(run=_sync)

    init = commands.add_parser(
        "init",
        help="write .dlt/secrets.toml and .dlt/config.toml, to be filled in",
        description="Write .dlt/secrets.toml and .dlt/config.toml, to be filled in.",
    )
    init.set_defaults(run=_init)

    check = commands.add_parser(
        "check",
        help="try keys, endpoints and destination; load nothing",
        description="Try keys, endpoints and destination; load nothing.",
    )
    _add_destination(check)
    check.set_defaults(run=_check)

    warehouse.add_views(commands, _add_destination)
    warehouse.add_results(commands, _add_destination)

    sandbox = commands.add_parser(
        "sandbox",
        help="serve a fake Captain Data with seeded data on localhost",
        description="Serve a fake Captain Data with seeded data on localhost.",
    )
    sandbox.add_argument(
        "--port",
        type=whole(at_least=0, at_most=MAX_PORT, example=DEFAULT_PORT),
        default=DEFAULT_PORT,
        help=f"port to serve on (default {DEFAULT_PORT})",
    )
    sandbox.add_argument(
        "--days-per-minute",
        type=number(example=10, may_be_zero=True),
        default=0.0,
        help="simulated days that pass in a minute (default 0: the clock stands)",
    )
    sandbox.add_argument(
        "--seed",
        type=whole(at_least=None, example=7),
        default=0,
        help="seed of the data (default 0)",
    )
    sandbox.add_argument(
        "--rate-limit",
        type=whole(example=60),
        metavar="N",
        help="answer 429 beyond N requests a minute and workspace (default: no limit)",
    )
    sandbox.set_defaults(run=_sandbox)
    return parser


def _add_destination(parser: argparse.ArgumentParser, *, with_workspace: bool = True) -> None:
    parser.add_argument(
        "--destination",
        default="duckdb",
        help="a dlt destination: duckdb (default), postgres, filesystem, …",
    )
    parser.add_argument(
        "--dataset", default="captaindata", help="dataset (schema) of the tables (captaindata)"
    )
    if not with_workspace:
        return
    parser.add_argument(
        "--workspace",
        action="append",
        default=[],
        metavar="NAME",
        help="this configured workspace only (repeatable)",
    )


def _sync(options: argparse.Namespace) -> int:
    from captaindata_source.cli.progress import Display

    with Display(is_on=not (options.quiet or options.progress)) as display:
        display.note("starting")
        from dlt.common.runtime import signals

        with signals.intercepted_signals():  # to the end: what it left behind must not go on
            summary, is_ok = _synced(options, display)
    if options.progress:
        erase_below()
    if options.json:
        write_json(summary)
    else:
        sys.stdout.write(f"{summary}\n")
    return OK if is_ok else NOT_ALL_LOADED


def _synced(options: argparse.Namespace, display: Display) -> tuple[object, bool]:
    """Syncs; gives the summary, for machines or people, and whether all went well."""
    from captaindata_source.cli import allocator
    from captaindata_source.cli.place import place_of
    from captaindata_source.engine import report, sync
    from captaindata_source.settings import config
    from captaindata_source.views import refresh
    from captaindata_source.warehouse import pipeline, preflight, publish

    _set_defaults()
    allocator.spare_memory()
    gc.freeze()  # what was imported stays: not to be searched for garbage
    loaded = config.load_config(full_refresh=options.full_refresh)
    workspaces = config.select(loaded.workspaces, options.workspace)
    how = pipeline.SyncOptions(
        destination=options.destination,
        dataset=options.dataset,
        tables=options.table,
        max_minutes=options.max_minutes,
        max_requests=options.max_requests,
        progress=_collector(options.progress),
        **loaded.load,
    )
    target = pipeline.Target(how)
    warehouse = target.reader
    pipeline.name_schema(warehouse)
    copy_to = publish.check_publish(warehouse, how)
    preflight.require_dlt_options()
    preflight.require_right_warehouse(warehouse, workspaces)
    reports = sync.sync(workspaces, how, target=target, watch=display.show)
    aftermath = refresh.Aftermath()
    is_interrupted = any(each.error == sync.INTERRUPTED for each in reports)
    if not is_interrupted and any(each.outcome != report.FAILED for each in reports):
        display.note("bringing the views up to date")
        aftermath = refresh.follow_load_until_signal(warehouse, how, copy_to=copy_to)
    is_ok = aftermath.is_ok and all(each.is_ok for each in reports)
    if options.json:
        summary = report.as_dict(
            reports,
            destination=options.destination,
            dataset=options.dataset,
            is_ok=is_ok,
            more=aftermath.as_dict(),
        )
        return summary, is_ok
    tables = list(dict.fromkeys(options.table)) or [
        table.name
        for table in SELECTABLE
        if any(table.name in how.wanted_of(workspace) for workspace in workspaces)
    ]
    parts = [
        report.as_text(reports, tables=tables, named=options.table),
        aftermath.as_text(),
        place_of(warehouse, has_views=how.create_views),
    ]
    return "\n".join(filter(None, parts)), is_ok


def _set_defaults() -> None:
    """Our defaults for dlt's own options, where nobody set them."""
    import dlt

    for name, value in DEFAULTS.items():
        if dlt.config.get(name) is None:
            os.environ[name.replace(".", "__").upper()] = value


def _init(_: argparse.Namespace) -> int:
    from captaindata_source.cli import starter

    for path in starter.write_starter(Path.cwd()):
        sys.stdout.write(f"wrote {path.relative_to(Path.cwd())}\n")
    sys.stdout.write(
        "Next: put your API key and project UID into .dlt/secrets.toml, keep it out of version "
        "control, and run `captaindata check`, then `captaindata sync`\n"
    )
    return OK


def _check(options: argparse.Namespace) -> int:
    from captaindata_source.engine import check
    from captaindata_source.settings import config
    from captaindata_source.warehouse import pipeline

    loaded = config.load_config()
    workspaces = config.select(loaded.workspaces, options.workspace)
    how = pipeline.SyncOptions(
        destination=options.destination, dataset=options.dataset, **loaded.load
    )
    verdicts = list(check.check(workspaces, how))
    sys.stdout.write(f"{check.as_text(verdicts)}\n")
    return OK if all(verdict.is_ok for verdict in verdicts) else NOT_ALL_LOADED


def _sandbox(options: argparse.Namespace) -> int:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError(
            "The sandbox needs the extra 'sandbox': pip install 'captaindata-source[sandbox]'"
        ) from None
    from captaindata_source import sandbox

    try:
        sandbox.serve(
            port=options.port,
            days_per_minute=options.days_per_minute,
            seed=options.seed,
            rate_limit=options.rate_limit,
            announce=_announce,
        )
    except OSError as error:
        raise ConfigError(f"Port {options.port} can't be served on: {error.strerror}") from None
    except (OverflowError, ValueError) as error:
        raise ConfigError(f"The sandbox can't be started: {error}") from None
    return OK


def _announce(server: Sandbox) -> None:
    from captaindata_source.sandbox import example_secrets

    first = server.world.workspaces[0]
    secrets = example_secrets(server.world, server.base_url, server.base_url_of("v4"))
    sys.stdout.write(
        f"The sandbox serves {server.base_url} until Ctrl-C. For `captaindata sync`, put this into "
        f".dlt/secrets.toml:\n\n{secrets}\n"
        "Or, for the scripts in pipelines/ that load one workspace, set this in the shell, and "
        "leave secrets.toml as it was:\n\n"
        f"export SOURCES__CAPTAINDATA__API_KEY={first.api_key}\n"
        f"export SOURCES__CAPTAINDATA__PROJECT_UID={first.uid}\n"
        f"export SOURCES__CAPTAINDATA__BASE_URL={server.base_url}\n"
    )
    sys.stdout.flush()


def _collector(name: str | None) -> Callable[[], Collector] | None:
    if name is None:
        return None
    from dlt.pipeline import progress

    if name == "auto":
        name = "tqdm" if sys.stderr.isatty() else "log"
    kind = getattr(progress, name)
    make: Callable[[], Collector] = partial(kind, logger=sys.stderr) if name == "log" else kind
    try:
        make()
    except ImportError as error:
        raise ConfigError(f"--progress {name}: {' '.join(str(error).split())}") from None
    return make
