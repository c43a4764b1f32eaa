"""Where rows and views are, for people: nothing of it is secret."""

from __future__ import annotations

import dlt

from captaindata_source.tables import views_schema
from captaindata_source.tabular import one_line
from captaindata_source.warehouse.database import DUCKDB, POSTGRES, file_of, schema_of

__all__ = ["place_of"]


def place_of(pipeline: dlt.Pipeline, *, has_views: bool) -> str:
    """One line about the schemas of a pipeline's dataset, and the file or database they are in.

    Args:
        pipeline: Gives destination and dataset.
        has_views: Whether views follow each load.
    """
    kind, name = pipeline.destination.destination_type, pipeline.destination.destination_name
    if kind not in (DUCKDB, POSTGRES):
        return one_line(f"in {name}: dataset {pipeline.dataset_name}")
    schema = schema_of(pipeline)
    schemas = (
        f"schema {schema}, views in {views_schema(schema)}" if has_views else f"schema {schema}"
    )
    client = pipeline.sql_client()
    where = name
    if kind == POSTGRES:
        where = f"Postgres database {client.credentials.database}"
        if host := client.credentials.host:
            where += f" on {host}"
    elif (file := file_of(client)) is not None:
        where = str(file)
    return one_line(f"in {where}: {schemas}")
