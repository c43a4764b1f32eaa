"""A month of an agency with three clients: figures of one thing agree wherever they appear.

Jobs are retried, a run is stuck, workflows are renamed, and a person comes back in five workflows
of two clients. What figures must be is counted in Python from the raw tables. On Postgres they are
held against each other in `tests/unit/views/test_figures_agree.py`.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from captaindata_source.sandbox import Workspace
from captaindata_source.sandbox.results import dumps
from tests.conftest import MakeHarness
from tests.support import processes
from tests.support.databases import Row
from tests.support.faults import Fault
from tests.support.harness import Harness
from tests.support.marks import ON_DUCKDB
from tests.support.raw_tables import view_rows
from tests.support.retries import repeated

pytestmark = pytest.mark.integration

ZONE = ZoneInfo("Pacific/Auckland")
MONA = {"linkedin_profile_id": 424242, "full_name": "Mona Month", "email": "mona@month.example"}
WORKFLOWS_WITH_MONA = (3, 2, 0)
"""By client."""
SUCCESS = ("finished", "completed")
FAILED = ("shutdown", "warning")
Key = tuple[str, str]


@ON_DUCKDB
def test_figures_of_a_month_agree(make_harness: MakeHarness) -> None:
    harness = make_harness(3, workspaces=3, workflows=5, days=20, jobs_per_day=0.02, mean_results=5)
    harness.extra |= {
        "SOURCES__CAPTAINDATA__CREATE_VIEWS": "true",
        "SOURCES__CAPTAINDATA__REPORT_TIMEZONE": str(ZONE),
    }
    clients = harness.world.workspaces
    for client, count in zip(clients, WORKFLOWS_WITH_MONA, strict=True):
        plant(harness, client, count)
    harness.sync()
    harness.world.advance(days=9)
    for client in clients:
        change_retries(harness, client)
    harness.sync()
    month = Month(harness)
    assert {True, False} == set(month.repeated.values())
    month.assert_agrees()
    harness.extra |= {
        "SOURCES__CAPTAINDATA__MATERIALIZE_RESULTS": "true",
        "SOURCES__CAPTAINDATA__RESULTS_INCLUDE_RETRIES": "true",
    }
    run(harness, "views", "create")
    month.assert_results({*month.repeated})


def run(harness: Harness, *arguments: str) -> str:
    where = ["--destination", harness.database.name, "--dataset", harness.database.dataset]
    done = processes.run(
        [*arguments, *where],
        environment=harness.environment(),
        folder=harness.folder,
    )
    assert done.code == 0, done.stderr + done.stdout
    return done.stdout


def replace_results(harness: Harness, job: str, rows: list[Any]) -> None:
    page = {"results": rows, "paging": {"have_next_page": False}}
    body = dumps(page, ascii_json=harness.world.dialect.ascii_json)  # as it writes equal rows
    harness.sandbox.faults.add(Fault(match=f"/{job}/results", kind="replace", body=body))


def plant(harness: Harness, client: Workspace, count: int) -> None:
    """Lets the first result of a final job be about Mona, in so many workflows."""
    jobs: dict[str, str] = {}
    every = harness.world.all_jobs(client)
    retried = {main_of(job) for job in every}
    for job in every:
        is_plain = main_of(job) is None and job["uid"] not in retried
        if is_plain and job["status"] in SUCCESS and job["row_count"]:
            jobs.setdefault(job["workflow_uid"], job["uid"])
    assert len(jobs) >= count
    for uid in [*jobs.values()][:count]:
        replace_results(harness, uid, [MONA, *harness.world.results(client, uid)[1:]])


def change_retries(harness: Harness, client: Workspace) -> None:
    """Of three retries, the main run has some rows, one of two equal rows, and none."""
    retries = [
        job
        for job in harness.world.all_jobs(client)
        if (main := main_of(job))
        and job["status"] in SUCCESS
        and job["row_count"] > 1
        and harness.world.results(client, main)
    ]
    assert len(retries) > 3, "the others are as they are"
    for job, kind in zip(retries, ("some", "doubled", "none"), strict=False):
        rows = harness.world.results(client, job["uid"])
        shared = harness.world.results(client, main_of(job) or "")[0]
        fresh = [{**row, "of": job["uid"]} for row in rows]
        if kind != "none":
            fresh[0] = shared
        if kind == "doubled":
            fresh[1] = shared
        replace_results(harness, job["uid"], fresh)


def main_of(job: Row) -> str | None:
    """The job that a job of the API retries; some name themselves."""
    main: str | None = job.get("main_job_uid")
    return None if main == job["uid"] else main


class Month:
    """What is loaded, and the figures that follow from it.

    Args:
        harness: After the syncs.
    """

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.clients = {
            client.uid: harness.config(client)["name"] for client in harness.world.workspaces
        }
        self.jobs = {(row["workspace_uid"], row["uid"]): row for row in harness.rows("jobs")}
        rows = harness.rows("job_results")
        self.results = {(row["workspace_uid"], row["result_uid"]): row for row in rows}
        assert len(self.results) == len(rows)
        self.repeated = self._repeated()
        self.kept = {key for key, is_repeated in self.repeated.items() if not is_repeated}
        main_runs = [job for job in self.jobs.values() if not job["is_sub_job"]]
        self.runs = Counter(job["workspace_uid"] for job in main_runs)
        self.succeeded = Counter(
            job["workspace_uid"] for job in main_runs if job["status"] in SUCCESS
        )
        self.failed = Counter(job["workspace_uid"] for job in main_runs if job["status"] in FAILED)
        self.waiting = Counter(
            job["workspace_uid"]
            for job in main_runs
            if job["status"] not in (*SUCCESS, *FAILED, "stopped")
        )
        self.records: Counter[str] = Counter()
        for job in main_runs:
            if job["status"] in SUCCESS:
                self.records[job["workspace_uid"]] += job["row_count"]
        self.days = Counter(
            (job["workspace_uid"], job["workflow_uid"], day_of(job)) for job in main_runs
        )

    def _repeated(self) -> dict[Key, bool]:
        placed: dict[Key, list[Row]] = defaultdict(list)
        for row in self.results.values():
            placed[row["workspace_uid"], row["job_uid"]].append(row)
        found = {}
        for client in self.clients:
            own = {
                job: sorted(rows, key=lambda row: row["position"])
                for (owner, job), rows in placed.items()
                if owner == client
            }
            mains = {
                uid: job["main_job_uid"] if job["is_sub_job"] else None
                for (owner, uid), job in self.jobs.items()
                if owner == client
            }
            data = {job: [row["data"] for row in rows] for job, rows in own.items()}
            for job, flags in repeated(mains, data).items():
                for row, flag in zip(own[job], flags, strict=True):
                    found[client, row["result_uid"]] = flag
        return found

    def view(self, name: str, **where: str) -> list[Row]:
        return view_rows(self._harness.database, name, **where)

    def assert_agrees(self) -> None:
        self.assert_results(self.kept)
        self._assert_runs()
        self._assert_history()
        self._assert_people()

    def assert_results(self, shown: set[Key]) -> None:
        """Each place where results are taken from has these."""
        of_results = self.view("job_results", columns="workspace_id, result_id, is_repeated")
        flags = {(row["workspace_id"], row["result_id"]): row["is_repeated"] for row in of_results}
        assert flags == self.repeated
        by_workflow: dict[Key, set[str]] = defaultdict(set)
        for client, result in shown:
            flow = self.results[client, result]["workflow_uid"]
            by_workflow[client, flow].add(result)
        views = {
            (row["workspace_uid"], row["workflow_uid"]): row["view_name"]
            for row in self._harness.rows("job_result_views")
        }
        columns = "result_id, is_repeated, workflow_name"
        names = {
            (row["workspace_id"], row["workflow_id"]): row["workflow_name"]
            for row in self.view("workflows")
        }
        for key, view in views.items():
            rows = self.view(view, columns=columns)
            assert Counter(row["result_id"] for row in rows) == Counter(by_workflow[key]), view
            assert {row["workflow_name"] for row in rows} <= {names[key]}
            assert all(row["is_repeated"] == flags[key[0], row["result_id"]] for row in rows)
        self._assert_united(by_workflow, names)
        self._assert_files(by_workflow, views)

    def _assert_united(self, by_workflow: dict[Key, set[str]], names: dict[Key, str]) -> None:
        shared = {name for name, count in Counter(names.values()).items() if count > 1}
        assert shared
        found: dict[Key, set[str]] = defaultdict(set)
        schema = f"{self._harness.database.dataset}_views"
        united = self._harness.database.execute(
            "select table_name as name from information_schema.tables "
            f"where table_schema = '{schema}' and table_name like 'results_all_%%'",
            (),
        )
        assert len(united) == len(shared)
        for view in united:
            for row in self.view(view["name"], columns="workspace_id, workflow_id, result_id"):
                found[row["workspace_id"], row["workflow_id"]].add(row["result_id"])
        assert found == {
            key: results for key, results in by_workflow.items() if names[key] in shared and results
        }

    def _assert_files(self, by_workflow: dict[Key, set[str]], views: dict[Key, str]) -> None:
        listed = run(self._harness, "results", "list").splitlines()[1:]
        rows = {line.split()[-1]: int(line.split()[-3].replace(",", "")) for line in listed}
        assert rows == {view: len(by_workflow[key]) for key, view in views.items()}
        (client, label), *_ = self.clients.items()
        run(self._harness, "results", "export", "--workspace", label)
        files = {
            path.stem: ids_of(path) for path in self._harness.folder.glob(f"exports/{label}/*")
        }
        assert files == {
            view.removeprefix("results_"): sorted(by_workflow[key])
            for key, view in views.items()
            if key[0] == client
        }

    def _assert_runs(self) -> None:
        health = {row["workspace_id"]: row for row in self.view("automation_health")}
        assert {row["workspace_label"] for row in health.values()} == {*self.clients.values()}
        performance, days = self.view("workflow_performance"), self.view("daily_job_health")
        months = self.view("records_by_workflow_month")
        for name, expected in (
            ("runs", self.runs),
            ("succeeded_runs", self.succeeded),
            ("failed_runs", self.failed),
            ("in_progress_runs", self.waiting),
            ("records_processed", self.records),
        ):
            for rows in (health.values(), performance, days, months):
                if name in next(iter(rows)):
                    assert summed(rows, name) == expected, name
        assert summed(months, "results_loaded") == Counter(client for client, _ in self.kept)
        counted = {
            (row["workspace_id"], row["workflow_id"], row["day"]): row["runs"] for row in days
        }
        assert {key: runs for key, runs in counted.items() if runs} == self.days
        stuck = self.view("stuck_runs")  # the world's clock stands in January: all that wait
        assert Counter(row["workspace_id"] for row in stuck) == self.waiting
        assert summed(health.values(), "stuck_runs") == self.waiting
        assert all(self.waiting[client] for client in self.clients)

    def _assert_history(self) -> None:
        timeline = self.view("job_status_timeline")
        current = {
            (row["workspace_id"], row["job_id"]): row["status"]
            for row in timeline
            if row["is_current"]
        }
        assert current == {key: job["status"] for key, job in self.jobs.items()}
        changed = self._harness.rows("job_changes", where="field = 'status'")
        assert len(timeline) == len(current) + len(changed) > len(current)
        history = self.view("workflow_history")
        now = {
            (row["workspace_id"], row["workflow_id"]): (row["workflow_name"], row["is_deleted"])
            for row in history
            if row["is_current"]
        }
        assert now == {
            (row["workspace_id"], row["workflow_id"]): (
                row["workflow_name"],
                row["status"] == "archived",
            )
            for row in self.view("workflows")
        }
        before = {
            row["workspace_id"]: row["workflow_name"]
            for row in history
            if not row["is_current"]
            and now[row["workspace_id"], row["workflow_id"]][0] != row["workflow_name"]
        }
        assert before.keys() == self.clients.keys(), "each client renamed a workflow"
        sizes = Counter((row["workspace_uid"], row["job_uid"]) for row in self.results.values())
        changes = self.view("results_changes")
        assert changes
        for row in changes:
            assert row["rows_after"] == sizes[row["workspace_id"], row["job_id"]]

    def _assert_people(self) -> None:
        for people, one in (("people", "person"), ("companies", "company")):
            rows = self.view(people)
            results = self.view(f"{people}_results")
            assert {(row["workspace_id"], row["result_id"]) for row in results} <= self.kept
            times = Counter((row["workspace_id"], row[f"{one}_id"]) for row in results)
            assert times == {
                (row["workspace_id"], row[f"{one}_id"]): row["times_seen"] for row in rows
            }
            everyone = self.view(f"{people}_all")
            assert sum(row["times_seen"] for row in everyone) == len(results)
        mona = "linkedin_profile_id = '424242'"
        own = {row["workspace_id"]: row for row in self.view("people", where=mona)}
        (overall,) = self.view("people_all", where=mona)
        counts = dict(zip(self.clients, WORKFLOWS_WITH_MONA, strict=True))
        counts = {client: count for client, count in counts.items() if count}
        for name in ("times_seen", "jobs", "workflows"):
            assert {client: row[name] for client, row in own.items()} == counts
            assert overall[name] == sum(counts.values())
        assert overall["workspaces"] == len(counts)


def day_of(job: Row) -> date:
    at = job["start_time"] or job["scheduled_time"] or job["finish_time"]
    found: date = at.astimezone(ZONE).date()
    return found


def ids_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted(row["result_id"] for row in csv.DictReader(file))


def summed(rows: Any, name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["workspace_id"]] += row[name]
    return +found
