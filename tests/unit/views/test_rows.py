"""Each view: given rows of the raw tables, exact rows out, the same on both databases.

All cases are in one warehouse, each in a workspace of its own, and all workspaces use the same uids
of workflows, jobs and results: a join that forgets the workspace brings wrong rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.tables import (
    CALLBACKS,
    CREDIT_CONSUMPTION,
    IDENTITIES,
    INTEGRATIONS,
    JOB_CHANGES,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    QUOTA_READINGS,
    RESULTS_CHANGES,
    SCHEDULES,
    SYNC_RUNS,
    WEBHOOK_EVENTS,
    WORKFLOW_CHANGES,
    WORKFLOWS,
    WORKSPACES,
)
from tests.support.databases import Database, DuckDb, Postgres, Row
from tests.support.raw_tables import (
    COMMITTED,
    create_raw_tables,
    create_views,
    insert,
    raw_views,
    view_rows,
)

VIEWS = raw_views()
ZONES = ("UTC", "America/Los_Angeles")
KINDS = ("duckdb", "postgres")


def at(text: str) -> datetime:
    """A moment of 2026, such as `03-01 07:30` or `03-01 07:30:15.5`, in UTC."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def job(
    workspace: str, uid: str, flow: str | None, status: str, start: str = "", **more: Any
) -> Row:
    """A job; `end` and `planned` are times as `start` is, `of` is the job that it retries."""
    times = {"start_time": start, "finish_time": more.pop("end", "")}
    times["scheduled_time"] = more.pop("planned", "")
    main = more.pop("of", None)
    return {
        "workspace_uid": workspace,
        "uid": uid,
        "name": f"job {uid}",
        "workflow_uid": flow,
        "status": status,
        "main_job_uid": main or uid,
        "is_sub_job": main is not None,
        "is_deleted": False,
        "row_count": more.pop("rows", None),
        **{name: at(text) if text else None for name, text in times.items()},
        **more,
    }


def result(workspace: str, uid: str, job_uid: str, flow: str, position: int = 0) -> Row:
    return {
        "workspace_uid": workspace,
        "result_uid": uid,
        "job_uid": job_uid,
        "workflow_uid": flow,
        "position": position,
        "data": {"n": uid},
        "created_at": at("03-01 00:30"),
    }


NAMED = ("a", "b", "odd", "stuck", "slow")
"""Workspaces of which some jobs were fetched again, after all syncs."""


def sync(
    workspace: str, uid: str, end: str, outcome: str = "loaded", start: str = "", **tables: int
) -> Row:
    return {
        "workspace_uid": workspace,
        "uid": uid,
        "workspace_name": f"configured {workspace}",
        "started_at": at(start or end) if start or end else None,
        "finished_at": at(end) if end else None,
        "outcome": outcome,
        "rows_by_table": tables,
    }


def reading(workspace: str, uid: str, read: str, used: int, month: str, unit: str = "tasks") -> Row:
    """A reading of a quota of 100; `month` is its start."""
    return {
        "workspace_uid": workspace,
        "uid": uid,
        "read_at": at(read) if read else None,
        "unit": unit,
        "quota_used": used,
        "quota_left": 100 - used,
        "quota_max": 100,
        "plan_name": f"plan {uid}",
        "current_month_start": at(f"{month} 12:00"),
        "current_month_end": at("12-31 00:00"),
    }


def integration(
    workspace: str, identity: str, permalink: str, status: str | None, **more: Any
) -> Row:
    return {
        "workspace_uid": workspace,
        "identity_uid": identity,
        "integration_permalink": permalink,
        "name": permalink.title(),
        "status": status,
        **more,
    }


def failed_input(
    workspace: str, job_uid: str, position: int, label: str | None, **more: Any
) -> Row:
    """An input that failed."""
    return {
        "workspace_uid": workspace,
        "job_uid": job_uid,
        "workflow_uid": "w1",
        "uid": f"{job_uid}-{position}",
        "position": position,
        "status": "FAILED",
        "input_data": more.get("given", {"n": 1}),
        "error_label": label,
        "error_scope": more.get("scope"),
        "error_message": more.get("message"),
        "error_reference": more.get("reference"),
        "finished_at": moment(more.get("ended", "")),
    }


def schedule(workspace: str, uid: str, status: str, *, kind: str = "action", **more: Any) -> Row:
    """A schedule; `runs`, `last` and `postponed` are times."""
    name = "action_name" if kind == "action" else "flow_preset_name"
    return {
        "workspace_uid": workspace,
        "kind": kind,
        "uid": uid,
        "name": f"{kind} {uid}",
        name: f"name of {uid}",
        "status": status,
        "cron": "0 7 * * *",
        "timezone": "UTC",
        "next_execution_at": moment(more.pop("runs", "")),
        "last_executed_at": moment(more.pop("last", "")),
        "postponed_until": moment(more.pop("postponed", "")),
        "is_deleted": False,
        **more,
    }


def delivery(workspace: str, uid: str, status: str, created: str, **more: Any) -> Row:
    return {
        "workspace_uid": workspace,
        "uid": uid,
        "status": status,
        "created_at": moment(created),
        **more,
    }


def used(
    workspace: str, uid: str, read: str, action: str, credits_used: float, runs: int, month: str
) -> Row:
    """A reading of what an action used; `month` is its start."""
    return {
        "workspace_uid": workspace,
        "uid": uid,
        "read_at": moment(read),
        "action_slug": action,
        "credits_used": credits_used,
        "runs_count": runs,
        "current_month_start": at(f"{month} 12:00"),
        "current_month_end": at("12-31 00:00"),
    }


def moment(text: str) -> datetime | None:
    return at(text) if text else None


def series(workspace: str, flow: str, text: str, *, minutes: str = "") -> list[Row]:
    """Jobs, one a day from the first of March: `.` succeeds, `x` fails, `-` is stopped.

    The later a job, the smaller its uid.

    Args:
        workspace: Workspace.
        flow: Workflow.
        text: One character a job.
        minutes: Duration of each, one digit a job; by default 1.
    """
    words = {".": "finished", "x": "shutdown", "-": "stopped"}
    return [
        job(
            workspace,
            f"{flow}-{99 - day}",
            flow,
            words[sign],
            f"03-{day:02} 10:00",
            end=f"03-{day:02} 10:0{minute}",
            error_message=f"Boom {day}" if sign == "x" else None,
        )
        for day, (sign, minute) in enumerate(
            zip(text, minutes or "1" * len(text), strict=True), start=1
        )
    ]


ANNA: Row = {"uid": "m1", "email": "anna@example.com", "first_name": "Anna", "last_name": "Sample"}
ANNA |= {"full_name": "Anna Sample", "country": "FR", "accounts": [{"uid": "x"}]}
BEN: Row = {"uid": "m2", "email": None, "full_name": "Ben", "accounts": []}
CAT: Row = {"uid": "m1", "roles": ["ops", "admin"], "timezone": "Europe/Paris"}
DAN: Row = {"uid": "m2", "role": "owner", "roles": ["user"]}
EVE: Row = {"uid": "m3", "role": None, "roles": []}
FAY: Row = {"uid": "m4", "roles": {"not": "a list"}}
LISTED = [{"name": "Find", "step_uid": "s1", "uid": "u1"}, {"name": "Send", "step_uid": "s2"}]
FIND = {"step_uid": "s1", "step_name": "Find people", "position": 2, "permalink": "find"}
FIND |= {"integrations": ["linkedin"], "output_schema": ["full_name"]}
LOGIN = {"step_uid": "s0", "step_name": "Log in", "position": 1}

