"""What dlt logs, for people who did not write it."""

from __future__ import annotations

import logging

__all__ = ["quiet_dlt"]

TRACEBACK = "Traceback (most recent call last)"


LOADER = "load"
"""dlt's module that loads."""
RENAMED = "Due to normalization dataset name"


class _OurWords(logging.Filter):
    """Passes over what dlt raises too, and we tell: failed loads, names of
    schemas, and whatever has a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if logging.getLogger(record.name).isEnabledFor(logging.INFO):
            return True
        said = record.getMessage()
        is_told = record.exc_info or record.module == LOADER or TRACEBACK in said
        is_told = is_told or said.startswith(RENAMED)
        return not is_told


def quiet_dlt() -> None:
    """Keeps failures that we tell out of dlt's log, unless its level is INFO or lower."""
    logging.getLogger("dlt").addFilter(_OurWords())
