"""The syncs that meet the faults of the matrix through API v4.

Each run has a path of its own, so rows about results share two workspaces, and so do those that
only add a run to the list. There is one list of runs for a workspace: a row that spoils it, or what
else all of the workspace needs, has the workspace to itself for a sync. What syncs take grows with
workspaces and their number alike, so a few workspaces meet one such row after the other (`CHAINS`),
side by side. Rows that a sync survives with 0 and with 1 meet in it, so what its summary says of
their workspace counts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import Workspace
from captaindata_source.sandbox.dialect import Dialect
from tests.support.databases import Database, Row
from tests.support.fault_matrix import (
    LISTING_ROWS,
    RESULT_ROWS,
    WORKSPACE_ROWS,
    Json,
    MatrixRow,
    Target,
    only,
)
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.matrix_story import MIN_ROWS, TIME_FACTOR, Story, keep_texts, sync
from tests.support.odd_runs import OddWorld
from tests.support.processes import SHORT_WAITS

__all__ = ["tell_of_v4"]

SUCCESS = ("SUCCEEDED", "PARTIAL_SUCCEEDED")
FEW_RUNS = 14
SHARED = ("calm", "aside")
CHAINS = {
    "calm": (
        "job list is an object",
        "job list is HTML",
        "job list answered with 503 beyond the time limit for retries",
        "403 without a scope for the run list",
    ),
    "aside": (
        "400 with scope `input` for the run list",
        "403 with scope `auth` for the run list",
        "400 with scope `config` for the run list",
        "the key belongs to another workspace than `project_uid`",
    ),
    "sorting": (
        "run list ignores `offset`",
        "run list not in the requested order",
        "a run without `updated_at`",
        "run list ignores `limit`",
    ),
    "breaking off": (
        "401 during the sync",
        "503 for all results, beyond the time limit for retries",
        "a run of another workspace than `project_uid`",
        "`row_count` differs from the number of results",
    ),
    "reaching": (
        "connection refused",
        "job without a uid",
        "403 for the workspace itself",
    ),
}
"""By workspace: rows that have it to themselves, sync by sync. None loads what one after it needs
to be new: a list that was read to its end, in its order, is not read so far again."""


def _shares(row: MatrixRow) -> bool:
    """Whether the row is about one run, so that others can be in the same workspace."""
    return row.kind == "results" or (row.added is not None and row.exit == 0)


ROWS = only("v4", [*RESULT_ROWS, *LISTING_ROWS, *WORKSPACE_ROWS])
SHARING = [row for row in ROWS if _shares(row)]
ALONE = [row for row in ROWS if not _shares(row)]
BY_NAME = {row.name: row for row in ALONE}


class _Teller:
    """Aims the faults and compares what was loaded in the end."""

    def __init__(self, sandbox: FaultySandbox, world: OddWorld, story: Story) -> None:
        self._sandbox = sandbox
        self._world = world
        self._story = story
        self._sent: dict[str, list[Any]] = {}
        """By run: results that are as the API sent them once, not as the sandbox holds them."""

    def aim_at_runs(self, name: str, rows: Sequence[MatrixRow]) -> None:
        """Gives each row a run of its own in a workspace."""
        world, workspace = self._world, self._story.workspaces[name]
        runs = world.v4.runs(workspace)
        full = iter([run for run in runs if _has_results(run)])
        others = iter([run for run in runs if not _has_results(run)])
        faults: list[Fault] = []
        for row in rows:
            if row.added is not None:
                run = next(others)
                path = "/runs$"
                if "reread" in {action for _, action, _ in row.issues}:
                    path += f"|/runs/{run['uid']}$"
                target = self._target(workspace, path, uid=run["uid"], rows=[run])
                added = json.loads(row.added(target))
                world.v4.added.setdefault(workspace.uid, []).append(added)
            else:
                run = next(full)
                found = world.results(workspace, run["uid"])
                path = f"/runs/{run['uid']}/outputs"
                target = self._target(workspace, path, uid=run["uid"], rows=found)
                faults += self._faults_of(row, target)
            self._story.targets[row.name] = target
        self._sandbox.faults.add(*faults)

    def aim_at_workspace(self, row: MatrixRow) -> None:
        """Spoils what the row is about in the workspace that it has."""
        world, workspace = self._world, self._story.workspaces[row.name]
        runs = world.v4.runs(workspace)
        target = self._target(workspace, "/runs$", uid=workspace.uid, rows=runs)
        if row.added is not None:
            world.v4.added[workspace.uid] = [json.loads(row.added(target))]
        elif row.quirk is not None:
            world.v4.quirks[workspace.uid] = row.quirk
        elif row.kind == "count":
            run = next(
                run for run in runs if run["status"] in SUCCESS and run["output_count"] >= MIN_ROWS
            )
            rows = world.results(workspace, run["uid"])[:-1]
            target = self._target(
                workspace, f"/runs/{run['uid']}/outputs", uid=run["uid"], rows=rows
            )
            self._sandbox.faults.add(target.page(target.texts, times=None))
            self._story.late.add(run["uid"])
        else:
            rules = [
                Fault(**{**_fields(rule), "workspace": workspace.uid})
                for rule in (row.faults(target) if row.faults else ())
            ]
            self._sandbox.faults.add(*rules)
            path = rules[0].match if rules else "/"
            target = self._target(workspace, path, uid=workspace.uid, rows=runs)
        self._story.targets[row.name] = target

    def heal(self) -> None:
        self._sandbox.faults.clear()
        self._world.v4.added.clear()
        self._world.v4.quirks.clear()

    def compare(self, harness: Harness) -> None:
        """Holds the tables against the sandbox: every run and every output once, and no other."""
        world = self._world
        runs = {
            (space.uid, run["uid"]): run
            for space in world.workspaces
            for run in world.v4.runs(space)
        }
        jobs = harness.rows("jobs", where="coalesce(name, '') <> 'made up'")
        _assert_same(
            "jobs",
            [(job["workspace_uid"], job["uid"], job["status"], job["row_count"]) for job in jobs],
            [(*key, run["status"], run["output_count"]) for key, run in runs.items()],
        )
        good = {key for key, run in runs.items() if run["status"] in SUCCESS}
        _assert_same(
            "successful_jobs",
            [
                (job["workspace_uid"], job["uid"])
                for job in harness.rows("successful_jobs", where="coalesce(name, '') <> 'made up'")
            ],
            good,
        )
        actions = {(owner, run["action_name"]) for (owner, _), run in runs.items()}
        actions |= {(job["workspace_uid"], job["workflow_uid"]) for job in self._made_up(harness)}
        flows = harness.rows("workflows")
        _assert_same("workflows", [(row["workspace_uid"], row["uid"]) for row in flows], actions)
        spaces = {space.uid: space for space in world.workspaces}
        _assert_same("workspaces", [row["uid"] for row in harness.rows("workspaces")], spaces)
        _assert_same(
            "job_results",
            [
                (row["workspace_uid"], row["job_uid"], row["position"], _text(row["data"]))
                for row in harness.rows("job_results")
            ],
            [
                (owner, uid, position, _text(data))
                for owner, uid in good
                for position, data in enumerate(
                    self._sent.get(uid) or world.results(spaces[owner], uid)
                )
            ],
        )

    def _made_up(self, harness: Harness) -> list[Row]:
        return harness.rows("jobs", where="name = 'made up'")

    def _target(self, workspace: Workspace, path: str, *, uid: str, rows: Sequence[Json]) -> Target:
        return Target(
            path=path,
            uid=uid,
            base_url=self._sandbox.base_url_of("v4"),
            rows=rows,
            version="v4",
            api_key=workspace.api_key,
        )

    def _faults_of(self, row: MatrixRow, target: Target) -> Sequence[Fault]:
        if row.sent is not None:
            self._sent[target.uid] = [json.loads(row.loaded or row.sent), *target.rows[1:]]
            return [target.page([row.sent, *target.texts[1:]], charset=row.charset)]
        assert row.faults
        return row.faults(target)


def _has_results(run: Json) -> bool:
    return run["status"] in SUCCESS and run["output_count"] >= MIN_ROWS


def _text(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def _assert_same(what: str, found: Iterable[object], expected: Iterable[object]) -> None:
    have, want = Counter([*found]), Counter([*expected])
    missing, surplus = [*(want - have).elements()], [*(have - want).elements()]
    assert have == want, (
        f"{what}: {len(missing)} missing, such as {str(missing[:2])[:500]}; "
        f"{len(surplus)} too many, such as {str(surplus[:2])[:500]}"
    )


def _fields(rule: Fault) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in Fault.__dataclass_fields__}


def tell_of_v4(database: Database, folder: Path) -> Story:
    """Lives through all rows of v4."""
    assert sorted(BY_NAME) == sorted(name for chain in CHAINS.values() for name in chain)
    world = OddWorld(
        3,
        workspaces=len(CHAINS),
        workflows=4,
        days=10,
        jobs_per_day=1.5,
        mean_results=14,
        live_runs_per_day=0,
        dialect=Dialect(outputs_page_size=1000),
    )
    own = dict(zip(CHAINS, world.workspaces, strict=True))
    story = Story(
        own | {row: own[name] for name, chain in CHAINS.items() for row in chain}, version="v4"
    )
    for name in CHAINS:
        if name not in SHARED:
            world.v4.sizes[own[name].uid] = FEW_RUNS
    with FaultySandbox(world) as sandbox:
        harness = Harness(sandbox, database, folder)
        harness.extra[SHORT_WAITS] = TIME_FACTOR
        teller = _Teller(sandbox, world, story)
        for code, name in enumerate(SHARED):
            teller.aim_at_runs(name, [row for row in SHARING if row.exit == code])
        sync(harness, story, SHARED, SHARING, expect=1)
        keep_texts(story, database)
        story.ledger = {row["job_uid"] for row in harness.rows("job_results_ledger")}
        story.jobs = {row["uid"]: row for row in harness.rows("jobs")}
        for names in zip_longest(*CHAINS.values()):
            teller.heal()
            rows = [BY_NAME[name] for name in names if name]
            for row in rows:
                teller.aim_at_workspace(row)
            sync(harness, story, [row.name for row in rows], rows, expect=1)
        teller.heal()
        story.healed = sync(harness, story, [*CHAINS], [], expect=0)
        story.all_issues = str(harness.rows("sync_issues"))
        try:
            teller.compare(harness)
        except AssertionError as error:
            story.mismatch = str(error) or "differs"
    return story
