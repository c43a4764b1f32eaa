"""Remedies for DuckDB: by the class of its errors where one is enough, else by words."""

from __future__ import annotations

from captaindata_source.warehouse.remedies.case import GO_ON, Case

__all__ = ["CASES", "CREDENTIALS"]

CREDENTIALS = "destination.duckdb.credentials"

CASES = (
    Case(
        "The DuckDB file is open in another process, and one alone may write to it",
        "close it there, and let readers use the copy that publish_copy leaves",
        said="Could not set lock on file",
        of=("IOException",),
        is_passing=True,
    ),
    Case(
        "The DuckDB file is being closed in this process",
        "sync again; other connections to it in this process should be closed before",
        codes=("ResourceInUseException",),  # of DuckDB 2
        said="Unique file handle conflict",
        is_passing=True,
    ),
    Case(
        "The disk of the DuckDB file is full",
        f"free some space there; {GO_ON}",
        said="No space left on device|File too large|Disk quota exceeded",
    ),
    Case(
        "The DuckDB file is opened read-only",
        f"take read_only out of {CREDENTIALS}",
        said="Cannot execute statement of type|read-only mode|read only mode|readonly",
    ),
    Case(
        "The DuckDB file can't be written",
        "give this user the right to write it and its folder, where DuckDB keeps its log, or name "
        f"another file in {CREDENTIALS}",
        said="Permission denied|Read-only file system|Operation not permitted",
    ),
    Case(
        "The folder of the DuckDB file does not exist",
        f"make it, or name another file in {CREDENTIALS}",
        said="Cannot open file .*No such file or directory",
    ),
    Case(
        "The DuckDB file was written by another version of DuckDB",
        "install that version, or export the file with it and import it with this one",
        said="different version|older version|newer version|more recent version|version number",
    ),
    Case(
        "The DuckDB file is no database, or a damaged one",
        f"name another file in {CREDENTIALS}, or put a backup in its place; without it the "
        "next sync makes a new one, with what the API still lists",
        said="not a valid DuckDB database|Is a directory|Could not read enough bytes|[Cc]hecksum"
        "|[Cc]orrupt",
        may_be_package=True,
    ),
    Case(
        "DuckDB gave up after an earlier error",
        f"sync again; {GO_ON}",
        codes=("FatalException", "InternalException"),
        said="database has been invalidated",
        may_be_package=True,
    ),
    Case(
        "DuckDB ran out of memory",
        "give the process more, or make package_max_results smaller",
        codes=("OutOfMemoryException",),
        said="Out of Memory|could not allocate",
        may_be_package=True,
    ),
    Case(
        "DuckDB undid a change because another one touched the same rows",
        f"sync again; {GO_ON}",
        said='^[^"]*([Cc]onflict|write-write)',
        of=("TransactionException",),
        is_passing=True,
    ),
)