workspaces: list[Row] = [
    {
        "workspace_uid": "a",
        "configured_name": "acme",
        "name": "Acme",
        "email": "acme@example.com",
        "plan_name": "Gold",
        "tasks_max": 100,
        "tasks_used": 40,
        "tasks_left": 60,
        "current_month_start": at("02-15 00:00"),
        "current_month_end": at("03-15 00:00"),
        "members": [ANNA, BEN],
    },
    {"workspace_uid": "b", "configured_name": "bolt"},
    {"workspace_uid": "empty", "name": "Empty", "members": {"not": "a list"}, "tasks_left": 7},
    *({"workspace_uid": each, "name": each.title()} for each in ("often", "slow", "row", "long")),
    {"workspace_uid": "odd", "name": "Odd", "members": []},
    {"workspace_uid": "errors", "name": "Errors"},
    {"workspace_uid": "recon", "name": "Recon"},
    {
        "workspace_uid": "v4",
        "name": "Four",
        "credits_max": 1000,
        "credits_used": 250,
        "credits_left": 750,
        "identities_included": 5,
        "identities_synced": 3,
        "identities_remaining": 2,
        "members": [CAT, DAN, EVE, FAY],
    },
]
workflows: list[Row] = [
    {
        "workspace_uid": "a",
        "uid": "w1",
        "name": "Profiles",
        "steps": LISTED,
        "details": {"steps": [FIND, LOGIN]},
        "created_at": at("01-02 03:04"),
        "loaded_at": at("03-05 06:00"),
        "is_deleted": False,
        "kind": "workflow",
    },
    {
        "workspace_uid": "a",
        "uid": "w2",
        "name": "Idle",
        "steps": LISTED,
        "created_at": at("01-01 00:00"),
    },
    {"workspace_uid": "a", "uid": "w3", "name": "Old", "is_deleted": True},
    {"workspace_uid": "a", "uid": "w4", "name": "Resting", "is_deleted": False},
    {"workspace_uid": "b", "uid": "w1", "name": "Other", "created_at": at("02-02 00:00")},
    {"workspace_uid": "b", "uid": "w3", "name": "Third"},
    {"workspace_uid": "b", "uid": "w4", "name": "Fourth", "is_deleted": False},
    {"workspace_uid": "gone", "uid": "w1", "name": "Left", "created_at": at("01-05 00:00")},
    {"workspace_uid": "odd", "uid": "w1", "name": "One", "steps": {}, "details": []},
    {"workspace_uid": "odd", "uid": "w2", "name": "Two", "details": {"steps": []}, "steps": LISTED},
    {
        "workspace_uid": "odd",
        "uid": "w3",
        "name": "Three",
        "details": {
            "steps": [
                {"step_uid": "s9", "position": "last"},
                {"step_uid": "s8"},
                {"step_uid": "s7", "position": 10},
                {"step_uid": "s6", "position": 9},
                {"step_uid": "s5", "position": 12345678901},
                {"step_uid": "s4", "position": 1.5},
                "not an object",
            ]
        },
    },
    *(
        {"workspace_uid": "often", "uid": uid, "name": uid}
        for uid in ("few", "three", "tenth", "fine", "mended", "seven", "stopped")
    ),
    *(
        {"workspace_uid": "slow", "uid": uid, "name": uid}
        for uid in ("slower", "same", "short", "retried", "both", "blank", "endless")
    ),
    *(
        {"workspace_uid": "row", "uid": uid, "name": uid}
        for uid in ("w1", "ties", "never", "paused", "moved", "lost", "sub", "tied")
    ),
    # an action of API v4
    {
        "workspace_uid": "v4",
        "uid": "w4",
        "name": "w4",
        "created_at": at("03-01 10:00"),
        "updated_at": at("03-04 10:00"),
        "loaded_at": at("03-05 06:00"),
        "is_deleted": False,
        "kind": "action",
    },
]
jobs: list[Row] = [
    # a run that ends on another day, and in another month, than it starts, in UTC
    job(
        "a", "j1", "w1", "finished", "02-28 23:30", end="03-01 00:30", planned="02-28 23:00",
        rows=3, total_row_count=9, number_inputs=5, workflow_name="Profiles before",
    ),
    # one that fails, and its retries; in Los Angeles it is still February
    job("a", "j2", "w1", "warning", "03-01 07:30", end="03-01 07:31", rows=1,
        error_message="Bad input"),
    job("a", "j2r", "w1", "shutdown", "03-02 08:00", end="03-02 08:01:30", of="j2", rows=8,
        error_message="Bad input"),
    job("a", "j3", "w1", "completed", "03-02 09:00", end="03-02 09:10", of="j2", rows=2),
    # one that runs, one in a status that nobody knows, one stopped, one that the API lost
    job("a", "j4", "w1", "running", "03-04 10:00", rows=1),
    job("a", "j5", "w1", "ON_FIRE", "03-04 11:00", error_message="Odd"),
    job("a", "j6", "w1", "stopped", "03-04 12:00", end="03-04 12:05", error_message=" "),
    job("a", "j7", "w1", "running", "02-28 20:00", is_deleted=True),
    # its end is before its start
    job("a", "j8", "w1", "FAILED", "03-03 10:00", end="03-03 09:00", error_message="Bad input"),
    # a workflow that rests: a retry runs, but its newest run is paused
    job("a", "p1", "w4", "Finished", "03-02 05:00", end="03-02 05:00:30.5", total_row_count=2),
    job("a", "p2", "w4", "Paused", planned="03-03 05:00"),
    job("a", "p3", "w4", "running", "03-05 05:00", of="p1"),
    # a workflow that is not known, and one that is archived
    job("a", "g1", "ghost", "finished", end="03-01 23:59:59", workflow_name="Ghost"),
    job("a", "o1", "w3", "PARTIAL_SUCCEEDED", "01-31 23:59", end="02-01 00:00", rows=1),
    job("a", "o2", "w3", "paused", "02-01 10:00"),
    # another workspace with the same uids
    job("b", "j1", "w1", "shutdown", "03-01 01:00", end="03-01 01:00:10", rows=0,
        error_message="Bad input"),
    job("b", "j2", "w1", "SUCCEEDED", "03-02 08:00", end="03-02 08:00:20", rows=1),
    *series("often", "few", "xx"),
    *series("often", "three", "x.."),
    *series("often", "tenth", "xxxxxxx......."),
    *series("often", "fine", "xxxxx...xx......."),
    *series("often", "mended", "xxx-------.."),
    *series("often", "seven", "xx....."),
    *series("often", "stopped", "----------"),
    # ten successes, and failures before them: at no time, or at the same with smaller uids
    *(
        job("often", f"{flow}-{n:02}", flow, "shutdown" if n < 4 else "finished", time)
        for flow in ("untimed", "tied")
        for n in range(1, 14)
        for time in ["" if n < 4 and flow == "untimed" else "03-01 10:00"]
    ),
    *series("slow", "slower", "." * 15, minutes="222223444444444"),
    *series("slow", "same", "." * 15, minutes="222223233333333"),
    *series("slow", "short", "." * 14, minutes="11119999999999"),
    *series("slow", "retried", "." * 15, minutes="1" * 15),
    *(
        job("slow", f"retry-{n}", "retried", "finished", f"04-{n:02} 10:00",
            end=f"04-{n:02} 19:00", of="retried-98")
        for n in range(1, 13)
    ),
    *series("slow", "both", ".....xxx.......", minutes="113332345678999"),
    *series("slow", "blank", "." * 14, minutes="1111" + "9" * 10),
    *series("slow", "endless", "....."),
    *(
        job("slow", f"endless-{n}", "endless", "failed" if n < 14 else "finished", f"04-{n} 10:00")
        for n in range(11, 21)
    ),
    job("slow", "blank-00", "blank", "finished", "02-01 10:00"),
    *series("row", "w1", ".xx-x"),
    *series("row", "never", "xxx"),
    # at one moment the greater uid is the later one
    job("row", "t-1", "ties", "finished", "03-01 10:00", end="03-01 10:01",
        error_message="Partly"),
    job("row", "t-1f", "ties", "failed", "03-01 10:00", error_message="Broke before"),
    job("row", "t-2", "ties", "failed", "03-01 10:00", end="03-01 10:01", error_message="Broke"),
    job("row", "T-3", "ties", "finished", "03-01 10:00", end="03-01 10:01"),
    job("row", "t-0", "ties", "failed"),
    # paused once, but it ran again
    job("row", "p-1", "paused", "paused", "03-01 10:00"),
    job("row", "p-2", "paused", "finished", "03-02 10:00"),
    job("row", "m-1", "moved", "finished", "03-02 10:00", planned="03-04 10:00"),
    job("row", "m-2", "moved", "paused", planned="03-03 10:00"),
    job("row", "l-1", "lost", "paused", "03-03 10:00", is_deleted=True),
    # newer than those of the workflow of the same uid in another workspace, which is paused
    job("row", "w-1", "w4", "finished", "03-09 10:00"),
    job("row", "q-1", "tied", "paused", "03-03 10:00"),
    job("row", "q-2", "tied", "finished", "03-03 10:00"),
    job("row", "q-9", "tied", "paused"),
    job("row", "s-1", "sub", "shutdown", "03-03 10:00"),
    job("row", "s-2", "sub", "finished", "03-04 10:00", of="s-1"),
    job("row", "s-3", "sub", "shutdown", "03-05 10:00", of="s-1"),
    job("row", "s-4", "sub", "stopped", "03-05 10:00", of="s-1"),
    job("row", "s-5", "sub", "odd", "03-05 10:00", of="s-1"),
    job("row", "s-6", "sub", "running", "03-05 10:00", of="s-1"),
    # a workspace of which there are jobs alone
    job("lost", "j1", "w9", "finished", "03-01 10:00", workflow_name="Nine"),
    *(job("lost", f"z{n}", None, "shutdown", f"03-0{n} 10:00") for n in range(1, 4)),
    # clocks change in Los Angeles on 8 March, and February is short
    job("long", "l1", "w1", "finished", "02-18 00:30", end="03-20 00:30", rows=4),
    job("long", "l2", "w1", "shutdown", "02-18 00:00", end="02-18 00:10"),
    job("long", "l6", "w1", "shutdown", "02-18 00:45"),
    job("long", "l3", "w1", "finished", "03-20 00:00", end="03-20 00:10"),
    job("long", "l4", "w1", "shutdown", "03-25 00:00", of="l1"),
    job("long", "l5", "w2", "finished", "03-01 00:00", rows=3),
    *(
        job("errors", f"e{n}", flow, status, start, end=end, error_message=message)
        for n, (flow, status, start, end, message) in enumerate((
            ("w1", "shutdown", "03-01 10:00", "03-02 11:00", "Twice, of one flow"),
            ("w1", "warning", "03-02 10:00", "03-02 11:00", "Twice, of one flow"),
            ("w1", "shutdown", "03-01 09:00", "03-09 11:00", "Twice, of two flows"),
            ("w2", "stopped", "03-03 10:00", "03-03 11:00", "Twice, of two flows"),
            ("w1", "shutdown", "03-03 10:00", "", "B"),
            ("w1", "shutdown", "03-03 10:00", "", "a"),
            ("w1", "shutdown", "", "", "C"),
            ("w1", "shutdown", "03-02 10:00", "", "C"),
            ("w1", "shutdown", "", "", "D"),
            ("w1", "finished", "03-04 10:00", "", "Not a failure"),
            ("w1", "shutdown", "03-04 10:00", "", ""),
            ("w1", "shutdown", "03-04 10:00", "", None),
        ))
    ),
    # a day of runs of each kind
    job("day", "d1", "w1", "finished", "03-01 10:00", end="03-01 10:01", rows=5),
    job("day", "d2", "w1", "finished", "03-01 11:00", end="03-01 11:10"),
    job("day", "d3", "w1", "shutdown", "03-01 12:00", end="03-01 12:02", rows=7),
    job("day", "d4", "w1", "stopped", "03-01 13:00", end="03-01 19:00", rows=7),
    job("day", "d5", "w1", "running", "03-01 14:00", rows=7),
    job("day", "d6", "w1", "running", "03-01 15:00", end="03-01 22:00", rows=7),
    job("day", "d7", "w1", "finished", "03-01 16:00", end="03-01 23:00", of="d3", rows=7),
    # runs of an hour; the newest sync was on 5 March at noon
    *(
        job("stuck", f"usual-{flow}-{n}", flow, "finished", f"02-0{n} 10:00",
            end=f"02-0{n} {'10:30' if end == '10:01' and n > 3 else end}")
        for flow, count, end in (("hour", 5, "11:00"), ("few", 4, "23:00"), ("quick", 5, "10:01"))
        for n in range(1, count + 1)
    ),
    job("stuck", "longer", "hour", "running", "03-05 08:59:59"),
    job("stuck", "thrice", "hour", "running", "03-05 09:00"),
    job("stuck", "few", "few", "pending", planned="03-05 10:59"),
    job("stuck", "few-ok", "few", "running", "03-05 11:00"),
    job("stuck", "quick", "quick", "RUNNING", "03-05 10:00", error_message="Slow answer"),
    job("stuck", "quick-ok", "quick", "running", "03-05 11:30"),
    job("stuck", "failing", "hour", "failed", "03-01 10:00", end="03-04 10:00"),
    job("stuck", "retry", "quick", "running", "03-05 01:00", of="failing"),
    job("stuck", "unknown", "quick", "running", "03-01 01:00", is_deleted=True),
    job("stuck", "odd", "quick", "ON_FIRE", "03-01 01:00"),
    job("stuck", "ahead", "quick", "SCHEDULED", planned="03-05 13:00"),
    job("stuck", "postponed", "quick", "SCHEDULED", "03-01 10:00", planned="03-05 12:00:01"),
    # planned before the row was written, and it never was written again
    job("stuck", "late", "quick", "QUEUED", planned="03-03 12:00", loaded_at=at("03-01 00:00")),
    job("stuck", "again", "quick", "running", "03-01 12:00", end="03-05 06:00"),
    job("stuck", "blocked", None, "BLOCKED", "03-05 00:00", error_message=" ",
        last_error={"label": "LIMIT", "params": {}}, last_info={"message": "Later"}),
    job("stuck", "untimed", "new", "CREATED", created_at=at("03-05 06:00"),
        loaded_at=at("03-05 11:59"), last_info='"Waits for a slot"'),
    job("stuck", "unseen", "new", "paused", loaded_at=at("03-05 06:00"),
        last_info={"message": "Queue is full"}),
    # flags that are null, no time at all, times that are odd, and a workflow of two names
    job("odd", "n1", "w1", "finished", "03-01 10:00", is_sub_job=None, is_deleted=None),
    job("odd", "n2", "w1", "finished", "03-01 10:00", end="03-01 10:00"),
    job("odd", "n3", "w1", "stopped", planned="03-02 10:00", end="03-01 10:00"),
    job("odd", "x1", "wx", "finished", "03-01 10:00", workflow_name="Beta"),
    job("odd", "x2", "wx", "shutdown", "03-01 11:00", workflow_name="alpha"),
    job("odd", "x3", "wx", "shutdown", "03-01 12:00", workflow_name="Gamma"),
    job("odd", "x4", "wx", "finished", "03-01 09:00", workflow_name="alpha"),
    job("recon", "j1", "w1", "finished", rows=2),
    job("recon", "zero", "w1", "finished", rows=0),
    job("recon", "missing", "w1", "finished", rows=2),
    job("recon", "none", "w1", "finished", rows=2),
    job("recon", "surplus", "w1", "finished", rows=0),
    job("recon", "unknown", "w1", "finished"),
    job("recon", "kept", "w1", "shutdown", rows=1),
    job("recon", "failed", "w1", "shutdown", rows=1),
    job("recon", "running", "w1", "running"),
    # API v4; only ASYNC runs have outputs that can be fetched
    *(
        job("v4", uid, "w4", status, f"03-0{n} 10:00", end="03-04 10:00", rows=count, name=None,
            main_job_uid=None, is_partial=status.startswith("PARTIAL"),
            execution_mode=mode, has_results=None if mode == "ASYNC" else False)
        for n, (uid, status, mode, count) in enumerate((
            ("j1", "SUCCEEDED", "ASYNC", 1),
            ("j2", "PARTIAL_SUCCEEDED", "ASYNC", 2),
            ("live", "SUCCEEDED", "LIVE", 5),
            ("none", "SUCCEEDED", "LIVE", 0),
            ("odd", "SUCCEEDED", "LIVE", 2),
            ("some", "PARTIAL_SUCCEEDED", "LIVE", 3),
            ("broken", "FAILED", "LIVE", None),
        ), start=1)
    ),
    job("v4", "newest", "w4", "BLOCKED", "03-09 10:00", name=None, main_job_uid=None,
        is_partial=False, execution_mode="ASYNC"),
]  # fmt: skip
results: list[Row] = [
    result("a", "r1", "j1", "w1"),
    result("a", "r2", "j1", "w1", 1),
    result("a", "r3", "j1", "w1", 2),
    result("a", "r4", "j3", "w1"),
    result("a", "r5", "j3", "w1", 1),
    result("a", "r6", "p1", "w4"),
    result("a", "r7", "g1", "ghost"),
    result("a", "r8", "o1", "w3"),
    result("a", "r9", "o1", "w3", 1),
    result("b", "r1", "j2", "w1"),
    result("long", "r1", "l1", "w1"),
    result("recon", "r1", "j1", "w1"),
    result("recon", "r2", "j1", "w1", 1),
    result("recon", "r3", "missing", "w1"),
    result("recon", "r4", "surplus", "w1"),
    result("recon", "r5", "unknown", "w1"),
    result("recon", "r6", "kept", "w1"),
    result("recon", "r7", "orphan", "w9"),
    result("v4", "r1", "j1", "w4"),
    result("v4", "r2", "j2", "w4"),
    result("v4", "r3", "odd", "w4"),
]
syncs: list[Row] = [
    sync("a", "y1", "03-04 01:00", workflows=4, jobs=9),
    sync("a", "y2", "03-05 01:30", "partly_loaded", workflows=0, jobs=2),
    sync("a", "y3", "03-07 00:00", "failed", jobs=1),
    sync("b", "z1", "03-02 12:00", workflows=0),
    sync("b", "z0", "03-02 13:00", "failed"),
    sync("b", "z2", "03-02 13:00", jobs=5, workflows=0),
    # tells nothing of how fresh a table is: only named jobs were looked at
    *({**sync(uid, f"{uid}-named", "03-20 12:00", jobs=1), "is_resync": True} for uid in NAMED),
    # the last is the one that ended last, or that began last if it has not ended
    sync("odd", "o1", "03-03 12:00", start="03-03 09:00", jobs=3),
    sync("odd", "o2", "03-03 11:00", "partly_loaded", start="03-03 10:00", jobs=2),
    sync("odd", "o3", "", "failed", jobs=0),
    sync("stuck", "t1", "03-05 12:00", jobs=3),
    sync("stuck", "t2", "03-09 12:00", "failed"),
    sync("stuck", "t3", "03-09 12:00", "quota"),
    sync("slow", "s1", "03-03 12:00", jobs=3),
    sync("slow", "s2", "", "failed", start="03-03 13:00"),
    # of a workspace that was never loaded
    sync("new", "f1", "03-02 12:00", "failed"),
    sync("gone", "n1", "03-02 12:00", "failed"),
    sync("gone", "n2", "03-01 12:00", "failed", jobs=0),
]
quota_readings: list[Row] = [
    reading("a", "q1", "03-01 08:00", 40, "02-15"),
    reading("a", "q3", "03-05 01:00", 50, "02-15"),
    reading("a", "q2", "03-02 22:00", 55, "02-15"),
    reading("a", "q4", "03-14 23:00", 90, "02-15"),
    # the month begins anew at noon
    reading("a", "q5", "03-15 06:00", 95, "02-15"),
    reading("a", "q6", "03-15 18:00", 7, "03-15"),
    # after two months without a sync
    reading("a", "q7", "05-20 10:00", 3, "05-15"),
    reading("a", "q8", "05-21 10:00", 3, "05-15"),
    # from API v3 to v4 in a day
    reading("v4", "q1", "03-02 08:00", 10, "03-01"),
    reading("v4", "q2", "03-02 10:00", 20, "03-01", "credits"),
    reading("v4", "q3", "03-03 10:00", 25, "03-01", "credits"),
    # the first of all, on the day on which the month begins anew; then its start is moved back
    reading("gone", "q1", "03-15 01:00", 50, "02-15"),
    reading("gone", "q2", "03-15 13:00", 2, "03-15"),
    reading("gone", "q3", "03-16 13:00", 9, "03-13"),
    reading("gone", "q4", "", 9, "03-13"),
]
identities: list[Row] = [
    {"workspace_uid": "a", "uid": "i1", "name": "Other", "is_deleted": None},
    {"workspace_uid": "v4", "uid": "i1", "name": "Ida", "is_deleted": False},
    {"workspace_uid": "v4", "uid": "i2", "name": "Gone", "is_deleted": True},
]
integrations: list[Row] = [
    integration("a", "i1", "linkedin", "VALID"),
    integration("a", "i2", "linkedin", "INVALID"),
    integration("lost", "i1", "gmail", "Valid"),
    integration("lost", "i1", "slack", "PENDING"),
    integration(
        "v4", "i1", "linkedin", "INVALID", is_shared=False, error="Logged out", is_deleted=False,
        created_at=at("01-01 00:00"), updated_at=at("03-01 10:00"), loaded_at=at("03-02 10:00"),
    ),
    integration("v4", "i1", "gmail", "Pending"),
    integration("v4", "i1", "slack", "LIMIT_REACHED", is_shared=True),
    integration("v4", "i1", "hubspot", "VALID"),
    integration("v4", "i1", "maps", None),
    integration("v4", "i1", "search", "EXPIRED"),
    integration("v4", "i1", "posts", "INVALID", is_deleted=True),
    integration("v4", "i2", "linkedin", "INVALID"),
]  # fmt: skip
inputs: list[Row] = [
    # one input in two jobs and twice in one of them; another error of it counts apart
    failed_input("v4", "j1", 0, "NOT_FOUND", ended="03-01 10:00", message="Gone", reference="R1"),
    failed_input("v4", "j1", 1, "NOT_FOUND", ended="03-01 10:00", message="Gone", reference="R2"),
    failed_input("v4", "j2", 0, "NOT_FOUND", ended="03-02 10:00", message="Away", reference="R3"),
    failed_input("v4", "j2", 1, "LOGIN", ended="03-02 10:00", scope="integ"),
    failed_input("v4", "j2", 2, "NOT_FOUND", ended="03-03 10:00", given={"n": 2}),
    # an error that did not fail it, and one of another workflow
    {**failed_input("v4", "j2", 3, "SLOW", ended="03-03 10:00"), "status": "SUCCEEDED"},
    {**failed_input("v4", "j3", 0, "NOT_FOUND"), "workflow_uid": "other"},
    {**failed_input("v4", "j3", 1, None), "status": "RUNNING"},
    # v3: fields of its own, no times
    {
        **failed_input("a", "nowhere", 0, None, message="404"),
        "input_data": None,
        "data": {"input": "x"},
        "status": "error",
    },
    {**failed_input("lost", "nowhere", 0, "NOT_FOUND"), "workflow_uid": None},
]
schedules: list[Row] = [
    schedule("v4", "s1", "ACTIVE", runs="03-05 07:00", last="03-04 07:00"),
    schedule("v4", "s1", "active", kind="flow", runs="03-06 07:00", postponed="03-09 00:00"),
    schedule("v4", "s2", "PAUSED", runs="03-05 07:00"),
    schedule("v4", "s3", "ACTIVE", runs="03-05 07:00", is_deleted=True),
    schedule("v4", "s4", "Active"),
    schedule("lost", "s1", "ACTIVE", runs="03-05 07:00", is_deleted=None),
]
callbacks: list[Row] = [
    delivery("v4", "d1", "FAILED", "03-01 10:00", http_status=500, error="No", run_uid="r1"),
    delivery("v4", "d2", "Failed", "03-01 11:00", parent_uid="d1", retry_count=1),
    delivery("v4", "d3", "SUCCESS", "03-01 12:00", parent_uid="d2", retry_count=2),
    delivery("v4", "d4", "FAILED", "03-02 10:00"),
    # two repetitions of the same delivery; an earlier one that arrived does not count
    delivery("v4", "e1", "SUCCESS", "03-03 10:00", parent_uid="e0"),
    delivery("v4", "e2", "FAILED", "03-03 11:00", parent_uid="e0"),
    delivery("v4", "f1", "FAILED", "03-04 10:00", parent_uid="f0"),
    delivery("v4", "f2", "SUCCESS", "03-04 11:00", parent_uid="f0"),
    delivery("v4", "p1", "PENDING", "03-05 10:00"),
    # each repeats the other
    delivery("v4", "l1", "FAILED", "", parent_uid="l2"),
    delivery("v4", "l2", "FAILED", "", parent_uid="l1"),
    delivery("lost", "d1", "FAILED", "03-01 10:00"),
    delivery("lost", "d9", "SUCCESS", "03-01 10:00", parent_uid="d4"),
]
consumption: list[Row] = [
    used("v4", "c1", "03-01 08:00", "search", 10.5, 2, "02-15"),
    used("v4", "c2", "03-02 08:00", "search", 12.0, 3, "02-15"),
    # appears on the second day
    used("v4", "c3", "03-02 09:00", "export", 4.0, 1, "02-15"),
    # the month begins anew at noon
    used("v4", "c4", "03-15 06:00", "search", 20.0, 5, "02-15"),
    used("v4", "c5", "03-15 18:00", "search", 1.5, 1, "03-15"),
    used("v4", "c6", "", "search", 9.0, 9, "03-15"),
    used("lost", "c1", "03-02 08:00", "search", 3.0, 1, "02-15"),
]
BROKEN = "1767398400.3"
"""A load that was never committed."""


