"""Marks that several test modules use."""

from __future__ import annotations

import pytest

__all__ = ["INTEGRATION", "ON_DUCKDB", "ON_EACH_VERSION", "ON_POSTGRES", "POSTGRES_LATER"]

INTEGRATION = pytest.mark.integration
POSTGRES_LATER = pytest.mark.parametrize(
    "database", ["duckdb", pytest.param("postgres", marks=INTEGRATION)], indirect=True
)
"""DuckDB in `make test`, Postgres in `make test-integrations`: for what lies above the database."""
ON_EACH_VERSION = pytest.mark.parametrize(
    ("database", "version"), [("duckdb", "v3"), ("postgres", "v4")], indirect=["database"]
)
"""Each database and each version of the API, for what is above the one and below the other."""
ON_DUCKDB = pytest.mark.parametrize("database", ["duckdb"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)
"""On one database what lies above any, the two in turn."""
