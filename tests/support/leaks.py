"""Looks for texts that must not be there: in files, whatever their format, and in tables."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.databases import Database, Row


def in_files(folder: Path, *texts: str) -> list[str]:
    """Files below a folder that hold one of the texts, plain, in base64 or compressed."""
    needles = [needle for text in texts for needle in _forms(text.encode())]
    return [
        str(path.relative_to(folder))
        for path in files(folder)
        if any(needle in content for content in _contents(path) for needle in needles)
    ]


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def in_tables(database: Database, *texts: str) -> list[str]:
    """Tables and views of the dataset, of its staging datasets and views that hold one of them."""
    found = database.execute(
        "select table_schema as place, table_name as name from information_schema.tables "
        "where table_schema like %s",
        (f"{database.dataset}%",),
    )
    assert len(found) > 3
    names = sorted({f'"{each["place"]}"."{each["name"]}"' for each in found})
    return [name for name in names if _holds(database.execute(f"select * from {name}"), texts)]


def _holds(rows: list[Row], texts: tuple[str, ...]) -> bool:
    values = [str(value) for row in rows for value in row.values()]
    values += [_state(value) for value in values]
    return any(text in value for value in values for text in texts)


def _state(value: str) -> str:
    """What dlt's state says, where it is that."""
    try:
        return zlib.decompress(base64.b64decode(value, validate=True)).decode()
    except (ValueError, zlib.error):
        return ""


def _forms(text: bytes) -> Iterator[bytes]:
    yield text
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + text)[4:-4]


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if path.suffix == ".parquet" and content[-4:] == b"PAR1":
        yield json.dumps(pq.read_table(pa.BufferReader(content)).to_pylist(), default=str).encode()
