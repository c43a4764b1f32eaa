"""Many real syncs of a server whose jobs come, change late and leave its lists: what is loaded is
what the server holds, row for row."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import captaindata_source
from tests.support.databases import Database
from tests.support.jobs_server import JobsServer
from tests.support.marks import INTEGRATION, ON_EACH_VERSION

SYNCS = 3
HOUR = timedelta(hours=1)


def change(server: JobsServer, chance: random.Random) -> None:
    """Lets an hour pass, in which old jobs change, and others are added."""
    server.advance(HOUR)
    for job in chance.sample([*server.served.values()], 2):
        server.retry(job, rows=chance.choice([rows for rows in range(4) if rows != job.rows]))
    server.add(chance.randrange(server.workflows), server.now - chance.random() * 48 * HOUR)


@INTEGRATION
@ON_EACH_VERSION
def test_syncs_leave_what_the_server_holds(
    database: Database, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in database.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    server = JobsServer(version=version, workflows=3, jobs=30, every=2 * HOUR, page_size=20)
    chance = random.Random(1)
    with server.serving() as url:
        options: dict[str, Any] = {
            "name": "acme",
            "api_key": "key",
            "project_uid": "w",
            "base_url": url,
            "api_version": version,
            "deep_listing_hours": 0.001,  # some syncs look deep, others come sooner
        }
        for _ in range(SYNCS):
            report = captaindata_source.sync(
                workspaces=[options],
                destination=database.name,
                dataset=database.dataset,
                create_views=False,
            )
            assert report.is_ok, str(report)
            change(server, chance)
        report = captaindata_source.sync(
            workspaces=[{**options, "deep_listing_hours": 0}],
            destination=database.name,
            dataset=database.dataset,
            create_views=False,
        )
        assert report.is_ok, str(report)
    jobs = database.execute("select uid, status, row_count, workflow_uid from jobs")
    assert sorted(map(tuple, (row.values() for row in jobs))) == sorted(
        (job.uid, job.status, job.counted, job.workflow_uid) for job in server.served.values()
    )
    results = database.execute("select job_uid, position, data from job_results")
    assert sorted((row["job_uid"], row["position"], str(row["data"])) for row in results) == sorted(
        (job.uid, place, str(data))
        for job in server.served.values()
        for place, data in enumerate(server.results_of(job))
    )
