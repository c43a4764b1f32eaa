"""Destinations of SQLAlchemy: indexes on the keys by which dlt merges, and JSON as it comes.

dlt removes rows there whose key is in staging, and looks for it row by row: without an index that
takes the product of both tables, 25 million comparisons for 5,000 rows.

JSON in parquet is text, which SQLAlchemy would make a JSON text of once more.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from typing import Any

from captaindata_source.dlt_internals.open_tables import OURS, is_ours
from captaindata_source.tables import JOB_RESULTS

__all__ = ["fit_sqlalchemy"]

logger = logging.getLogger(__name__)

MARK = "_captaindata_source"
ENDING = "_captaindata_key"
OF_DLT = "implicitly coercing SELECT object"
"""A warning about how dlt merges; nobody else can do anything about it."""
LENGTH = 100
"""Characters of each column that MySQL indexes: it takes no text as a whole."""


def fit_sqlalchemy() -> None:
    """Lets dlt, in this process, load tables of this source by SQLAlchemy as they are, and fast.
    Installed once; a second call does nothing."""
    from dlt.destinations.impl.sqlalchemy import (  # noqa: PLC0415 - an extra
        sqlalchemy_job_client as module,
    )

    job_client: Any = module.SqlalchemyJobClient
    original: Callable[..., Any] = job_client.update_stored_schema
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def update_stored_schema(self: Any, *args: Any, **kwargs: Any) -> Any:
        update = original(self, *args, **kwargs)
        _index(self)
        return update

    setattr(update_stored_schema, MARK, True)
    warnings.filterwarnings("ignore", message=OF_DLT)
    job_client.update_stored_schema = update_stored_schema
    to_column: Callable[..., Any] = job_client._to_column_object

    @functools.wraps(to_column)
    def to_column_object(self: Any, column: Any, table: Any) -> Any:
        made = to_column(self, column, table)
        if column["data_type"] == "json" and is_ours(table):
            made.type = _json_text()
        return made

    job_client._to_column_object = to_column_object


@functools.cache
def _json_text() -> Any:
    from dlt.common.libs.sql_alchemy import sa  # noqa: PLC0415 - an extra

    class JsonText(sa.TypeDecorator):  # type: ignore[misc]
        """A column of JSON that takes a text for JSON already."""

        impl = sa.JSON
        cache_ok = True

        def bind_processor(self, dialect: Any) -> Any:
            serialize = super().bind_processor(dialect) or (lambda value: value)
            return lambda value: (
                value if value is None or isinstance(value, str) else serialize(value)
            )

    return JsonText()


def _index(client: Any) -> None:
    """Indexes what is looked up: keys in staging, and those of the results that are loaded."""
    sql_client = client.sql_client
    is_staging = sql_client.dataset_name == sql_client.staging_dataset_name
    for name, known in client.schema.tables.items():
        if not is_ours(known):
            continue
        if is_staging or name == JOB_RESULTS.name:
            try:
                _make(client, name)
            except Exception:
                logger.debug("%s has no index", name, exc_info=True)


def _make(client: Any, name: str) -> None:
    from dlt.common.libs.sql_alchemy import sa  # noqa: PLC0415 - an extra

    sql_client, columns = client.sql_client, OURS[name].key
    connection = sql_client.native_connection
    with sql_client._ensure_transaction():
        found = sa.inspect(connection)
        if not found.has_table(name, schema=sql_client.dataset_name):
            return
        if any(
            index["name"] == f"{name}{ENDING}"
            for index in found.get_indexes(name, schema=sql_client.dataset_name)
        ):
            return
        table = sa.Table(
            name,
            sa.MetaData(),
            *(sa.Column(column, sa.Text()) for column in columns),
            schema=sql_client.dataset_name,
        )
        lengths = dict.fromkeys(columns, LENGTH)
        index = sa.Index(
            f"{name}{ENDING}",
            *(table.c[column] for column in columns),
            mysql_length=lengths,
            mariadb_length=lengths,
        )
        index.create(connection)
