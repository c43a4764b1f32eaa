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
        What is loaded already, where the job is the same, or where it was loaded without regard to
        a time that could not be read then and that is the same.
    """
    time = row.get(FINISH)
    if known is not None and known.results_version is not None:
        if known.row_hash == row["row_hash"]:
            return known.results_version
        is_same = unread.get(FINISH) == str(record.get(FINISH)) or (
            time is not None and known.finish_time == time
        )
        if is_same and known.results_version == _version(row, None):
            return known.results_version
    return _version(row, time.isoformat() if time else row.get(f"api_{FINISH}"))


def _version(row: Row, time: str | None) -> str:
    return digest(repr([row.get("status"), time, *map(row.get, COUNTS)]))


def reads_more(record: Record, known: KnownJob, unread: Mapping[str, str]) -> bool:
    """Whether a time can be read now that could not when the job was loaded.

    Args:
        record: The job.
        known: The same, as it is loaded.
        unread: As above.
    """
    texts = [name for name, text in unread.items() if text == str(record.get(name))]
    if known.finish_time is None and record.get(FINISH) is not None:
        texts.append(FINISH)  # an early version kept no text
    return any(_is_time(record[name]) for name in texts)


def _is_time(value: object) -> bool:
    try:
        parse_time(value)
    except UnfitError:
        return False
    return True
