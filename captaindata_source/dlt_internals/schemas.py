"""The schema of a pipeline, which dlt reads and builds anew some seven times in a sync."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.common.schema import Schema

__all__ = ["keep_schema", "read_changed_schemas"]


def keep_schema(pipeline: dlt.Pipeline, schema: Schema) -> None:
    """Lets `pipeline.sql_client()` go without the pipeline's schema, of which it needs nothing but
    how names are made.

    Args:
        pipeline: Loads into a database.
        schema: Makes names as the pipeline's schema does; has the same name.
    """

    def sql_client(schema_name: str | None = None) -> Any:  # noqa: ARG001 - as dlt's own
        client: Any = pipeline._get_destination_clients(schema)[0]
        return client.sql_client

    pipeline.sql_client = sql_client  # type: ignore[method-assign]


def read_changed_schemas(pipeline: dlt.Pipeline) -> None:
    """Lets a pipeline use the schema that it has in memory as long as its file says the same.

    dlt builds it anew each time that it is asked for, to notice a file that someone else wrote. The
    hash in the file tells that, too.

    Args:
        pipeline: Of any destination.
    """
    storage: Any = pipeline._schema_storage
    load = storage.load_schema

    def load_schema(name: str) -> Schema:
        live = storage.live_schemas.get(name)
        if live is not None and not live.is_modified and not storage.config.import_schema_path:
            try:
                stored = storage._load_schema_json(name)
                if stored["version_hash"] == live.version_hash:
                    return live  # type: ignore[no-any-return]
            except (OSError, ValueError, LookupError, TypeError):
                pass  # dlt says what is wrong with it
        return load(name)  # type: ignore[no-any-return]

    storage.load_schema = load_schema
