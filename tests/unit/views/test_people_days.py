"""People over days of changes: as Python computes them, and as if they were made from scratch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from captaindata_source.tables import JOB_RESULTS, LEDGER
from captaindata_source.views.people.store import TABLES
from tests.support.databases import Database
from tests.support.marks import INTEGRATION
from tests.support.people_oracle import Ids, company_ids, groups, person_ids
from tests.support.results import NOON, Warehouse

JsonRow = dict[str, Any]
KINDS = {
    "person": ("linkedin_profile_id", "sales_navigator_profile_id", "linkedin_profile_url"),
    "company": ("linkedin_company_id", "linkedin_company_url", "domain"),
}
IMMUTABLE = {"person": (0, 1), "company": (0,)}
VIEWS = {"person": "people", "company": "companies"}


def person(number: int, name: str | None = None, **more: Any) -> JsonRow:
    """A result about somebody; each number has ids of its own."""
    return {"linkedin_profile_id": number, "full_name": name or f"name {number}", **more}


def url(handle: str) -> str:
    return f"https://www.linkedin.com/in/{handle}"


class Days:
    """A warehouse, what its jobs hold, and what people of it are expected.

    Attributes:
        fields: The option `people_fields`.
        main_jobs: Each retry to its main job.
    """

    def __init__(self, database: Database) -> None:
        self.warehouse = Warehouse(database)
        self.fields: dict[str, Sequence[str]] = {}
        self.main_jobs: dict[str, str] = {}
        self._jobs: dict[tuple[str, str], tuple[str, list[JsonRow], int]] = {}
        self._loads = 0

    def load(
        self, job: str, rows: list[JsonRow], *, workflow: str = "w", workspace: str = "a"
    ) -> None:
        self._loads += 1
        self.warehouse.load(job, rows, workflow=workflow, workspace=workspace)
        self._jobs[workspace, job] = (workflow, rows, self._loads)

    def retry(self, job: str, of: str, rows: list[JsonRow]) -> None:
        self.warehouse.add_job(job, start_time=NOON, of=of)
        self.main_jobs[job] = of
        self.load(job, rows)

    def remove(self, job: str, *, workspace: str = "a") -> None:
        for table in (JOB_RESULTS, LEDGER):
            self.warehouse.where.execute(
                f"delete from {table.name} where workspace_uid = %s and job_uid = %s",
                (workspace, job),
            )
        del self._jobs[workspace, job]

    def refresh(self) -> int:
        return self.warehouse.refresh_people(more_keys=self.fields)

    def assert_right(self) -> None:
        self.assert_as_in_python()
        step_by_step = self._contents()
        for table in TABLES:
            self.warehouse.where.execute(f"delete from {table}")
        self.refresh()
        assert self._contents() == step_by_step

    def _contents(self) -> dict[str, list[str]]:
        """Rows of the tables, but for the numbers of their components."""
        return {
            table: sorted(
                repr({name: value for name, value in row.items() if name != "component"})
                for row in self.warehouse.where.execute(f"select * from {table}")
            )
            for table in TABLES
        }

    def assert_as_in_python(self) -> None:
        results = list(self._results())
        for one, ids_of in (("person", self._person_ids), ("company", company_ids)):
            found = [(*result[:-1], ids_of(result[-1]), result[-1]) for result in results]
            found = [each for each in found if any(each[-2])]
            self._assert_entity(one, found)

    def _results(self) -> list[tuple[str, str, str, str, int, bool, JsonRow]]:
        """Workspace, workflow, job, result, load, whether it is repeated, and the row."""
        found = []
        for (workspace, job), (workflow, rows, load) in self._jobs.items():
            main = self._jobs.get((workspace, self.main_jobs.get(job, "")))
            left = Counter(map(repr, main[1] if main else ()))
            for place, row in enumerate(rows):
                is_repeated = left[repr(row)] > 0
                left[repr(row)] -= 1
                result = f"{job}-{place}"
                found.append((workspace, workflow, job, result, load, is_repeated, row))
        return found

    def _person_ids(self, row: Mapping[str, Any]) -> Ids:
        for key in self.fields.get("linkedin_profile_id", ()):
            if row.get(key):
                row = {**row, "linkedin_profile_id": row[key]}
        return person_ids(row)

    def _assert_entity(self, one: str, results: list[tuple[Any, ...]]) -> None:
        shown: dict[str, str] = {
            f"{row['workspace_id']} {row['result_id']}": row[f"{one}_id"]
            for row in self.warehouse.rows(f"{VIEWS[one]}_results")
        }
        rows = {
            (row["workspace_id"], row[f"{one}_id"]): row for row in self.warehouse.rows(VIEWS[one])
        }
        seen = 0
        conflicts = set()
        for workspace in {result[0] for result in results}:
            mine = [result for result in results if result[0] == workspace]
            for part in groups([result[6] for result in mine], IMMUTABLE[one]):
                about = [mine[n] for n in part if not mine[n][5]]
                uids = {shown[f"{workspace} {result[3]}"] for result in about}
                assert len(uids) == bool(about)
                if about:
                    seen += 1
                    assert_row(rows[workspace, uids.pop()], about, one)
            conflicts |= conflicts_of(workspace, one, [result[6] for result in mine])
        assert len(rows) == seen
        assert len(shown) == sum(not result[5] for result in results)
        assert conflicts == {
            (row["workspace_id"], row["kind"], row["value"], row["id_kind"], row["results"])
            for row in self.warehouse.rows("people_conflicts", where=f"entity = '{one}'")
        }
        overall = groups([result[6] for result in results], IMMUTABLE[one])
        told = [part for part in overall if not all(results[n][5] for n in part)]
        assert len(self.warehouse.rows(f"{VIEWS[one]}_all")) == len(told)


def assert_row(row: Mapping[str, Any], about: list[tuple[Any, ...]], one: str) -> None:
    """A row has the newest value of each field, and counts what it is made of."""
    about = sorted(about, key=lambda result: (result[4], result[3]))
    name = "full_name" if one == "person" else "company_name"
    names = [result[7].get(name) for result in about if result[7].get(name)]
    assert row[name] == (names[-1] if names else None)
    for number, kind in enumerate(KINDS[one]):
        ids = [result[6][number] for result in about if result[6][number]]
        assert (row[kind] or "").removeprefix("https://www.") == (ids[-1] if ids else "")
    assert row["times_seen"] == len(about)
    assert row["jobs"] == len({result[2] for result in about})
    assert row["workflows"] == len({result[1] for result in about})
    hours = [(seen - NOON).total_seconds() / 3600 for seen in times(row)]
    assert hours == [about[0][4], about[-1][4]]


def times(row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return row["first_seen_at"], row["last_seen_at"]


def conflicts_of(workspace: str, one: str, rows: list[Ids]) -> set[tuple[Any, ...]]:
    """Values beside several values of an immutable id of another kind. Here are no chains."""
    beside: dict[tuple[int, str, int], set[str]] = defaultdict(set)
    counts: Counter[tuple[int, str]] = Counter()
    for row in rows:
        for kind, value in enumerate(row):
            if value:
                counts[kind, value] += 1
                for other in IMMUTABLE[one]:
                    if other != kind and row[other]:
                        beside[kind, value, other].add(row[other])
    return {
        (workspace, KINDS[one][kind], value, KINDS[one][other], counts[kind, value])
        for (kind, value, other), ids in beside.items()
        if len(ids) > 1
    }


def first_day(days: Days) -> None:
    days.load("main", [person(1), person(2), person(2), {"linkedin_profile_url": url("c")}])
    days.load(
        "links",
        [
            person(3, linkedin_profile_url=url("c"), linkedin_company_id=1),
            {"sales_navigator_profile_id": "ACwAAC3", "linkedin_profile_url": url("c")},
            person(4, linkedin_profile_url=url("shared")),
            {"linkedin_profile_url": url("shared"), "linkedin_company_id": "1"},
        ],
        workflow="v",
    )
    days.load("other", [person(1, "elsewhere"), person(9)], workflow="v", workspace="b")
    days.load("moved", [person(5, "before"), {"linkedin_company_id": 2, "company_name": "Two"}])


def retried_with_some_rows(days: Days) -> None:
    days.retry("retry", "main", [person(2), person(2), person(2), person(6)])


def main_run_holds_other_rows(days: Days) -> None:
    days.load("main", [person(2, "renamed"), person(6), person(7)])


def a_conflict_appears(days: Days) -> None:
    days.load("new", [person(8, linkedin_profile_url=url("shared"))], workflow="v")


def two_become_one(days: Days) -> None:
    days.load(
        "bridge",
        [
            {"linkedin_profile_id": "7", "linkedin_profile_url": url("seven")},
            {"linkedin_profile_url": url("seven"), "sales_navigator_profile_id": "ACwAAS7"},
        ],
    )


def the_bridge_goes(days: Days) -> None:
    days.load("bridge", [{"linkedin_profile_id": "", "linkedin_profile_url": "N/A"}])


def moved_to_another_workflow(days: Days) -> None:
    days.load("moved", [person(5, "after")], workflow="v")


def the_conflict_is_removed(days: Days) -> None:
    days.remove("new")


def main_run_is_removed(days: Days) -> None:
    days.remove("main")


def a_key_is_added(days: Days) -> None:
    days.load("keyed", [{"member no": 2, "full_name": "keyed"}, {**person(6), "member no": 9}])
    days.fields = {"linkedin_profile_id": ["member no"]}


def the_key_is_taken_back(days: Days) -> None:
    days.fields = {}


def all_of_a_workspace_goes(days: Days) -> None:
    days.remove("other", workspace="b")


CHANGES: Sequence[Callable[[Days], None]] = (
    retried_with_some_rows,
    main_run_holds_other_rows,
    a_conflict_appears,
    two_become_one,
    the_bridge_goes,
    moved_to_another_workflow,
    the_conflict_is_removed,
    main_run_is_removed,
    a_key_is_added,
    the_key_is_taken_back,
    all_of_a_workspace_goes,
)


@INTEGRATION
def test_each_day_is_right_and_as_from_scratch(database: Database) -> None:
    days = Days(database)
    days.warehouse.add_workflow("w", "Old name")
    days.warehouse.add_job("main", start_time=NOON)
    first_day(days)
    days.warehouse.refresh()
    days.assert_right()
    for change in CHANGES:
        change(days)
        assert days.refresh() > 0, change.__name__
        if database.name == "duckdb":
            days.assert_right()
        else:  # all changes one upon the other
            days.assert_as_in_python()
    days.warehouse.where.execute("update workflows set name = 'New name'")
    assert days.refresh() == 0, "a name is no reason to read results again"
    days.assert_right()
