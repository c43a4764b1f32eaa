"""People and companies, once each: the same on both databases, equal to what Python computes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captaindata_source.people_fields import COMPANY, PERSON, Clean, Entity
from captaindata_source.sandbox import World
from captaindata_source.sandbox.population import Company, Person
from captaindata_source.tables import JOBS
from captaindata_source.views.people import reading
from captaindata_source.views.people.cleaning import steps, text_steps
from captaindata_source.views.people.engine import opened_engine
from captaindata_source.views.people.linking import link
from captaindata_source.views.people.store import TABLES
from captaindata_source.views.view import State
from captaindata_source.warehouse.database import DuckDbDatabase
from tests.support.databases import Database, Row
from tests.support.marks import INTEGRATION, ON_DUCKDB, POSTGRES_LATER
from tests.support.people_oracle import Grouping, Ids, company_ids, groups, person_ids
from tests.support.raw_tables import insert
from tests.support.results import Warehouse, opened

IMMUTABLE = {"person": (0, 1), "company": (0,)}


@pytest.fixture
def warehouse(database: Database) -> Warehouse:
    return Warehouse(database)


# -- who is who --------------------------------------------------------------------------------

value = st.sampled_from(["", "", "1", "2", "3"])
graphs = st.lists(
    st.lists(st.tuples(st.sampled_from("ab"), value, value, value), max_size=9), max_size=60
)


def linked(entity: Entity, rows: Sequence[tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """The person of each row, in its workspace and over all."""
    database = DuckDbDatabase(duckdb.connect())
    names = ["workspace_uid", *entity.ids]
    with opened_engine(database) as engine:
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        engine.put(
            "mentions",
            ", ".join(f"{name} text" for name in names),
            pa.table([pa.array(column, pa.string()) for column in columns], names),
        )
        link(engine, entity, "mentions")
    key = "workspace_uid || chr(10) || " + " || chr(10) || ".join(entity.ids)
    found = {
        each: (own, overall)
        for each, own, overall in database.query(f"select {key}, own_id, overall_id from links")
    }
    of_rows = [found["\n".join(row)] for row in rows]
    return [own for own, _ in of_rows], [overall for _, overall in of_rows]


def parts(ids: Sequence[object], numbers: Sequence[int]) -> Grouping:
    found = defaultdict(set)
    for each, number in zip(ids, numbers, strict=True):
        found[each].add(number)
    return frozenset(map(frozenset, found.values()))


@pytest.mark.parametrize("entity", [PERSON, COMPANY], ids=lambda each: each.name)
@given(graphs=graphs)
@settings(max_examples=6)
def test_rows_are_grouped_as_python_groups_them(
    entity: Entity, graphs: list[list[tuple[str, str, str, str]]]
) -> None:
    """Many small graphs at once, with values of their own."""
    rows = [
        (space, *(f"{number}-{value}" if value else "" for value in values))
        for number, graph in enumerate(graphs)
        for space, *values in graph
        if any(values)
    ]
    own, overall = linked(entity, rows)
    immutable = IMMUTABLE[entity.name]
    everything = [row[1:] for row in rows]
    assert parts(overall, range(len(rows))) == groups(everything, immutable)
    for workspace in "ab":
        numbers = [n for n, row in enumerate(rows) if row[0] == workspace]
        mine = [everything[n] for n in numbers]
        assert parts([own[n] for n in numbers], range(len(numbers))) == groups(mine, immutable)
        for kind in immutable:
            values = defaultdict(set)
            for n in numbers:
                values[own[n]].add(everything[n][kind])
            assert all(len(found - {""}) < 2 for found in values.values())


# -- the sandbox's results ---------------------------------------------------------------------


def world_of(warehouse: Warehouse) -> list[tuple[str, str, str, dict[str, Any], Any]]:
    """Loads a small world. Workspace, result, job, row and subject of each result."""
    world = World(5, workspaces=2, workflows=6, days=12, jobs_per_day=0.2, mean_results=6)
    found = []
    for workspace in world.workspaces:
        for job in world.all_jobs(workspace):
            rows = world.results(workspace, job["uid"])
            if rows:
                warehouse.load(
                    job["uid"], rows, workflow=job["workflow_uid"], workspace=workspace.uid
                )
            about = world.subjects(workspace, job["uid"])
            found += [
                (workspace.uid, f"{job['uid']}-{n}", job["uid"], row, who)
                for n, (row, who) in enumerate(zip(rows, about, strict=True))
            ]
    return found


@POSTGRES_LATER
def test_the_people_of_the_sandbox_are_those_that_python_finds(warehouse: Warehouse) -> None:
    results = world_of(warehouse)
    assert not [each for each in warehouse.refresh() if each.state is State.BLOCKED]
    spaces = {each[0] for each in results}
    for ids_of, plural, one in (
        (person_ids, "people", "person"),
        (company_ids, "companies", "company"),
    ):
        rows = {
            space: {(r[0], r[1]): ids_of(r[3]) for r in results if r[0] == space}
            for space in spaces
        }
        shown = warehouse.rows(f"{plural}_results")
        people = warehouse.rows(plural)
        for space in spaces:
            assert_rows(rows[space], space, shown, people, one)
        everyone = {key: ids for found in rows.values() for key, ids in found.items()}
        overall = groups(list(everyone.values()), IMMUTABLE[one])
        assert len(warehouse.rows(f"{plural}_all")) == len(overall)
    assert_subjects(results, warehouse)


def assert_rows(
    rows: dict[tuple[str, str], Ids], space: str, shown: list[Row], people: list[Row], one: str
) -> None:
    numbers = {key: n for n, key in enumerate(rows)}
    mine = [row for row in shown if row["workspace_id"] == space]
    expected = groups(list(rows.values()), IMMUTABLE[one])
    found = parts(
        [row[f"{one}_id"] for row in mine], [numbers[space, row["result_id"]] for row in mine]
    )
    assert found == expected
    times = defaultdict(list)
    for row in mine:
        times[row[f"{one}_id"]].append(row)
    of_space = [row for row in people if row["workspace_id"] == space]
    assert {row[f"{one}_id"] for row in of_space} == times.keys()
    assert len(of_space) == len(times)
    for row in of_space:
        seen = times[row[f"{one}_id"]]
        assert row["times_seen"] == len(seen)
        assert row["jobs"] == len({each["job_id"] for each in seen})
        assert row["workflows"] == len({each["workflow_id"] for each in seen})
        moments = [each["seen_at"] for each in seen]
        assert (row["first_seen_at"], row["last_seen_at"]) == (min(moments), max(moments))


def assert_subjects(results: list[Any], warehouse: Warehouse) -> None:
    """Nobody is taken for another, and nobody with an immutable id is there twice."""
    for kind, plural, one, key in (
        (Person, "people", "person", "linkedin_profile_id"),
        (Company, "companies", "company", "linkedin_company_id"),
    ):
        of_result = {(r[0], r[1]): r[4] for r in results if isinstance(r[4], kind)}
        about = defaultdict(set)
        for row in warehouse.rows(f"{plural}_results"):
            if who := of_result.get((row["workspace_id"], row["result_id"])):
                about[row["workspace_id"], row[f"{one}_id"]].add(who)
        several = [found for found in about.values() if len(found) > 1]
        assert len(several) <= 2, "those of one URL, where a row has nothing else"
        ids = [(row["workspace_id"], row[key]) for row in warehouse.rows(plural) if row[key]]
        assert len(ids) == len(set(ids)) > 20


@POSTGRES_LATER
def test_each_field_has_its_newest_value(warehouse: Warehouse) -> None:
    first = {
        "linkedin_profile_id": 7,
        "full_name": "Ada",
        "headline": "Engineer",
        "email": "A@x.org",
    }
    later = {"Profile ID": "7", "profile": {"headline": "CTO"}, "email": "N/A", "Job.Title": "CTO"}
    warehouse.load("j1", [{**first, "email": "A@x.org"}], workflow="one")
    warehouse.load("j2", [{**later, "full name": "A. Lovelace"}, {"linkedin_profile_id": ""}])
    warehouse.refresh()
    [ada] = warehouse.rows("people")
    shown = ("full_name", "headline", "job_title", "email", "times_seen", "workflows")
    assert [ada[name] for name in shown] == ["A. Lovelace", "CTO", "CTO", "a@x.org", 2, 2]
    warehouse.load("j2", [])
    warehouse.refresh()
    [ada] = warehouse.rows("people")
    assert [ada[name] for name in shown] == ["Ada", "Engineer", None, "a@x.org", 1, 1]
    warehouse.load("j1", [])
    warehouse.refresh()
    assert warehouse.rows("people") == warehouse.rows("people_results") == []


@POSTGRES_LATER
def test_a_conflict_is_a_row(warehouse: Warehouse) -> None:
    url = "https://www.linkedin.com/in/shared"
    rows: list[dict[str, object]] = [
        {"linkedin_profile_id": 1, "linkedin_profile_url": url},
        {"linkedin_profile_id": 2, "linkedin_profile_url": f"{url}/?x"},
        {"linkedin_profile_url": url.upper()},
    ]
    warehouse.load("j1", rows)
    warehouse.refresh()
    assert len(warehouse.rows("people")) == 3
    [conflict] = warehouse.rows("people_conflicts")
    assert [conflict[name] for name in ("entity", "kind", "value", "id_kind", "results")] == [
        "person",
        "linkedin_profile_url",
        "linkedin.com/in/shared",
        "linkedin_profile_id",
        3,
    ]
    assert "".join(str(conflict["ids"]).split()).replace("'", '"') == '["1","2"]'
    warehouse.load("j1", rows[1:])
    warehouse.refresh()
    assert len(warehouse.rows("people")) == 1
    assert warehouse.rows("people_conflicts") == []


# -- refreshed by job --------------------------------------------------------------------------


def contents(warehouse: Warehouse) -> dict[str, list[Any]]:
    """Rows of the tables, but for the numbers of their components."""
    return {
        table: sorted(
            repr({name: value for name, value in row.items() if name != "component"})
            for row in warehouse.where.execute(f"select * from {table}")
        )
        for table in TABLES
    }


@pytest.mark.parametrize(
    ("database", "seed"),
    [("duckdb", 0), pytest.param("postgres", 1, marks=INTEGRATION)],
    indirect=["database"],
)
def test_refreshed_by_job_is_equal_to_made_anew(warehouse: Warehouse, seed: int) -> None:
    rng = random.Random(seed)
    warehouse.load("j0", [{"linkedin_profile_id": 1, "linkedin_company_id": 1}])

    def row() -> dict[str, object]:
        number = rng.randrange(1, 9)
        ids = {
            "linkedin_profile_id": number if rng.random() < 0.4 else None,
            "sales_navigator_profile_id": f"S{number}" if rng.random() < 0.3 else "",
            "linkedin_profile_url": f"linkedin.com/in/p{number + (rng.random() < 0.1)}",
            "linkedin_company_id": str(rng.randrange(1, 4)),
            "full_name": rng.choice(["Ada", "Bob", None]),
        }
        return {key: ids[key] for key in rng.sample([*ids], rng.randrange(1, 6))}

    for turn in range(4):
        for _ in range(rng.randrange(2, 6)):
            warehouse.load(
                f"j{rng.randrange(5)}",
                [row() for _ in range(rng.randrange(4))],
                workflow=rng.choice("vw"),
                workspace=rng.choice("ab"),
            )
        warehouse.refresh_people()
        if turn % 2:
            step_by_step = contents(warehouse)
            for table in TABLES:
                warehouse.where.execute(f"delete from {table}")
            warehouse.refresh_people()
            assert contents(warehouse) == step_by_step


@ON_DUCKDB
def test_what_is_not_concerned_stays(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"linkedin_profile_id": 1, "full_name": "Ada"}])
    warehouse.load("j2", [{"linkedin_profile_id": 2, "full_name": "Bob"}])
    warehouse.refresh()
    warehouse.where.execute("update person_rows set full_name = 'untouched'")
    warehouse.refresh_people()
    warehouse.load("j3", [{"linkedin_profile_id": "2.0", "full_name": "Rob"}])
    warehouse.refresh_people()
    names = {row["linkedin_profile_id"]: row["full_name"] for row in warehouse.rows("people")}
    assert names == {"1": "untouched", "2": "Rob"}


@ON_DUCKDB
def test_a_key_that_appears_later_is_read_in_all_jobs(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"email": "ada@x.org", "domain": "x.org", "name": "Ada"}])
    warehouse.refresh()
    assert [row["domain"] for row in warehouse.rows("companies")] == ["x.org"]
    warehouse.load("j2", [{"linkedin_profile_id": 1, "domain": "y.org", "name": "Bob"}])
    warehouse.refresh()
    assert [row["full_name"] for row in warehouse.rows("people")] == ["Bob"]
    assert [row["domain"] for row in warehouse.rows("companies")] == ["x.org"]


@ON_DUCKDB
def test_keys_of_users_come_first(warehouse: Warehouse) -> None:
    row = {"Member No.": 5, "linkedin_profile_id": 6, "current role": "CTO", "job_title": "x"}
    warehouse.load("j1", [row])
    for fields, expected in (
        ({}, ("6", "x")),
        ({"linkedin_profile_id": ["member_no"], "job_title": ["Current Role"]}, ("5", "CTO")),
        ({}, ("6", "x")),
    ):
        warehouse.refresh_people(more_keys=fields)
        [found_row] = warehouse.where.execute("select * from person_rows")
        assert (found_row["linkedin_profile_id"], found_row["job_title"]) == expected


@ON_DUCKDB
def test_without_keys_of_people_nothing_is_made(warehouse: Warehouse) -> None:
    warehouse.load("j1", [{"title": "A place", "phone": "1"}])
    warehouse.refresh()
    with opened(warehouse.where) as found:
        assert not TABLES.keys() & found.relations(warehouse.where.dataset).keys()
        assert "people" not in found.relations(warehouse.schema)


@ON_DUCKDB
def test_a_failure_leaves_the_views_alone(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.load("j1", [{"linkedin_profile_id": 1}])
    monkeypatch.setattr(reading, "JOB_RESULTS", TableNamed("nowhere"))
    changes = {change.view: change for change in warehouse.refresh()}
    assert changes["people"].state is State.BLOCKED
    assert "nowhere" in changes["people"].reason
    assert changes["results_w"].state is State.CREATED
    monkeypatch.undo()
    warehouse.refresh()
    assert len(warehouse.rows("people")) == 1


class TableNamed:
    def __init__(self, name: str) -> None:
        self.name = name


@INTEGRATION
@POSTGRES_LATER
def test_rows_of_retries_that_the_run_has_too_count_once(warehouse: Warehouse) -> None:
    """The view of results says which these are; here one that a test wrote."""
    ada = {"linkedin_profile_id": 1, "linkedin_company_id": 2}
    warehouse.load("run", [ada])
    warehouse.load("retry", [ada])
    key = {"workspace_uid": "a", "workflow_uid": "w", "status": "finished"}
    insert(warehouse.where, JOBS, [{**key, "uid": "retry", "main_job_uid": "run"}])
    warehouse.refresh()
    schema = f"{warehouse.where.dataset}_views"
    for repeated, times in ((["retry-0"], 1), ([], 2), (["retry-0"], 1)):
        is_repeated = " or ".join(["false", *(f"result_uid = '{uid}'" for uid in repeated)])
        warehouse.where.execute(
            f"drop view {schema}.job_results cascade; create view {schema}.job_results as "
            "select workspace_uid as workspace_id, job_uid as job_id, result_uid as result_id, "
            f"{is_repeated} as is_repeated from {warehouse.where.dataset}.job_results"
        )
        warehouse.load("run", [ada])
        warehouse.refresh_people()
        for view in ("people", "companies", "people_all"):
            [row] = warehouse.rows(view)
            assert row["times_seen"] == row["jobs"] == times
        assert len(warehouse.rows("people_results")) == times


# -- values ------------------------------------------------------------------------------------

ADA, LINKEDIN = "linkedin.com/in/ada", "https://www.linkedin.com"
HASHED = "9f" * 32
PROFILES: dict[str, tuple[str | None, str | None]] = {
    f"{LINKEDIN}/in/Ada/": (ADA, None),
    "HTTP://FR.LINKEDIN.COM/IN/ADA?locale=en#top": (ADA, None),
    "linkedin.com/in/ada/details/skills/": (ADA, None),
    " /in/ada ": (ADA, None),
    f"{LINKEDIN}/mwlite/in/ada": (ADA, None),
    f"{LINKEDIN}/in/ad%C3%A9": ("linkedin.com/in/adé", None),
    f"{LINKEDIN}/in/ade\u0301": ("linkedin.com/in/adé", None),
    f"{LINKEDIN}/pub/ada": (ADA, None),
    f"{LINKEDIN}/pub/ada-b/1a/2b3/4c": ("linkedin.com/in/ada-b-4c2b301a", None),
    f"{LINKEDIN}/in/ACoAAB1234567890xyz": ("linkedin.com/in/ACoAAB1234567890xyz", None),
    f"{LINKEDIN}/in/ACwAAB1234567890xyz": (None, "ACwAAB1234567890xyz"),
    f"{LINKEDIN}/sales/lead/ACwAAB1,NAME_SEARCH,x": (None, "ACwAAB1"),
    f"{LINKEDIN}/sales/people/ACwAAB1?x": (None, "ACwAAB1"),
    "https://x.com/Ada/": ("x.com/Ada", None),
    HASHED: (HASHED, None),
    f"{LINKEDIN}/in/unknown": (None, None),
    f"{LINKEDIN}/in/N/A": (None, None),
    f"{LINKEDIN}/in/": (None, None),
    LINKEDIN: (None, None),
    f"{LINKEDIN}/company/ada": (None, None),
    "https://example.com": (None, None),
    "ada@example.com": (None, None),
    "null": (None, None),
    "[]": (None, None),
    f"{LINKEDIN}/in/%FF": ("linkedin.com/in/%ff", None),
    "www.linkedin.com/in/Ada_1?a/b#c": ("linkedin.com/in/ada_1", None),
    f"{LINKEDIN}/in/ada#top": (ADA, None),
    f"{LINKEDIN}/in/ME": (None, None),
}
COMPANIES: dict[str, tuple[str | None, str | None]] = {
    f"{LINKEDIN}/company/Acme/about/": ("linkedin.com/company/acme", None),
    f"{LINKEDIN}/company/0123/": (None, "123"),
    f"{LINKEDIN}/sales/company/123": (None, "123"),
    "linkedin.com/company/00": ("linkedin.com/company/00", None),
    f"{LINKEDIN}/school/MIT": ("linkedin.com/school/mit", None),
    f"{LINKEDIN}/company/unknown": (None, None),
    f"{LINKEDIN}/in/ada": (None, None),
    "https://acme.com": (None, None),
}
DOMAINS = {
    "HTTPS://WWW.Acme.com/x?y": "acme.com",
    "ada@acme.com": "acme.com",
    "acme.co.uk:443": "acme.co.uk",
    "acme.com.": "acme.com",
    "www.www.acme.com/": "www.acme.com",
    "www.com": None,
    "acme.wixsite.com": "acme.wixsite.com",
    HASHED: HASHED,
    "gmail.com": None,
    "www.facebook.com/acme": None,
    "fr.linkedin.com": None,
    "127.0.0.1": None,
    "acme": None,
    "N/A": None,
}
IDS = {
    "7": "7",
    " 007.0 ": "7",
    "urn:li:member:7": "7",
    "urn:li:fs_salesProfile:(ACwAAB,NAME_SEARCH,x)": "ACwAAB",
    "12345678901234567890": "12345678901234567890",
    "0": None,
    "0.0": None,
    "N/A": None,
    "{}": None,
    "x" * 201: None,
}


def cleaned(clean: Clean, values: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    connection = duckdb.connect()
    connection.execute("create table given (place int, given text)")
    connection.executemany("insert into given values (?, ?)", list(enumerate(values)))
    query = "select * from given"
    for columns in chain(text_steps("t", "given"), steps(clean, "found", "t")):
        listed = ", ".join(f"{expression} as {name}" for name, expression in columns)
        query = f"select *, {listed} from ({query}) as step"
    has_id = clean in (Clean.PROFILE_URL, Clean.COMPANY_URL)
    names = "found, found_id" if has_id else "found"
    yield from connection.sql(f"select {names} from ({query}) as f order by place").fetchall()


def test_urls_are_made_comparable() -> None:
    assert dict(zip(PROFILES, cleaned(Clean.PROFILE_URL, [*PROFILES]), strict=True)) == PROFILES
    assert dict(zip(COMPANIES, cleaned(Clean.COMPANY_URL, [*COMPANIES]), strict=True)) == COMPANIES


def test_domains_and_ids_are_made_comparable() -> None:
    for clean, expected in ((Clean.DOMAIN, DOMAINS), (Clean.ID, IDS)):
        found = [value for (value,) in cleaned(clean, [*expected])]
        assert dict(zip(expected, found, strict=True)) == expected
