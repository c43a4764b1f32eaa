"""`make demo`: syncs a sandbox with a workspace of API v3 and one of v4, twice, a day apart.

The rows go to demo.duckdb; your own syncs write to warehouse.duckdb.
"""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import duckdb

from captaindata_source.cli.output import safe_output
from captaindata_source.sandbox import Generation, Sandbox, World

WAREHOUSE = Path("demo.duckdb").resolve()
TABLE_WIDTH = 136
VERSIONS: tuple[Generation, ...] = ("v3", "v4")
QUERIES = {
    "Workflows that fail often or have become slow:": """
        select workspace_name, workflow_name, reason
        from captaindata_views.failing_workflows
        order by recent_failure_rate desc, workspace_name, workflow_name
        limit 4
    """,
    "Records delivered this month, by workflow:": """
        select workspace_name, workflow_name, succeeded_runs as runs, records_processed as records
        from captaindata_views.records_by_workflow_month
        where month = (select max(month) from captaindata_views.records_by_workflow_month)
        order by records_processed desc, workspace_name, workflow_name
        limit 4
    """,
    "Accounts to reconnect:": """
        select workspace_name, identity_name, integration, status, needs
        from captaindata_views.integration_health
        order by workspace_name, identity_name, integration
        limit 4
    """,
    "Results of the workflow LinkedIn Profiles, one column per key:": """
        select full_name, headline, location_city, followers_count, is_premium
        from captaindata_views.results_linkedin_profiles
        order by created_at desc, result_id
        limit 4
    """,
}


@safe_output()
def main() -> int:
    """Runs the demo in the current folder."""
    world = World(seed=7)
    if WAREHOUSE.exists() and not _is_ours(world):
        print(
            f"{WAREHOUSE.name} holds other data than this demo's. Move it away, then run it again."
        )
        return 1
    WAREHOUSE.unlink(missing_ok=True)
    with Sandbox(world) as sandbox, tempfile.TemporaryDirectory() as folder:
        environment = os.environ | _config(world, sandbox) | {"DLT_DATA_DIR": folder}
        sync = partial(_sync, environment, folder)
        print(
            f"A sandbox of Captain Data serves {sandbox.root_url}: workspace acme by API v3, "
            "northwind by API v4\n\nFirst sync:\n",
            flush=True,
        )
        code = sync()
        world.advance(days=1)
        print("\nA day passes in the sandbox. Second sync:\n", flush=True)
        code = sync() or code
    if code == 0:
        _print_queries()
        print(f"\nThe rows are in {WAREHOUSE.name}, schemas captaindata and captaindata_views.")
        print("Look at them with:\n")
        print(f"  export DESTINATION__DUCKDB__CREDENTIALS={WAREHOUSE.name}")
        print("  .venv/bin/captaindata views list")
        print("  .venv/bin/captaindata results preview 'Google Maps Places'")
        print("  unset DESTINATION__DUCKDB__CREDENTIALS")
    return code


def _print_queries() -> None:
    """Prints the queries' results."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        for title, query in QUERIES.items():
            print(f"\n{title}\n", flush=True)
            connection.sql(query).show(max_width=TABLE_WIDTH)


def _sync(environment: dict[str, str], folder: str) -> int:
    """Runs the command away from this folder's own configuration."""
    command = [sys.executable, "-m", "captaindata_source.cli", "sync"]
    return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


def _config(world: World, sandbox: Sandbox) -> dict[str, str]:
    workspaces = [
        {
            "name": workspace.name.split()[0].lower(),
            "api_key": workspace.api_key,
            "project_uid": workspace.uid,
            "api_version": version,
            "base_url": sandbox.base_url_of(version),
        }
        for workspace, version in zip(world.workspaces, VERSIONS, strict=True)
    ]
    return {
        "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps(workspaces),
        "SOURCES__CAPTAINDATA__EXTRA_TABLES": json.dumps(["identities", "integrations"]),
        "DESTINATION__DUCKDB__CREDENTIALS": str(WAREHOUSE),
    }


def _is_ours(world: World) -> bool:
    """Whether the warehouse holds the demo's workspaces alone, so that it may be made anew."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        names = "select schema_name, table_name from duckdb_tables()"
        tables = connection.execute(names).fetchall()
        if ("captaindata", "workspaces") not in tables:
            return not tables  # a demo that was interrupted
        rows = connection.execute("select uid from captaindata.workspaces").fetchall()
    return {uid for (uid,) in rows} <= {workspace.uid for workspace in world.workspaces}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
