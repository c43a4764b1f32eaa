"""The benchmark: what it serves, how it compares, and what it concludes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.benchmarks import calls, contents, smoke, tables, targets
from tests.benchmarks.bench import build_parser
from tests.benchmarks.cases import BASE, LARGE, SMOKE, Case
from tests.benchmarks.extra_limits import read_log, share_used
from tests.benchmarks.fingerprint import Fingerprint
from tests.benchmarks.measure import BenchError, Usage
from tests.benchmarks.page_app import Limit, PageApp
from tests.benchmarks.pages import write_pages
from tests.benchmarks.records import Figure, Records, Run
from tests.benchmarks.ways import TITLES

CASE = Case(name="tiny", jobs=4, rows=3, pages=2, workflows=2, changed=1)


class Scope:
    """A request."""

    def __init__(self, path: str, query_string: str = "", method: str = "GET") -> None:
        self.path, self.query_string, self.method = path, query_string, method


class Answers:
    """Notes what was answered."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.files: list[str] = []
        self.headers: dict[str, str] = {}

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.statuses.append(status)
        self.headers = dict(headers)

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.statuses.append(status)
        self.headers = dict(headers)
        self.files.append(file)


def test_pages_can_be_followed_and_hold_what_is_expected(tmp_path: Path) -> None:
    expected = write_pages(tmp_path, CASE)
    found = Fingerprint()
    size = 0
    for workflow in get(tmp_path, "/v3/workflows"):
        assert get(tmp_path, f"/v3/workflows/{workflow['uid']}/details")["uid"] == workflow["uid"]
        assert get(tmp_path, f"/v3/workflows/{workflow['uid']}/jobs?page=1") == []
        for job in get(tmp_path, f"/v3/workflows/{workflow['uid']}/jobs?page=0"):
            target: str | None = f"/v3/jobs/{job['uid']}/results"
            position = 0
            while target:
                size += (tmp_path / f"{target[1:]}.json").stat().st_size
                page = get(tmp_path, target)
                for result in page["results"]:
                    found.add(job["uid"], position, result)
                    position += 1
                target = page["paging"]["next"]
            assert position == job["row_count"] == (7 if job["uid"] == "job-0" else 6)
    assert expected == {"workflows": 2, "jobs": 4, **found.as_dict(), "bytes": size}
    assert expected["results"] == CASE.results == 25


