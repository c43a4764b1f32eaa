"""Dagster: loads two workspaces into Postgres every hour, then builds dbt models on them.

    dagster dev -f dagster_definitions.py

Copy this file to a folder of yours. pipelines/README.md says what to set. Secrets are read when a
run starts: definitions load without them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from captaindata_source.dagster import (
    CaptainDataResource,
    CaptainDataWorkspace,
    captaindata_definitions,
)


def loads() -> dg.Definitions:
    """Two workspaces, each with variables for its secrets."""
    return captaindata_definitions(
        workspaces=["growth", "sales"],
        resource=CaptainDataResource(
            destination="postgres",
            credentials=dg.EnvVar("WAREHOUSE_URL"),
            workspaces=[
                CaptainDataWorkspace(
                    name="growth",
                    api_key=dg.EnvVar("GROWTH_API_KEY"),
                    project_uid=dg.EnvVar("GROWTH_PROJECT_UID"),
                ),
                CaptainDataWorkspace(
                    name="sales",
                    api_key=dg.EnvVar("SALES_API_KEY"),
                    project_uid=dg.EnvVar("SALES_PROJECT_UID"),
                ),
            ],
        ),
        schedule="15 * * * *",
        freshness_schedule="0 * * * *",
        max_minutes=50,
    )


def models(project: Path) -> dg.Definitions:
    """The models of a dbt project that uses the package in sql/dbt. Its sources are the assets
    above: they have the same keys."""
    from dagster_dbt import (  # noqa: PLC0415 - only where there is a dbt project
        DbtCliResource,
        DbtProject,
        dbt_assets,
    )

    found = DbtProject(project_dir=project)
    found.prepare_if_dev()
    if not found.manifest_path.exists():
        found.preparer.prepare(found)

    @dbt_assets(manifest=found.manifest_path)
    def captaindata_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        yield from dbt.cli(["build"], context=context).stream()

    return dg.Definitions(assets=[captaindata_models], resources={"dbt": DbtCliResource(found)})


folder = os.environ.get("DBT_PROJECT_DIR")
defs = dg.Definitions.merge(loads(), models(Path(folder))) if folder else loads()
