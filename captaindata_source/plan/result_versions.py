"""Which state of a job its results belong to."""

from __future__ import annotations

from collections.abc import Mapping

from captaindata_source.api import Record
from captaindata_source.records import Row, digest
from captaindata_source.times import UnfitError, parse_time
from captaindata_source.warehouse import KnownJob

__all__ = ["reads_more", "results_version"]

COUNTS = ("row_count", "total_row_count")
FINISH = "finish_time"


def results_version(
    row: Row, record: Record, known: KnownJob | None, unread: Mapping[str, str]
) -> str:
    """Identifies what a job's results depend on: its status, when it finished, and its counts.

    The time counts, however it is written; its text counts where no time can be read from it.

    Args:
        row: Of the job.
        record: That the row was made of.
        known: What is loaded of the job.
        unread: Texts of times that are loaded and could not be read then, by column.

    Returns:
        What is loaded already, where that was made before the text counted, of the same text.
    """
    time = row.get(FINISH)
    if known is not None and (text := unread.get(FINISH)) is not None:
        earlier = _version(row, None)
        if known.results_version == earlier and text == str(record.get(FINISH)):
            return earlier
    return _version(row, time.isoformat() if time else row.get(f"api_{FINISH}"))


def _version(row: Row, time: str | None) -> str:
    return digest(repr([row.get("status"), time, *map(row.get, COUNTS)]))


def reads_more(record: Record, unread: Mapping[str, str]) -> bool:
    """Whether a time can be read now that could not when the job was loaded."""
    return any(
        text == str(record.get(name)) and _is_time(record[name]) for name, text in unread.items()
    )


def _is_time(value: object) -> bool:
    try:
        parse_time(value)
    except UnfitError:
        return False
    return True
