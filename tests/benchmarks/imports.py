"""Imports what a way to load imports, and ends: how long that takes is measured from outside.

python imports.py WAY
"""

from __future__ import annotations

import importlib
import sys

SYNC = tuple(
    f"captaindata_source.{name}"
    for name in (
        "cli.main",
        "engine.sync",
        "views.refresh",
        "engine.report",
        "warehouse.publish",
        "settings.config",
        "warehouse.pipeline",
    )
)
REST_API = ("dlt", "dlt.sources.rest_api", "duckdb")
IMPORTS = {
    "duckdb": (*SYNC, "duckdb"),
    "postgres": (*SYNC, "psycopg2", "adbc_driver_postgresql.dbapi"),
    "defaults": REST_API,
    "append": (*REST_API, "pyarrow"),
    "merge": (*REST_API, "pyarrow"),
    "fetch": ("httpx",),
    "floor-duckdb": ("httpx", "pyarrow", "duckdb"),
    "reqwest-floor-duckdb": ("pyreqwest.client", "pyarrow", "duckdb"),
    "reqwest-floor-postgres": ("pyreqwest.client", "pyarrow", "adbc_driver_postgresql.dbapi"),
    "floor-postgres": ("httpx", "pyarrow", "adbc_driver_postgresql.dbapi"),
}

if __name__ == "__main__":
    for name in IMPORTS[sys.argv[1]]:
        importlib.import_module(name)
