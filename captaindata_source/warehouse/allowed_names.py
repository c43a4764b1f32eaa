"""Which datasets and DuckDB files can be loaded into, told before anything is made."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretValue

from captaindata_source.errors import ConfigError
from captaindata_source.sqltext import MAX_IDENTIFIER
from captaindata_source.tables import views_schema
from captaindata_source.warehouse.database import POSTGRES, RUN_BY_DUCKDB, WITH_VIEWS

__all__ = [
    "check_catalog",
    "check_path",
    "check_schema",
    "configured_address",
]

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/*)")
NO_FILES = frozenset(
    {"az", "azure", "abfs", "abfss", "delta", "ducklake", "file", "gcs", "gs", "hf", "http"}
    | {"https", "iceberg", "mysql", "postgres", "postgresql", "quack", "r2", "s3", "sqlite"}
)
"""What DuckDB itself takes for something else than a file, without `//` too."""
MOTHERDUCK = ("md", "motherduck")
OTHERS = {"ducklake": "ducklake", "postgres": "postgres", "postgresql": "postgres"} | dict.fromkeys(
    ("s3", "gs", "gcs", "az", "azure", "abfs", "abfss", "r2"), "filesystem"
)
"""The destination of dlt that writes there."""
DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog"})
CATALOGS = SYSTEM_SCHEMAS | {"memory", "system", "temp"}
"""Databases and schemas that each DuckDB has."""


@configspec
class _Destination(BaseConfiguration):
    credentials: TSecretValue | None = None


def check_schema(schema: str, *, kind: str, create_views: bool) -> None:
    """Refuses schemas that the database keeps for itself, and names too long for one with views.

    Args:
        schema: What dlt makes of the dataset's name.
        kind: Type of the destination.
        create_views: Whether views are wanted.

    Raises:
        ConfigError: It can't be used.
    """
    taken = CATALOGS if kind in RUN_BY_DUCKDB else frozenset()
    if kind == POSTGRES:
        taken = SYSTEM_SCHEMAS
    if schema.lower() in taken or (kind == POSTGRES and schema.lower().startswith("pg_")):
        raise ConfigError(
            f"Dataset {schema!r} can't be used: the database keeps this name for itself. Use "
            "another, such as captaindata"
        )
    if create_views and kind in WITH_VIEWS and len(views_schema(schema)) > MAX_IDENTIFIER:
        raise ConfigError(
            f"Dataset {schema!r} has a name too long for views: {views_schema(schema)} is more "
            f"than {MAX_IDENTIFIER} characters. Use a shorter one, or set create_views to false"
        )


def check_catalog(file: Path, *, schema: str, what: str) -> None:
    """Refuses a DuckDB file that DuckDB names as the schema in it, or can't find.

    DuckDB names it by the file's name up to the first dot, and does not tell upper from lower case.

    Args:
        file: The file.
        schema: The dataset's.
        what: What the file is, for people.

    Raises:
        ConfigError: Names a file that works.
    """
    if "?" in str(file):
        raise ConfigError(
            f"{what} {file} has a question mark in its path, after which DuckDB expects options: "
            "put it elsewhere"
        )
    catalog, dot, rest = file.name.lstrip(".").partition(".")
    there = catalog.casefold()
    of_dataset = {schema.casefold(), views_schema(schema).casefold()}
    if there in of_dataset or there.startswith(f"{schema.casefold()}_staging_"):
        raise ConfigError(
            f"{what} {file.name} and the dataset {schema!r}, its views or its staging have the "
            f"same name for DuckDB ({catalog}), which it calls ambiguous: rename the file, to "
            f"db_{catalog}{dot}{rest} for example, or use another dataset"
        )
    if there in SYSTEM_SCHEMAS:
        raise ConfigError(
            f"{what} {file.name} has a name that DuckDB keeps for itself: rename it, to "
            f"db_{catalog}{dot}{rest} for example"
        )


def check_path(text: str, *, what: str) -> None:
    """Refuses what is no path of a local file.

    Args:
        text: As it was configured.
        what: The option.

    Raises:
        ConfigError: Says what to use instead.
    """
    inner = re.sub(r"^duckdb://+", "", text, flags=re.IGNORECASE)
    if not inner.strip():
        raise ConfigError(f"{what} is empty: name a file, such as warehouse.duckdb")
    if DRIVE.match(inner) and os.name != "nt":
        raise ConfigError(
            f"{what} is a path of Windows, and this is none: name a file, such as "
            "/data/warehouse.duckdb"
        )
    found = SCHEME.match(inner)
    if found is None or (os.name == "nt" and DRIVE.match(inner)):
        return
    scheme, slashes = found[1].lower(), found[2]
    if scheme in MOTHERDUCK:
        raise ConfigError(
            f"{what} names MotherDuck ({scheme}:), which is a destination of its own: use "
            "--destination motherduck, and set destination.motherduck.credentials to "
            "md:my_db?motherduck_token=…"
        )
    if scheme == "duckdb":
        raise ConfigError(f"{what} is no path: leave out {scheme}:, such as warehouse.duckdb")
    if scheme == "file":
        raise ConfigError(f"{what} is a file: URL: write the path alone, without file:")
    if scheme in NO_FILES or len(slashes) > 1:
        other = OTHERS.get(scheme)
        remedy = f", or use --destination {other}" if other else ""
        raise ConfigError(
            f"{what} names {scheme}:, where DuckDB can't write a database: name a local file, such "
            f"as warehouse.duckdb{remedy}"
        )


def configured_address(destination: str) -> str | None:
    """The path of the DuckDB file as it was configured; None where it was not, or in parts.

    Raises:
        ConfigError: It is no path.
    """
    found: Any = resolve_configuration(
        _Destination(), sections=("destination", destination)
    ).credentials
    is_text = isinstance(found, str)
    if is_text and found.lstrip().startswith("{"):
        with suppress(ValueError):
            found = json.loads(found)
    if found is None or isinstance(found, dict):
        part = f"destination.{destination}.credentials.database"
        inner = (found or {}).get("database") or dlt.secrets.get(part)
        if isinstance(inner, str):
            check_path(inner, what=part)
        if is_text:
            raise ConfigError(
                f"destination.{destination}.credentials is JSON, which would be taken for a file's "
                f"name: write the path alone, or set {part}"
            )
        return None
    if isinstance(found, str):
        check_path(found, what=f"destination.{destination}.credentials")
        return found
    return None
