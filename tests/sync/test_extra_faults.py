"""The fault matrix for the calls of tables that are off by default, over real HTTP."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from captaindata_source.errors import ApiError
from captaindata_source.extract import opening
from captaindata_source.http import Clock
from captaindata_source.sandbox import World
from captaindata_source.tables import (
    CALLBACKS,
    CREDIT_CONSUMPTION,
    FLOWS,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    SCHEDULES,
    Table,
)
from tests.support.fault_matrix import EXTRA_ROWS, RESULT_ROWS, MatrixRow, Target
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.http_script import FakeTime
from tests.support.marks import INTEGRATION
from tests.support.world_syncs import WorldSynced, WorldSyncs


class Call(NamedTuple):
    version: str
    path: str
    table: Table
    tables: tuple[Table, ...]
    extra: tuple[str, ...] = ()


CALLS = (
    Call("v4", "/v4/schedules$", SCHEDULES, (SCHEDULES,)),
    Call("v4", "/flows/schedules$", SCHEDULES, (SCHEDULES,)),
    Call("v4", "/runs/callbacks$", CALLBACKS, (CALLBACKS,)),
    Call("v4", "/workspaces/consumption$", CREDIT_CONSUMPTION, (CREDIT_CONSUMPTION,)),
    Call("v4", "/inputs$", JOB_INPUTS, (JOBS, JOB_INPUTS)),
    Call("v3", "/inputs$", JOB_INPUTS, (JOBS, JOB_INPUTS)),
    Call("v4", "/flows/runs$", JOBS, (JOBS,), (FLOWS,)),
    Call("v4", "/flows/runs/[^/]+/outputs$", JOB_RESULTS, (JOBS, JOB_RESULTS), (FLOWS,)),
)
LATER = ("v4 /flows/schedules$", "v4 /inputs$", "v4 /flows/runs$")
"""They take the way of another call."""
IDS = [f"{call.version} {call.path}" for call in CALLS]
OF_PAGES = ("`next`", "cursor", "page", "link", "redirect within", "redirect loop", "256 MB")
ABOUT_ANSWERS = [
    row
    for row in RESULT_ROWS
    if row.faults
    and "not_found" not in {kind for kind, _, _ in row.issues}
    and not any(word in row.name for word in OF_PAGES)
]
QUOTA_ENDS = ("quota_used_up", "kept")
"""What a wait is that is longer than a sync may take."""
UNCOUNTED = ("loaded_at", "_load_id", "_dlt_load_id", "read_at")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[FaultySandbox]:
    world = World(5, workspaces=1, workflows=2, days=10, jobs_per_day=0.4, mean_results=3)
    workspace = world.workspaces[0]
    ended = [run for run in world.flows.runs(workspace) if run["status"] == "SUCCEEDED"]
    for run in world.flows.runs(workspace):
        if run not in ended[:1]:
            world.flows.remove(workspace, run["uid"])
    with FaultySandbox(world) as running:
        yield running


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes with each wait, from now on: some faults name a date."""

    def clock(**_: object) -> Clock:
        passing = FakeTime()
        return replace(passing.clock, wall=lambda: time.time() + passing.elapsed)

    monkeypatch.setattr(opening, "Clock", clock)


def syncs_of(sandbox: FaultySandbox, call: Call, folder: Path) -> WorldSyncs:
    sandbox.faults.clear()
    options = {"api_version": call.version, "extra_tables": call.extra}
    return WorldSyncs(sandbox, folder, {**options, "max_parallel_requests": 1})


def contents(syncs: WorldSyncs, table: Table) -> list[str]:
    rows = syncs.rows(table.name)
    return sorted(str({k: row[k] for k in sorted(row) if k not in UNCOUNTED}) for row in rows)


def spoil(syncs: WorldSyncs, call: Call, row: MatrixRow) -> None:
    sandbox, workspace = syncs.sandbox, syncs.workspace
    target = Target(
        path=call.path,
        uid=workspace.uid,
        base_url=sandbox.base_url_of(call.version),  # type: ignore[arg-type]
        version=call.version,  # type: ignore[arg-type]
        api_key=workspace.api_key,
    )
    assert row.faults
    sandbox.faults.add(*row.faults(target))


def said(synced: WorldSynced) -> set[tuple[str, str]]:
    return {(str(issue.kind), str(issue.action)) for issue in synced.issues}


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=each, marks=INTEGRATION if each in LATER else ())
        for call, each in zip(CALLS, IDS, strict=True)
    ],
)
def test_a_wrong_answer_is_retried_or_set_aside_and_loses_nothing(
    sandbox: FaultySandbox, call: Call, tmp_path: Path
) -> None:
    """One test for all rows: each takes some milliseconds."""
    clean = syncs_of(sandbox, call, tmp_path)
    clean.sync(*call.tables)
    expected = contents(clean, call.table)
    assert expected
    assert len(ABOUT_ANSWERS) > 20
    for row in ABOUT_ANSWERS:
        is_taken = call.table is JOB_INPUTS and "wrapped in an object" in row.name
        if is_taken or call.version not in row.versions:
            continue
        syncs = syncs_of(sandbox, call, tmp_path)
        spoil(syncs, call, row)
        try:
            issues = said(syncs.sync(*call.tables))
        except ApiError as error:
            issues = {(str(error.kind), "failed")}
        wanted = {(kind, action) for kind, action, _ in row.issues}
        if row.exit:
            (kind,) = {kind for kind, _ in wanted}
            ends = {(kind, "set_aside"), (kind, "failed"), QUOTA_ENDS}
            assert issues & ends, (row.name, issues)
        else:
            assert issues == wanted, row.name
            assert contents(syncs, call.table) == expected, row.name
        sandbox.faults.clear()
        syncs.sync(*call.tables)
        assert contents(syncs, call.table) == expected, row.name


AIMED: list[Any] = [
    pytest.param(call, row, id=f"{row.name}-{name}")
    for row in EXTRA_ROWS
    for call, name in zip(CALLS, IDS, strict=True)
    if call.version in row.versions
    and {
        "extra": call.table not in (JOB_INPUTS, JOB_RESULTS),
        "inputs": call.table is JOB_INPUTS,
        "limit": call.table in (JOB_INPUTS, CALLBACKS, JOB_RESULTS),
    }[row.kind]
]


@pytest.mark.parametrize(("call", "row"), AIMED)
def test_what_a_host_may_lack(
    sandbox: FaultySandbox, call: Call, row: MatrixRow, tmp_path: Path
) -> None:
    syncs = syncs_of(sandbox, call, tmp_path)
    spoil(syncs, call, row)
    synced = syncs.sync(*call.tables)
    found = [(str(i.kind), str(i.action), i.occurrences) for i in synced.issues]
    assert sorted(found) == sorted(row.issues)
    assert not synced.set_aside
    asked = [each for each in synced.requests if re.search(call.path, each.path)]
    assert sum(each.status in (400, 404) for each in asked) == (
        row.calls if row.issues else row.calls - 1
    )
    sandbox.faults.clear()
    syncs.sync(*call.tables)
    clean = syncs_of(sandbox, call, tmp_path)
    clean.sync(*call.tables)
    assert contents(syncs, call.table) == contents(clean, call.table)
