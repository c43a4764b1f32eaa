"""The views for other engines: `captaindata views render`.

`shapes.py` finds what engines write differently, `rewrites.py` changes what they lack, and each
engine has a module. `render.py` puts them together. Below are the names of the dialects, for the
command line.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["AS_THEY_ARE", "DIALECTS", "NOT_RUN", "PARSED_ONLY"]

AS_THEY_ARE = ("duckdb", "ducklake", "postgres")
"""The files are written for them."""
PARSED_ONLY: Mapping[str, str] = {
    "bigquery": "no test runs BigQuery",
    "databricks": "no test runs Databricks; the same select was run on Spark",
}
"""Dialect to why its views were never run."""
NOT_RUN: Mapping[tuple[str, str], str] = {}
"""Dialect and view to why it has not the rows of DuckDB there. Each is tried by a test."""
DIALECTS = (
    *("spark", "databricks", "snowflake", "bigquery", "clickhouse"),
    *AS_THEY_ARE,
)
