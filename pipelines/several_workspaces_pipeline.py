"""Loads several workspaces into one DuckDB dataset, a pipeline each.

Needs `[[sources.captaindata.workspaces]]` tables in .dlt/secrets.toml. `captaindata sync` does the
same and more: it fetches the workspaces side by side and records each sync in `sync_runs`.
"""

import dlt

from captaindata_source import captaindata


def load_workspaces() -> None:
    """Loads what is new in each workspace, one after the other."""
    for workspace in dlt.secrets.get("sources.captaindata.workspaces", list):
        name, *options = (workspace.get(key) for key in ("name", "api_key", "project_uid"))
        pipeline = dlt.pipeline(
            f"captaindata_{name}",
            destination=dlt.destinations.duckdb("warehouse.duckdb"),
            dataset_name="captaindata",
        )
        api_key, project_uid = options
        base_url = {"base_url": workspace["base_url"]} if "base_url" in workspace else {}
        source = captaindata(
            api_key=api_key, project_uid=project_uid, workspace_name=name, **base_url
        )
        print(pipeline.run(source))


if __name__ == "__main__":
    load_workspaces()
