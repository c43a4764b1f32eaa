"""A warehouse whose rows a test writes, and evaluations of its alerts in time that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import httpx

from captaindata_source.alerts import Alert, AlertReport, list_alerts
from captaindata_source.alerts.run import run_alerts_on
from captaindata_source.http import Webhooks
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.webhooks import read_webhooks
from captaindata_source.tables import JOBS, SYNC_RUNS, Table
from tests.support.databases import Database, Row
from tests.support.http_script import START, FakeTime
from tests.support.raw_tables import insert
from tests.support.results import Warehouse, opened

__all__ = ["NOW", "AlertWorld"]

NOW = datetime.fromtimestamp(START, UTC)


class AlertWorld:
    """The dataset of a workspace `a`, whose newest sync succeeded.

    Args:
        where: A fresh database.
        folder: For dlt.
    """

    def __init__(self, where: Database, folder: Path) -> None:
        self.where = where
        Warehouse(where)
        self.time = FakeTime()
        self._folder = folder
        self.hooks: list[dict[str, Any]] = []
        self.sends = Webhooks(timeout=httpx.Timeout(5.0), deadline=20.0)
        self._syncs = 0
        self.sync()

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.time.elapsed)

    def sync(self, outcome: str = "loaded", *, workspace: str = "a", **more: Any) -> None:
        """The next sync of a workspace."""
        self._syncs += 1
        row = {
            "workspace_uid": workspace,
            "uid": f"sync {self._syncs:04d}",
            "workspace_name": f"configured {workspace}",
            "started_at": self.now,
            "finished_at": self.now + timedelta(milliseconds=self._syncs),
            "outcome": outcome,
            "rows_by_table": {},
        }
        self.add(SYNC_RUNS, {**row, **more})

    def add(self, table: Table, *rows: Row) -> None:
        insert(self.where, table, rows)

    def add_runs(self, workflow: str, statuses: Sequence[str], **more: Any) -> None:
        """Runs of a workflow, an hour each, up to a day ago."""
        begin = NOW - timedelta(days=1, hours=len(statuses))
        self.add(
            JOBS,
            *(
                {
                    "workspace_uid": "a",
                    "uid": f"{workflow} {number}",
                    "name": f"job {number}",
                    "workflow_uid": workflow,
                    "workflow_name": workflow,
                    "status": status,
                    "is_sub_job": False,
                    "start_time": begin + timedelta(hours=number),
                    "finish_time": begin + timedelta(hours=number, minutes=5),
                    **more,
                }
                for number, status in enumerate(statuses)
            ),
        )

    def add_stuck(self, count: int) -> None:
        """Runs that began ten hours ago and go on."""
        self.execute(
            "insert into jobs (workspace_uid, uid, name, workflow_uid, workflow_name, status, "
            "is_sub_job, start_time) select 'a', 'stuck ' || lpad(cast(n as text), 4, '0'), "
            "'run ' || lpad(cast(n as text), 4, '0'), 'w', 'Slow one', 'running', false, "
            "cast(%s as timestamp with time zone) from (select unnest(cast(%s as bigint[])) as n) "
            "as numbers",
            (NOW - timedelta(hours=10), list(range(count))),
        )

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        return self.where.execute(sql, parameters)

    def run(self, *, hours: float = 1, **options: Any) -> AlertReport:
        """Evaluates, some time after the time before."""
        self.time.elapsed += hours * 3600
        how = SyncOptions(
            destination=self.where.name,
            dataset=self.where.dataset,
            alert_webhooks=read_webhooks(self.hooks),
            alert_stale_hours=options.pop("stale_hours", 10_000.0),
        )
        report = AlertReport(is_dry=options.pop("is_dry", False))
        with opened(self.where) as database:
            run_alerts_on(
                database,
                self.where.dataset,
                how,
                report=report,
                clock=self.time.clock,
                webhooks=self.sends,
                **options,
            )
        return report

    def open(self, *names: str) -> list[Alert]:
        """What is open, read by way of dlt."""
        self.where.release()
        pipeline = dlt.pipeline(
            "alerts",
            destination=self.where.destination(),
            dataset_name=self.where.dataset,
            pipelines_dir=str(self._folder / "pipelines"),
        )
        return list_alerts(pipeline, names=names)

    def told(self, **options: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Kind and subject of what is new and what is over at the next evaluation, which works."""
        report = self.run(**options)
        assert report.is_ok, str(report)
        return (
            [(each.kind, each.subject) for each in report.opened],
            [(each.kind, each.subject) for each in report.over],
        )

    def deliveries(self) -> list[Row]:
        return self.execute("select * from alert_deliveries order by queued_at, state, target")
