"""What the command does to its own process, and `captaindata_source.sync` never to that of others:
logging, umask, the environment, memory."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from captaindata_source.dlt_internals.options import is_of_load_step
from captaindata_source.files import OWNER_ONLY

__all__ = ["collect_seldom", "own_process", "quiet_dlt", "spare_memory", "until_signal"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

FIXED = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
USUAL_THRESHOLDS = gc.get_threshold()
IMPORTED_OBJECTS = 200_000
M_ARENA_MAX = -8
ARENAS = 2
TRACEBACK = "Traceback (most recent call last)"
OF_A_TABLE = (
    "Falling back to `append`",
    'The "hard_delete" column hint',
    'The "dedup_sort" column hint',
    "The configured value `parquet`",
    "For data items in ",
)
"""What dlt says of each table, several times, where a destination can't merge or takes other files;
what that means is told before the first call."""
RENAMED = "Due to normalization dataset name"


class _OurWords(logging.Filter):
    """Passes over what dlt says too, and we tell: failed loads, names of schemas, whatever has a
    traceback, and what a destination lacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        if logging.getLogger(record.name).isEnabledFor(logging.INFO):
            return True
        said = record.getMessage()
        is_told = record.exc_info or is_of_load_step(record) or TRACEBACK in said
        return not (is_told or said.startswith((*OF_A_TABLE, RENAMED)))


def quiet_dlt() -> None:
    """Keeps failures that we tell out of dlt's log, unless its level is INFO or lower."""
    logging.getLogger("dlt").addFilter(_OurWords())


@contextmanager
def own_process() -> Iterator[None]:
    """Sets up logging and the environment; files that are made meanwhile are for their owner."""
    os.environ.update(FIXED)
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr)
    quiet_dlt()
    umask = os.umask(OWNER_ONLY)
    try:
        yield
    finally:
        os.umask(umask)


def collect_seldom() -> None:
    """Lets imports pass without searching for garbage, which takes a tenth of their time."""
    gc.set_threshold(IMPORTED_OBJECTS)


def spare_memory() -> None:
    """Gives back to the system what is freed: a long load takes a fifth less memory.

    Arrow's own pool keeps what it had, and glibc keeps a heap for each of dozens of threads; other
    C libraries have no such setting. What was imported stays, and is not searched for garbage.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    gc.freeze()
    gc.set_threshold(*USUAL_THRESHOLDS)


def until_signal(task: Callable[[], Result]) -> Result:
    """Runs a task that SIGINT and SIGTERM end soon; it has a moment to clean up.

    Raises:
        KeyboardInterrupt: A signal came.
    """
    from dlt.common.runtime import signals

    from captaindata_source.warehouse.interrupts import run_until_signal

    spare_memory()
    with signals.intercepted_signals():
        try:
            [found] = run_until_signal([lambda: (task(),)], name="task")
        except Exception:
            signals.raise_if_signalled()
            raise
        if found is None:
            raise KeyboardInterrupt
        return found[0]
