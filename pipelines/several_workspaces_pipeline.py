"""Loads several workspaces into one DuckDB dataset, a pipeline each.

Needs `[[sources.captaindata.workspaces]]` tables in .dlt/secrets.toml. `captaindata sync` does the
same and more: it fetches the workspaces side by side and records each sync in `sync_runs`.
"""

import dlt

from captaindata_source import captaindata


def load_workspaces() -> None:
    """Loads what is new in each workspace, one after the other."""
    for workspace in dlt.secrets.get("sources.captaindata.workspaces", list):
        options = dict(workspace)
        name = options.pop("name")
        pipeline = dlt.pipeline(
            f"captaindata_{name}",
            destination=dlt.destinations.duckdb("warehouse.duckdb"),
            dataset_name="captaindata",
        )
        print(pipeline.run(captaindata(workspace_name=name, **options)))


if __name__ == "__main__":
    load_workspaces()
