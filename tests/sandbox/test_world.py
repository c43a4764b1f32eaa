"""What the sandbox's world holds, and how it changes while its clock moves."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import captaindata_source.sandbox
from captaindata_source.sandbox import DEFAULT_START, Dialect, NotFoundError, Workspace, World
from captaindata_source.sandbox.catalogue import KINDS, columns
from tests.support.marks import INTEGRATION

Json = dict[str, Any]
PACKAGE = Path(captaindata_source.sandbox.__file__).parent
SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.integration) for seed in (2, 3))]
STATUSES = {
    "pending", "running", "paused", "stopped", "shutdown", "warning", "success",
}  # fmt: skip
SUCCESS = {"finished", "completed"}
JOB_FIELDS = {
    "uid", "name", "workflow_uid", "workflow_name", "main_job_uid", "main_job_name", "step_uid",
    "status", "scheduled_time", "start_time", "finish_time", "number_inputs", "row_count",
    "total_row_count", "error_message", "accounts", "configuration",
}  # fmt: skip


def snapshot(world: World) -> Json:
    """Return what the world holds now, except results."""
    return {
        workspace.uid: {
            "workspace": world.workspace_object(workspace),
            "users": world.users(workspace),
            "workflows": world.workflows(workspace),
            "jobs": world.all_jobs(workspace),
        }
        for workspace in world.workspaces
    }


def with_results(world: World) -> Json:
    """Return all results that the world holds now."""
    return {
        job["uid"]: world.results(workspace, job["uid"])
        for workspace in world.workspaces
        for job in world.all_jobs(workspace)
    }


def small(seed: int = 0, **options: Any) -> World:
    options = {"days": 20, "workflows": 5, "jobs_per_day": 0.4, "mean_results": 12} | options
    return World(seed, **options)


def walk(world: World, *, hours: int = 240, step: int = 2) -> dict[str, list[Json]]:
    """Return the states of every job of the first workspace while the clock moves."""
    workspace = world.workspaces[0]
    seen: dict[str, list[Json]] = {}
    for hour in range(0, hours + 1, step):
        if hour:
            world.advance(hours=step)
        for job in world.all_jobs(workspace):
            states = seen.setdefault(job["uid"], [])
            if not states or states[-1] != job:
                states.append(job)
    return seen


def test_same_seed_same_data() -> None:
    one, two = small(3), small(3)
    assert snapshot(one) == snapshot(two)
    assert with_results(one) == with_results(two)
    assert snapshot(one) != snapshot(small(4))
    assert [w.api_key for w in one.workspaces] == [w.api_key for w in two.workspaces]


def test_how_the_clock_moved_does_not_matter() -> None:
    steps, leap, asked = small(1), small(1), small(1)
    for _ in range(10):
        steps.advance(days=1)
        snapshot(steps)
    leap.advance(days=10)
    asked.advance(hours=240)
    assert steps.now == leap.now == DEFAULT_START + timedelta(days=10)
    assert snapshot(steps) == snapshot(leap) == snapshot(asked)
    assert with_results(steps) == with_results(leap)


def test_start_shifts_times_only() -> None:
    shift = timedelta(days=3, hours=7)
    early, late = small(2), small(2, start=DEFAULT_START + shift)
    for one, two in zip(
        early.all_jobs(early.workspaces[0]), late.all_jobs(late.workspaces[0]), strict=True
    ):
        moved = datetime.fromisoformat(one["scheduled_time"]) + shift
        assert datetime.fromisoformat(two["scheduled_time"]) == moved
        times = dict.fromkeys(("scheduled_time", "start_time", "finish_time"))
        assert {**one, **times} == {**two, **times}


def test_the_clock_cannot_go_back() -> None:
    world = small()
    with pytest.raises(ValueError, match="forward"):
        world.advance(days=-1)
    with pytest.raises(ValueError, match="before the world's start"):
        world.now = datetime(2000, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        World(start=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="days must be 10"):
        World(days=5)


def test_workspaces() -> None:
    world = World()
    assert [workspace.name for workspace in world.workspaces] == ["Acme Growth", "Northwind Agency"]
    assert all(workspace.api_key.startswith("sandbox-") for workspace in world.workspaces)
    assert "sandbox-" not in repr(world.workspaces)
    used = []
    for _ in range(10):
        body = world.workspace_object(world.workspaces[0])
        assert body["tasks_left"] + body["tasks_used"] == body["tasks_max"]
        used.append(body["tasks_used"])
        world.advance(days=1)
    assert used == sorted(set(used))


def test_members() -> None:
    world = World()
    big, little = world.workspaces
    assert len(world.users(big)) > 60
    assert 1 < len(world.users(little)) < 30
    roles = [len(world.users(big, role=role)) for role in ("user", "external", "admin", "owner")]
    assert sum(roles) == len(world.users(big))
    assert roles[3] == 1
    before = len(world.users(big))
    world.advance(days=3)
    assert len(world.users(big)) == before + 1


def test_jobs_have_all_fields_and_rows_as_counted() -> None:
    world = small(5)
    for workspace in world.workspaces:
        for job in world.all_jobs(workspace):
            assert set(job) == JOB_FIELDS
            assert len(world.results(workspace, job["uid"])) == (job["row_count"] or 0)
            assert world.job(workspace, job["uid"]) == job


def test_listing_is_newest_first_within_sixty_days() -> None:
    world = World(jobs_per_day=0.3)
    workspace = world.workspaces[0]
    for _ in range(3):
        listed = []
        for workflow in world.workflows(workspace):
            jobs = world.listed_jobs(workspace, workflow["uid"])
            times = [datetime.fromisoformat(job["scheduled_time"]) for job in jobs]
            assert times == sorted(times, reverse=True)
            assert all(at > world.now.replace(tzinfo=None) - timedelta(days=60) for at in times)
            listed += [job["uid"] for job in jobs]
        assert len(listed) == len(set(listed))
        world.advance(days=2)
    gone = {job["uid"] for job in world.all_jobs(workspace)} - set(listed)
    assert gone
    assert all(world.job(workspace, uid) for uid in gone)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_status_and_every_change_comes_within_ten_days(seed: int) -> None:
    world = World(seed, jobs_per_day=0.1, mean_results=10, dialect=Dialect())
    seen = walk(world)
    statuses = {state["status"] for states in seen.values() for state in states}
    assert {"success" if status in SUCCESS else status for status in statuses} == STATUSES
    changes: Counter[str] = Counter()
    for states in seen.values():
        changes.update(_changes(states))
    expected = {
        "grown", "shrunk", "to zero", "same count", "from zero", "success to warning",
        "success to shutdown", "warning to success", "shutdown to success", "paused to success",
        "pending to success", "running to stopped", "success seen running again",
    }  # fmt: skip
    assert expected <= set(changes), expected - set(changes)


def _changes(states: list[Json]) -> list[str]:
    """Name the changes between the states that do not move any more."""
    final = [s for s in states if s["status"] not in {"pending", "running"}]
    changes = []
    first = states[0]["status"]
    if first in {"pending", "running"} and final:
        changes.append(f"{first} to {_word(final[0])}")
    if any(
        one["status"] in SUCCESS and two["status"] == "running" for one, two in pairwise(states)
    ):
        changes.append("success seen running again")
    for one, two in pairwise(final):
        if _word(one) != _word(two):
            changes.append(f"{_word(one)} to {_word(two)}")
        elif _word(one) == "success":
            before, after = one["row_count"], two["row_count"]
            if before == after:
                changes.append("same count")
            elif after == 0:
                changes.append("to zero")
            elif before == 0:
                changes.append("from zero")
            else:
                changes.append("grown" if after > before else "shrunk")
    return changes


def _word(job: Json) -> str:
    return "success" if job["status"] in SUCCESS else job["status"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_changed_success_has_other_rows_and_another_finish_time(seed: int) -> None:
    world = World(seed, jobs_per_day=0.2, mean_results=10)
    workspace = world.workspaces[1]
    held: dict[str, tuple[Json, list[Json]]] = {}
    changed = Counter[str]()
    for _ in range(11):
        for job in world.all_jobs(workspace):
            if job["status"] not in SUCCESS:
                continue
            rows = world.results(workspace, job["uid"])
            before, rows_before = held.get(job["uid"], (job, rows))
            if rows != rows_before:
                assert job["finish_time"] != before["finish_time"]
                equal = len(rows) == len(rows_before)
                changed["same count" if equal else "other count"] += 1
            held[job["uid"]] = (job, rows)
        world.advance(days=1)
    assert changed["same count"]
    assert changed["other count"] >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_no_job_changes_that_nobody_can_see(seed: int) -> None:
    """A job that is final when it leaves the listing stays as it is."""
    world = World(seed, jobs_per_day=0.5, mean_results=10)
    final: dict[str, Json] = {}
    for _ in range(15):
        for workspace in world.workspaces:
            listed = {
                job["uid"]
                for workflow in world.workflows(workspace)
                for job in world.listed_jobs(workspace, workflow["uid"])
            }
            for job in world.all_jobs(workspace):
                uid = job["uid"]
                if uid in final and uid not in listed:
                    assert job == final[uid]
                elif job["status"] not in {"pending", "running", "paused"}:
                    final[uid] = job
                else:
                    final.pop(uid, None)
        world.advance(days=1)


def test_long_runners_finish_after_they_left_the_listing() -> None:
    world = World(jobs_per_day=0.1)
    workspace = world.workspaces[0]
    oldest = world.now - timedelta(days=57)
    runners = [
        job
        for job in world.all_jobs(workspace)
        if job["status"] == "running"
        and datetime.fromisoformat(job["scheduled_time"]).replace(tzinfo=UTC) < oldest
    ]
    assert len(runners) == 3
    world.advance(days=10)
    listed = {
        job["uid"]
        for workflow in world.workflows(workspace)
        for job in world.listed_jobs(workspace, workflow["uid"])
    }
    after = [world.job(workspace, job["uid"]) for job in runners]
    assert not listed & {job["uid"] for job in runners}
    assert sorted(_word(job) for job in after if job) == ["success", "success", "warning"]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_happens_to_workflows(seed: int) -> None:
    world = World(seed, jobs_per_day=0.5)
    for workspace in world.workspaces:
        world.now = world.start
        at = {0: _workflows(world, workspace)}
        for day in range(1, 11):
            world.advance(days=1)
            at[day] = _workflows(world, workspace)
        assert len(at[0]) == 12
        created = [len(set(at[day]) - set(at[0])) for day in range(11)]
        assert created == [0, 0, 1, 1, 1, created[5], 2, 2, 2, 2, 2]
        for_good = set(at[0]) - set(at[10])
        assert [len(for_good & set(at[day])) for day in range(4)] == [1, 1, 0, 0]
        away = set(at[0]) - set(at[5]) - for_good
        assert len(away) == 1
        assert away <= set(at[2])
        assert away <= set(at[9])
        renamed = [u for u in at[0] if u in at[2] and at[0][u]["name"] != at[2][u]["name"]]
        assert len(renamed) == 1
        assert at[1][renamed[0]] == at[0][renamed[0]]
        longer = [u for u in at[5] if u in at[7] and at[5][u]["steps"] != at[7][u]["steps"]]
        assert len(longer) == 1
        details = world.details(workspace, longer[0])
        assert [step["step_uid"] for step in details["steps"]] == [
            step["step_uid"] for step in at[10][longer[0]]["steps"]
        ]
        (dead,) = for_good
        with pytest.raises(NotFoundError):
            world.details(workspace, dead)
        with pytest.raises(NotFoundError):
            world.listed_jobs(workspace, dead)
        orphan = next(j for j in world.all_jobs(workspace) if j["workflow_uid"] == dead)
        assert world.job(workspace, orphan["uid"]) == orphan


def _workflows(world: World, workspace: Workspace) -> dict[str, Json]:
    return {workflow["uid"]: workflow for workflow in world.workflows(workspace)}


def test_odd_clocks() -> None:
    world = World(dialect=Dialect())
    seen = walk(world, hours=72)
    states = [state for history in seen.values() for state in history]
    assert any(s["status"] == "finished" and s["finish_time"] is None for s in states)
    late = [
        uid
        for uid, history in seen.items()
        if history[-1]["status"] == "finished"
        and len(history) > 1
        and history[-2]["status"] == "running"
        and history[-1]["finish_time"] < (world.start + timedelta(hours=12)).isoformat()
    ]
    assert late, "no job was seen to finish long after its finish time"


def test_sub_jobs_point_to_their_main_job() -> None:
    for style in ("null", "own"):
        world = small(dialect=Dialect(main_job=style))
        world.advance(days=5)
        jobs = {job["uid"]: job for job in world.all_jobs(world.workspaces[0])}
        subs = [j for j in jobs.values() if j["main_job_uid"] not in {None, j["uid"]}]
        assert len(subs) >= 8
        assert all(jobs[j["main_job_uid"]]["name"] == j["main_job_name"] for j in subs)
        mains = {j["main_job_uid"] == j["uid"] for j in jobs.values() if j not in subs}
        assert mains == {style == "own"}


def test_dialect_of_words_and_times() -> None:
    world = small()
    workspace = world.workspaces[0]
    words = {}
    for word in ("finished", "completed", "mixed"):
        world.dialect = Dialect(success=word)
        words[word] = {job["status"] for job in world.all_jobs(workspace)} & SUCCESS
    assert words == {"finished": {"finished"}, "completed": {"completed"}, "mixed": SUCCESS}
    for style, end in (("naive", ""), ("offset", "+00:00"), ("zulu", "Z")):
        world.dialect = Dialect(time_style=style)  # type: ignore[arg-type]
        time = world.all_jobs(workspace)[0]["scheduled_time"]
        assert time.endswith(end)
        assert (datetime.fromisoformat(time).tzinfo is None) == (style == "naive")


def test_a_dozen_seeds_bring_every_variant() -> None:
    dialects = [Dialect.from_seed(seed) for seed in range(12)]
    assert {d.jobs_end for d in dialects} == {"empty", "repeat_last", "ignore_page", "not_found"}
    assert {d.jobs_order for d in dialects} == {"newest", "oldest", "uid"}
    assert {d.next_style for d in dialects} == {"absolute", "relative", "cursor"}
    assert {d.results_end for d in dialects} == {"null", "no_paging", "no_next"}
    assert {d.success for d in dialects} == {"finished", "completed", "mixed"}
    assert {d.time_style for d in dialects} == {"naive", "offset", "zulu"}
    assert {d.error_body for d in dialects} == {"json", "text", "html"}
    assert {d.main_job for d in dialects} == {"null", "own"}
    assert all(10 <= d.jobs_page_size <= 60 for d in dialects)
    assert all(20 <= d.results_page_size <= 120 for d in dialects)


@INTEGRATION
def test_results_are_what_real_ones_are_like() -> None:
    world = World(jobs_per_day=0.7)
    rows = [
        (job, row)
        for workspace in world.workspaces
        for job in world.all_jobs(workspace)
        for row in world.results(workspace, job["uid"])
    ]
    texts = [json.dumps(row, ensure_ascii=False, sort_keys=True) for _, row in rows]
    duplicates = len(rows) - len(
        {(job["uid"], text) for (job, _), text in zip(rows, texts, strict=True)}
    )
    assert duplicates > 100
    everything = "\n".join(texts)
    for piece in ("\U0001f680", "\u6771\u4eac", "\u05d3", "\u0646", "e\u0301", "\u200d"):
        assert piece in everything
    values = [value for _, row in rows for value in row.values()]
    assert {type(v).__name__ for v in values} == {
        "str", "int", "float", "bool", "NoneType", "dict", "list",
    }  # fmt: skip
    assert any(isinstance(v, int) and v > 2**53 for v in values)
    assert any("meta" in row for _, row in rows)
    assert any("extracted_at" in row for _, row in rows)
    types = {type(row["linkedin_profile_id"]) for _, row in rows if "linkedin_profile_id" in row}
    assert types == {str, int}
    profiles = [set(row) for _, row in rows if "linkedin_profile_id" in row]
    for key in ("is_open_to_work", "profile_image_url"):
        assert any(key in keys for keys in profiles)
        assert any(key not in keys for keys in profiles)


def test_one_job_of_a_workspace_is_much_bigger() -> None:
    world = World(mean_results=30)
    for workspace in world.workspaces:
        counts = sorted(job["row_count"] or 0 for job in world.all_jobs(workspace))
        assert counts[-1] == 300 > counts[-2]
        assert counts.count(0) > 20


def test_results_are_fresh_objects() -> None:
    world = small()
    workspace = world.workspaces[0]
    job = next(j for j in world.all_jobs(workspace) if j["row_count"])
    before = json.dumps(world.results(workspace, job["uid"]))
    for row in world.results(workspace, job["uid"]):
        row.clear()
    assert json.dumps(world.results(workspace, job["uid"])) == before
    with pytest.raises(NotFoundError):
        world.results(workspace, "nobody")
    assert world.job(workspace, "nobody") is None


def test_kinds_and_their_columns() -> None:
    assert len(KINDS) == 12
    for kind in KINDS:
        assert {drift.key for drift in kind.drifts} <= set(columns(kind.rows))


def test_the_sandbox_imports_nothing_of_the_connector() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                own = f"{name}.".startswith("captaindata_source.sandbox.")
                allowed = (
                    own
                    or top in {"httpx", "starlette", "uvicorn"}
                    or top in sys.stdlib_module_names
                )
                assert allowed, f"{path.name} imports {name}"


def test_importing_is_light() -> None:
    code = (
        "import sys, captaindata_source.sandbox as s; s.World(); "
        "assert not {'starlette', 'uvicorn', 'anyio', 'h11', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_exports_are_sorted_and_there() -> None:
    names = captaindata_source.sandbox.__all__
    assert names == sorted(names)
    assert all(hasattr(captaindata_source.sandbox, name) for name in names)
