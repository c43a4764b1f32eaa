"""The tools over both databases, called by the SDK's client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.assistant.answers import MAX_CELL, MAX_ROWS, MAX_SIZE, NOTE, Reader
from tests.support import attacks, leaks
from tests.support.assistants import LONG, PASSWORD, RUBBISH, ask, fill, reader_of
from tests.support.databases import Database, DuckDb, Postgres
from tests.support.marks import INTEGRATION


@pytest.fixture(scope="module", params=["postgres", pytest.param("duckdb", marks=INTEGRATION)])
def where(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "duckdb":
        found: Database = DuckDb(tmp_path_factory.mktemp("assistant"))
        fill(found)
        yield found
        return
    found = Postgres(request.getfixturevalue("postgres_folder"))
    fill(found)
    yield found
    found.release()
    found.drop()


@pytest.fixture(scope="module")
def reader(where: Database) -> Iterator[Reader]:
    with reader_of(where) as found:
        yield found


ON_POSTGRES = pytest.mark.parametrize("where", ["postgres"], indirect=True, scope="module")
"""For what the views decide, which are tested on both databases."""


def test_what_is_there(reader: Reader) -> None:
    workspaces, views, described, workflows, first = ask(
        reader,
        [
            ("list_workspaces", {}),
            ("list_views", {}),
            ("describe_view", {"view": "workflow_performance"}),
            ("list_workflows", {"workspace": "a"}),
            ("list_workflows", {"limit": 1}),
        ],
    )
    assert [(row["workspace_id"], row["workspace_label"]) for row in workspaces.rows] == [
        ("a", "acme"),
        ("b", "beta"),
    ]
    shows = {row["view"]: row["shows"] for row in views.rows}
    assert shows["workspaces"].startswith("Workspaces, with members")
    assert "results_profiles" in shows
    assert not any("captaindata_source" in text for text in shows.values())
    meaning = {row["column"]: (row["type"], row["meaning"]) for row in described.rows}
    assert meaning["success_rate"][0] == "double"
    assert "from 0 to 1" in meaning["success_rate"][1]
    assert [row["workflow_id"] for row in workflows.rows] == ["x", "w"]
    assert workflows.rows[1]["results_views"] in shows
    assert first.answer is not None
    assert (len(first.rows), first.answer["has_more"]) == (1, True)
    assert workspaces.answer is not None
    assert workspaces.answer["note"] == NOTE


@INTEGRATION
@ON_POSTGRES
def test_runs(reader: Reader) -> None:
    performance, none, failing, messages, failed, since, stuck = ask(
        reader,
        [
            ("workflow_performance", {"workflow": "PROFILES", "workspace": "acme"}),
            ("workflow_performance", {"workflow": "x' or '1' = '1"}),
            ("failing_workflows", {}),
            ("top_error_messages", {}),
            ("failed_jobs", {}),
            ("failed_jobs", {"since": "2026-01-01T13:00:00Z", "workflow": "w"}),
            ("stuck_runs", {"workspace": "acme"}),
        ],
    )
    [row] = performance.rows
    assert (row["runs"], row["failed_runs"], row["success_rate"]) == (3, 3, 0)
    assert none.rows == []
    assert [row["failures_in_a_row"] for row in failing.rows] == [3]
    assert [row["runs"] for row in messages.rows] == [3]
    assert [row["job_id"] for row in failed.rows] == ["f2", "f1", "f0"]
    assert [row["job_id"] for row in since.rows] == ["f2", "f1"]
    assert stuck.rows == []


@INTEGRATION
def test_results_come_in_pages_each_once(reader: Reader) -> None:
    given: dict[str, Any] = {"workflow": "profiles", "workspace": "acme", "limit": 2}
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        [page] = ask(reader, [("workflow_results", given | {"cursor": cursor})])
        assert page.answer is not None
        seen += [row["full_name"] for row in page.rows]
        cursor = page.answer["next_cursor"]
    assert cursor is None
    assert seen == [f"Person {n}" for n in range(5)]


@INTEGRATION
def test_results_are_filtered(reader: Reader) -> None:
    def results(*filters: tuple[str, str, str], **more: Any) -> Any:
        given = [{"column": c, "operator": o, "value": v} for c, o, v in filters]
        return "workflow_results", {"workflow": "w", "filters": given, "columns": ["score"], **more}

    number, text, flag, attack, several, since, view = ask(
        reader,
        [
            results(("score", "equals", "3.0")),
            results(("email", "contains", "P1@EXAMPLE")),
            results(("is_new", "equals", "true")),
            results(("email", "equals", "' or 1=1 --")),
            results(("is_new", "equals", "true"), ("score", "equals", "4")),
            results(since="2026-01-02"),
            ("workflow_results", {"workflow": "results_profiles", "columns": ["full_name"]}),
        ],
    )
    assert [row["score"] for row in number.rows] == [3]
    assert [row["score"] for row in text.rows] == [1]
    assert [row["score"] for row in flag.rows] == [3, 4]
    assert [attack.rows, since.rows] == [[], []]
    assert [row["score"] for row in several.rows] == [4]
    assert {*view.rows[0]} == {"full_name"}


@INTEGRATION
@ON_POSTGRES
def test_people_and_companies(reader: Reader) -> None:
    name, email, profile, nobody, companies = ask(
        reader,
        [
            ("search_people", {"name": "PERSON 3", "workspace": "acme"}),
            ("search_people", {"email": "@example.com", "limit": 3}),
            ("search_people", {"profile": "linkedin.com/in/person-2/"}),
            ("search_people", {"name": "%"}),
            ("search_companies", {"domain": "nowhere.example"}),
        ],
    )
    assert [row["email"] for row in name.rows] == ["p3@example.com"]
    assert len(email.rows) == 3
    assert [row["full_name"] for row in profile.rows] == ["Person 2"]
    assert [nobody.rows, companies.rows] == [[], []]


def test_scraped_text_is_data_that_can_be_seen(reader: Reader) -> None:
    [found] = ask(reader, [("workflow_results", {"workflow": "x"})])
    [row] = found.rows
    assert row["odd"] == RUBBISH.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert row["bio"] == LONG[:MAX_CELL] + "…"
    assert found.answer is not None
    assert found.answer["cut"] == [{"row": 0, "column": "bio", "left_out": 5_000 - MAX_CELL}]
    assert "12345678901234567890" in str(row["id"])
    assert isinstance(row["id"], str)


WRONG: list[tuple[tuple[str, dict[str, Any]], str]] = [
        (("nothing", {}), "There is no tool 'nothing'"),
        (("query", {}), "sql: field required"),
        (("query", {"sql": "select 1", "limit": 0}), "limit: input should be greater"),
        (("query", {"sql": "select 1", "limit": MAX_ROWS + 1}), "limit: input should be less"),
        (("query", {"sql": "select 1", "limit": "many"}), "limit: input should be a valid integer"),
        (("query", {"sql": "select 1", "lmit": 5}), "Unknown argument 'lmit'; the tool takes sql,"),
        (("query", {"sql": "select 1", "timeout_seconds": 10_000}), "timeout_seconds: input"),
        (("query", {"sql": "x" * 30_000}), "sql: string should have at most"),
        (("query", {"sql": "select '\x00'"}), "null character"),
        (("describe_view", {"view": "a\x00"}), "null character"),
        (("workflow_results", {"workflow": "a\x00"}), "null character"),
        (("query", {"sql": "select \ud800"}), ""),
        (("query", {"sql": "selct 1"}), 'syntax error at or near "selct"'),
        (("query", {"sql": "select nope from jobs"}), "nope"),
        (("describe_view", {"view": "jobs'; --\x1b"}), "There is no view \"jobs'; --\\\\x1b\""),
        (("list_workflows", {"workspace": "nobody"}), "There is no workspace 'nobody'"),
        (("list_workflows", {"cursor": "rubbish"}), "This cursor is not of this list"),
        (("failed_jobs", {"since": "yesterday"}), "since: must be a day, a time"),
        (("failed_jobs", {"since": "2999-01-01"}), "since: 2999-01-01 is in the future"),
        (("workflow_results", {"workflow": "nothing"}), "no results of a workflow 'nothing'"),
        (("workflow_results", {"workflow": "results_no"}), "There is no view 'results_no'"),
        (("workflow_results", {"workflow": "profiles"}), "2 workflows are called 'profiles'"),
        (("workflow_results", {"workflow": "w", "columns": ["x"]}), "has no column 'x'"),
        (
            ("workflow_results", {"workflow": "w", "filters": [{"column": "x", "operator": "equals",
             "value": "1"}]}),
            "The view has no column 'x'",
        ),
        (
            ("workflow_results", {"workflow": "w", "filters": [{"column": "score", "operator":
             "equals", "value": "many"}]}),
            "The column 'score' has numbers: 'many' is none",
        ),
        (
            ("workflow_results", {"workflow": "w", "filters": [{"column": "x", "operator": "is"}]}),
            "filters.0.operator: input should be 'equals' or 'contains'",
        ),
]  # fmt: skip


def test_what_is_wrong_is_said_in_a_sentence(reader: Reader) -> None:
    for (call, said), found in zip(WRONG, ask(reader, [call for call, _ in WRONG]), strict=True):
        assert found.answer is None, call
        assert said in found.error, call
        assert_harmless(found.error)


def assert_harmless(said: str) -> None:
    assert "Traceback" not in said
    assert "\n" not in said
    assert PASSWORD not in said
    assert "postgresql://" not in said
    assert "pydantic" not in said


@INTEGRATION
def test_answers_are_bounded(reader: Reader) -> None:
    def rows(count: int, column: str) -> str:
        if reader.kind == "duckdb":
            return f"select {column} as c from range({count})"
        return f"select {column} as c from generate_series(1, {count})"

    few, many, wide, large, equal = ask(
        reader,
        [
            ("query", {"sql": rows(5, "1"), "limit": 3}),
            ("query", {"sql": rows(100_000, "1"), "limit": MAX_ROWS}),
            ("query", {"sql": rows(1_000, "repeat('x', 5000)"), "limit": MAX_ROWS}),
            ("query", {"sql": "select " + ", ".join(["repeat('x',2000)"] * 300)}),
            ("query", {"sql": "select 1 as a, 'b' as a;"}),
        ],
    )
    for found, count in ((few, 3), (many, MAX_ROWS)):
        assert found.answer is not None
        assert (len(found.rows), found.answer["has_more"]) == (count, True)
    for found in (wide, large):
        assert 0 < len(json.dumps(found.rows)) < MAX_SIZE * 1.1
        assert found.answer is not None
        assert found.answer["cut"]
    [row] = equal.rows
    assert [*row.values()] == [1, "b"]


def test_a_query_reads_the_views_and_does_nothing_else(
    reader: Reader, where: Database, tmp_path: Path
) -> None:
    refuse(reader, where, tmp_path, attacks.BASIC)


@INTEGRATION
def test_no_attack_works(reader: Reader, where: Database, tmp_path: Path) -> None:
    refuse(reader, where, tmp_path, attacks.ATTACKS[reader.kind])


def refuse(reader: Reader, where: Database, folder: Path, statements: Sequence[str]) -> None:
    before = where.execute("select count(*) as jobs from jobs")
    count = ("query", {"sql": "select count(*) as jobs from jobs"})
    names = {"raw": where.dataset, "folder": str(folder)}
    calls = [("query", {"sql": sql.format_map(names) if "{" in sql else sql}) for sql in statements]
    *refused, after = ask(reader, [*calls, count])
    for sql, found in zip(statements, refused, strict=True):
        assert found.answer is None, (sql, found.rows)
        assert_harmless(found.error)
        assert RUBBISH not in found.error
    assert after.rows == [{"jobs": 3}]
    assert where.execute("select count(*) as jobs from jobs") == before
    assert [*folder.iterdir()] == []


@INTEGRATION
@ON_POSTGRES
def test_text_of_every_other_argument_is_a_value(reader: Reader, where: Database) -> None:
    text = f"x' union all select * from {where.dataset}.job_results; --"
    calls: list[tuple[str, dict[str, Any]]] = [
        (tool, {argument: text})
        for tool, arguments in (
            ("describe_view", ("view",)),
            ("list_workflows", ("workspace", "cursor")),
            ("workflow_performance", ("workspace", "workflow", "cursor")),
            ("failing_workflows", ("workspace", "workflow")),
            ("top_error_messages", ("workspace",)),
            ("failed_jobs", ("workspace", "workflow", "since", "cursor")),
            ("stuck_runs", ("workspace", "workflow")),
            ("workflow_results", ("workflow",)),
            ("search_people", ("name", "email", "company", "profile", "workspace", "cursor")),
            ("search_companies", ("name", "domain", "profile", "workspace")),
        )
        for argument in arguments
    ]
    given = {"workflow": "w", "columns": [text]}
    calls += (
        [
            ("workflow_results", given),
            (
                "workflow_results",
                {"workflow": "w", "filters": [{"column": "email", "operator": o, "value": text}]},
            ),
        ]
        if (o := "equals")
        else []
    )
    for call, found in zip(calls, ask(reader, calls), strict=True):
        assert found.answer is None or found.rows == [], call
        assert_harmless(found.error)


@INTEGRATION
def test_heavy_queries_end_and_hold_up_nobody(reader: Reader) -> None:
    heavy = [("query", {"sql": sql, "timeout_seconds": 1}) for sql in attacks.HEAVY[reader.kind]]
    light = ("query", {"sql": "select count(*) as jobs from jobs"})
    *ended, answered = ask(reader, [*heavy, light], together=True)
    for (_, arguments), found in zip(heavy, ended, strict=True):
        assert found.answer is None, arguments
        assert any(
            said in found.error for said in ("longer than 1 second", "memory", "too large")
        ), (arguments, found.error)
    assert answered.rows == [{"jobs": 3}]


def test_no_password_is_kept(reader: Reader, where: Database) -> None:
    if isinstance(where, DuckDb):
        assert leaks.in_files(where.path.parent, PASSWORD) == []
    assert PASSWORD not in repr(reader)
