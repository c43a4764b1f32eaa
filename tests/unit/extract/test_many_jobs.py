"""A plan over jobs of which only some are remembered, against one that remembers each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dlt
import pytest

from captaindata_source import captaindata
from captaindata_source.api.statuses import FINAL
from captaindata_source.extract import opening
from captaindata_source.extract.opening import connect, remember_and_plan
from captaindata_source.extract.plan import SyncPlan
from captaindata_source.http import Secret
from captaindata_source.issues import IssueLog
from captaindata_source.settings.workspace import Settings
from captaindata_source.tables import TABLES
from captaindata_source.warehouse import many_jobs
from captaindata_source.warehouse.memory import Memory
from captaindata_source.warehouse.workspace_queries import WorkspaceQueries
from tests.support.harness import Harness
from tests.support.marks import INTEGRATION, ON_EACH_VERSION, POSTGRES_LATER
from tests.support.reading import run_steps

NAMES = {table.name for table in TABLES}


def pipeline_of(harness: Harness, dataset: str) -> dlt.Pipeline:
    """A pipeline into the database of a harness."""
    return dlt.pipeline(
        "many",
        pipelines_dir=str(harness.folder / "pipelines"),
        destination=harness.database.destination(),
        dataset_name=dataset,
    )


def source_options(harness: Harness, number: int = 0) -> dict[str, Any]:
    config = harness.config(harness.world.workspaces[number])
    return {"workspace_name": config.pop("name"), **config}


def plan_before_lists(harness: Harness, pipeline: dlt.Pipeline) -> SyncPlan:
    """The plan of the next sync, before its lists are read; its API is open."""
    config = harness.config(harness.world.workspaces[0])
    settings = Settings(**{**config, "api_key": Secret(config["api_key"])})
    issues = IssueLog()
    api = connect(settings, issues=issues)
    return remember_and_plan(settings, api, pipeline, issues=issues, wanted=NAMES)


def plan_of(harness: Harness, pipeline: dlt.Pipeline) -> tuple[SyncPlan, int]:
    """The plan of the next sync, with its lists read; jobs that were remembered before that."""
    plan = plan_before_lists(harness, pipeline)
    remembered = len(plan.context.memory.jobs)
    run_steps(plan.listing.stages)
    plan.context.api.close()
    return plan, remembered


def memory_of(harness: Harness, pipeline: dlt.Pipeline) -> Memory:
    """What the next sync remembers before its lists are read."""
    plan = plan_before_lists(harness, pipeline)
    plan.context.api.close()
    return plan.context.memory


@contextmanager
def joins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The conditions of the queries that compare tables row by row."""
    found: list[str] = []
    query = WorkspaceQueries.query

    def noting(rows: WorkspaceQueries, *args: Any, **options: Any) -> Any:
        if options.get("joins"):
            found.append(args[2])
        return query(rows, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(WorkspaceQueries, "query", noting)
        yield found


@contextmanager
def limit(monkeypatch: pytest.MonkeyPatch, jobs: int) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(
            opening,
            "remember_many",
            lambda rows, memory, *, facts: many_jobs.remember_many(rows, memory, facts, many=jobs),
        )
        patch.setattr(many_jobs, "NEWEST", 3)
        yield


def what_it_says(plan: SyncPlan) -> dict[str, object]:
    queued = []
    while job := plan.queue.pop():
        queued.append((job.uid, job.is_listed, job.is_new, job.says_none, job.answer))
    totals, evidence = plan.context.totals, plan.context.evidence
    kept = {
        name: sorted((row["uid"], row.get("row_hash")) for row in rows)
        for name, rows in (("jobs", plan.jobs.rows), ("successful", plan.jobs.successful_rows))
    }
    return {
        **kept,
        "queued": sorted(queued, key=lambda each: each[0]),
        "skipped": plan.queue.skipped,
        "ledger": sorted(row["job_uid"] for row in plan.jobs.results.rereads.take_ledger()),
        "totals": {
            name: +value if name in ("recent", "loaded") else value
            for name in type(totals).__dataclass_fields__
            if name != "created" or not plan.context.api.lists_workflows
            for value in [getattr(totals, name)]
        },
        "evidence": [+getattr(evidence, name) for name in type(evidence).__dataclass_fields__],
        "is_refuted": plan.jobs.results.empty.is_refuted,
        "checkpoints": [
            {name: value for name, value in row.items() if name not in ("loaded_at", "read_at")}
            for row in plan.listing.checkpoints()
        ],
    }


DAMAGE: tuple[list[str], ...] = (
    [],
    [
        "delete from {ledger} "
        "where job_uid in (select job_uid from {ledger} order by job_uid limit 9)",
        "update {ledger} set result_rows = result_rows + 1, next_check_at = '2026-01-01', "
        "equal_answers = 3 "
        "where job_uid in (select job_uid from {ledger} order by job_uid limit 30)",
        "update {jobs} set status = 'running', row_hash = 'x' "
        "where uid in (select uid from {jobs} order by uid limit 5)",
        "delete from {successful} where uid in (select uid from {successful} order by uid limit 4)",
        "delete from {jobs} where uid in (select uid from {jobs} order by uid desc limit 6)",
        "update {jobs} set _dlt_load_id = 'never' "
        "where uid in (select uid from {jobs} order by uid limit 7)",
    ],
    [
        "update {ledger} set fingerprint = 'x' "
        "where job_uid in (select job_uid from {ledger} order by job_uid desc limit 3)",
        "update {ledger} set job_uid = job_uid || 'x' "
        "where job_uid in (select job_uid from {ledger} order by job_uid limit 3)",
        "update {successful} set row_hash = 'x' "
        "where uid in (select uid from {successful} order by uid limit 2)",
        "update {successful} set uid = uid || 'x' "
        "where uid in (select uid from {successful} order by uid desc limit 2)",
        "update {jobs} set results_version = 'x' "
        "where uid in (select uid from {jobs} order by uid desc limit 3)",
        "update {ledger} set _dlt_load_id = 'never' "
        "where job_uid in (select job_uid from {ledger} order by job_uid limit 20)",
        "update {successful} set _dlt_load_id = 'never' "
        "where uid in (select uid from {successful} order by uid limit 20)",
    ],
    ["delete from {ledger}"],
)
"""What is done to the warehouse, one after the other, before the plans of a next sync: rows are
removed, altered, replaced by others, or are of a load that was never committed."""


@INTEGRATION
@ON_EACH_VERSION
def test_few_remembered_jobs_lead_to_the_same_plan(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    harness.options |= {"api_version": version, "deep_listing_hours": 24}
    harness.options |= {"extra_tables": ["flows"]} if version == "v4" else {}
    pipeline = pipeline_of(harness, f"captaindata_{version}")
    pipeline.run(captaindata(**source_options(harness)))
    name = {
        "ledger": "job_results_ledger",
        "jobs": "jobs",
        "successful": "successful_jobs",
    }
    tables = {key: f"captaindata_{version}.{each}" for key, each in name.items()}
    for number, damage in enumerate(DAMAGE):
        with pipeline.sql_client() as client:
            for statement in damage:
                client.execute_sql(statement.format(**tables))
        harness.world.advance(hours=5)
        with limit(monkeypatch, 10**9):
            each = what_it_says(plan_of(harness, pipeline)[0])
        with limit(monkeypatch, 0):
            plan, remembered = plan_of(harness, pipeline)
            assert plan.context.memory.finder is not None, damage
            few = what_it_says(plan)
        assert few == each, (number, damage)
        if number == 0:
            assert 0 < remembered < plan.context.totals.count / 2


ONE_ROW: tuple[str, ...] = (
    "delete from {ledger} where job_uid = '{uid}'",
    "update {ledger} set fingerprint = 'x' where job_uid = '{uid}'",
    "update {ledger} set job_uid = 'x' where job_uid = '{uid}'",
    "update {ledger} set _dlt_load_id = 'never' where job_uid = '{uid}'",
    "delete from {successful} where uid = '{uid}'",
    "update {successful} set row_hash = 'x' where uid = '{uid}'",
    "update {successful} set _dlt_load_id = 'never' where uid = '{uid}'",
    "update {jobs} set row_hash = 'x' where uid = '{uid}'",
    "update {jobs} set results_version = 'x' where uid = '{uid}'",
    "update {jobs} set _dlt_load_id = 'never' where uid = '{uid}'",
    "update {jobs} set status = 'running' where uid = '{uid}'",
)
"""What is done to a row of a job, each of another one."""


@POSTGRES_LATER
def test_tables_are_compared_row_by_row_only_where_they_differ(
    harness_of_two: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = harness_of_two
    pipeline = pipeline_of(harness, "captaindata")
    for number in range(2):
        pipeline.run(captaindata(**source_options(harness, number)))
    owner = harness.world.workspaces[0].uid
    with pipeline.sql_client() as client:
        names = {
            name: client.make_qualified_table_name(table)
            for name, table in (
                ("ledger", "job_results_ledger"),
                ("jobs", "jobs"),
                ("successful", "successful_jobs"),
            )
        }
        found = client.execute_sql(
            "select t.uid from {successful} as t join {ledger} as l on l.job_uid = t.uid "
            "where t.workspace_uid = '{owner}' order by t.uid".format(**names, owner=owner)
        )
        statuses = client.execute_sql("select distinct status from {jobs}".format(**names))
        for status in {status for (status,) in statuses or ()} - set(FINAL):
            client.execute_sql("delete from {jobs} where status = %s".format(**names), status)
        uids = [uid for (uid,) in found or ()][: len(ONE_ROW)]
        assert len(uids) == len(ONE_ROW)
        with limit(monkeypatch, 0), joins(monkeypatch) as compared:
            memory = memory_of(harness, pipeline)
        assert memory.finder is not None
        assert compared == []
        left = set(memory.jobs)
        # the rows of another workspace are its own
        client.execute_sql(
            "delete from {ledger} where workspace_uid <> '{owner}'".format(**names, owner=owner)
        )
        with limit(monkeypatch, 0), joins(monkeypatch) as compared:
            assert set(memory_of(harness, pipeline).jobs) == left
        assert compared == []
        for uid, statement in zip(uids, ONE_ROW, strict=True):
            client.execute_sql(statement.format(**names, uid=uid))
        with limit(monkeypatch, 0), joins(monkeypatch) as compared:
            assert set(memory_of(harness, pipeline).jobs) == left | set(uids)
        assert len(compared) == 1
