"""Runs the command line in new OS processes that need not import dlt again.

A fork server imports the connector once; each run is a fork of it, with an environment, a working
folder and open files of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import resource
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import dlt

from captaindata_source import captaindata
from captaindata_source.cli import main
from tests.support import mishaps

PRELOAD = [
    "captaindata_source.cli.main",
    "captaindata_source.settings.config",
    "captaindata_source.engine.sync",
    "captaindata_source.engine.check",
    "captaindata_source.cli.process",
    "dlt.destinations.impl.duckdb.duck",
    "dlt.destinations.impl.postgres.postgres",
    # what dlt and httpx import when they are first used
    "adbc_driver_manager.dbapi",
    "adbc_driver_postgresql",
    "dlt.__plugins__",
    "dlt._workspace._plugins",
    "dlt._workspace.cli",
    "dlt.common.libs.pyarrow",
    "dlt.common.libs.sql_alchemy_compat",
    "dlt.destinations._adbc_jobs",
    "dlt.sources.helpers.requests",
    "encodings.idna",
    "h11",
    "httpcore",
    "pendulum.locales.en.locale",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pytz.tzinfo",
    "requests",
    "sqlglot",
    "tests.support.mishaps",
    "tests.support.processes",
    "tests.support.time_lapse",
    "tests.support.preloaded",
]
PLAIN = ["plain"]
"""Arguments of a process that runs a pipeline of its own instead of the command."""
CALL = "call"
"""First argument of a process that runs a function of `python_calls`, the second one."""
TIMEOUT_SECONDS = 900
"""For what hangs; a busy machine is no failure."""
TIME_FACTOR = "TEST_TIME_FACTOR"
"""In the environment of a process: how many times faster time passes for its connector."""
SHORT_WAITS = "TEST_SHORT_WAITS"
"""In the environment of a process: how many times shorter its connector waits; see `time_lapse`."""
LOG_LEVEL = "TEST_LOG_LEVEL"
"""In the environment of a process: the level of all of Python's loggers, httpx's included."""
USUAL_UMASK = 0o022
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOAD)


@dataclass(frozen=True, slots=True)
class Completed:
    """What a process left behind."""

    code: int
    stdout: str
    stderr: str


def start(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, name: str
) -> ForkServerProcess:
    """Starts `captaindata ARGUMENTS` in a new process; its output goes to files in `folder`."""
    process = _context.Process(
        target=_run, args=(list(arguments), dict(environment), str(folder), name), daemon=True
    )
    process.start()
    return process


def finish(process: ForkServerProcess, *, folder: Path, name: str) -> Completed:
    """Waits for a process that was started; `NAME.usage` then holds its memory and its time."""
    process.join(TIMEOUT_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"captaindata still ran after {TIMEOUT_SECONDS} s")
    outputs = [(folder / f"{name}.{end}").read_text(encoding="utf-8") for end in ("out", "err")]
    return Completed(process.exitcode, *outputs)


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, name: str = "run"
) -> Completed:
    """Runs `captaindata ARGUMENTS` to its end in a new process."""
    process = start(arguments, environment=environment, folder=folder, name=name)
    return finish(process, folder=folder, name=name)


def _run_plainly(folder: str) -> int:
    """A pipeline of someone's own, as the environment configures it, without the command."""
    pipeline = dlt.pipeline(
        "own",
        pipelines_dir=f"{folder}/pipelines",
        destination=os.environ["DESTINATION"],
        dataset_name=os.environ["DATASET"],
    )
    pipeline.run(captaindata())
    return 0


def _run(arguments: list[str], environment: dict[str, str], folder: str, name: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.umask(USUAL_UMASK)
    for end, stream in (("out", 1), ("err", 2)):
        file = os.open(f"{name}.{end}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream)
    if level := environment.get(LOG_LEVEL):
        logging.basicConfig(level=level)
    code = 70
    try:
        if factor := environment.get(TIME_FACTOR) or environment.get(SHORT_WAITS):
            from tests.support import time_lapse  # noqa: PLC0415 - imports all of the connector

            time_lapse.install(float(factor), has_short_waits=SHORT_WAITS in environment)
        mishaps.install(environment)
        if arguments == PLAIN:
            code = _run_plainly(folder)
        elif arguments[:1] == [CALL]:
            from tests.support import python_calls  # noqa: PLC0415 - few need it

            sys.stdout.write(json.dumps(getattr(python_calls, arguments[1])()))
            code = 0
        else:
            code = main.main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        used = resource.getrusage(resource.RUSAGE_SELF)
        usage = {"peak_kb": used.ru_maxrss, "cpu_seconds": used.ru_utime + used.ru_stime}
        Path(f"{name}.usage").write_text(json.dumps(usage), encoding="utf-8")
    os._exit(code)
