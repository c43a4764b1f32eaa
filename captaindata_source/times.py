"""Points in time from what the API sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["UnfitError", "parse_time", "since_epoch"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_EPOCH_SECONDS = 253_402_300_800
"""Year 10000; a larger number is taken for milliseconds."""


class UnfitError(ValueError):
    """A value that its column can't hold."""


def parse_time(value: object) -> datetime:
    """A point in time from what the API sends.

    Args:
        value: ISO 8601 text with or without an offset (none: UTC), or epoch seconds or
            milliseconds.

    Raises:
        UnfitError: Not a time.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value.strip())
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(
                value / 1000 if abs(value) >= MAX_EPOCH_SECONDS else value, UTC
            )
    except (ValueError, OverflowError, OSError) as error:
        raise UnfitError from error
    raise UnfitError


def since_epoch(time: datetime | None) -> timedelta | None:
    """A point in time that equals others of the same moment, whatever zone they are told in."""
    if time is None:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) - EPOCH
