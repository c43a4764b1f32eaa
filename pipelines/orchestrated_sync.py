"""A task of an orchestrator: syncs two workspaces into DuckDB with secrets that it is given.

Airflow, Dagster and Prefect run such a function as a task. Where no workspaces are given,
`sync()` reads them from .dlt/ and the environment, as the command does.
"""

import os

from captaindata_source import SyncReport, sync


def sync_captain_data() -> SyncReport:
    """Loads what is new; a task that raises is tried again, and goes on with what is missing."""
    report = sync(
        workspaces=[
            {
                "name": name.lower(),
                "api_key": os.environ[f"{name}_API_KEY"],
                "project_uid": os.environ[f"{name}_PROJECT_UID"],
            }
            for name in ("GROWTH", "SALES")
        ],
        destination="duckdb",
        max_minutes=30,
    )
    if not report.is_ok:
        raise RuntimeError(str(report))
    return report


if __name__ == "__main__":
    print(sync_captain_data())
