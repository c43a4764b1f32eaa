"""`make demo`: syncs a sandbox with a workspace of API v3 and one of v4, and follows its events.

The rows go to demo.duckdb; your own syncs write to warehouse.duckdb.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb

from captaindata_source.cli.output import safe_output
from captaindata_source.sandbox import (
    Event,
    Generation,
    Sandbox,
    Sender,
    Workspace,
    World,
    config_name,
    events_between,
)

WAREHOUSE = Path("demo.duckdb").resolve()
TABLE_WIDTH = 136
EVENT_SECRET = "a-secret-of-the-demo"  # noqa: S105 - of the simulated API
EVENT_SECONDS = 120
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
        code = code or _follow_events(environment, folder, world)
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


def _follow_events(environment: dict[str, str], folder: str, world: World) -> int:
    """Receives the events up to the end of the next run that has results."""
    workspace = world.workspaces[1]
    end = _next_end(world, workspace)
    command = [sys.executable, "-m", "captaindata_source.cli", "listen", "--port", "0", "--quiet"]
    print("\nA run ends, and its event is sent to `captaindata listen`:\n", flush=True)
    listener = subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        line = listener.stdout.readline() if listener.stdout else ""
        if (url := re.search(r"http://\S+/events", line)) is None:
            return 1
        with Sender(world, url[0], secret=EVENT_SECRET, workspaces=[workspace]) as sender:
            sender.advance(end.moment)
            return _await(end, sender.counts["accepted"])
    finally:
        listener.send_signal(signal.SIGINT)
        listener.wait()
        if listener.stdout:
            listener.stdout.close()


def _next_end(world: World, workspace: Workspace) -> Event:
    moment = world.now
    while True:
        until = moment + timedelta(hours=6)
        for event in events_between(world, workspace, moment, until):
            run = json.loads(event.body)
            if event.kind == "final" and run["run"]["status"] == "SUCCEEDED" and run["results"]:
                return event
        moment = until


def _await(end: Event, events: int) -> int:
    """Waits until a view shows the run, and all events are loaded."""
    sent = time.monotonic()
    query = "select count(*) from captaindata_views.job_results where job_id = ?"
    results = 0
    while time.monotonic() - sent < EVENT_SECONDS:
        try:
            with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
                rows = connection.execute(query, [end.subject]).fetchall()[0][0]
                if rows and not results:
                    results, seconds = rows, time.monotonic() - sent
                    print(f"Its {rows} results were in the view job_results {seconds:.1f} s later.")
                table = "select count(*) from captaindata.webhook_events"
                if results and connection.execute(table).fetchall()[0][0] >= events:
                    return 0
        except (duckdb.IOException, duckdb.CatalogException):
            pass  # it is being written
        time.sleep(0.3)  # readers keep the file from being written
    print(f"Its results did not arrive within {EVENT_SECONDS} seconds.")
    return 1


def _config(world: World, sandbox: Sandbox) -> dict[str, str]:
    workspaces = [
        {
            "name": config_name(workspace),
            "api_key": workspace.api_key,
            "project_uid": workspace.uid,
            "api_version": version,
            "base_url": sandbox.base_url_of(version),
            "event_secret": EVENT_SECRET,
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
