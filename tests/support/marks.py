"""Marks that several test modules use."""

from __future__ import annotations

import pytest

__all__ = ["INTEGRATION", "POSTGRES_LATER"]

INTEGRATION = pytest.mark.integration
POSTGRES_LATER = pytest.mark.parametrize(
    "database", ["duckdb", pytest.param("postgres", marks=INTEGRATION)], indirect=True
)
"""DuckDB in `make test`, Postgres in `make test-integrations`: for what lies above the database."""
