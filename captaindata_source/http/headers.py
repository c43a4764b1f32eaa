"""Headers of an answer: when it was sent, when to try again, how many calls remain."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping
from datetime import UTC

__all__ = ["parse_remaining", "parse_reset", "parse_retry_after", "server_time"]

EPOCH_THRESHOLD = 1_000_000_000
"""`X-RateLimit-Reset` above this is a point in time, below it a number of seconds."""
MAX_RESET_SECONDS = 300.0
MAX_DIGITS = 18


def server_time(headers: Mapping[str, str], *, default: float) -> float:
    """Epoch seconds by the server's own clock, which other headers of the answer refer to.

    Args:
        headers: Of the answer.
        default: By our clock; used where the answer has no `Date`.
    """
    date = _date(headers.get("date"))
    return default if date is None else date


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds that a `Retry-After` header asks for.

    Args:
        value: A number of seconds or an HTTP date (RFC 9110, section 10.2.3).
        now: Epoch seconds by the server's clock.

    Returns:
        Seconds from now, not below 0; None where the header is missing or makes no sense.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        date = _date(value)
        if date is None:
            return None
        seconds = date - now
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def parse_reset(value: str | None, *, now: float) -> float | None:
    """Seconds until a rate limit resets; the header is a number of seconds or a point in time.

    Args:
        value: Header `X-RateLimit-Reset`; seconds, epoch seconds or epoch milliseconds.
        now: Epoch seconds by the server's clock.

    Returns:
        Seconds from now, between 0 and `MAX_RESET_SECONDS`; None where the header says nothing.
    """
    try:
        seconds = float(value) if value is not None else math.nan
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    if seconds >= EPOCH_THRESHOLD * 1000:
        seconds /= 1000
    if seconds >= EPOCH_THRESHOLD:
        seconds -= now
    return min(max(seconds, 0.0), MAX_RESET_SECONDS)


def parse_remaining(value: str | None) -> int | None:
    """Calls that remain; None where the header says nothing."""
    digits = value.strip() if value else ""
    return int(digits) if digits.isdecimal() and len(digits) <= MAX_DIGITS else None


def _date(value: str | None) -> float | None:
    """Epoch seconds of an HTTP date; None where the header is missing or makes no sense."""
    if value is None:
        return None
    try:
        date = email.utils.parsedate_to_datetime(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
