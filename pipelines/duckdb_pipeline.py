"""Loads one workspace into DuckDB.

Needs `sources.captaindata.api_key` and `.project_uid`, in .dlt/secrets.toml or the environment.
"""

import dlt

from captaindata_source import captaindata


def load_all() -> None:
    """Loads what is new in all five tables."""
    pipeline = dlt.pipeline(
        "captaindata_duckdb",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="captaindata",
    )
    print(pipeline.run(captaindata()))


def load_jobs_without_results() -> None:
    """Loads the run history alone: no call for results is made."""
    pipeline = dlt.pipeline(
        "captaindata_duckdb",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="captaindata",
    )
    print(pipeline.run(captaindata().with_resources("workflows", "jobs", "successful_jobs")))


if __name__ == "__main__":
    load_all()
