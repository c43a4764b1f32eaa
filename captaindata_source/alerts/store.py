"""Alerts as the warehouse keeps them, and what is to be told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import pyarrow as pa

from captaindata_source.alerts.deliveries import Deliveries
from captaindata_source.alerts.kinds import COLUMNS, Alert, State, Status
from captaindata_source.sqltext import quoted
from captaindata_source.warehouse.database import Database

__all__ = ["ALERTS", "DELIVERIES", "Store"]

ALERTS, DELIVERIES = "alerts", "alert_deliveries"
TIME = pa.timestamp("us", "UTC")
ALERT_TYPES = {name: TIME if name.endswith("_at") else pa.string() for name in COLUMNS}
DELIVERY_TYPES = {
    **dict.fromkeys(("workspace_uid", "alert_uid", "state", "target"), pa.string()),
    **dict.fromkeys(("message_uid", "status"), pa.string()),
    "attempts": pa.int64(),
    **dict.fromkeys(("queued_at", "attempted_at", "next_try_at", "ended_at"), TIME),
    "error": pa.string(),
}
BATCH = 400
"""Alerts that one statement names."""


class Store:
    """The two tables in a dataset; `Deliveries` has what is done with the second.

    Args:
        database: Outside of a transaction; nobody else evaluates alerts of the dataset.
        dataset: Holds the tables.
    """

    def __init__(self, database: Database, dataset: str) -> None:
        self._database = database
        self._dataset = dataset
        self._alerts = f"{quoted(dataset)}.{ALERTS}"
        self._deliveries = f"{quoted(dataset)}.{DELIVERIES}"
        self._is_there = False

    @property
    def deliveries(self) -> Deliveries:
        """What is told of them."""
        return Deliveries(self._database, alerts=self._alerts, deliveries=self._deliveries)

    @property
    def is_there(self) -> bool:
        """Whether the tables were created."""
        if not self._is_there:
            relations = self._database.relations(self._dataset)
            self._is_there = {ALERTS, DELIVERIES} <= relations.keys()
        return self._is_there

    def create(self) -> None:
        """Creates the tables where they are missing."""
        if self.is_there:
            return
        # a second process that lost sight of the first could open an alert twice; DuckDB's file
        # takes one process, and it has no such index
        indexes = f"""
            create unique index if not exists alerts_open on {self._alerts}
                (workspace_uid, kind, md5(subject)) where over_at is null;
            create unique index if not exists alert_deliveries_once on {self._deliveries}
                (alert_uid, state, target)
        """
        with self._database.transaction():
            self._database.run(
                f"""
                create table if not exists {self._alerts} (
                    uid text not null, workspace_uid text not null, workspace_name text not null,
                    kind text not null, subject text not null, subject_name text not null,
                    title text not null, detail text not null,
                    opened_at timestamp with time zone not null,
                    over_at timestamp with time zone
                );
                create table if not exists {self._deliveries} (
                    workspace_uid text not null, alert_uid text not null, state text not null,
                    target text not null, message_uid text not null, status text not null,
                    attempts bigint not null, queued_at timestamp with time zone not null,
                    attempted_at timestamp with time zone,
                    next_try_at timestamp with time zone,
                    ended_at timestamp with time zone, error text
                )
                """
            )
            if self._database.kind == "postgres":
                self._database.run(indexes)

    def open_alerts(self, workspaces: Sequence[str]) -> list[Alert]:
        """Alerts of workspaces that are not over, the oldest first."""
        marks = ", ".join(["%s"] * len(workspaces))
        rows = self._database.query(
            f"select {', '.join(COLUMNS)} from {self._alerts} where over_at is null "
            f"and workspace_uid in ({marks}) order by opened_at, kind, subject_name, uid",
            workspaces,
        )
        return [Alert.of_row(row) for row in rows]

    def change(
        self, opened: Sequence[Alert], over: Sequence[Alert], *, targets: Sequence[str]
    ) -> None:
        """Keeps what is new and what is over, and what is to be told of it, in one transaction.

        Args:
            opened: New alerts.
            over: Open ones, with their `over_at`.
            targets: Names of webhooks. One is told that an alert is over if it was to be told of
                the alert.
        """
        if not opened and not over:
            return
        with self._database.transaction():
            if opened:
                rows = [each.as_row() for each in opened]
                self._database.fill(self._alerts, _table(ALERT_TYPES, rows))
            for alerts in _batches(over):
                self._database.query(
                    f"update {self._alerts} set over_at = %s where uid in ({_marks(alerts)})",
                    [alerts[0].over_at, *(each.uid for each in alerts)],
                )
            queued = list(self._queued(opened, over, targets))
            if queued:
                self._database.fill(self._deliveries, _table(DELIVERY_TYPES, queued))

    def _queued(
        self, opened: Sequence[Alert], over: Sequence[Alert], targets: Sequence[str]
    ) -> Iterable[tuple[object, ...]]:
        told = {
            (uid, target)
            for alerts in _batches(over)
            for uid, target in self._database.query(
                f"select alert_uid, target from {self._deliveries} where state = '{State.OPEN}' "
                f"and alert_uid in ({_marks(alerts)})",
                [each.uid for each in alerts],
            )
        }
        messages: dict[str, str] = {}
        for each in (*opened, *over):
            for target in targets:
                if each.over_at is None or (each.uid, target) in told:
                    yield (
                        each.workspace_uid,
                        each.uid,
                        str(each.state),
                        target,
                        messages.setdefault(each.workspace_uid, uuid4().hex),
                        str(Status.PENDING),
                        0,
                        each.over_at or each.opened_at,
                        *(None, None, None, None),
                    )


def _table(types: Mapping[str, pa.DataType], rows: Sequence[Sequence[object]]) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, kind) for c, kind in zip(columns, types.values(), strict=True)]
    return pa.table(arrays, names=list(types))


def _marks(rows: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(rows))


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
