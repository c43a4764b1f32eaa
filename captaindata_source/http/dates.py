"""Points in time in HTTP headers."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC

__all__ = ["parse_date", "server_time"]


def parse_date(value: str | None) -> float | None:
    """Epoch seconds of an HTTP date; None where the header is missing or makes no sense."""
    if value is None:
        return None
    try:
        date = email.utils.parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def server_time(headers: Mapping[str, str], *, default: float) -> float:
    """Epoch seconds by the server's own clock, which other headers of the answer refer to.

    Args:
        headers: Of the answer.
        default: By our clock; used where the answer has no `Date`.
    """
    date = parse_date(headers.get("date"))
    return default if date is None else date
