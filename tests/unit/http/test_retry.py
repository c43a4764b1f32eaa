"""The retry policy: waits, caps, jitter, and what a `Retry-After` header says."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captaindata_source.http.ratelimit import parse_retry_after
from captaindata_source.http.retry import RetryPolicy, TransientError
from captaindata_source.issues import Kind
from tests.support.http_script import START, FakeTime, calm

jitters = st.floats(0, 1, exclude_max=True)


@calm
@given(attempt=st.integers(1, 5000), jitter=jitters)
def test_a_wait_of_ours_is_between_half_and_all_of_the_backoff(attempt: int, jitter: float) -> None:
    policy = RetryPolicy(first_wait=0.5, max_wait=60, jitter=lambda: jitter)
    backoff = min(60.0, 0.5 * 2.0 ** (min(attempt, 30) - 1))
    wait = policy.wait_seconds(attempt=attempt, retry_after=None)
    assert backoff / 2 <= wait <= backoff <= 60


@calm
@given(retry_after=st.floats(0, 1e6), jitter=jitters)
def test_a_wait_the_api_asks_for_is_never_cut_short(retry_after: float, jitter: float) -> None:
    policy = RetryPolicy(jitter=lambda: jitter)
    wait = policy.wait_seconds(attempt=1, retry_after=retry_after)
    assert retry_after <= wait <= retry_after + 1


def test_waits_differ_between_callers_by_default() -> None:
    waits = {RetryPolicy().wait_seconds(attempt=5, retry_after=None) for _ in range(20)}
    assert len(waits) > 1
    assert all(4 <= wait <= 8 for wait in waits)


@calm
@given(seed=st.integers(0, 10_000), deadline=st.floats(0, 2000))
def test_all_waits_together_stay_within_the_deadline(seed: int, deadline: float) -> None:
    fake = FakeTime()
    policy = RetryPolicy(deadline=deadline, jitter=random.Random(seed).random)
    tries = 0
    with pytest.raises(TransientError, match=r"^again$"):
        for attempt in policy.retrying(clock=fake.clock).copy(
            stop=lambda state: policy.is_over(fake.elapsed + state.upcoming_sleep)
        ):
            with attempt:
                tries += 1
                raise TransientError("again", kind=Kind.SERVER_ERROR)
    assert tries == len(fake.sleeps) + 1
    assert fake.elapsed <= deadline
    assert all(wait <= policy.max_wait for wait in fake.sleeps)
    assert fake.elapsed + policy.max_wait > deadline, "it gave up although there was time"


def test_only_transient_errors_are_tried_again() -> None:
    fake = FakeTime()
    tries = 0
    with pytest.raises(KeyError):
        for attempt in RetryPolicy().retrying(clock=fake.clock):
            with attempt:
                tries += 1
                raise KeyError("bug")
    assert (tries, fake.sleeps) == (1, [])


def at(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("86400", 86400.0),
        (at(START + 90), 90.0),
        (at(START - 90), 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue Nov 14 22:14:20 2023", 60.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Tue, 99 Nov 2023 22:14:20 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=START) == seconds


def test_a_date_without_zone_is_utc_wherever_we_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old form of an HTTP date names no zone (RFC 9110, section 5.6.7)."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after("Tue Nov 14 22:14:20 2023", now=START) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


@calm
@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_retry_after_is_survived(value: str) -> None:
    seconds = parse_retry_after(value, now=START)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
