"""Raw tables and their columns have comments; those of others stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from captaindata_source.tables import ALL_TABLES, DELETE_MARK
from captaindata_source.views import raw_comments
from captaindata_source.views.raw_comments import describe_tables
from captaindata_source.views.table_texts import TableText, table_texts
from captaindata_source.warehouse.database import Database as Connected
from tests.support.databases import Database
from tests.support.raw_tables import RAW_TABLES, create_raw_tables
from tests.support.results import Warehouse, opened


@pytest.fixture
def raw(database: Database) -> Iterator[Connected]:
    create_raw_tables(database)
    with opened(database) as connected:
        yield connected


def written(connected: Connected, monkeypatch: pytest.MonkeyPatch, dataset: str) -> list[str]:
    """What is run to describe the tables."""
    statements: list[str] = []
    run = connected.run

    def listen(sql: str) -> None:
        statements.append(sql)
        run(sql)

    with monkeypatch.context() as patch:
        patch.setattr(connected, "run", listen)
        describe_tables(connected, dataset)
    return statements


def table_comment(connected: Connected, dataset: str, table: str) -> str:
    return connected.relations(dataset)[table].comment


def test_each_table_and_column_is_described_once(
    raw: Connected, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written(raw, monkeypatch, database.dataset)
    columns = raw.column_comments(database.dataset)
    for table in RAW_TABLES:
        text = table_comment(raw, database.dataset, table.name)
        assert text.startswith("One row per "), table.name
        for column, comment in columns[table.name].items():
            assert comment, f"{table.name}.{column}"
            assert "`" not in comment
    assert columns["jobs"]["uid"] == "UID of the job"
    assert columns["jobs"]["_dlt_load_id"] == (
        "load package that wrote the row; valid if it is in _dlt_loads"
    )
    assert columns["successful_jobs"]["uid"] == "UID of the job"
    assert columns["workflows"]["row_hash"] == columns["workspaces"]["row_hash"]
    assert written(raw, monkeypatch, database.dataset) == []


def test_a_column_or_table_that_is_new_gets_its_comment(
    raw: Connected, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.run(f"alter table {database.dataset}.jobs drop column updated_at")
    raw.run(f"drop table {database.dataset}.schedules")
    describe_tables(raw, database.dataset)
    raw.run(f"alter table {database.dataset}.jobs add column updated_at text")
    raw.run(f"alter table {database.dataset}.jobs add column of_the_api text")
    raw.run(f"create table {database.dataset}.schedules (uid text)")
    assert written(raw, monkeypatch, database.dataset)
    columns = raw.column_comments(database.dataset)
    assert columns["jobs"]["updated_at"]
    assert columns["jobs"]["of_the_api"] == ""
    assert columns["schedules"]["uid"]
    assert written(raw, monkeypatch, database.dataset) == []


def test_comments_of_others_stay_until_a_version_describes_the_table_in_other_words(
    raw: Connected, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = database.dataset
    raw.run(f"comment on table {dataset}.jobs is 'Our runs'")
    raw.run(f"comment on column {dataset}.jobs.uid is 'Our number'")
    describe_tables(raw, dataset)
    assert table_comment(raw, dataset, "jobs") == "Our runs"
    columns = raw.column_comments(dataset)["jobs"]
    assert columns["uid"] == "Our number"
    assert columns["name"] == "name of the job"
    assert written(raw, monkeypatch, dataset) == []

    old = table_texts()["jobs"]
    texts = {**old.columns, "name": "it's **its** `name`"}
    told = TableText("One row per job, told better.", texts)
    monkeypatch.setattr(raw_comments, "table_texts", lambda: {**table_texts(), "jobs": told})
    describe_tables(raw, dataset)
    assert table_comment(raw, dataset, "jobs") == "One row per job, told better."
    columns = raw.column_comments(dataset)["jobs"]
    assert columns["name"] == "it's its name"
    assert columns["uid"] == "UID of the job"


def test_a_refresh_describes_the_tables_and_a_second_one_writes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(database)
    warehouse.load("j1", [{"a": 1}])
    warehouse.refresh()
    with opened(database) as connected:
        assert table_comment(connected, database.dataset, "job_results").startswith("One row per")
        for table in connected.relations(database.dataset):
            if not table.startswith("_dlt"):
                assert table_comment(connected, database.dataset, table), table
        assert connected.column_comments(database.dataset)["job_result_fields"]["key"]
        assert written(connected, monkeypatch, database.dataset) == []
    database.release()


def test_the_texts_are_complete() -> None:
    texts = table_texts()
    for table in ALL_TABLES:
        marks = [DELETE_MARK] if table.has_delete_mark else []
        assert {*table.columns, *marks} <= set(texts[table.name].columns), table.name
