"""The records of each version have the keys and types that `api.records` lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Required, get_args, get_origin, get_type_hints

import msgspec
import pytest

from captaindata_source.api import VERSIONS, Api, Coverage, Record
from captaindata_source.api.records import RECORDS
from captaindata_source.api.statuses import FAILED
from captaindata_source.http import HttpClient, RetryPolicy, Secret
from captaindata_source.issues import IssueLog
from captaindata_source.sandbox import Sandbox, World
from captaindata_source.sandbox.world_base import Generation
from captaindata_source.tables import EXTRA_TABLES, JOB_INPUTS, JOBS, TABLES, WORKFLOWS, WORKSPACES
from captaindata_source.times import parse_time
from tests.support.http_script import RecordingThrottle

OURS = {
    *("workspace_uid", "configured_name", "members", "details", "details_fetched_at"),
    *("is_deleted", "is_archived", "is_sub_job", "results_version", "row_hash", "loaded_at"),
}
"""Columns that the connector adds."""
OURS_IN = {
    "credit_consumption": {"uid", "read_at"},
    "job_inputs": {"job_uid", "workflow_uid", "position"},
}
"""Those of one table alone."""
COMPARED = {"status", "workflow_uid", "start_time", "finish_time", "row_count"}
TYPES: dict[str, type | tuple[type, ...]] = {
    "text": (str, int, float, bool),
    "bigint": int,
    "double": (int, float),
    "bool": bool,
    "timestamp": str,
    "json": msgspec.Raw,
}


def kinds_of(table: str) -> dict[str, str]:
    """The column type of each key."""
    hints = get_type_hints(RECORDS[table], include_extras=True)
    return {key: without_mark(hint).__metadata__[0] for key, hint in hints.items()}


def required_of(table: str) -> list[str]:
    hints = get_type_hints(RECORDS[table], include_extras=True)
    return [key for key, hint in hints.items() if get_origin(hint) is Required]


def without_mark(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Required else hint


@pytest.mark.parametrize("table", [*TABLES, *EXTRA_TABLES], ids=lambda table: table.name)
def test_keys_are_the_columns_that_are_not_ours_and_have_their_types(table: Any) -> None:
    if table.name not in RECORDS:
        assert table.name in ("successful_jobs", "job_results"), "made of jobs, and never parsed"
        return
    ours = OURS | OURS_IN.get(table.name, set())
    columns = {name: kind for name, kind in table.columns.items() if name not in ours}
    assert kinds_of(table.name) == columns


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    world = World(3, workspaces=1, days=20, workflows=3)
    with Sandbox(world) as running:
        world.advance(days=2)
        yield running


def opened(sandbox: Sandbox, name: Generation) -> Api:
    version = VERSIONS[name]
    workspace = sandbox.world.workspaces[0]
    client = HttpClient(
        base_url=sandbox.base_url_of(name),
        headers=version.headers(workspace.uid),
        key_header=version.key_header,
        key=Secret(version.key_value(workspace.api_key)),
        throttle=RecordingThrottle(),
        retry=RetryPolicy(deadline=0),
    )
    return version.open(client, IssueLog(), workspace_uid=workspace.uid)


def records_of(api: Api) -> dict[str, list[Record]]:
    """By table, what the API gives."""
    workflows = api.workflows()
    listings = api.job_listings(workflows, Coverage(), is_last=lambda *_: False)
    jobs = [job for listing in listings for page in listing.pages for job in page.jobs]
    alone = api.job(jobs[0]["uid"])
    return {
        WORKSPACES.name: [api.workspace()],
        WORKFLOWS.name: workflows,
        JOBS.name: [*jobs, *([alone] if alone else [])],
        **{
            table: [record for part in parts() for record in part()]
            for table, parts in api.extras.items()
        },
        JOB_INPUTS.name: [
            record
            for job in jobs
            if job.get("status") in FAILED
            for page in api.input_pages(job["uid"])
            for record in page
        ],
    }


def complaints(table: str, record: Record) -> list[str]:
    found = [f"{table} lacks {key}" for key in required_of(table) if not record.get(key)]
    for key, kind in kinds_of(table).items():
        value = record.get(key)
        if value is None:
            continue
        is_flag = isinstance(value, bool) and kind in ("bigint", "double")
        if is_flag or not isinstance(value, TYPES[kind]):
            found.append(f"{table}.{key} is {type(value).__name__}, not {kind}")
        elif kind == "timestamp":
            assert parse_time(value) is not None
    return found


@pytest.mark.parametrize("name", ["v3", "v4"])
def test_records_of_each_version_have_them(sandbox: Sandbox, name: Generation) -> None:
    api = opened(sandbox, name)
    found = records_of(api)
    assert set(found) - {WORKSPACES.name, WORKFLOWS.name, JOBS.name} == VERSIONS[name].extra_tables
    assert all(found[table] for table in found if table != WORKFLOWS.name or api.lists_workflows)
    wrong = {
        said
        for table, records in found.items()
        for each in records
        for said in complaints(table, each)
    }
    assert wrong == set()
    for job in found[JOBS.name]:
        assert job.keys() >= COMPARED, "what decides whether results are fetched"
    quota = {f"{api.quota_unit}_{part}" for part in ("left", "max", "used")}
    assert quota <= found[WORKSPACES.name][0].keys()
    api.close()


def test_a_record_without_a_required_key_or_of_another_type_is_found() -> None:
    assert complaints("jobs", {"status": "finished"}) == ["jobs lacks uid"]
    wrong = {"uid": "j", "row_count": "3", "configuration": "x", "is_partial": 1}
    assert complaints("jobs", wrong) == [
        "jobs.row_count is str, not bigint",
        "jobs.configuration is str, not json",
        "jobs.is_partial is int, not bool",
    ]
