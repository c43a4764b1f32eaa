"""A copy of the DuckDB file for readers, who hold a file for as long as they like."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import dlt

from captaindata_source.errors import ConfigError
from captaindata_source.files import naming, opener, take_place
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.warehouse.allowed_names import check_catalog, check_path
from captaindata_source.warehouse.database import DUCKDB, schema_of
from captaindata_source.warehouse.pipeline import duckdb_file

__all__ = ["check_publish", "publish"]

READ_ONLY = 0o400
COPY_BYTES = 4 * 1024 * 1024


def check_publish(pipeline: dlt.Pipeline, options: SyncOptions) -> Path | None:
    """Where a copy is wanted; nowhere for destinations that are no DuckDB file.

    Raises:
        ConfigError: There can be none.
    """
    if options.publish_copy is None or pipeline.destination.destination_type != DUCKDB:
        return None
    check_path(options.publish_copy, what="publish_copy")
    target = Path(options.publish_copy).expanduser().absolute()
    source = duckdb_file(pipeline)
    if not source.suffix or str(source) == ":memory:":
        raise ConfigError("publish_copy needs a DuckDB file")
    if target.resolve() == source.resolve():
        raise ConfigError(f"publish_copy {str(target)!r} is the warehouse itself")
    check_catalog(target, schema=schema_of(pipeline), what="publish_copy")
    if target.is_dir():
        raise ConfigError(f"publish_copy {str(target)!r} is a folder: name a file in it")
    return target


def publish(pipeline: dlt.Pipeline, target: Path) -> None:
    """Copies the DuckDB file, then puts the copy in the place of the last one, in one step.

    Readers of the last copy keep it until they open the path again. A first copy is for its owner
    alone; later ones keep the group, mode and access list that the last one has.

    Args:
        pipeline: Loads into DuckDB; nothing of this process is connected to it.
        target: The copy; its folder is made if it is missing.

    Raises:
        OSError: It could not be written; the last copy is still there.
    """
    source = duckdb_file(pipeline)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.part")
    # connected over the copy: no other process writes, and all that was committed is in the file,
    # which is closed last, for closing it ends DuckDB's own lock on it
    with source.open("rb") as reader, pipeline.sql_client() as client:
        client.execute_sql("force checkpoint")
        fresh.unlink(missing_ok=True)  # of a process that was killed
        try:
            with naming(target), open(fresh, "xb", opener=opener) as writer:
                shutil.copyfileobj(reader, writer, COPY_BYTES)
                writer.flush()
                os.fsync(writer.fileno())
            fresh.chmod(READ_ONLY)
            take_place(fresh, target)
        except OSError:
            fresh.unlink(missing_ok=True)  # what does not fit does not fill the disk either
            raise
