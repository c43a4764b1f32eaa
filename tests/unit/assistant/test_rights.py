"""The role of Postgres as which an assistant reads: `--print-role` makes it; more is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from captaindata_source.assistant.on_postgres import PostgresReader
from captaindata_source.assistant.rights import require_reader
from captaindata_source.errors import ConfigError, DestinationError
from captaindata_source.tables import views_schema
from captaindata_source.views.install import drop_views
from tests.support.assistants import PASSWORD, ask, fill, role_of
from tests.support.databases import Postgres
from tests.support.marks import INTEGRATION
from tests.support.results import Warehouse, opened

NAME = "destination.postgres_reader.credentials"


@pytest.fixture(scope="module")
def warehouse(postgres_folder: Path) -> Iterator[Warehouse]:
    where = Postgres(postgres_folder)
    yield fill(where)
    where.release()
    where.drop()


@pytest.fixture(scope="module")
def where(warehouse: Warehouse) -> Postgres:
    assert isinstance(warehouse.where, Postgres)
    return warehouse.where


@pytest.fixture
def address(where: Postgres) -> Iterator[str]:
    with role_of(where, f"reader_{where.dataset}") as found:
        yield found


def require(address: str, where: Postgres) -> bool:
    return require_reader(address, views_schema(where.dataset), name=NAME)


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ("alter role {role} createdb", "may do too much \\(createdb\\)"),
        ("grant usage on schema {raw} to {role}; grant select on {raw}.jobs to {role}",
         "besides the views \\({raw}.jobs\\)"),
        ("grant usage on schema {raw} to {role}; grant select (uid) on {raw}.jobs to {role}",
         "besides the views \\({raw}.jobs\\)"),
        ("grant insert on {views}.jobs to {role}", "may change the views.* \\({views}.jobs\\)"),
        ("grant update (job_id) on {views}.jobs to {role}", "may change the views"),
        ("grant create on schema {views} to {role}", "may create in schemas \\({views}\\)"),
        ("grant pg_read_server_files to {role}", "is a member of other roles"),
        ("grant pg_write_all_data to {role}", "is a member of other roles"),
        ("grant execute on function pg_read_file(text) to {role}", "not everybody may"),
        ("grant select on pg_authid to {role}", "system tables"),
        ("create schema {role}_own authorization {role}", "owns objects"),
        ("grant create on database postgres to {role}", "may create schemas"),
        ("create function {views}.f() returns int language sql security definer as 'select 1'; "
         "grant execute on function {views}.f() to {role}", "reach beyond a query"),
        ("revoke usage on schema {views} from {role}", "can't read any view"),
    ],
)  # fmt: skip
@INTEGRATION
def test_a_role_that_may_do_more_is_refused(
    address: str, where: Postgres, grant: str, said: str
) -> None:
    names = {
        "role": f"reader_{where.dataset}",
        "raw": where.dataset,
        "views": views_schema(where.dataset),
    }
    require(address, where)
    where.execute(grant.format_map(names))
    with pytest.raises(ConfigError, match=said.format_map(names)) as found:
        require(address, where)
    assert "captaindata mcp --print-role NAME" in str(found.value)
    assert NAME in str(found.value)
    assert PASSWORD not in str(found.value)
    where.execute(f"drop function if exists {names['views']}.f()")


def test_an_owner_is_refused_and_a_server_that_is_down_is_told(postgres: Postgres) -> None:
    where = postgres
    with pytest.raises(ConfigError, match="postgres may do too much \\(superuser"):
        require(where.uri, where)
    with pytest.raises(DestinationError, match=f"host and port in {NAME}") as found:
        require(f"postgresql://reader:{PASSWORD}@127.0.0.1:1/db", where)
    assert PASSWORD not in str(found.value)


@INTEGRATION
def test_views_that_syncs_make_later_can_be_read(warehouse: Warehouse, where: Postgres) -> None:
    with role_of(where, f"later_{where.dataset}") as address:
        require(address, where)
        reader = PostgresReader(address, views_schema(where.dataset))
        warehouse.add_workflow("n", "New one")
        warehouse.load("j9", [{"key": "value"}], workflow="n")
        warehouse.refresh()
        with opened(where) as database:
            drop_views(database, where.dataset)
        warehouse.refresh()
        results, jobs, workflows = ask(
            reader,
            [
                ("workflow_results", {"workflow": "New one"}),
                ("query", {"sql": "select count(*) as jobs from jobs"}),
                ("list_workflows", {}),
            ],
        )
        assert [row["key"] for row in results.rows] == ["value"]
        assert jobs.rows == [{"jobs": 3}]
        assert len(workflows.rows) == 4
        require(address, where)
