"""Results of retries that the main run holds too, on both databases, against a count in Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from captaindata_source.views.aftermath import Aftermath
from captaindata_source.views.view import Change, State
from tests.support.databases import Database
from tests.support.marks import POSTGRES_LATER
from tests.support.raw_tables import create_raw_tables
from tests.support.results import NOON, Warehouse, opened
from tests.support.retries import Rows, mains_of, repeated

A, B, C = ({"name": name, "n": {"k": [1, None]}} for name in "ABC")
CASES: Mapping[str, tuple[Mapping[str, str | None], Rows, int]] = {
    "all": ({"m": None, "s": "m"}, {"m": [A, B, C], "s": [B, A]}, 2),
    "some": ({"m": None, "s": "m"}, {"m": [A], "s": [B, A, C]}, 1),
    "none": ({"m": None, "s": "m"}, {"m": [A], "s": [B, C]}, 0),
    "doubled in the retry": ({"m": None, "s": "m"}, {"m": [A], "s": [A, A, A]}, 1),
    "doubled in the main run": ({"m": None, "s": "m"}, {"m": [A, A], "s": [A]}, 1),
    "doubled in both": ({"m": None, "s": "m"}, {"m": [A, A, B], "s": [A, B, A, A, B]}, 3),
    "each retry for itself": (
        {"m": None, "s": "m", "t": "m"}, {"m": [A], "s": [A, A], "t": [A]}, 2,
    ),
    "retries are not compared": ({"m": None, "s": "m", "t": "m"}, {"s": [A], "t": [A]}, 0),
    "main run without results": ({"m": None, "s": "m"}, {"m": [], "s": [A]}, 0),
    "main run that is not loaded": ({"s": "gone"}, {"s": [A, A]}, 0),
    "main run of which results are loaded": ({"s": "m"}, {"m": [A], "s": [A]}, 1),
    "retry of a retry": ({"m": None, "s": "m", "t": "s"}, {"m": [A], "s": [B], "t": [A, B]}, 2),
    "retry of a retry, one of both": (
        {"m": None, "s": "m", "t": "s"}, {"m": [A, A], "s": [A], "t": [A, A]}, 3,
    ),
    "retry of a retry without results": (
        {"m": None, "s": "m", "t": "s"}, {"m": [A], "t": [A, B]}, 1,
    ),
    "jobs that name one another": ({"s": "t", "t": "s"}, {"s": [A], "t": [A]}, 0),
    "a job that names itself": ({"s": "s"}, {"s": [A]}, 0),
    "equal rows of jobs that are no retries": ({"m": None, "n": None}, {"m": [A], "n": [A]}, 0),
    "null and empty": ({"m": None, "s": "m"}, {"m": ["null", {}], "s": ["null", {}, []]}, 2),
}  # fmt: skip
"""Jobs and what each retries, their results, and how many are repeated."""


def load(warehouse: Warehouse, jobs: Mapping[str, str | None], results: Rows) -> None:
    for number, (job, main) in enumerate(jobs.items()):
        warehouse.add_job(job, start_time=NOON + timedelta(days=20 * (number % 15)), of=main)
    for job, rows in results.items():
        warehouse.load(job, rows)


def test_results_that_the_main_run_holds_too_are_left_out(database: Database) -> None:
    """All cases in one warehouse: none has a job of another."""
    jobs: dict[str, str | None] = {}
    results: dict[str, Sequence[Any]] = {}
    total = 0
    for number, (name, (some, rows, count)) in enumerate(CASES.items()):
        assert sum(map(sum, repeated(some, rows).values())) == count, f"the oracle: {name}"
        total += count
        jobs |= {f"{number}{job}": main and f"{number}{main}" for job, main in some.items()}
        results |= {f"{number}{job}": found for job, found in rows.items()}
    warehouse = Warehouse(database)
    warehouse.add_workflow("w")
    load(warehouse, jobs, results)
    warehouse.refresh()
    assert_agrees(warehouse, jobs, results)
    warehouse.refresh(materialize=True)
    assert_agrees(warehouse, jobs, results)
    warehouse.refresh(retries=True)
    assert len(warehouse.rows("results_w")) == sum(map(len, results.values()))
    assert len(warehouse.rows("results_w", where="is_repeated")) == total


def assert_agrees(warehouse: Warehouse, jobs: Mapping[str, str | None], results: Rows) -> None:
    expected = repeated(jobs, results)
    subs = {job for job, main in jobs.items() if main is not None}
    flags = {
        (row["job_id"], row["position"]): (row["is_sub_job"], row["is_repeated"])
        for row in warehouse.rows("job_results")
    }
    assert flags == {
        (job, place): (job in subs, is_repeated)
        for job, found in expected.items()
        for place, is_repeated in enumerate(found)
    }
    kept = {f"{job}-{place}" for (job, place), (_, is_repeated) in flags.items() if not is_repeated}
    rows = warehouse.rows("results_w")
    assert {row["result_id"] for row in rows} == kept
    assert len(rows) == len(kept)
    assert {row["job_id"] for row in rows if row["is_sub_job"]} <= subs
    joined = warehouse.rows("jobs_with_results", where="not is_repeated")
    assert {row["result_id"] for row in joined} == kept
    months = warehouse.rows("records_by_workflow_month")
    assert sum(row["results_loaded"] for row in months) == len(kept)
    by_month: Counter[Any] = Counter()
    starts = {job: NOON + timedelta(days=20 * (n % 15)) for n, job in enumerate(jobs)}
    for result in kept:
        job = result.rpartition("-")[0]
        mains = [main for main in mains_of(jobs, job) if main in jobs]
        at = starts.get(mains[-1] if mains else job, NOON)
        by_month[at.date().replace(day=1)] += 1
    if all(job not in mains_of(jobs, main) for job in jobs for main in mains_of(jobs, job)):
        found = {row["month"]: row["results_loaded"] for row in months if row["results_loaded"]}
        assert found == by_month


EQUAL = (
    ('{"a":1,"b":{"c":2,"d":[1,{"e":1,"f":2}]}}', '{"b": {"d":[1, {"f":2,"e":1}],"c":2}, "a":1}'),
    ('{"a":[1,2]}', ' { "a" :\n[ 1 ,\t2 ] } '),
    ('{"a":1,"b":[1.0,2.50,1e2,-0.0],"c":3.0}', '{"a":1.0,"b":[1,2.5,100,0],"c":3e0}'),
    ('{"a":"é\U0001f44d/","b":1}', '{"b":1,"a":"\\u00e9\\ud83d\\udc4d\\/"}'),
    ('{"a":7123456789012345678,"b":1}', '{"b":1,"a":7123456789012345678}'),
    ("1.0", "1"),
    ('{"a":"\\u0000"}', '{"a":"\\u0000"}'),
)
DIFFERENT = (
    ('{"a":"x 1.0, y"}', '{"a":"x 1, y"}'),
    ('{"a":"\\"1.0,"}', '{"a":"\\"1,"}'),
    ('{"a":1}', '{"a":"1"}'),
    ('{"a":[1,2]}', '{"a":[2,1]}'),
    ('{"a":null}', "{}"),
    ('{"a":true}', '{"a":1}'),
    ('{"a":1.05}', '{"a":1.5}'),
    ('{"a":10}', '{"a":1}'),
    ('{"a":9007199254740993}', '{"a":9007199254740992}'),
    ('{"a":12345678901234567890123}', '{"a":12345678901234567890124}'),
    ('{"a":0.1}', '{"a":0.10000000000000001}'),
    ('{"a":1e400}', '{"a":1e401}'),
    ('{"a":1,"b":2}', '{"a":2,"b":1}'),
)


@pytest.mark.parametrize("json_type", [None, "jsonb"])
def test_equal_is_what_is_equal_as_json(database: Database, json_type: str | None) -> None:
    """Neither the order of keys nor how a value is written makes a difference."""
    if json_type and database.name == "duckdb":
        return
    warehouse = with_json_type(database, json_type) if json_type else Warehouse(database)
    pairs = [*((pair, True) for pair in EQUAL), *((pair, False) for pair in DIFFERENT)]
    if json_type:
        pairs = [each for each in pairs if "u0000" not in each[0][0]]
    for number, ((main, retry), _) in enumerate(pairs):
        for job, row, of in ((f"m{number}", main, None), (f"s{number}", retry, f"m{number}")):
            warehouse.add_job(job, start_time=NOON, of=of)
            warehouse.load(job, [row])
    warehouse.refresh()
    rows = {row["job_id"]: row["is_repeated"] for row in warehouse.rows("job_results")}
    found = {pair: rows[f"s{number}"] for number, (pair, _) in enumerate(pairs)}
    assert found == dict(pairs)


def test_any_jobs_against_a_count_in_python(database: Database) -> None:
    warehouse = Warehouse(database)
    warehouse.add_workflow("w")
    random = Random(11)
    jobs: dict[str, str | None] = {}
    results: dict[str, list[Any]] = defaultdict(list)
    for number in range(60):
        uid = f"j{number}"
        jobs[uid] = random.choice([None, *jobs]) if random.random() < 0.6 else None
        results[uid] = [{"v": random.randrange(4)} for _ in range(random.randrange(6))]
    load(warehouse, jobs, results)
    warehouse.refresh()
    assert_agrees(warehouse, jobs, results)


@pytest.fixture
def retried(database: Database) -> Iterator[Warehouse]:
    """A table of results of a main run and its retry in another workflow."""
    warehouse = Warehouse(database)
    warehouse.add_workflow("w")
    warehouse.add_workflow("v")
    warehouse.add_job("m", start_time=NOON, workflow="v")
    warehouse.add_job("s", start_time=NOON, of="m")
    warehouse.load("m", [{"a": 1}], workflow="v")
    warehouse.load("s", [{"a": 1}, {"a": 2}])
    warehouse.load("other", [{"a": 9}])
    warehouse.refresh(materialize=True)
    yield warehouse


def values(warehouse: Warehouse) -> list[Any]:
    return [row["a"] for row in warehouse.typed()]


def test_a_table_follows_the_main_run(retried: Warehouse) -> None:
    assert values(retried) == [9, 2]
    retried.where.execute(f"update {retried.schema}.results_w set a = -a where job_id = 'other'")
    for main, expected in (([{"a": 2}], [-9, 1]), ([], [-9, 1, 2]), ([{"a": 2}, {"a": 1}], [-9])):
        retried.load("m", main, workflow="v")
        retried.refresh(materialize=True)
        assert values(retried) == expected
    changes = {change.view: change.state for change in retried.refresh(materialize=True)}
    assert changes["results_w"] is State.UNCHANGED


def test_a_table_follows_a_job_that_becomes_a_retry_and_back(retried: Warehouse) -> None:
    retried.where.execute("update jobs set is_sub_job = false, main_job_uid = null")
    retried.refresh(materialize=True)
    assert values(retried) == [9, 1, 2]
    assert {row["is_sub_job"] for row in retried.rows("results_w")} == {False}
    retried.where.execute("update jobs set is_sub_job = true, main_job_uid = 'm' where uid = 's'")
    retried.refresh(materialize=True)
    assert values(retried) == [9, 2]


def test_a_table_has_the_current_names(retried: Warehouse) -> None:
    retried.where.execute("update workflows set name = 'Renamed' where uid = 'w'")
    retried.load("new", [{"a": 3}])
    retried.refresh(materialize=True)
    assert {row["workflow_name"] for row in retried.rows("results_w")} == {"Renamed"}
    assert {row["job_name"] for row in retried.rows("results_w", where="is_sub_job")} == {"job s"}


def test_results_without_jobs_are_no_retries(database: Database) -> None:
    warehouse = Warehouse(database)
    warehouse.load("s", [{"a": 1}])
    with opened(database) as found:
        found.run(f"drop table {database.dataset}.jobs cascade")
    warehouse.refresh()
    rows = warehouse.rows("job_results")
    assert [(row["is_sub_job"], row["is_repeated"]) for row in rows] == [(False, False)]
    assert warehouse.typed() == [{"a": 1}]


@POSTGRES_LATER
def test_rows_that_are_left_out_are_told_once(database: Database) -> None:
    """A warehouse of an earlier version does not say whether its views have them."""
    warehouse = Warehouse(database)
    load(warehouse, {"m": None, "s": "m"}, {"m": [A, B], "s": [A, B, C]})
    warehouse.refresh(retries=True)
    warehouse.where.execute("update job_result_view_labels set keeps_repeated = null")
    assert [change.left_out for change in warehouse.refresh() if change.left_out] == [2]
    for retries in (False, True):
        changes = warehouse.refresh(retries=retries)
        assert [change.left_out for change in changes if change.left_out] == []


@POSTGRES_LATER
def test_a_first_sync_tells_nothing(database: Database) -> None:
    warehouse = Warehouse(database)
    load(warehouse, {"m": None, "s": "m"}, {"m": [A], "s": [A]})
    assert [change.left_out for change in warehouse.refresh() if change.left_out] == []


def with_json_type(database: Database, json_type: str) -> Warehouse:
    create_raw_tables(database, json_type=json_type)
    warehouse = Warehouse.__new__(Warehouse)
    warehouse.where, warehouse.schema, warehouse.loads = database, f"{database.dataset}_views", 0
    return warehouse


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_json_in_binary_form(database: Database) -> None:
    warehouse = with_json_type(database, "jsonb")
    load(warehouse, {"m": None, "s": "m"}, {"m": [A], "s": [A, B, A]})
    warehouse.refresh()
    assert_agrees(warehouse, {"m": None, "s": "m"}, {"m": [A], "s": [A, B, A]})


def test_the_summary_says_how_many_rows_are_left_out() -> None:
    changes = [Change("results_a", State.REPLACED, left_out=1_200), Change("b", State.REPLACED)]
    assert Aftermath(changes=changes).as_text().splitlines()[-1] == (
        "views of results: 1,200 rows of retries that the main run holds too are left out of "
        "1 results_… from now on; results_include_retries = true keeps them"
    )
