"""Types of dlt's destinations, as far as it matters which one it is."""

from __future__ import annotations

__all__ = [
    "BIGQUERY",
    "DUCKDB",
    "DUCKLAKE",
    "FILESYSTEM",
    "MOTHERDUCK",
    "POSTGRES",
    "RUN_BY_DUCKDB",
    "SQLALCHEMY",
    "WITH_VIEWS",
]

_PREFIX = "dlt.destinations."
DUCKDB, POSTGRES = f"{_PREFIX}duckdb", f"{_PREFIX}postgres"
DUCKLAKE, MOTHERDUCK = f"{_PREFIX}ducklake", f"{_PREFIX}motherduck"
FILESYSTEM, SQLALCHEMY = f"{_PREFIX}filesystem", f"{_PREFIX}sqlalchemy"
BIGQUERY = f"{_PREFIX}bigquery"
RUN_BY_DUCKDB = frozenset({DUCKDB, DUCKLAKE, MOTHERDUCK})
"""Destinations whose SQL DuckDB runs, in this process; only `DUCKDB` is one file."""
WITH_VIEWS = RUN_BY_DUCKDB | {POSTGRES}
"""Destinations that we connect to by ourselves: they get views, alerts and exports."""
