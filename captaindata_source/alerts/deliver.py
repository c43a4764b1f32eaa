"""Tells webhooks of alerts: each state of an alert at most once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from captaindata_source import __version__
from captaindata_source.alerts.deliveries import Deliveries, Message
from captaindata_source.alerts.kinds import Status, as_minute
from captaindata_source.alerts.messages import Content, as_json, as_slack
from captaindata_source.alerts.report import Delivery
from captaindata_source.http import Clock, Posted, RetryPolicy, Verdict, Webhooks
from captaindata_source.settings.webhooks import SLACK, Webhook

__all__ = ["KEEP", "Delivering"]

logger = logging.getLogger(__name__)

KEEP = timedelta(days=3)
"""How long what could not be delivered is tried by later runs."""
RETRY = RetryPolicy(first_wait=1.0, max_wait=10.0, deadline=30.0)
"""Of one webhook in one run."""
MOST_SECONDS = 60.0
"""After which a run begins no other message of a webhook: the warehouse is held meanwhile."""
LONGEST_WAIT = timedelta(days=1)
"""For a server that asks for more."""
ENDS = {
    Verdict.DELIVERED: Status.DELIVERED,
    Verdict.UNKNOWN: Status.UNCONFIRMED,
    Verdict.REFUSED: Status.REFUSED,
    Verdict.TRY_LATER: Status.PENDING,
    Verdict.MISCONFIGURED: Status.PENDING,
}


class Delivering:
    """Delivers what the store has.

    An attempt is recorded before it is sent, and what became of it afterwards. If a process dies in
    between, nobody knows whether the message arrived, and it is not sent again.

    Args:
        store: Keeps deliveries.
        clock: Time.
        webhooks: Sends.
        retry: Of one webhook in one run.
    """

    def __init__(
        self,
        store: Deliveries,
        *,
        clock: Clock,
        webhooks: Webhooks | None = None,
        retry: RetryPolicy = RETRY,
    ) -> None:
        self._store = store
        self._clock = clock
        self._webhooks = webhooks or Webhooks()
        self._retry = retry

    def run(self, targets: Sequence[Webhook], deliveries: list[Delivery]) -> None:
        """Tells all webhooks what they are still to be told.

        Args:
            targets: The webhooks.
            deliveries: Gets what became of each, also where an error ends the run.
        """
        by_name = {each.name: Delivery(target=each.name) for each in targets}
        deliveries.extend(by_name.values())
        for (target, status), count in self._store.settle(self._now(), keep=KEEP).items():
            if target not in by_name:
                by_name[target] = Delivery(target=target)
                deliveries.append(by_name[target])
            if status is Status.UNCONFIRMED:
                by_name[target].unconfirmed += count
                by_name[target].error = "a process ended before the answer"
            else:
                by_name[target].lost += count
                by_name[target].error = f"not delivered for {KEEP.days} days"
        for each in targets:
            self._tell(each, by_name[each.name])

    def _tell(self, target: Webhook, told: Delivery) -> None:
        """The messages of one webhook in their order; the first that has to wait holds up all."""
        started = self._clock.monotonic()
        messages = self._store.pending(target.name)
        for place, message in enumerate(messages):
            status, error = self._send(target, message, started)
            told.error = error or told.error
            if status is Status.PENDING:
                told.pending += sum(each.alerts for each in messages[place:])
                return
            if status is Status.DELIVERED:
                told.delivered += message.alerts
            elif status is Status.UNCONFIRMED:
                told.unconfirmed += message.alerts
            elif status is Status.REFUSED:
                told.lost += message.alerts

    def _send(
        self, target: Webhook, message: Message, started: float
    ) -> tuple[Status | None, str | None]:
        """Status of the message at the end, None where another process sends it, and the error."""
        if message.next_try_at is not None and message.next_try_at > self._now():
            return (
                Status.PENDING,
                f"it asked to wait until {as_minute(message.next_try_at)}",
            )
        if self._clock.monotonic() - started > MOST_SECONDS:
            return Status.PENDING, "it answers too slowly"
        body, headers = self._content(target, message)
        attempt = 0
        while True:
            attempt += 1
            if not self._store.claim(message, self._now()):
                return None, None
            posted = self._webhooks.post(target.url, body, {**headers, **target.headers})
            status = ENDS[posted.verdict]
            error = None if status is Status.DELIVERED else posted.said
            self._store.finish(
                message,
                status,
                now=self._now(),
                error=error,
                next_try_at=self._later(posted),
            )
            if posted.verdict is not Verdict.TRY_LATER:
                return status, error
            wait = self._retry.wait_seconds(attempt=attempt, retry_after=posted.retry_after)
            if self._retry.is_over(self._clock.monotonic() - started + wait):
                return status, error
            logger.info("Webhook %s: %s; next try in %.0f s", target.name, error, wait)
            self._clock.sleep(wait)

    def _content(self, target: Webhook, message: Message) -> tuple[bytes, dict[str, str]]:
        alerts, counts = self._store.told_in(message)
        content = Content(message=message, alerts=alerts, counts=counts)
        body = as_slack(content) if target.format == SLACK else as_json(content)
        return body, {
            "content-type": "application/json",
            "idempotency-key": message.uid,
            "user-agent": f"captaindata/{__version__}",
        }

    def _later(self, posted: Posted) -> datetime | None:
        if posted.retry_after is None:
            return None
        wait = min(timedelta(seconds=min(posted.retry_after, 1e9)), LONGEST_WAIT)
        return self._now() + wait

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)
