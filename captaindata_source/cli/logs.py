"""What dlt logs, for people who did not write it."""

from __future__ import annotations

import itertools
import logging

from captaindata_source.dlt_internals.options import is_of_load_step

__all__ = ["quiet_dlt"]

logger = logging.getLogger(__name__)

TRACEBACK = "Traceback (most recent call last)"
NO_MERGE = (
    "Falling back to `append`",
    'The "hard_delete" column hint',
    'The "dedup_sort" column hint',
)
"""What dlt says of each table, several times, where a destination can't merge."""
RENAMED = "Due to normalization dataset name"


class _OurWords(logging.Filter):
    """Passes over what dlt says too, and we tell: failed loads, names of schemas, whatever has a
    traceback, and once that rows are not replaced."""

    def __init__(self) -> None:
        super().__init__()
        self._without_merge = itertools.count()

    def filter(self, record: logging.LogRecord) -> bool:
        if logging.getLogger(record.name).isEnabledFor(logging.INFO):
            return True
        said = record.getMessage()
        if said.startswith(NO_MERGE):
            if next(self._without_merge) == 0:
                logger.warning(
                    "The destination can't replace rows: each sync adds to what is there. Read "
                    "the newest load of each row and job, with the queries in README, Files"
                )
            return False
        is_told = record.exc_info or is_of_load_step(record) or TRACEBACK in said
        return not (is_told or said.startswith(RENAMED))


def quiet_dlt() -> None:
    """Keeps failures that we tell out of dlt's log, unless its level is INFO or lower."""
    logging.getLogger("dlt").addFilter(_OurWords())
