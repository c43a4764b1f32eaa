"""What webhooks are told of alerts, as the warehouse keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from captaindata_source.alerts.kinds import COLUMNS, Alert, State, Status, in_utc
from captaindata_source.warehouse.database import Database

__all__ = ["Deliveries", "Message"]

LISTED = 25
"""Alerts of one kind and state that a message lists; it counts the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one webhook is told of one workspace after one evaluation.

    Args:
        uid: Identifies it.
        target: Name of the webhook.
        queued_at: Time of the evaluation.
        next_try_at: Not to be sent before; None: at any time.
        alerts: Number of alerts that it is about.
    """

    uid: str
    target: str
    queued_at: datetime
    next_try_at: datetime | None
    alerts: int


class Deliveries:
    """The table `alert_deliveries`.

    Args:
        database: Outside of a transaction.
        alerts: The table of alerts, as SQL names it.
        deliveries: The table of deliveries.
    """

    def __init__(self, database: Database, *, alerts: str, deliveries: str) -> None:
        self._database = database
        self._alerts = alerts
        self._deliveries = deliveries

    def settle(self, now: datetime, *, keep: timedelta) -> dict[tuple[str, Status], int]:
        """Ends what an earlier process left half done, and what could not be delivered for long.

        Args:
            now: The time.
            keep: How long a delivery is tried.

        Returns:
            Number of deliveries by webhook and their new status.
        """
        found: dict[tuple[str, Status], int] = {}
        for status, condition, error, parameters in (
            (
                Status.UNCONFIRMED,
                f"status = '{Status.SENDING}'",
                "the process ended before the answer",
                [],
            ),
            (
                Status.GIVEN_UP,
                f"status = '{Status.PENDING}' and queued_at < %s",
                None,
                [now - keep],
            ),
        ):
            for (target,) in self._update(
                f"status = '{status}', ended_at = %s, error = coalesce(%s, error)",
                [now, error],
                condition=condition,
                parameters=parameters,
                column="target",
            ):
                found[target, status] = found.get((target, status), 0) + 1
        return found

    def pending(self, target: str) -> list[Message]:
        """What a webhook is still to be told, in the order of the evaluations."""
        return [
            Message(
                uid=uid,
                target=target,
                queued_at=in_utc(queued),
                next_try_at=None if later is None else in_utc(later),
                alerts=n,
            )
            for uid, queued, later, n in self._database.query(
                "select d.message_uid, min(d.queued_at), max(d.next_try_at), count(*) "
                f"from {self._deliveries} as d inner join {self._alerts} as a "
                "on a.uid = d.alert_uid "
                f"where d.target = %s and d.status = '{Status.PENDING}' "
                "group by d.message_uid order by 2, 1",
                [target],
            )
        ]

    def claim(self, message: Message, now: datetime) -> bool:
        """Records that a message is about to be sent. False if someone else does so."""
        found = self._update(
            f"status = '{Status.SENDING}', attempts = attempts + 1, attempted_at = %s, "
            "next_try_at = null",
            [now],
            condition=f"message_uid = %s and target = %s and status = '{Status.PENDING}'",
            parameters=[message.uid, message.target],
            column="alert_uid",
        )
        return bool(found)

    def _update(
        self,
        assignments: str,
        values: Sequence[object],
        *,
        condition: str,
        parameters: Sequence[object],
        column: str,
    ) -> Sequence[tuple[Any, ...]]:
        """Updates rows; gives a column of each."""
        update = f"update {self._deliveries} set {assignments} where {condition}"
        if not self._database.is_lake:
            return self._database.query(f"{update} returning {column}", [*values, *parameters])
        with self._database.transaction():
            found = self._database.query(
                f"select {column} from {self._deliveries} where {condition}", parameters
            )
            if found:
                self._database.query(update, [*values, *parameters])
        return found

    def finish(
        self,
        message: Message,
        status: Status,
        *,
        now: datetime,
        error: str | None,
        next_try_at: datetime | None = None,
    ) -> None:
        """Records what became of a message that was claimed."""
        self._database.query(
            f"update {self._deliveries} set status = %s, error = %s, next_try_at = %s, "
            "ended_at = %s where message_uid = %s and target = %s "
            f"and status in ('{Status.SENDING}', '{Status.UNCONFIRMED}')",
            [
                str(status),
                error,
                next_try_at,
                None if status is Status.PENDING else now,
                message.uid,
                message.target,
            ],
        )

    def told_in(self, message: Message) -> tuple[list[Alert], dict[tuple[State, str], int]]:
        """What a message says: the first alerts of each kind and state, and how many there are.

        An alert that is over by now is told as it was then.
        """
        base = f"""
            select a.*, d.state,
                row_number() over (
                    partition by d.state, a.kind order by a.opened_at, a.subject_name, a.uid
                ) as place,
                count(*) over (partition by d.state, a.kind) as alerts_of_kind
            from {self._deliveries} as d inner join {self._alerts} as a on a.uid = d.alert_uid
            where d.message_uid = %s and d.target = %s
        """
        over = f"case when state = '{State.OVER}' then over_at end"
        rows = self._database.query(
            f"select {', '.join(COLUMNS[:-1])}, {over}, alerts_of_kind from ({base}) as told "
            f"where place <= {LISTED} order by state, kind, place",
            [message.uid, message.target],
        )
        alerts = [Alert.of_row(row[:-1]) for row in rows]
        counts = {(a.state, a.kind): row[-1] for a, row in zip(alerts, rows, strict=True)}
        return alerts, counts