def change(
    workspace: str, uid: str, field: str, values: Sequence[str | None], seen: str, load: str
) -> Row:
    """A change of a job or a workflow."""
    old, new = values
    return {
        "workspace_uid": workspace,
        "uid": f"{uid} {field} {seen}",
        "job_uid": uid,
        "workflow_uid": uid,
        "field": field,
        "old_value": old,
        "new_value": new,
        "seen_at": at(seen),
        "_dlt_load_id": load,
    }


FIRST, SECOND = COMMITTED
job_changes: list[Row] = [
    change("a", "j1", "status", ("running", "finished"), "03-01 01:00", SECOND),
    change("a", "j1", "status", ("pending", "running"), "03-01 00:00", FIRST),
    change("a", "j1", "row_count", (None, "3"), "03-01 01:00", SECOND),
    change("a", "j1", "status", ("finished", "lost"), "03-02 00:00", BROKEN),
    # seen before the job began, by its own word
    change("a", "j2", "status", (None, "warning"), "03-01 07:00", FIRST),
    # two loads of one sync
    change("a", "j8", "status", ("running", "FAILED"), "03-02 10:00", SECOND),
    change("a", "j8", "status", ("pending", "running"), "03-02 10:00", FIRST),
    # seen at the very time at which it began
    change("b", "j1", "status", ("queued", "shutdown"), "03-01 01:00", FIRST),
    # of a job that is not there
    change("gone", "j1", "status", ("running", "finished"), "03-01 00:00", FIRST),
]
workflow_changes: list[Row] = [
    change("a", "w1", "name", ("Before", "Profiles"), "03-01 00:00", FIRST),
    change("a", "w1", "steps", ("[]", "[1]"), "03-02 00:00", SECOND),
    change("a", "w1", "details", (None, "{}"), "03-02 00:00", SECOND),
    change("a", "w1", "name", ("Profiles", "Lost"), "03-03 00:00", BROKEN),
    change("a", "w2", "name", ("Young", "Idle"), "01-01 00:00", FIRST),
    change("a", "w3", "is_deleted", ("false", "true"), "03-01 00:00", FIRST),
    change("a", "w3", "name", ("Older", "Old"), "03-02 00:00", SECOND),
]
results_changes: list[Row] = [
    {
        "workspace_uid": "a",
        "uid": f"{load}",
        "job_uid": "j1",
        "old_workflow_uid": "w0",
        "workflow_uid": "w1",
        "change": kind,
        "rows_before": 3,
        "rows_after": after,
        "seen_at": at("03-01 01:00"),
        "_dlt_load_id": load,
    }
    for kind, after, load in (("moved", 2, FIRST), ("removed", 0, BROKEN))
]
for each in workspaces:
    each["uid"] = each["workspace_uid"]


