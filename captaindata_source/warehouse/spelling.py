"""A dataset's name as it was asked for, kept in the warehouse: dlt makes a schema's name of it, and
`client-a` and `Client A` would share one.

It is in the comment of dlt's own table of loads, which whoever loads owns.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

from captaindata_source.errors import WrongDatasetError
from captaindata_source.sqltext import literal, quoted
from captaindata_source.tables import LOADS
from captaindata_source.warehouse.database import RUN_BY_DUCKDB

__all__ = ["record_spelling", "require_spelling"]

logger = logging.getLogger(__name__)

SENTENCE = "captaindata loads this as the dataset {}."
RECORD = re.compile(r'captaindata loads this as the dataset ("(?:[^"\\]|\\.)*")\.')


def require_spelling(client: SqlClientBase[Any], *, kind: str, dataset: str) -> None:
    """Sees that the schema belongs to this spelling of the dataset's name, or to none yet.

    Args:
        client: Connected to DuckDB or Postgres.
        kind: Type of the destination.
        dataset: The name that is asked for.

    Raises:
        WrongDatasetError: It belongs to another.
    """
    kept = RECORD.search(_comment(client, kind) or "")
    name = json.loads(kept[1]) if kept else dataset
    if name != dataset:
        raise WrongDatasetError(
            f"The schema {client.dataset_name} holds the dataset {name!r}, and dataset {dataset!r} "
            f"would be put into it too: use --dataset {json.dumps(name, ensure_ascii=False)} if "
            "they are the same, or a name that differs in letters or digits"
        )


def record_spelling(client: SqlClientBase[Any], *, kind: str, dataset: str) -> None:
    """Keeps the spelling where none is kept; goes without where the database refuses.

    Args:
        client: Connected to DuckDB or Postgres, where this dataset is loaded.
        kind: Type of the destination.
        dataset: The name that was asked for.
    """
    try:
        comment = _comment(client, kind)
        if comment is None or RECORD.search(comment):
            return
        sentence = SENTENCE.format(json.dumps(dataset, ensure_ascii=False))
        text = literal(f"{comment} {sentence}".strip())
        client.execute_sql(f"comment on table {_table(client)} is {text}")
    except Exception:  # the table is another role's
        logger.debug("Name of the dataset", exc_info=True)


def _comment(client: SqlClientBase[Any], kind: str) -> str | None:
    """The comment of dlt's table of loads; empty: it has none; None: there is no such table."""
    if kind in RUN_BY_DUCKDB:
        rows = client.execute_sql(
            "select comment from duckdb_tables() where database_name = current_database() "
            "and lower(schema_name) = lower(%s) and table_name = %s",
            client.dataset_name,
            LOADS,
        )
    else:
        rows = client.execute_sql(
            "select obj_description(c.oid, 'pg_class') from pg_class as c "
            "join pg_namespace as n on n.oid = c.relnamespace "
            "where n.nspname = %s and c.relname = %s",
            client.dataset_name,
            LOADS,
        )
    return (rows[0][0] or "") if rows else None


def _table(client: SqlClientBase[Any]) -> str:
    return f"{quoted(client.dataset_name)}.{quoted(LOADS)}"
