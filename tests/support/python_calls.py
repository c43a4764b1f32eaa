"""What runs in a process of its own around `captaindata_source.sync`, as an orchestrator would.

Each function prints one JSON object. `KWARGS` in the environment holds arguments of the call.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

import captaindata_source
from captaindata_source import ConfigError, SyncReport
from captaindata_source.cli import main
from captaindata_source.engine import sync as engine_sync
from captaindata_source.engine.status import Status

KWARGS = "TEST_KWARGS"
PROBE = Path("probe")


def _kwargs() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(os.environ.get(KWARGS, "{}"))
    return found


def _told(report: SyncReport) -> dict[str, Any]:
    return {"is_ok": report.is_ok, "dict": report.as_dict(), "text": str(report)}


def _process() -> dict[str, Any]:
    """What a call must leave as it was."""
    PROBE.touch()
    mode = PROBE.stat().st_mode
    PROBE.unlink()
    loggers = [logging.getLogger(name) for name in (None, "dlt", "captaindata_source")]
    return {
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "umask": mode,
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM)],
        "loggers": [
            (each.level, [str(h) for h in each.handlers], [str(f) for f in each.filters])
            for each in loggers
        ],
        "garbage": (gc.isenabled(), gc.get_threshold()),
        "load": dlt.config.get("load.truncate_staging_dataset"),
        "arrow": pa.default_memory_pool().backend_name,
        "pipeline": dlt.pipeline().pipeline_name,
        "streams": (id(sys.stdout), id(sys.stderr)),
        "threads": sorted(each.name for each in threading.enumerate()),
    }


def from_threads() -> dict[str, Any]:
    """Once from a thread that is not the main one, then from the main one."""
    dlt.pipeline("of_the_host", destination="duckdb", pipelines_dir="own")
    seen: list[str] = []

    def in_thread() -> dict[str, Any]:
        threading.current_thread().name = "orchestrator"
        dlt.pipeline("of_the_host", destination="duckdb", pipelines_dir="own")
        before = _process()
        report = captaindata_source.sync(
            **_kwargs(), watch=lambda all_: seen.extend(each.name for each in all_)
        )
        return {**_told(report), "before": before, "after": _process()}

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread).result()
    before = _process()
    frozen = gc.get_freeze_count()
    second = captaindata_source.sync(**_kwargs())
    return {
        "frozen": max(0, gc.get_freeze_count() - frozen),
        "first": first,
        "second": {**_told(second), "before": before, "after": _process()},
        "seen": sorted(set(seen)),
    }


def side_by_side() -> dict[str, Any]:
    """Each workspace in a call of its own, both at once."""
    names = json.loads(os.environ["NAMES"])
    with ThreadPoolExecutor(len(names)) as pool:
        calls = [
            pool.submit(captaindata_source.sync, workspaces=[name], **_kwargs()) for name in names
        ]
        return {"reports": [_told(call.result()) for call in calls]}


def as_the_command() -> dict[str, Any]:
    """`captaindata sync --json`, and the report that it was printed from."""
    reports: list[SyncReport] = []
    real = engine_sync.sync

    def kept(**named: Any) -> SyncReport:
        reports.append(real(**named))
        return reports[-1]

    engine_sync.sync = kept
    options = _kwargs()
    database = [f"--{name}={options[name]}" for name in ("destination", "dataset")]
    code = main.main(["sync", "--json", "--quiet", *database])
    sys.stdout.write("\n--\n")
    return {"code": code, **_told(reports[0])}


def refusals() -> dict[str, Any]:
    """What each call is refused with."""
    said = []
    for kwargs in json.loads(os.environ["CALLS"]):
        try:
            captaindata_source.sync(**kwargs)
        except ConfigError as error:
            said.append(str(error))
    return {"said": said}


def interrupted() -> dict[str, Any]:
    """The process gets SIGINT while it syncs, and SIGTERM in another call."""
    caught: list[str] = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGTERM, lambda *_: caught.append("SIGTERM"))

    def strike(number: signal.Signals) -> Callable[[Sequence[Status]], None]:
        """Sends the signal once, when the sync waits for the API."""
        left = [number]

        def watch(statuses: Sequence[Status]) -> None:
            if statuses[0].wait is not None and left:
                os.kill(os.getpid(), left.pop())

        return watch

    try:
        uninterrupted = captaindata_source.sync(**_kwargs(), watch=strike(signal.SIGINT))
        caught.append(str(uninterrupted))
    except KeyboardInterrupt:
        caught.append("KeyboardInterrupt")
    report = captaindata_source.sync(**_kwargs(), watch=strike(signal.SIGTERM))
    return {"caught": caught, **_told(report)}


def plainly() -> dict[str, Any]:
    """One call; whoever watches it raises."""

    def watch(_: object) -> None:
        raise RuntimeError("of the one who watches")

    return _told(captaindata_source.sync(**_kwargs(), watch=watch))
