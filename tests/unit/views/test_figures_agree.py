"""Figures of one thing are the same wherever they appear, in worlds of retries on both databases.

Workspaces have jobs and results of the same uids, and workflows of one name.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import dlt
import pyarrow.parquet as pq
import pytest

from captaindata_source.export.files import Format
from captaindata_source.export.preview import preview
from captaindata_source.export.results import list_results
from captaindata_source.export.run import Order
from captaindata_source.export.writing import export_results
from captaindata_source.tables import JOBS, SYNC_RUNS, WORKSPACES
from tests.support.databases import Database, Row
from tests.support.marks import INTEGRATION, ON_POSTGRES, POSTGRES_LATER
from tests.support.raw_tables import insert
from tests.support.results import NOON, Warehouse
from tests.support.retries import Rows, mains_of, repeated

Key = tuple[str, str]
NAMES = {"a": "acme", "b": "bolt"}
WORKFLOW_NAMES = {"a": "Profiles", "b": " Profiles "}
PEOPLE = "ABCD"
FORMATS: tuple[Format, ...] = ("csv", "jsonl", "parquet")
WORLDS: Mapping[str, tuple[Mapping[str, str | None], Mapping[str, str]]] = {
    # jobs and what each retries; whom each job's results are about
    "a": (
        {"m1": None, "all": "m1", "m2": None, "some": "m2", "m3": None, "none": "m3", "x": None},
        {"m1": "AABC", "all": "CAA", "m2": "AB", "some": "BBD", "m3": "A", "none": "BCC", "x": "D"},
    ),
    # the same jobs, with other retries and results
    "b": (
        {"all": None, "m1": "all", "x": None, "m2": "x", "some": None, "m3": "gone", "none": "m2"},
        {"m1": "CA", "all": "BBC", "m2": "AD", "some": "AB", "m3": "BC", "none": "D", "x": "BA"},
    ),
}  # fmt: skip


def result(who: str) -> dict[str, Any]:
    return {"linkedin_profile_id": PEOPLE.index(who) + 1, "full_name": who, "tags": [who, None]}


class Figures:
    """What all figures must be, counted in Python from jobs and their results.

    Args:
        worlds: By workspace: jobs and what each retries; whom each job's results are about.
    """

    def __init__(
        self, worlds: Mapping[str, tuple[Mapping[str, str | None], Mapping[str, str]]]
    ) -> None:
        self.jobs = {space: jobs for space, (jobs, _) in worlds.items()}
        self.results: dict[str, Rows] = {
            space: {job: [result(who) for who in found] for job, found in about.items()}
            for space, (_, about) in worlds.items()
        }
        self.repeated = {
            (space, job, place): is_repeated
            for space in worlds
            for job, found in repeated(self.jobs[space], self.results[space]).items()
            for place, is_repeated in enumerate(found)
        }
        self.who = {
            (space, job, place): name
            for space, (_, about) in worlds.items()
            for job, found in about.items()
            for place, name in enumerate(found)
        }

    def kept(self, *, with_repeated: bool = False) -> set[tuple[str, str, int]]:
        """Workspace, job and place of the results that are shown."""
        return {
            key for key, is_repeated in self.repeated.items() if with_repeated or not is_repeated
        }

    def seen(self) -> dict[Key, Counter[str]]:
        """Workspace and name to how often each job has the person, repeated rows left out."""
        found: dict[Key, Counter[str]] = defaultdict(Counter)
        for key in self.kept():
            found[key[0], self.who[key]][key[1]] += 1
        return found

    def main_runs(self, space: str) -> list[str]:
        return [job for job, main in self.jobs[space].items() if main is None]

    def records(self, space: str) -> int:
        """Records of main runs, as the API counts them."""
        return sum(len(self.results[space][job]) for job in self.main_runs(space))

    def months(self) -> Counter[tuple[str, Any]]:
        """Results of each workspace and month: those of a retry in the month of its main run."""
        found: Counter[tuple[str, Any]] = Counter()
        for space, job, _ in self.kept():
            jobs = self.jobs[space]
            known = [main for main in mains_of(jobs, job) if main in jobs]
            found[space, began(known[-1] if known else job, jobs, space).date().replace(day=1)] += 1
        return found


def began(job: str, jobs: Mapping[str, str | None], space: str) -> datetime:
    days = 11 * [*jobs].index(job) + 100 * [*NAMES].index(space)
    return NOON + timedelta(days=days)


def load(warehouse: Warehouse, figures: Figures) -> None:
    spaces = [
        {"workspace_uid": uid, "uid": uid, "name": name.title(), "configured_name": name}
        for uid, name in NAMES.items()
    ]
    insert(warehouse.where, WORKSPACES, spaces)
    for space, jobs in figures.jobs.items():
        warehouse.add_workflow("w", WORKFLOW_NAMES[space], workspace=space)
        own = {"workspace_uid": space, "workflow_uid": "w", "status": "finished"}
        rows = [
            {
                **own,
                "uid": job,
                "name": f"job {job}",
                "workflow_name": "Before",
                "main_job_uid": main,
                "is_sub_job": main is not None,
                "start_time": began(job, jobs, space),
                "finish_time": began(job, jobs, space) + timedelta(minutes=1),
                "row_count": len(figures.results[space][job]),
            }
            for job, main in jobs.items()
        ]
        insert(warehouse.where, JOBS, rows)
        for job, found in figures.results[space].items():
            warehouse.load(job, found, workspace=space)
        sync = {"workspace_uid": space, "uid": space, "outcome": "loaded"}
        insert(warehouse.where, SYNC_RUNS, [{**sync, "finished_at": NOON + timedelta(days=500)}])


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    return Warehouse(database)


@pytest.fixture
def pipeline(database: Database, tmp_path: Path) -> Iterator[dlt.Pipeline]:
    """The way to the warehouse that the command takes."""
    yield dlt.pipeline(
        "figures",
        pipelines_dir=str(tmp_path / "dlt"),
        destination=database.destination(),
        dataset_name=database.dataset,
    )


@INTEGRATION
@ON_POSTGRES
def test_all_some_and_none_of_a_retry(
    warehouse: Warehouse, pipeline: dlt.Pipeline, tmp_path: Path
) -> None:
    figures = Figures(WORLDS)
    load(warehouse, figures)
    for materialize in (False, True):
        warehouse.refresh(materialize=materialize)
        assert_agree(warehouse, figures)
        assert_taken_away(warehouse, pipeline, tmp_path, figures.kept())
    changed = {**WORLDS, "a": (WORLDS["a"][0], {**WORLDS["a"][1], "m2": "BD", "m1": "B"})}
    figures = Figures(changed)
    reload(warehouse, figures, "m1", "m2")
    warehouse.refresh(materialize=True)
    assert_agree(warehouse, figures)
    warehouse.refresh(materialize=True, retries=True)
    assert_agree(warehouse, figures, with_repeated=True)
    everything = figures.kept(with_repeated=True)
    assert_taken_away(warehouse, pipeline, tmp_path, everything)
    figures = Figures(WORLDS)
    reload(warehouse, figures, "m1", "m2")
    warehouse.refresh(materialize=True, retries=True)
    assert_agree(warehouse, figures, with_repeated=True)
    warehouse.refresh(retries=True)
    assert_taken_away(warehouse, pipeline, tmp_path, figures.kept(with_repeated=True))


def reload(warehouse: Warehouse, figures: Figures, *jobs: str) -> None:
    """Main runs of workspace a have other results."""
    for job in jobs:
        found = figures.results["a"][job]
        warehouse.load(job, found, workspace="a")
        warehouse.where.execute(
            "update jobs set row_count = %s where workspace_uid = 'a' and uid = %s",
            (len(found), job),
        )


@POSTGRES_LATER
def test_any_worlds_of_the_same_uids(warehouse: Warehouse) -> None:
    random = Random(5)
    worlds = {}
    for space in "ab":
        jobs: dict[str, str | None] = {}
        about = {}
        for number in range(25):
            jobs[f"j{number}"] = random.choice([None, "gone", *jobs]) if number % 4 else None
            about[f"j{number}"] = "".join(random.choices(PEOPLE, k=random.randrange(5)))
        worlds[space] = jobs, about
    figures = Figures(worlds)
    assert len(figures.kept()) < len(figures.repeated)
    load(warehouse, figures)
    warehouse.refresh()
    assert_agree(warehouse, figures)


def assert_agree(warehouse: Warehouse, figures: Figures, *, with_repeated: bool = False) -> None:
    """All views and tables say the same."""
    everything = placed(warehouse.rows("job_results"))
    assert {key: row["is_repeated"] for key, row in everything.items()} == figures.repeated
    assert {key for key, row in everything.items() if row["is_sub_job"]} == {
        key for key in figures.repeated if figures.jobs[key[0]][key[1]] is not None
    }
    shown = figures.kept(with_repeated=with_repeated)
    for space, label in NAMES.items():
        (view,) = (each for each in views_of(warehouse) if each[0] == space)
        found = warehouse.rows(view[1])
        assert Counter(row["result_id"] for row in found) == Counter(
            f"{job}-{place}" for owner, job, place in shown if owner == space
        ), label
        flags = {(space, *split(row["result_id"])): row["is_repeated"] for row in found}
        assert flags == {key: figures.repeated[key] for key in flags}
        assert {row["workspace_name"] for row in found} == {label.title()}
        assert {row["workflow_name"] for row in found} == {WORKFLOW_NAMES[space]}
    united = warehouse.rows("results_all_profiles")
    assert placed(united).keys() == shown
    assert len(united) == len(shown)
    assert {row["workspace_label"] for row in united} == set(NAMES.values())
    assert_reports(warehouse, figures)
    assert_people(warehouse, figures)


def assert_reports(warehouse: Warehouse, figures: Figures) -> None:
    months = warehouse.rows("records_by_workflow_month")
    by_month = {
        (row["workspace_id"], row["month"]): row["results_loaded"]
        for row in months
        if row["results_loaded"]
    }
    assert by_month == figures.months()
    runs, records = Counter[str](), Counter[str]()
    for space in NAMES:
        runs[space] = len(figures.main_runs(space))
        records[space] = figures.records(space)
    for view, name in (
        ("records_by_workflow_month", "succeeded_runs"),
        ("daily_job_health", "runs"),
        ("daily_job_health", "succeeded_runs"),
        ("workflow_performance", "runs"),
        ("automation_health", "runs"),
    ):
        rows = warehouse.rows(view)
        assert total(rows, name) == runs, (view, name)
        assert total(rows, "records_processed") == records, view
    reconciled = warehouse.rows("results_reconciliation")
    assert {row["state"] for row in reconciled} == {"equal"}
    assert total(reconciled, "results_loaded") == Counter(key[0] for key in figures.repeated)


def assert_people(warehouse: Warehouse, figures: Figures) -> None:
    seen = figures.seen()
    rows = warehouse.rows("people")
    people = {(row["workspace_id"], row["full_name"]): row for row in rows}
    assert people.keys() == seen.keys()
    assert len(rows) == len(people)
    assert all(row["workspace_name"] == NAMES[row["workspace_id"]].title() for row in rows)
    for key, jobs in seen.items():
        row = people[key]
        assert (row["times_seen"], row["jobs"]) == (jobs.total(), len(jobs)), key
    rows = warehouse.rows("people_results")
    assert placed(rows).keys() == figures.kept()
    assert Counter((row["workspace_id"], row["person_id"]) for row in rows) == {
        (space, row["person_id"]): row["times_seen"] for (space, _), row in people.items()
    }
    for row in warehouse.rows("people_all"):
        own = {space: jobs for (space, name), jobs in seen.items() if name == row["full_name"]}
        expected = (sum(jobs.total() for jobs in own.values()), sum(map(len, own.values())))
        assert (row["times_seen"], row["jobs"]) == expected
        assert (row["workspaces"], row["workflows"]) == (len(own), len(own))


def assert_taken_away(
    warehouse: Warehouse,
    pipeline: dlt.Pipeline,
    folder: Path,
    shown: set[tuple[str, str, int]],
) -> None:
    """Lists, previews and files have the rows of the views."""
    warehouse.where.release()
    listed = list_results(pipeline)
    assert {each.workspace.label: each.rows for each in listed} == {
        NAMES[space]: count for space, count in Counter(key[0] for key in shown).items()
    }
    for each in listed:
        expected = sorted(
            f"{job}-{place}" for space, job, place in shown if space == each.workspace.uid
        )
        names, rows = preview(pipeline, each, limit=1_000)
        place = names.index("result_id")
        assert sorted(row[place] for row in rows) == expected
        for kind in FORMATS:
            (written,) = export_results(pipeline, [each], Order(kind=kind), folder=folder)
            assert written.path is not None
            assert written.rows == len(expected)
            assert sorted(row["result_id"] for row in read(written.path)) == expected, kind
    warehouse.where.hold()


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    return [json.loads(line) for line in text.splitlines()]


def views_of(warehouse: Warehouse) -> list[Key]:
    return [
        (row["workspace_uid"], row["view_name"])
        for row in warehouse.where.execute("select * from job_result_views")
    ]


def placed(rows: Sequence[Row]) -> dict[tuple[str, str, int], Row]:
    return {(row["workspace_id"], *split(row["result_id"])): row for row in rows}


def split(result_id: str) -> tuple[str, int]:
    job, _, place = result_id.rpartition("-")
    return job, int(place)


def total(rows: Sequence[Row], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["workspace_id"]] += row[name]
    return found
