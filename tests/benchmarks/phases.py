"""Runs `captaindata` in this process with a clock around each of dlt's steps.

    python phases.py FILE ARGUMENT...

ARGUMENT... are those of `captaindata`; FILE receives the seconds of each phase as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BEGIN = time.perf_counter()

from dlt.pipeline.pipeline import Pipeline  # noqa: E402 - how long this takes is measured too

STEPS = ("sync_destination", "extract", "normalize", "load")


@contextmanager
def timed_phases() -> Iterator[dict[str, float]]:
    """Adds up the seconds spent in each step of any pipeline; a step within a step is the outer's.

    For one pipeline at a time: threads that overlap would count twice.
    """
    seconds = dict.fromkeys(STEPS, 0.0)
    running: list[str] = []

    def timed(step: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            running.append(step)
            try:
                return original(*args, **kwargs)
            finally:
                running.pop()
                if not running:
                    seconds[step] += time.perf_counter() - begin

        return run

    originals = {step: getattr(Pipeline, step) for step in STEPS}
    try:
        for step, original in originals.items():
            setattr(Pipeline, step, timed(step, original))
        yield seconds
    finally:
        for step, original in originals.items():
            setattr(Pipeline, step, original)


def main(file: Path, arguments: list[str]) -> int:
    """Runs the command; returns its exit code."""
    importlib.import_module("captaindata_source.runner")
    cli = importlib.import_module("captaindata_source.cli")
    begin = time.perf_counter()
    with timed_phases() as seconds:
        code: int = cli.main(arguments)
    whole = time.perf_counter() - begin
    phases = {
        "imports": begin - _BEGIN,
        **seconds,
        "other": whole - sum(seconds.values()),
    }
    file.write_text(json.dumps(phases))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