webhook_events: list[Row] = [
    {
        "workspace_uid": "a",
        "uid": f"e{number}",
        "kind": kind,
        "received_at": at(received),
        "loaded_at": at(loaded),
        "copies": copies,
        "tries": 1,
        "action": action,
        "_dlt_load_id": None,
    }
    for number, (kind, received, loaded, copies, action) in enumerate(
        (
            ("run_final", "03-01 23:59:58", "03-02 00:00", 4, "results_loaded"),
            ("run_final", "03-02 23:59:58", "03-02 23:59:59", 1, "results_loaded"),
            ("run_final", "03-02 08:00", "03-02 08:00:00.5", 1, "unchanged"),
            ("run_final", "03-02 08:00", "03-02 08:00:01", 3, "waiting"),
            ("run_final", "03-02 08:00", "03-02 08:01:05.5", 1, "left_to_schedule"),
            ("unknown", "03-02 10:00", "03-02 10:00:00.25", 1, "kept"),
        )
    )
]


def fill(database: Database) -> None:
    """Inserts all rows into the raw tables."""
    insert(database, WORKSPACES, workspaces)
    insert(database, WORKFLOWS, workflows)
    insert(database, JOBS, jobs)
    insert(database, JOB_RESULTS, results)
    insert(database, SYNC_RUNS, syncs)
    insert(database, QUOTA_READINGS, quota_readings)
    insert(database, IDENTITIES, identities)
    insert(database, INTEGRATIONS, integrations)
    insert(database, JOB_INPUTS, inputs)
    insert(database, SCHEDULES, schedules)
    insert(database, CALLBACKS, callbacks)
    insert(database, CREDIT_CONSUMPTION, consumption)
    insert(database, JOB_CHANGES, job_changes)
    insert(database, WORKFLOW_CHANGES, workflow_changes)
    insert(database, RESULTS_CHANGES, results_changes)
    insert(database, WEBHOOK_EVENTS, webhook_events)


@pytest.fixture(scope="module", params=KINDS)
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_folder: Path
) -> Iterator[Database]:
    database = _database(request.param, tmp_path_factory, postgres_folder)
    database.hold()
    create_raw_tables(database)
    fill(database)
    create_views(database)
    yield database
    _drop(database)


@pytest.fixture(scope="module", params=[*KINDS, "postgres with jsonb"])
def empty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_folder: Path
) -> Iterator[Database]:
    kind, _, json_type = request.param.partition(" with ")
    database = _database(kind, tmp_path_factory, postgres_folder)
    database.hold()
    create_raw_tables(database, json_type=json_type or None)
    create_views(database)
    yield database
    _drop(database)


def _database(kind: str, folders: pytest.TempPathFactory, postgres_folder: Path) -> Database:
    return DuckDb(folders.mktemp("views")) if kind == "duckdb" else Postgres(postgres_folder)


def _drop(database: Database) -> None:
    database.release()
    if isinstance(database, Postgres):
        database.drop()


AGAIN = {
    "workspaces": ["workspace_name"],
    "workflows": ["workflow_name"],
    "workflow_steps": ["step_name"],
    "jobs": ["job_name"],
    "successful_jobs": ["job_name"],
}
"""Columns of views that say what `name` says, under the name that all views have for it."""


def rows(
    database: Database, view: str, workspace: str, columns: str = "*", *, zone: str = ZONES[1]
) -> list[tuple[Any, ...]]:
    """A workspace's rows of a view as tuples, ordered, without the workspace's uid and label, and
    without the second name of a column."""
    where = f"workspace_id = '{workspace}'"
    found = view_rows(database, view, columns=columns, where=where, zone=zone)
    again = {"workspace_id", *({"workspace_label", *AGAIN.get(view, ())} if columns == "*" else ())}
    values = [tuple(value for name, value in row.items() if name not in again) for row in found]
    return sorted(values, key=repr)