def test_a_changed_case_differs_in_the_changed_jobs_alone(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write_pages(before, replace(CASE, changed=0))
    write_pages(after, CASE)
    files = [file.relative_to(before) for file in before.rglob("*.json")]
    changed = {
        str(file) for file in files if (before / file).read_bytes() != (after / file).read_bytes()
    }
    assert changed == {
        "v3/jobs/job-0.json",
        "v3/jobs/job-0/results?cursor=c1.json",
        "v3/workflows/wf-0/jobs?page=0.json",
    }


def get(folder: Path, target: str) -> Any:
    return json.loads((folder / f"{target[1:]}.json").read_bytes())


def test_page_app_answers_with_files_within_its_limit(tmp_path: Path) -> None:
    write_pages(tmp_path / "pages", CASE)
    log = tmp_path / "log"
    answers = Answers()
    app = PageApp(str(tmp_path / "pages"), Limit(3, log))
    for scope in (
        Scope("/", method="HEAD"),
        Scope("/v3/workflows"),
        Scope("/v3/jobs/job-1/results", "cursor=c1"),
        Scope("/v3/nowhere"),
        Scope("/v3/workflows"),
    ):
        asyncio.run(app.__rsgi__(scope, answers))
    assert answers.statuses == [404, 200, 200, 404, 429]
    assert answers.files[1].endswith("/v3/jobs/job-1/results?cursor=c1.json")
    assert 59 <= int(answers.headers["retry-after"]) <= 60
    answered, refused = read_log(log)
    assert (len(answered), refused) == (3, 1)


def test_share_is_that_of_whole_budgets() -> None:
    calls = [minute * 61.5 + call / 1000 for minute in range(4) for call in range(10)]
    assert share_used(calls, 10) == pytest.approx(60 / 61.5)
    with pytest.raises(BenchError, match="three minutes"):
        share_used(calls[:29], 10)


def in_our_tables(results: Iterable[contents.Result], cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("create table captaindata.job_results (job_uid text, position int, data json)")
    for job_uid, position, result in results:
        row = [job_uid, position, json.dumps(result, indent=1)]
        cursor.execute("insert into captaindata.job_results values (?, ?, ?)", row)


def in_columns(results: Iterable[contents.Result], cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute(
        "create table rival.results (_jobs_uid text, id bigint, first_name text, linkedin_url text,"
        " connections int, is_open boolean, summary text, company json, skills json)"
    )
    for job_uid, _, each in results:
        plain = [each[name.strip()] for name in contents.PLAIN.split(",")[1:]]
        row = [job_uid, *plain, json.dumps(each["company"]), json.dumps(each["skills"])]
        cursor.execute("insert into rival.results values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def in_child_tables(results: Iterable[contents.Result], cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute(
        "create table rival.results (_jobs_uid text, id bigint, first_name text, linkedin_url text,"
        " connections int, is_open boolean, summary text, company__name text, company__size int,"
        " _dlt_id text); create table rival.results__skills (value text, _dlt_parent_id text,"
        " _dlt_list_idx int)"
    )
    for job_uid, _, each in results:
        plain = [each[name.strip()] for name in contents.PLAIN.split(",")[1:]]
        row = [job_uid, *plain, each["company"]["name"], each["company"]["size"], str(each["id"])]
        cursor.execute("insert into rival.results values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for index, value in reversed(list(enumerate(each["skills"]))):
            row = [value, str(each["id"]), index]
            cursor.execute("insert into rival.results__skills values (?, ?, ?)", row)


@pytest.mark.parametrize(
    ("way", "fill", "change"),
    [
        (
            "duckdb",
            in_our_tables,
            "update captaindata.job_results set position = 9 where position = 2",
        ),
        ("merge", in_columns, "update rival.results set summary = summary || ' ' where id = 1"),
        (
            "defaults",
            in_child_tables,
            "update rival.results__skills set value = 'SQL' where value = 'sql'",
        ),
    ],
)
def test_contents_are_equal_until_one_value_changes(
    tmp_path: Path,
    way: str,
    fill: Callable[[Iterable[contents.Result], duckdb.DuckDBPyConnection], None],
    change: str,
) -> None:
    expected = write_pages(tmp_path, CASE)
    results = []
    for job in range(CASE.jobs):
        for page, name in enumerate(("results", "results?cursor=c1")):
            found = get(tmp_path, f"/v3/jobs/job-{job}/{name}")["results"]
            results += [(f"job-{job}", page * 3 + index, each) for index, each in enumerate(found)]
    file = str(tmp_path / "warehouse.duckdb")
    with duckdb.connect(file) as connection:
        for schema in ("captaindata", "rival"):
            connection.execute(f"create schema {schema}")
            connection.execute(f"create table {schema}.workflows as from range(2)")
            connection.execute(f"create table {schema}.jobs as from range(4)")
        fill(reversed(results), connection)
    assert contents.contents(way, file) == {
        name: value for name, value in expected.items() if name != "bytes"
    }
    with duckdb.connect(file) as connection:
        connection.execute(change)
    after = contents.contents(way, file)
    assert after["results"] == expected["results"]
    assert after["hash"] != expected["hash"]


def records_of(walls: dict[tuple[str, str], float]) -> Records:
    records = Records(None, {"machine": {"cores": 2}})
    records.imports = {way: [0.5] for way in TITLES}
    for (case, way), wall in walls.items():
        records.cases[case] = replace({"base": BASE, "1M": LARGE, "smoke": SMOKE}[case])
        usage = Usage(wall=wall, cpu=wall, peak_mb=100 * wall, server_cpu=0.1, rest_cpu=0.0)
        records.add_run(Run(case=case, way=way, round=1, usage=usage))
    return records


def test_targets_are_judged_where_they_were_measured() -> None:
    records = records_of(
        {
            ("base", "duckdb"): 2.0,
            ("base", "postgres"): 2.5,
            ("base", "merge"): 6.0,
            ("base", "floor-duckdb"): 1.0,
            ("1M", "duckdb"): 20.0,
        }
    )
    records.add_figure(Figure(name="first_request", title="", destination="duckdb", values=[0.5]))
    records.add_figure(Figure(name="first_request", title="", destination="postgres", values=[2]))
    rows = {row[0]: row[1:] for row in targets.target_rows(records)[1:]}
    assert rows == {
        "against rest_api tuned, merge, DuckDB, times faster": [
            *("3.00", ">= 2.5", ">= 3.5", "reached")
        ],
        "against the floor, after imports, DuckDB, times as long": [
            *("3.00", "<= 1.8", "<= 1.5", "NOT REACHED")
        ],
        "start-up to the first request": ["2.00 s", "<= 0.7 s", "<= 0.5 s", "NOT REACHED"],
        "Postgres against DuckDB, times as long": ["1.25", "<= 1.3", "<= 1.1", "reached"],
        "peak memory, 1,000,000 against 100,000 results, times as much": [
            *("10.00", "<= 1.1", "", "NOT REACHED")
        ],
        "peak memory, 1,000,000 results": ["2,000 MB", "<= 300 MB", "<= 220 MB", "NOT REACHED"],
        "peak memory, 100,000 results": ["250 MB", "<= 250 MB", "<= 200 MB", "reached"],
        "time, 1,000,000 against 100,000 results, times as long": [
            *("10.00", "<= 10.5", "<= 10", "aim reached")
        ],
    }


def test_smoke_names_what_is_exceeded_or_failed() -> None:
    walls = {("smoke", way): 2.0 for way in (*smoke.WAYS, "duckdb-again", "postgres-again")}
    walls |= {("smoke", "postgres"): 9.0, ("smoke", "merge"): 3.0}
    records = records_of(walls)
    _, exceeded = smoke.bound_rows(records)
    assert [line.split(":")[0] for line in exceeded] == ["postgres / duckdb"]
    records.add_run(Run(case="smoke", way="merge", round=2, failure="loaded nothing"))
    _, exceeded = smoke.bound_rows(records)
    assert "duckdb / merge: a run failed" in exceeded


def test_a_failed_run_shows_as_failed_and_everything_is_saved(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    records = Records(file, {"machine": {"cores": 2}})
    records.cases[BASE.name] = BASE
    records.add_run(Run(case="base", way="merge", round=1, failure="loaded nothing"))
    records.add_run(Run(case="base", way="append", round=1, not_run="it does less"))
    text = tables.as_text(records)
    assert re.search("^rest_api, tuned, merge, DuckDB +FAILED$", text, re.MULTILINE)
    assert "base: rest_api, tuned, merge, DuckDB: FAILED: loaded nothing" in text
    assert "Not run: rest_api, tuned, append, DuckDB: it does less (base)" in text
    saved = json.loads(file.read_text())
    assert [run["failure"] for run in saved["runs"]] == ["loaded nothing", None]
    assert saved["cases"]["base"]["jobs"] == 1_000


def test_options_are_parsed() -> None:
    options = build_parser().parse_args(["--part", "base", "--part", "axes", "--way", "duckdb"])
    assert (options.part, options.way, options.rounds) == (["base", "axes"], ["duckdb"], 3)


@pytest.mark.parametrize("api", ["v3", "edges"])
def test_a_simulated_day_takes_the_fewest_calls_and_loads_all(api: str) -> None:
    hourly, daily = calls.count(calls.World(api), "days", 1)
    assert (hourly.syncs, daily.syncs) == (24, 1)
    assert (hourly.exceeded, daily.exceeded) == (None, None)
    assert hourly.deep
    assert re.search(r"^  1 days, hourly +24 ", calls.as_text([hourly, daily]), re.MULTILINE)


def test_what_is_worse_than_it_should_be_is_named() -> None:
    counted = calls.Counted(calls.World("v4"), "nothing new", made=13, fewest=10, wrong=2)
    assert counted.exceeded == (
        "v4, nothing new: 1.300 times the fewest calls, at most 1.2; 2 jobs or rows are wrong"
    )
    counted.world = calls.World("v3", "none")
    counted.wrong = 0
    assert counted.exceeded is None
