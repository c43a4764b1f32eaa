"""Which state of a job its results belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from captaindata_source.api import Record
from captaindata_source.extract.rows import digest
from captaindata_source.tables import Row
from captaindata_source.times import UnfitError, parse_time, since_epoch
from captaindata_source.warehouse.memory import KnownJob

__all__ = ["reads_more", "results_version"]

COUNTS = ("row_count", "total_row_count")
FINISH = "finish_time"
REST_LENGTH = 16


def results_version(
    row: Row,
    record: Record,
    known: KnownJob | None,
    unread: Mapping[str, str],
    *,
    fields: Sequence[str] = (),
) -> str:
    """Identifies the state of a job that its results belong to: a hash of its status, of when it
    finished and of its counts; then, after a dot, one of its workflow and of further fields.

    A time counts, however it is written; its text counts where no time can be read from it.

    Args:
        row: Of the job.
        record: That the row was made of.
        known: What is loaded of the job.
        unread: Texts of times that are loaded and could not be read then, by column.
        fields: Columns whose change may mean other results; each is a field of `KnownJob`.

    Returns:
        What is loaded already, where the job is the same, or where an earlier version of this
        package loaded it: without the second part, or without regard to a time that could not be
        read then, while those are the same.
    """
    if known is not None and known.results_version and known.row_hash == row["row_hash"]:
        return known.results_version
    base = _base(row, record, known, unread)
    rest = [_plain(row.get("workflow_uid")), *(_plain(_value(row, name)) for name in fields)]
    if known is not None and known.row_hash is not None and known.results_version == base:
        had = [_plain(known.workflow_uid)]
        for place, name in enumerate(fields, start=1):
            is_same = _is_unread(name, record, unread)
            had.append(rest[place] if is_same else _plain(getattr(known, name)))
        if had == rest:
            return base
    return f"{base}.{digest(repr(rest))[:REST_LENGTH]}"


def _base(row: Row, record: Record, known: KnownJob | None, unread: Mapping[str, str]) -> str:
    time = row.get(FINISH)
    if known is not None and known.results_version is not None:
        is_same = _is_unread(FINISH, record, unread) or (
            time is not None and since_epoch(known.finish_time) == since_epoch(time)
        )
        before = _version(row, None)
        if is_same and known.results_version.partition(".")[0] == before:
            return before
    return _version(row, time.isoformat() if time else row.get(f"api_{FINISH}"))


def _version(row: Row, time: str | None) -> str:
    return digest(repr([row.get("status"), time, *map(row.get, COUNTS)]))


def _value(row: Row, name: str) -> object:
    value = row.get(name)
    return row.get(f"api_{name}") if value is None else value


def _plain(value: object) -> object:
    return since_epoch(value) if isinstance(value, datetime) else value


def _is_unread(name: str, record: Record, unread: Mapping[str, str]) -> bool:
    """Whether a time has the text still that could not be read when the job was loaded."""
    return name in unread and unread[name] == str(record.get(name))


def reads_more(record: Record, known: KnownJob, unread: Mapping[str, str]) -> bool:
    """Whether a time can be read now that could not when the job was loaded.

    Args:
        record: The job.
        known: The same, as it is loaded.
        unread: As above.
    """
    texts = [name for name in unread if _is_unread(name, record, unread)]
    if known.finish_time is None and record.get(FINISH) is not None:
        texts.append(FINISH)  # an early version kept no text
    return any(_is_time(record[name]) for name in texts)


def _is_time(value: object) -> bool:
    try:
        parse_time(value)
    except UnfitError:
        return False
    return True