def ordered(*expected: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return sorted(expected, key=repr)


# -- entities


def test_workspaces(warehouse: Database) -> None:
    nothing = (None,) * 6
    assert rows(warehouse, "workspaces", "a") == [
        (
            "Acme", "acme", at("01-01 00:00"), [ANNA, BEN], 2, "acme@example.com", "Gold",
            100, 40, 60, at("02-15 00:00"), at("03-15 00:00"), *nothing,
        )
    ]  # fmt: skip
    assert rows(warehouse, "workspaces", "b") == [
        ("bolt", "bolt", at("02-02 00:00"), None, 0, *[None] * 7, *nothing)
    ]
    assert rows(warehouse, "workspaces", "empty") == [
        ("Empty", None, None, {"not": "a list"}, 0, *[None] * 4, 7, None, None, *nothing)
    ]
    assert rows(warehouse, "workspaces", "odd", "members, members_count") == [([], 0)]
    four = ("Four", None, at("03-01 10:00"), [CAT, DAN, EVE, FAY], 4, *[None] * 7)
    assert rows(warehouse, "workspaces", "v4") == [(*four, 1000, 250, 750, 5, 3, 2)]


def test_workspace_members(warehouse: Database) -> None:
    anna = ("m1", "anna@example.com", "Anna", "Sample", "Anna Sample", "FR", [{"uid": "x"}])
    assert rows(warehouse, "workspace_members", "a") == [
        ("Acme", *anna, None, None),
        ("Acme", "m2", None, None, None, "Ben", None, [], None, None),
    ]
    assert rows(warehouse, "workspace_members", "v4", "member_id, role, timezone") == [
        ("m1", "ops", "Europe/Paris"),
        ("m2", "owner", None),
        ("m3", None, None),
        ("m4", None, None),
    ]
    assert len(view_rows(warehouse, "workspace_members")) == 6


def test_workflows(warehouse: Database) -> None:
    created, kind = at("01-02 03:04"), "workflow"
    assert rows(warehouse, "workflows", "a") == ordered(
        ("Acme", "w1", "Profiles", "active", LISTED, created, at("03-05 06:00"), kind),
        ("Acme", "w2", "Idle", "active", LISTED, at("01-01 00:00"), None, None),
        ("Acme", "w3", "Old", "archived", None, None, None, None),
        ("Acme", "w4", "Resting", "paused", None, None, None, None),
    )
    assert rows(warehouse, "workflows", "b") == ordered(
        ("bolt", "w1", "Other", "active", None, at("02-02 00:00"), None, None),
        ("bolt", "w3", "Third", "active", None, None, None, None),
        ("bolt", "w4", "Fourth", "active", None, None, None, None),
    )
    created = at("01-05 00:00")
    assert rows(warehouse, "workflows", "gone") == [
        (None, "w1", "Left", "active", None, created, None, None)
    ]
    # a run that is blocked is no pause
    assert rows(warehouse, "workflows", "v4") == [
        ("Four", "w4", "w4", "active", None, at("03-01 10:00"), at("03-04 10:00"), "action")
    ]
    assert rows(warehouse, "workflows", "row", "workflow_id, status") == [
        ("lost", "active"),
        ("moved", "paused"),
        ("never", "active"),
        ("paused", "active"),
        ("sub", "active"),
        ("tied", "active"),
        ("ties", "active"),
        ("w1", "active"),
    ]


def test_workflow_steps(warehouse: Database) -> None:
    find = ("find", ["linkedin"], ["full_name"])
    assert rows(warehouse, "workflow_steps", "a") == [
        ("Acme", "w1", "Profiles", 1, "s0", "Log in", None, None, None),
        ("Acme", "w1", "Profiles", 2, "s1", "Find people", *find),
        ("Acme", "w2", "Idle", 1, "s1", "Find", None, None, None),
        ("Acme", "w2", "Idle", 2, "s2", "Send", None, None, None),
    ]
    assert rows(warehouse, "workflow_steps", "b") == []
    assert rows(warehouse, "workflow_steps", "v4") == []
    columns = "workflow_id, position, step_id"
    assert rows(warehouse, "workflow_steps", "odd", columns) == [
        ("w2", 1, "s1"),
        ("w2", 2, "s2"),
        ("w3", 1, "s6"),
        ("w3", 2, "s7"),
        ("w3", 3, "s9"),
        ("w3", 4, "s8"),
        ("w3", 5, "s5"),
        ("w3", 6, "s4"),
        ("w3", 7, None),
    ]


def test_jobs(warehouse: Database) -> None:
    def expected(
        flow: tuple[str, str], uid: str, main: str | None, status: tuple[str, str], *rest: Any
    ) -> tuple[Any, ...]:
        first = ("Acme", *flow, uid, f"job {uid}", main, main is not None, False, False, *status)
        return (*first, *rest, None, None, True)

    profiles, resting, old = ("w1", "Profiles"), ("w4", "Resting"), ("w3", "Old")
    lost = expected(
        profiles, "j7", None, ("running", "unknown"), None, at("02-28 20:00"), None,
        at("02-28 20:00"), None, None, None, None,
    )  # fmt: skip
    assert rows(warehouse, "jobs", "a") == ordered(
        expected(
            profiles, "j1", None, ("finished", "succeeded"), at("02-28 23:00"), at("02-28 23:30"),
            at("03-01 00:30"), at("02-28 23:30"), 3600.0, 5, 3, None,
        ),
        expected(
            profiles, "j2", None, ("warning", "failed"), None, at("03-01 07:30"),
            at("03-01 07:31"), at("03-01 07:30"), 60.0, None, 1, "Bad input",
        ),
        expected(
            profiles, "j2r", "j2", ("shutdown", "failed"), None, at("03-02 08:00"),
            at("03-02 08:01:30"), at("03-02 08:00"), 90.0, None, 8, "Bad input",
        ),
        expected(
            profiles, "j3", "j2", ("completed", "succeeded"), None, at("03-02 09:00"),
            at("03-02 09:10"), at("03-02 09:00"), 600.0, None, 2, None,
        ),
        expected(
            profiles, "j4", None, ("running", "in_progress"), None, at("03-04 10:00"), None,
            at("03-04 10:00"), None, None, 1, None,
        ),
        expected(
            profiles, "j5", None, ("ON_FIRE", "unknown"), None, at("03-04 11:00"), None,
            at("03-04 11:00"), None, None, None, "Odd",
        ),
        expected(
            profiles, "j6", None, ("stopped", "stopped"), None, at("03-04 12:00"),
            at("03-04 12:05"), at("03-04 12:00"), 300.0, None, None, " ",
        ),
        (*lost[:7], True, *lost[8:]),
        expected(
            profiles, "j8", None, ("FAILED", "failed"), None, at("03-03 10:00"),
            at("03-03 09:00"), at("03-03 10:00"), None, None, None, "Bad input",
        ),
        expected(
            resting, "p1", None, ("Finished", "succeeded"), None, at("03-02 05:00"),
            at("03-02 05:00:30.5"), at("03-02 05:00"), 30.5, None, 2, None,
        ),
        expected(
            resting, "p2", None, ("Paused", "in_progress"), at("03-03 05:00"), None, None,
            at("03-03 05:00"), None, None, None, None,
        ),
        expected(
            resting, "p3", "p1", ("running", "in_progress"), None, at("03-05 05:00"), None,
            at("03-05 05:00"), None, None, None, None,
        ),
        expected(
            ("ghost", "Ghost"), "g1", None, ("finished", "succeeded"), None, None,
            at("03-01 23:59:59"), at("03-01 23:59:59"), None, None, None, None,
        ),
        expected(
            old, "o1", None, ("PARTIAL_SUCCEEDED", "succeeded"), None, at("01-31 23:59"),
            at("02-01 00:00"), at("01-31 23:59"), 60.0, None, 1, None,
        ),
        expected(
            old, "o2", None, ("paused", "in_progress"), None, at("02-01 10:00"), None,
            at("02-01 10:00"), None, None, None, None,
        ),
    )  # fmt: skip
    columns = "workspace_name, workflow_name, job_id, status_group, records_processed"
    assert rows(warehouse, "jobs", "b", columns) == [
        ("bolt", "Other", "j1", "failed", 0),
        ("bolt", "Other", "j2", "succeeded", 1),
    ]
    columns = "job_id, name, main_job_id, is_sub_job, status_group, is_partial, execution_mode"
    assert rows(warehouse, "jobs", "v4", f"{columns}, has_results") == [
        ("broken", None, None, False, "failed", False, "LIVE", False),
        ("j1", None, None, False, "succeeded", False, "ASYNC", True),
        ("j2", None, None, False, "succeeded", True, "ASYNC", True),
        ("live", None, None, False, "succeeded", False, "LIVE", False),
        ("newest", None, None, False, "in_progress", False, "ASYNC", True),
        ("none", None, None, False, "succeeded", False, "LIVE", False),
        ("odd", None, None, False, "succeeded", False, "LIVE", False),
        ("some", None, None, False, "succeeded", True, "LIVE", False),
    ]


def test_jobs_with_odd_flags_times_and_names(warehouse: Database) -> None:
    columns = "job_id, is_sub_job, is_deleted, main_job_id, run_at, duration_seconds"
    morning = at("03-01 10:00")
    assert rows(warehouse, "jobs", "odd", columns)[:3] == [
        ("n1", False, False, None, morning, None),
        ("n2", False, False, None, morning, 0.0),
        ("n3", False, False, None, at("03-02 10:00"), None),
    ]
    name = "workflow_id, workflow_name"
    for view in ("workflow_performance", "failing_workflows", "records_by_workflow_month"):
        found = rows(warehouse, view, "odd", name)
        assert [each for each in found if each[0] == "wx"] == [("wx", "alpha")], view
    found = rows(warehouse, "daily_job_health", "odd", f"{name}, day")
    assert [each for each in found if each[0] == "wx"] == [
        ("wx", "alpha", each) for each in days("03-01", "03-03")
    ]


def test_a_duration_does_not_follow_the_calendar_of_the_session(warehouse: Database) -> None:
    thirty_days = 30 * 24 * 3600.0
    for zone in ZONES:
        found = rows(warehouse, "jobs", "long", "job_id, duration_seconds", zone=zone)
        assert found[0] == ("l1", thirty_days)


STATUS_GROUPS: Mapping[str, Sequence[str | None]] = {
    "succeeded": ["finished", "completed", "SUCCEEDED", "PARTIAL_SUCCEEDED"],
    "failed": ["shutdown", "warning", "FAILED", "INVALID"],
    "stopped": ["stopped", "STOPPED"],
    "in_progress": [
        "pending", "running", "paused", "CREATED", "QUEUED", "SCHEDULED", "BLOCKED", "RUNNING",
    ],
    "unknown": ["", "on hold", None],
}  # fmt: skip


def test_every_status_is_in_its_group_and_what_the_api_lost_is_not_in_progress(
    request: pytest.FixtureRequest, empty: Database
) -> None:
    statuses = [(word, group) for group, words in STATUS_GROUPS.items() for word in words]
    given = [
        {**job("s", f"{lost:d}-{word}", "w", word or "", is_deleted=lost), "status": word}
        for word, _ in statuses
        for lost in (False, True)
    ]
    insert(empty, JOBS, given)
    request.addfinalizer(lambda: empty.execute("delete from jobs"))
    assert rows(empty, "jobs", "s", "job_id, status_group") == ordered(
        *((f"0-{word}", group) for word, group in statuses),
        *(
            (f"1-{word}", "unknown" if group == "in_progress" else group)
            for word, group in statuses
        ),
    )


def test_successful_jobs(warehouse: Database) -> None:
    profiles = ("Acme", "w1", "Profiles")
    assert rows(warehouse, "successful_jobs", "a") == ordered(
        (
            *profiles, "j1", "job j1", None, False, "finished", at("02-28 23:30"),
            at("03-01 00:30"), 3600.0, 3, None, None,
        ),
        (
            *profiles, "j3", "job j3", "j2", True, "completed", at("03-02 09:00"),
            at("03-02 09:10"), 600.0, 2, None, None,
        ),
        (
            "Acme", "w4", "Resting", "p1", "job p1", None, False, "Finished", at("03-02 05:00"),
            at("03-02 05:00:30.5"), 30.5, 2, None, None,
        ),
        (
            "Acme", "ghost", "Ghost", "g1", "job g1", None, False, "finished", None,
            at("03-01 23:59:59"), None, None, None, None,
        ),
        (
            "Acme", "w3", "Old", "o1", "job o1", None, False, "PARTIAL_SUCCEEDED",
            at("01-31 23:59"), at("02-01 00:00"), 60.0, 1, None, None,
        ),
    )  # fmt: skip
    assert rows(warehouse, "successful_jobs", "b", "job_id") == [("j2",)]
    columns = "job_id, is_partial, execution_mode"
    expected = [
        ("j1", False, "ASYNC"),
        ("j2", True, "ASYNC"),
        ("live", False, "LIVE"),
        ("none", False, "LIVE"),
        ("odd", False, "LIVE"),
        ("some", True, "LIVE"),
    ]
    assert rows(warehouse, "successful_jobs", "v4", columns) == expected
    columns = "job_id, is_partial"
    found = rows(warehouse, "all_successful_jobs", "v4", columns)
    assert found == [(uid, is_partial) for uid, is_partial, _ in expected]
    assert rows(warehouse, "jobs_with_results", "v4", columns) == [
        ("j1", False),
        ("j2", True),
        ("odd", False),
    ]


def test_job_results(warehouse: Database) -> None:
    created = at("03-01 00:30")
    assert rows(warehouse, "job_results", "a") == [
        ("ghost", "g1", "r7", 0, {"n": "r7"}, created, False, False),
        ("w1", "j1", "r1", 0, {"n": "r1"}, created, False, False),
        ("w1", "j1", "r2", 1, {"n": "r2"}, created, False, False),
        ("w1", "j1", "r3", 2, {"n": "r3"}, created, False, False),
        ("w1", "j3", "r4", 0, {"n": "r4"}, created, True, False),
        ("w1", "j3", "r5", 1, {"n": "r5"}, created, True, False),
        ("w3", "o1", "r8", 0, {"n": "r8"}, created, False, False),
        ("w3", "o1", "r9", 1, {"n": "r9"}, created, False, False),
        ("w4", "p1", "r6", 0, {"n": "r6"}, created, False, False),
    ]


# -- joins


def test_jobs_with_results(warehouse: Database) -> None:
    first = (
        "Acme", "w1", "Profiles", "j1", "job j1", None, False, "finished", "succeeded",
        at("02-28 23:30"), at("03-01 00:30"), 3,
    )  # fmt: skip
    retry = (
        "Acme", "w1", "Profiles", "j3", "job j3", "j2", True, "completed", "succeeded",
        at("03-02 09:00"), at("03-02 09:10"), 2,
    )  # fmt: skip
    resting = (
        "Acme", "w4", "Resting", "p1", "job p1", None, False, "Finished", "succeeded",
        at("03-02 05:00"), at("03-02 05:00:30.5"), 2,
    )  # fmt: skip
    ghost = (
        "Acme", "ghost", "Ghost", "g1", "job g1", None, False, "finished", "succeeded", None,
        at("03-01 23:59:59"), None,
    )  # fmt: skip
    old = (
        "Acme", "w3", "Old", "o1", "job o1", None, False, "PARTIAL_SUCCEEDED", "succeeded",
        at("01-31 23:59"), at("02-01 00:00"), 1,
    )  # fmt: skip
    placed = [
        (first, "r1", 0), (first, "r2", 1), (first, "r3", 2), (retry, "r4", 0), (retry, "r5", 1),
        (resting, "r6", 0), (ghost, "r7", 0), (old, "r8", 0), (old, "r9", 1),
    ]  # fmt: skip
    assert rows(warehouse, "jobs_with_results", "a") == ordered(
        *(
            (*of, uid, position, {"n": uid}, at("03-01 00:30"), None, False)
            for of, uid, position in placed
        )
    )
    columns = "workflow_id, workflow_name, job_id, is_sub_job, status_group, result_id"
    assert rows(warehouse, "jobs_with_results", "b", columns) == [
        ("w1", "Other", "j2", False, "succeeded", "r1")
    ]
    orphans = [
        row for row in rows(warehouse, "jobs_with_results", "recon", columns) if row[2] == "orphan"
    ]
    assert orphans == [("w9", None, "orphan", False, None, "r7")]


def test_workflow_performance(warehouse: Database) -> None:
    assert rows(warehouse, "workflow_performance", "a") == ordered(
        (
            "Acme", "w1", "Profiles", "active", 7, 1, 2, 1, 1, 2, 2, 0.333333333, 1830.0, 3423.0,
            3, at("03-04 12:00"), at("03-01 00:30"), 2,
        ),
        ("Acme", "w2", "Idle", "active", 0, 0, 0, 0, 0, 0, 0, None, None, None, 0, None, None, 0),
        (
            "Acme", "w3", "Old", "archived", 2, 1, 0, 0, 1, 0, 0, 1.0, 60.0, 60.0, 1,
            at("02-01 10:00"), at("02-01 00:00"), 0,
        ),
        (
            "Acme", "w4", "Resting", "paused", 2, 1, 0, 0, 1, 0, 1, 1.0, 30.5, 30.5, 2,
            at("03-03 05:00"), at("03-02 05:00:30.5"), 0,
        ),
        (
            "Acme", "ghost", "Ghost", None, 1, 1, 0, 0, 0, 0, 0, 1.0, None, None, 0,
            at("03-01 23:59:59"), at("03-01 23:59:59"), 0,
        ),
    )  # fmt: skip
    none = (0, 0, 0, 0, 0, 0, 0, None, None, None, 0, None, None, 0)
    assert rows(warehouse, "workflow_performance", "b") == ordered(
        (
            "bolt", "w1", "Other", "active", 2, 1, 1, 0, 0, 0, 0, 0.5, 15.0, 19.5, 1,
            at("03-02 08:00"), at("03-02 08:00:20"), 0,
        ),
        ("bolt", "w3", "Third", "active", *none),
        ("bolt", "w4", "Fourth", "active", *none),
    )  # fmt: skip


def test_failures_in_a_row_are_those_since_the_last_success_of_a_main_run(
    warehouse: Database,
) -> None:
    columns = "workflow_id, runs, retries, failures_in_a_row"
    assert rows(warehouse, "workflow_performance", "row", columns) == [
        ("lost", 1, 0, 0),
        ("moved", 2, 0, 0),
        ("never", 3, 0, 3),
        ("paused", 2, 0, 0),
        ("sub", 1, 5, 1),
        ("tied", 3, 0, 0),
        ("ties", 5, 0, 2),
        ("w1", 5, 0, 3),
        ("w4", 1, 0, 0),
    ]


def test_retries_are_in_no_other_count(warehouse: Database) -> None:
    counts = ("runs", "succeeded_runs", "failed_runs", "stopped_runs", "in_progress_runs")
    (found,) = (
        row
        for row in view_rows(warehouse, "workflow_performance")
        if (row["workspace_id"], row["workflow_id"]) == ("row", "sub")
    )
    assert [found[name] for name in counts] == [1, 0, 1, 0, 0]
    assert (found["unknown_runs"], found["retries"]) == (0, 5)
    assert (found["last_run_at"], found["last_success_at"]) == (at("03-03 10:00"), None)


def test_a_workspace_and_workflows_of_which_there_are_jobs_alone(warehouse: Database) -> None:
    columns = "workspace_name, configured_name, workflow_name, job_id"
    assert rows(warehouse, "all_successful_jobs", "lost", columns) == [(None, None, "Nine", "j1")]
    columns = "workspace_name, active_workflows, runs, last_sync_at"
    assert rows(warehouse, "automation_health", "lost", columns) == [(None, 0, 4, None)]
    # a success without an end counts from its start
    columns = "workspace_name, workflow_id, runs, last_success_at"
    assert rows(warehouse, "workflow_performance", "lost", columns) == ordered(
        (None, "w9", 1, at("03-01 10:00")), (None, None, 3, None)
    )
    columns = "workflow_id, reason, workflow_status, last_run_at"
    assert rows(warehouse, "failing_workflows", "lost", columns) == [
        (None, "failed 3 of its last 3 runs", None, None)
    ]
    columns = "workflow_id, day, runs"
    assert rows(warehouse, "daily_job_health", "lost", columns) == ordered(
        *((None, each, 1) for each in days("03-01", "03-03")),
        *(("w9", each, int(each == day("03-01"))) for each in days("03-01", "03-03")),
    )


def test_all_successful_jobs(warehouse: Database) -> None:
    assert rows(warehouse, "all_successful_jobs", "a") == ordered(
        (
            "Acme", "acme", "w1", "Profiles", "active", "j1", "job j1", None, False,
            at("02-28 23:30"), at("03-01 00:30"), 3600.0, 3, None,
        ),
        (
            "Acme", "acme", "w1", "Profiles", "active", "j3", "job j3", "j2", True,
            at("03-02 09:00"), at("03-02 09:10"), 600.0, 2, None,
        ),
        (
            "Acme", "acme", "w4", "Resting", "paused", "p1", "job p1", None, False,
            at("03-02 05:00"), at("03-02 05:00:30.5"), 30.5, 2, None,
        ),
        (
            "Acme", "acme", "ghost", "Ghost", None, "g1", "job g1", None, False, None,
            at("03-01 23:59:59"), None, None, None,
        ),
        (
            "Acme", "acme", "w3", "Old", "archived", "o1", "job o1", None, False,
            at("01-31 23:59"), at("02-01 00:00"), 60.0, 1, None,
        ),
    )  # fmt: skip
    assert rows(warehouse, "all_successful_jobs", "b") == [
        (
            "bolt", "bolt", "w1", "Other", "active", "j2", "job j2", None, False,
            at("03-02 08:00"), at("03-02 08:00:20"), 20.0, 1, None,
        )
    ]  # fmt: skip


# -- reports


def day(text: str) -> date:
    return at(f"{text} 00:00").date()


def days(first: str, last: str) -> list[date]:
    start, end = day(first).toordinal(), day(last).toordinal()
    return [date.fromordinal(each) for each in range(start, end + 1)]


def test_daily_job_health(warehouse: Database) -> None:
    profiles, resting = ("Acme", "w1", "Profiles"), ("Acme", "w4", "Resting")
    ghost, old = ("Acme", "ghost", "Ghost"), ("Acme", "w3", "Old")
    untimed = (None, None, 0)
    nothing = (0, 0, 0, 0, 0, 0, None, *untimed)
    for zone in ZONES:
        assert rows(warehouse, "daily_job_health", "a", zone=zone) == ordered(
            (day("02-28"), *profiles, 2, 1, 0, 0, 0, 1, 1.0, 3600.0, 3600.0, 3),
            (day("03-01"), *profiles, 1, 0, 1, 0, 0, 0, 0.0, 60.0, 60.0, 0),
            (day("03-02"), *profiles, *nothing),
            (day("03-03"), *profiles, 1, 0, 1, 0, 0, 0, 0.0, *untimed),
            (day("03-04"), *profiles, 3, 0, 0, 1, 1, 1, None, *untimed),
            (day("03-05"), *profiles, *nothing),
            (day("03-02"), *resting, 1, 1, 0, 0, 0, 0, 1.0, 30.5, 30.5, 2),
            (day("03-03"), *resting, 1, 0, 0, 0, 1, 0, None, *untimed),
            (day("03-04"), *resting, *nothing),
            (day("03-05"), *resting, *nothing),
            (day("03-01"), *ghost, 1, 1, 0, 0, 0, 0, 1.0, *untimed),
            *((each, *ghost, *nothing) for each in days("03-02", "03-05")),
            (day("01-31"), *old, 1, 1, 0, 0, 0, 0, 1.0, 60.0, 60.0, 1),
            (day("02-01"), *old, 1, 0, 0, 0, 1, 0, None, *untimed),
            *((each, *old, *nothing) for each in days("02-02", "03-05")),
        )
        assert rows(warehouse, "daily_job_health", "b", zone=zone) == [
            (day("03-01"), "bolt", "w1", "Other", 1, 0, 1, 0, 0, 0, 0.0, 10.0, 10.0, 0),
            (day("03-02"), "bolt", "w1", "Other", 1, 1, 0, 0, 0, 0, 1.0, 20.0, 20.0, 1),
        ]


def test_durations_and_records_of_a_day(warehouse: Database) -> None:
    columns = "duration_p50_seconds, duration_p95_seconds, records_processed"
    found = rows(warehouse, "daily_job_health", "day", f"runs, {columns}")
    # 1, 2 and 10 minutes; not those that were stopped, run, or retry; records of successes alone
    assert found == [(6, 120.0, 552.0, 5)]


def test_days_go_on_to_the_newest_run_of_the_workspace(warehouse: Database) -> None:
    columns = "workflow_id, day, runs"
    found = rows(warehouse, "daily_job_health", "long", columns)
    assert [each for each in found if each[0] == "w2"] == ordered(
        ("w2", day("03-01"), 1),
        *(("w2", each, 0) for each in days("03-02", "03-20")),
    )
    assert sum(each[2] for each in found) == 5
    # the last sync that did not fail was on that day
    found = rows(warehouse, "daily_job_health", "stuck", "day")
    assert max(found) == (day("03-05"),)


def test_failing_workflows(warehouse: Database) -> None:
    assert rows(warehouse, "failing_workflows", "a") == [
        (
            "Acme", "w1", "Profiles", "active", "failed 2 of its last 3 runs", True, False, 3, 2,
            0.666666667, 1830.0, 0, None, None, 2, at("03-04 12:00"), "Bad input", None,
        )
    ]  # fmt: skip
    assert rows(warehouse, "failing_workflows", "b") == []
    assert rows(warehouse, "failing_workflows", "often") == [
        (
            "Often", "mended", "mended", "active", "failed 3 of its last 5 runs", True, False, 5,
            3, 0.6, 60.0, 0, None, None, 0, at("03-12 10:00"), "Boom 3", None,
        ),
        (
            "Often", "tenth", "tenth", "active", "failed 3 of its last 10 runs", True, False, 10,
            3, 0.3, 60.0, 4, 1.0, 60.0, 0, at("03-14 10:00"), "Boom 7", None,
        ),
        (
            "Often", "three", "three", "active", "failed 1 of its last 3 runs", True, False, 3, 1,
            0.333333333, 60.0, 0, None, None, 0, at("03-03 10:00"), "Boom 1", None,
        ),
    ]  # fmt: skip
    both = "failed 3 of its last 10 runs; median run took 390.0 s, before that 180.0 s"
    slower = "median run took 240.0 s, before that 120.0 s"
    assert rows(warehouse, "failing_workflows", "slow") == [
        (
            "Slow", "both", "both", "active", both, True, True, 10, 3, 0.3, 390.0, 5, 0.0, 180.0,
            0, at("03-15 10:00"), "Boom 8", 2.888,
        ),
        (
            "Slow", "endless", "endless", "active", "failed 3 of its last 10 runs", True, False,
            10, 3, 0.3, None, 5, 0.0, 60.0, 0, at("04-20 10:00"), None, None,
        ),
        (
            "Slow", "slower", "slower", "active", slower, False, True, 10, 0, 0.0, 240.0, 5, 0.0,
            120.0, 0, at("03-15 10:00"), None, 1.943,
        ),
    ]  # fmt: skip
    columns = "workflow_id, reason, last_error_message"
    assert rows(warehouse, "failing_workflows", "row", columns) == [
        ("never", "failed 3 of its last 3 runs", "Boom 3"),
        ("ties", "failed 3 of its last 5 runs", "Broke"),
        ("w1", "failed 3 of its last 4 runs", "Boom 5"),
    ]


def test_stuck_runs(warehouse: Database) -> None:
    hour = 3600.0
    sync_at = at("03-05 12:00")

    def expected(
        uid: str,
        flow: str | None,
        status: str,
        since: datetime,
        usual: float | None,
        why: str | None,
    ) -> tuple[Any, ...]:
        hours = (sync_at - since).total_seconds() / hour
        name = f"job {uid}"
        return (None, flow, None, uid, name, status, since, round(hours, 9), usual, why, sync_at)

    for zone in ZONES:
        assert rows(warehouse, "stuck_runs", "stuck", zone=zone) == ordered(
            expected("longer", "hour", "running", at("03-05 08:59:59"), hour, None),
            expected("few", "few", "pending", at("03-05 10:59"), None, None),
            expected("quick", "quick", "RUNNING", at("03-05 10:00"), 60.0, "Slow answer"),
            expected("late", "quick", "QUEUED", at("03-03 12:00"), 60.0, None),
            expected("again", "quick", "running", at("03-05 06:00"), 60.0, None),
            expected("blocked", None, "BLOCKED", at("03-05 00:00"), None, "LIMIT"),
            expected("untimed", "new", "CREATED", at("03-05 06:00"), None, "Waits for a slot"),
            expected("unseen", "new", "paused", at("03-05 06:00"), None, "Queue is full"),
        )
    # of a workspace that was never synced, no one can tell how long a run takes
    assert rows(warehouse, "stuck_runs", "day") == []
    columns = "workspace_name, workflow_name, job_id, since_at"
    assert rows(warehouse, "stuck_runs", "a", columns) == [
        ("Acme", "Old", "o2", at("02-01 10:00")),
        ("Acme", "Profiles", "j4", at("03-04 10:00")),
        ("Acme", "Resting", "p2", at("03-03 05:00")),
    ]
    assert rows(warehouse, "automation_health", "stuck", "in_progress_runs, stuck_runs") == [
        (13, 8)
    ]
    assert rows(warehouse, "automation_health", "day", "in_progress_runs, stuck_runs") == [(2, 0)]


def test_top_error_messages(warehouse: Database) -> None:
    assert rows(warehouse, "top_error_messages", "a") == [
        ("Acme", 1, "Bad input", 2, 1, at("03-01 07:31"), at("03-03 09:00"), "j8"),
        ("Acme", 2, "Odd", 1, 1, at("03-04 11:00"), at("03-04 11:00"), "j5"),
    ]
    assert rows(warehouse, "top_error_messages", "b") == [
        ("bolt", 1, "Bad input", 1, 1, at("03-01 01:00:10"), at("03-01 01:00:10"), "j1")
    ]
    third = at("03-03 10:00")
    assert rows(warehouse, "top_error_messages", "errors") == [
        ("Errors", 1, "Twice, of two flows", 2, 2, at("03-03 11:00"), at("03-09 11:00"), "e2"),
        ("Errors", 2, "Twice, of one flow", 2, 1, at("03-02 11:00"), at("03-02 11:00"), "e1"),
        ("Errors", 3, "C", 2, 1, at("03-02 10:00"), at("03-02 10:00"), "e7"),
        ("Errors", 4, "B", 1, 1, third, third, "e4"),
        ("Errors", 5, "a", 1, 1, third, third, "e5"),
        ("Errors", 6, "D", 1, 1, None, None, "e8"),
    ]


def test_records_by_workflow_month(warehouse: Database) -> None:
    for zone in ZONES:
        assert rows(warehouse, "records_by_workflow_month", "a", zone=zone) == ordered(
            (day("03-01"), "Acme", "w1", "Profiles", 1, 3, 5),
            (day("03-01"), "Acme", "w4", "Resting", 1, 2, 1),
            (day("03-01"), "Acme", "ghost", "Ghost", 1, 0, 1),
            (day("02-01"), "Acme", "w3", "Old", 1, 1, 2),
        )
        assert rows(warehouse, "records_by_workflow_month", "long", zone=zone) == ordered(
            (day("03-01"), "Long", "w1", None, 2, 4, 1),
            (day("03-01"), "Long", "w2", None, 1, 3, 0),
        )
    assert rows(warehouse, "records_by_workflow_month", "b") == [
        (day("03-01"), "bolt", "w1", "Other", 1, 1, 1)
    ]
    assert rows(warehouse, "records_by_workflow_month", "recon") == [
        (None, "Recon", "w1", None, 6, 6, 6),
        (day("03-01"), "Recon", "w9", None, 0, 0, 1),
    ]


def test_automation_health(warehouse: Database) -> None:
    assert rows(warehouse, "automation_health", "a") == [
        (
            "Acme", 2, 1, 1, 1, 12, 4, 2, 3, 0.666666667, 0.6, 6, at("03-04 12:00"),
            at("03-02 05:00:30.5"), 60, at("03-05 01:30"), None, 3,
        )
    ]  # fmt: skip
    assert rows(warehouse, "automation_health", "b") == [
        (
            "bolt", 3, 0, 0, 0, 2, 1, 1, 0, 0.5, 0.5, 1, at("03-02 08:00"), at("03-02 08:00:20"),
            None, at("03-02 13:00"), None, 0,
        )
    ]  # fmt: skip
    zeros = (0, 0, 0, 0, 0, 0, 0, 0, None, None, 0, None, None)
    assert rows(warehouse, "automation_health", "empty") == [("Empty", *zeros, 7, None, None, 0)]
    new = [("configured new", *zeros, None, None, None, 0)]
    assert rows(warehouse, "automation_health", "new") == new
    assert rows(warehouse, "automation_health", "new", "workspace_label") == [("new",)]
    gone = [("configured gone", 1, *zeros[1:], None, None, None, 0)]
    assert rows(warehouse, "automation_health", "gone") == gone
    columns = "active_workflows, paused_workflows, runs, succeeded_runs, tasks_left, credits_left"
    assert rows(warehouse, "automation_health", "v4", columns) == [(1, 0, 8, 6, None, 750)]
    for zone in ZONES:
        assert rows(warehouse, "automation_health", "long", zone=zone) == [
            (
                "Long", 0, 0, 0, 1, 5, 3, 2, 0, 0.6, 0.75, 7, at("03-20 00:00"),
                at("03-20 00:30"), None, None, None, 0,
            )
        ]  # fmt: skip


def test_results_reconciliation(warehouse: Database) -> None:
    def expected(uid: str, group: str, *counts: Any) -> tuple[Any, ...]:
        return ("Recon", "w1", None, uid, f"job {uid}", False, group, None, *counts)

    assert rows(warehouse, "results_reconciliation", "recon") == ordered(
        expected("j1", "succeeded", 2, 2, 0, "equal"),
        expected("zero", "succeeded", 0, 0, 0, "equal"),
        expected("missing", "succeeded", 2, 1, -1, "missing"),
        expected("none", "succeeded", 2, 0, -2, "missing"),
        expected("surplus", "succeeded", 0, 1, 1, "surplus"),
        expected("unknown", "succeeded", None, 1, None, "unknown"),
        expected("kept", "failed", 1, 1, 0, "equal"),
        expected("failed", "failed", 1, 0, None, "not_loaded"),
        expected("running", "in_progress", None, 0, None, "not_loaded"),
        (None, "w9", None, "orphan", None, False, None, None, None, 1, None, "unknown"),
    )
    columns = "workflow_name, job_id, is_sub_job, finished_at, difference, state"
    found = rows(warehouse, "results_reconciliation", "a", columns)
    assert len(found) == 15
    assert [each for each in found if each[-1] != "not_loaded"] == [
        ("Ghost", "g1", False, at("03-01 23:59:59"), None, "unknown"),
        ("Old", "o1", False, at("02-01 00:00"), 1, "surplus"),
        ("Profiles", "j1", False, at("03-01 00:30"), 0, "equal"),
        ("Profiles", "j3", True, at("03-02 09:10"), 0, "equal"),
        ("Resting", "p1", False, at("03-02 05:00:30.5"), -1, "missing"),
    ]
    assert rows(warehouse, "results_reconciliation", "b", columns) == [
        ("Other", "j1", False, at("03-01 01:00:10"), None, "not_loaded"),
        ("Other", "j2", False, at("03-02 08:00:20"), 0, "equal"),
    ]
    columns = "job_id, records_processed, results_loaded, difference, state"
    assert rows(warehouse, "results_reconciliation", "v4", columns) == [
        ("broken", None, 0, None, "not_loaded"),
        ("j1", 1, 1, 0, "equal"),
        ("j2", 2, 1, -1, "missing"),
        ("live", 5, 0, None, "not_loaded"),
        ("newest", None, 0, None, "not_loaded"),
        ("none", 0, 0, None, "not_loaded"),
        ("odd", 2, 1, None, "not_loaded"),
        ("some", 3, 0, None, "not_loaded"),
    ]


FRESHNESS = ", ".join(
    (
        *("workspace_name", "table_name", "last_sync_at", "last_change_at"),
        *("rows_last_change", "last_outcome", "syncs"),
    )
)


def test_sync_freshness(warehouse: Database) -> None:
    assert rows(warehouse, "sync_freshness", "a", FRESHNESS) == [
        ("Acme", "jobs", at("03-05 01:30"), at("03-07 00:00"), 1, "failed", 3),
        ("Acme", "workflows", at("03-05 01:30"), at("03-04 01:00"), 4, "failed", 2),
    ]
    second = at("03-02 13:00")
    assert rows(warehouse, "sync_freshness", "b", FRESHNESS) == [
        ("configured b", "jobs", second, second, 5, "loaded", 1),
        ("configured b", "workflows", second, None, None, "loaded", 2),
    ]
    noon = at("03-03 12:00")
    assert rows(warehouse, "sync_freshness", "odd", FRESHNESS) == [
        ("Odd", "jobs", noon, noon, 3, "loaded", 3)
    ]
    assert rows(warehouse, "sync_freshness", "slow", FRESHNESS) == [
        ("Slow", "jobs", noon, noon, 3, "failed", 1)
    ]
    assert rows(warehouse, "sync_freshness", "gone", FRESHNESS) == [
        ("configured gone", "jobs", None, None, None, "failed", 1)
    ]
    columns = "table_name, syncs, events, last_event_at"
    assert rows(warehouse, "sync_freshness", "a", columns) == [
        ("jobs", 3, 2, at("03-02 23:59:59")),
        ("workflows", 2, 0, None),
    ]


def test_event_lag(warehouse: Database) -> None:
    columns = (
        "day, kind, events, copies, loaded, waiting, left_to_schedule, median_seconds, "
        "p95_seconds, longest_seconds, last_event_at"
    )
    assert rows(warehouse, "event_lag", "a", columns) == [
        (date(2026, 3, 1), "run_final", 1, 4, 1, 0, 0, 2.0, 2.0, 2.0, at("03-01 23:59:58")),
        (date(2026, 3, 2), "run_final", 4, 6, 1, 1, 1, 1.0, 59.05, 65.5, at("03-02 23:59:58")),
        (date(2026, 3, 2), "unknown", 1, 1, 0, 0, 0, 0.25, 0.25, 0.25, at("03-02 10:00")),
    ]


def test_credit_usage(warehouse: Database) -> None:
    february = (at("02-15 12:00"), at("12-31 00:00"))
    march, may = (at("03-15 12:00"), february[1]), (at("05-15 12:00"), february[1])
    for zone in ZONES:
        assert rows(warehouse, "credit_usage", "a", zone=zone) == ordered(
            (day("03-01"), "Acme", "tasks", None, None, 40, 100, 60, *february, "plan q1"),
            (day("03-02"), "Acme", "tasks", 15, 1, 55, 100, 45, *february, "plan q2"),
            (day("03-05"), "Acme", "tasks", -5, 3, 50, 100, 50, *february, "plan q3"),
            (day("03-14"), "Acme", "tasks", 40, 9, 90, 100, 10, *february, "plan q4"),
            (day("03-15"), "Acme", "tasks", 5 + 7, 1, 7, 100, 93, *march, "plan q6"),
            (day("05-20"), "Acme", "tasks", 3, 66, 3, 100, 97, *may, "plan q7"),
            (day("05-21"), "Acme", "tasks", 0, 1, 3, 100, 97, *may, "plan q8"),
        )
    columns = "day, workspace_name, unit, used, days_covered, used_in_month, plan_name"
    assert rows(warehouse, "credit_usage", "v4", columns) == [
        (day("03-02"), "Four", "credits", None, None, 20, "plan q2"),
        (day("03-02"), "Four", "tasks", None, None, 10, "plan q1"),
        (day("03-03"), "Four", "credits", 5, 1, 25, "plan q3"),
    ]
    assert rows(warehouse, "credit_usage", "gone", columns) == [
        (day("03-15"), None, "tasks", 2, None, 2, "plan q2"),
        (day("03-16"), None, "tasks", None, 1, 9, "plan q3"),
    ]


def test_integration_health(warehouse: Database) -> None:
    def expected(permalink: str, status: str | None, needs: str, *rest: Any) -> tuple[Any, ...]:
        name = permalink.title()
        return ("Four", "i1", "Ida", permalink, name, status, needs, *(rest or (None,) * 4))

    assert rows(warehouse, "integration_health", "v4") == ordered(
        expected(
            "linkedin", "INVALID", "log in again", False, "Logged out", at("03-01 10:00"),
            at("03-02 10:00"),
        ),
        expected("gmail", "Pending", "finish connecting"),
        expected(
            "slack", "LIMIT_REACHED", "wait for the limit or spread the load", True, *(None,) * 3
        ),
        expected("maps", None, "look at it"),
        expected("search", "EXPIRED", "look at it"),
    )  # fmt: skip
    columns = "workspace_name, identity_id, identity_name, integration"
    assert rows(warehouse, "integration_health", "a", columns) == [("Acme", "i2", None, "linkedin")]
    assert rows(warehouse, "integration_health", "lost", columns) == [(None, "i1", None, "slack")]


def test_failed_inputs(warehouse: Database) -> None:
    columns = "workspace_name, workflow_id, cast(input as varchar) as input, error_label, "
    columns += "error_scope, error_message, error_reference, failures, jobs, last_job_id, "
    columns += "last_failed_at"
    one, two = '{"n": 1}', '{"n": 2}'
    assert rows(warehouse, "failed_inputs", "v4", columns) == ordered(
        ("Four", "w1", one, "NOT_FOUND", None, "Away", "R3", 3, 2, "j2", at("03-02 10:00")),
        ("Four", "w1", one, "LOGIN", "integ", None, None, 1, 1, "j2", at("03-02 10:00")),
        ("Four", "w1", two, "NOT_FOUND", None, None, None, 1, 1, "j2", at("03-03 10:00")),
        ("Four", "other", one, "NOT_FOUND", None, None, None, 1, 1, "j3", None),
    )
    assert rows(warehouse, "failed_inputs", "lost", columns) == [
        (None, None, one, "NOT_FOUND", None, None, None, 1, 1, "nowhere", None)
    ]
    columns = "cast(input as varchar) as input, error_label, error_message, failures"
    assert rows(warehouse, "failed_inputs", "a", columns) == [('{"input": "x"}', None, "404", 1)]
    ids = {row[0] for row in rows(warehouse, "failed_inputs", "v4", "input_id")}
    assert len(ids) == 2, "an input has one, whatever its error"


def test_upcoming_schedules(warehouse: Database) -> None:
    cron = ("0 7 * * *", "UTC")
    assert rows(warehouse, "upcoming_schedules", "v4") == ordered(
        (
            "Four", "action", "s1", "action s1", "name of s1", *cron, at("03-05 07:00"),
            at("03-04 07:00"), None,
        ),
        ("Four", "flow", "s1", "flow s1", "name of s1", *cron, at("03-09 00:00"), None, None),
        ("Four", "action", "s4", "action s4", "name of s4", *cron, None, None, None),
    )  # fmt: skip
    columns = "workspace_name, schedule_id"
    assert rows(warehouse, "upcoming_schedules", "lost", columns) == [(None, "s1")]


def test_delivery_failures(warehouse: Database) -> None:
    columns = "workspace_name, delivery_id, repeats_id, run_id, retries, http_status, error, "
    columns += "is_delivered, failed_at"
    nothing = (None,) * 4
    assert rows(warehouse, "delivery_failures", "v4", columns) == ordered(
        ("Four", "d1", None, "r1", None, 500, "No", True, at("03-01 10:00")),
        ("Four", "d2", "d1", None, 1, None, None, True, at("03-01 11:00")),
        ("Four", "d4", None, *nothing, False, at("03-02 10:00")),
        ("Four", "e2", "e0", *nothing, False, at("03-03 11:00")),
        ("Four", "f1", "f0", *nothing, True, at("03-04 10:00")),
        ("Four", "l1", "l2", *nothing, False, None),
        ("Four", "l2", "l1", *nothing, False, None),
    )
    assert rows(warehouse, "delivery_failures", "lost", "delivery_id, is_delivered") == [
        ("d1", False)
    ]


def test_credits_by_action(warehouse: Database) -> None:
    february = (at("02-15 12:00"), at("12-31 00:00"))
    march = (at("03-15 12:00"), february[1])
    for zone in ZONES:
        assert rows(warehouse, "credits_by_action", "v4", zone=zone) == ordered(
            (day("03-01"), "Four", "search", None, None, 10.5, 2, *february),
            (day("03-02"), "Four", "search", 1.5, 1, 12.0, 3, *february),
            (day("03-02"), "Four", "export", 4.0, 1, 4.0, 1, *february),
            (day("03-15"), "Four", "search", 8.0 + 1.5, 2 + 1, 1.5, 1, *march),
        )
    columns = "workspace_name, credits_used, credits_used_in_month"
    assert rows(warehouse, "credits_by_action", "lost", columns) == [(None, None, 3.0)]


def test_job_status_timeline(warehouse: Database) -> None:
    columns = "workspace_id, job_id, position, status, valid_from, valid_to, is_current, hours"
    planned, first, second = at("02-28 23:00"), at("03-01 00:00"), at("03-01 01:00")
    found = rows(warehouse, "job_status_timeline", "a", columns)
    assert [row for row in found if row[0] in ("j1", "j2", "j7", "j8")] == [
        ("j1", 1, "pending", planned, first, False, 1.0),
        ("j1", 2, "running", first, second, False, 1.0),
        ("j1", 3, "finished", second, None, True, None),
        ("j2", 1, None, None, at("03-01 07:00"), False, None),
        ("j2", 2, "warning", at("03-01 07:00"), None, True, None),
        ("j7", 1, "running", at("02-28 20:00"), None, True, None),
        ("j8", 1, "pending", None, at("03-02 10:00"), False, None),
        ("j8", 2, "running", at("03-02 10:00"), at("03-02 10:00"), False, 0.0),
        ("j8", 3, "FAILED", at("03-02 10:00"), None, True, None),
    ]
    names = "workspace_id, workspace_name, workflow_id, workflow_name, job_id, job_name"
    (name, *_) = rows(warehouse, "job_status_timeline", "a", names)
    assert name == ("Acme", "ghost", "Ghost", "g1", "job g1")
    columns = "workspace_id, job_id, position, valid_from"
    assert rows(warehouse, "job_status_timeline", "b", columns) == [
        ("j1", 1, None),
        ("j1", 2, at("03-01 01:00")),
        ("j2", 1, at("03-02 08:00")),
    ]
    assert rows(warehouse, "job_status_timeline", "gone") == []


def test_workflow_history(warehouse: Database) -> None:
    created, first, second = at("01-02 03:04"), at("03-01 00:00"), at("03-02 00:00")
    details = {"steps": [FIND, LOGIN]}
    assert rows(warehouse, "workflow_history", "a") == ordered(
        ("Acme", "w1", 1, "Before", [], None, False, created, first, False),
        ("Acme", "w1", 2, "Profiles", [], None, False, first, second, False),
        ("Acme", "w1", 3, "Profiles", LISTED, details, False, second, None, True),
        ("Acme", "w2", 1, "Young", LISTED, None, False, None, at("01-01 00:00"), False),
        ("Acme", "w2", 2, "Idle", LISTED, None, False, at("01-01 00:00"), None, True),
        ("Acme", "w3", 1, "Older", None, None, False, None, first, False),
        ("Acme", "w3", 2, "Older", None, None, True, first, second, False),
        ("Acme", "w3", 3, "Old", None, None, True, second, None, True),
        ("Acme", "w4", 1, "Resting", None, None, False, None, None, True),
    )
    assert len(rows(warehouse, "workflow_history", "b")) == 3


def test_results_changes(warehouse: Database) -> None:
    assert rows(warehouse, "results_changes", "a") == [
        (FIRST, "j1", "w0", "w1", "moved", 3, 2, at("03-01 01:00"), FIRST)
    ]


# -- all views


def test_a_view_gives_the_same_twice_in_any_time_zone_and_its_grain_is_a_key(
    warehouse: Database,
) -> None:
    for name, view in VIEWS.items():
        first, second = (view_rows(warehouse, name, zone=zone) for zone in ZONES)
        assert sorted(map(repr, first)) == sorted(map(repr, second)), name
        key = view.grain.partition("(")[2].partition(")")[0].split(", ")
        found = {tuple(row[column] for column in key) for row in first}
        assert len(found) == len(first) > 0, name


def test_a_view_is_empty_over_empty_tables(empty: Database) -> None:
    for name in VIEWS:
        assert view_rows(empty, name) == [], name


def test_a_join_has_the_rows_of_its_base(warehouse: Database) -> None:
    def count(table: str, where: str = "true") -> int:
        (row,) = warehouse.execute(f"select count(*) as n from {table} where {where}")
        return int(row["n"])

    schema = f"{warehouse.dataset}_views"
    assert count(f"{schema}.jobs") == count("jobs") == len(jobs)
    assert count(f"{schema}.workflows") == count("workflows") == len(workflows)
    assert count(f"{schema}.workspaces") == count("workspaces") == len(workspaces)
    assert count(f"{schema}.jobs_with_results") == count("job_results") == len(results)
    assert count(f"{schema}.all_successful_jobs") == count(f"{schema}.successful_jobs")
    main = "is_sub_job is not true"
    assert sum(row["runs"] for row in view_rows(warehouse, "workflow_performance")) == count(
        "jobs", main
    )
    planned = "case when scheduled_time > loaded_at then null else scheduled_time end"
    timed = f"{main} and coalesce(start_time, {planned}, finish_time) is not null"
    health = view_rows(warehouse, "daily_job_health")
    assert sum(row["runs"] for row in health) == count("jobs", timed)


def test_columns_are_those_of_the_header_with_equal_types(
    tmp_path_factory: pytest.TempPathFactory, postgres_folder: Path
) -> None:
    columns = {}
    for kind in KINDS:
        database = _database(kind, tmp_path_factory, postgres_folder)
        create_raw_tables(database)
        create_views(database)
        columns[kind] = [
            (row["table_name"], row["column_name"], _type(row["data_type"]))
            for row in database.execute(
                "select table_name, column_name, data_type from information_schema.columns "
                f"where table_schema = '{database.dataset}_views' "
                "order by table_name, ordinal_position"
            )
        ]
    assert columns["duckdb"] == columns["postgres"]
    types = {(table, column): kind for table, column, kind in columns["duckdb"]}
    assert list(types) == [
        (view.name, column) for _, view in sorted(VIEWS.items()) for column in view.columns
    ]
    for (_, column), kind in types.items():
        if column.endswith("_at"):
            assert kind == "timestamp with time zone", column
        if column.startswith("is_"):
            assert kind == "boolean", column
        if column.endswith(("_rate", "_seconds", "_rate_30_days")):
            assert kind == "double precision", column
        if column in ("day", "month"):
            assert kind == "date", column
    assert set(types.values()) == {
        "text", "bigint", "double precision", "boolean", "date", "json",
        "timestamp with time zone",
    }  # fmt: skip


def _type(name: str) -> str:
    lower = name.lower()
    same = {"varchar": "text", "character varying": "text", "double": "double precision"}
    return same.get(lower, lower)


def test_a_view_reads_what_its_header_names() -> None:
    for name, view in VIEWS.items():
        tables = {f"captaindata.{table}" for table in view.tables}
        views = {f"captaindata_views.{other}" for other in view.views}
        assert set(view.needs) == tables | views, name
        assert len(view.needs) == len(set(view.needs)), name


def test_the_first_line_names_the_view() -> None:
    folder = Path(__file__).parents[3] / "sql" / "views"
    for file in folder.glob("*.sql"):
        name = file.stem
        lines = file.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith(f"-- {name}: "), name
        assert max(map(len, lines)) <= 100, name


def test_a_run_that_is_still_to_come_is_at_no_time_yet(database: Database) -> None:
    create_raw_tables(database)
    past, now, ahead = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 12))
    job = {"workspace_uid": "a", "workflow_uid": "w", "status": "pending", "loaded_at": now}
    insert(database, WORKFLOWS, [{"workspace_uid": "a", "uid": "w", "is_deleted": False}])
    insert(
        database,
        JOBS,
        [
            {**job, "uid": "late", "scheduled_time": past},
            {**job, "uid": "future", "scheduled_time": ahead},
            {**job, "uid": "done", "status": "finished", "start_time": past, "finish_time": now},
        ],
    )
    create_views(database)
    found = {row["job_id"]: row["run_at"] for row in view_rows(database, "jobs")}
    assert found == {"late": past, "future": None, "done": past}
    (performance,) = view_rows(database, "workflow_performance")
    assert (performance["runs"], performance["last_run_at"]) == (3, past)
    assert len(view_rows(database, "daily_job_health")) == 1


def test_all_views_have_one_name_for_one_thing(warehouse: Database) -> None:
    configured = {
        row["workspace_uid"]: row["configured_name"]
        for row in warehouse.execute("select workspace_uid, configured_name from workspaces")
    }
    for name, view in VIEWS.items():
        assert {"workspace_name", "workspace_label"} <= set(view.columns) or (
            "workspace_name" not in view.columns
        ), name
        if "workspace_label" not in view.columns:
            continue
        for row in view_rows(warehouse, name):
            label = configured.get(row["workspace_id"]) or row["workspace_id"]
            assert row["workspace_label"] in (label, None), name
    for name, (again,) in AGAIN.items():
        assert all(row["name"] == row[again] for row in view_rows(warehouse, name)), name
