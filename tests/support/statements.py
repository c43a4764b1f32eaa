"""Statements on a server, outside of a dataset."""

from __future__ import annotations

from typing import Any

import psycopg2

from tests.support.databases import Postgres


def run_on(database: Postgres, *statements: str) -> list[tuple[Any, ...]]:
    """Runs statements outside of the dataset, each committed."""
    connection = psycopg2.connect(database.uri)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows
