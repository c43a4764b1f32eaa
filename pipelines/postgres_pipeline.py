"""Loads one workspace into Postgres.

Needs `sources.captaindata.api_key` and `.project_uid`, and `destination.postgres.credentials`, such
as "postgresql://loader:password@localhost:5432/analytics", in .dlt/secrets.toml or the environment.
"""

import dlt

from captaindata_source import captaindata


def load_all() -> None:
    """Loads what is new in all five tables."""
    pipeline = dlt.pipeline(
        "captaindata_postgres",
        destination=dlt.destinations.postgres(create_indexes=False),
        dataset_name="captaindata",
    )
    print(pipeline.run(captaindata()))


if __name__ == "__main__":
    load_all()
