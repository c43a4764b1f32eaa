"""Files in a folder: the queries of sql/tables.md give the rows of the sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from captaindata_source.tables import DELETE_MARK, JOB_RESULTS, SELECTABLE
from tests.conftest import MakeHarness
from tests.support.databases import Row
from tests.support.oracle import Oracle, assert_equal

pytestmark = pytest.mark.integration

TABLES = (Path(__file__).parents[2] / "sql" / "tables.md").read_text(encoding="utf-8")
RESULTS, OTHERS = re.findall(r"```sql\n(.*?)```", TABLES.partition("\n## Files\n")[2], re.DOTALL)
WRITTEN_AS = "bucket/captaindata"


class Files:
    """A folder that the filesystem destination fills, read with the queries of sql/tables.md."""

    name = "filesystem"
    dataset = "captaindata"

    def __init__(self, folder: Path) -> None:
        self.bucket = folder / "bucket"

    def environment(self) -> dict[str, str]:
        return {"DESTINATION__FILESYSTEM__BUCKET_URL": str(self.bucket)}

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            for table in SELECTABLE:
                if list(self.bucket.glob(f"{self.dataset}/{table.name}/*")):
                    query = RESULTS if table is JOB_RESULTS else OTHERS
                    query = query.replace(f"{WRITTEN_AS}/jobs/", f"{WRITTEN_AS}/{table.name}/")
                    if table.has_delete_mark and table is not JOB_RESULTS:
                        query += f" and {DELETE_MARK} is not true"
                    query = query.replace(WRITTEN_AS, str(self.bucket / self.dataset))
                    connection.execute(f"create table {table.name} as {query}")
            cursor = connection.execute(sql, list(parameters))
            names = [column[0] for column in cursor.description or []]
            return [
                {name: _value(name, value) for name, value in zip(names, values, strict=True)}
                for values in cursor.fetchall()
            ]


JSON = {name for table in SELECTABLE for name, kind in table.columns.items() if kind == "json"}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return json.loads(value) if name in JSON and value is not None else value


@pytest.fixture
def database(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_readme_reads_files_as_the_sandbox_holds_them(
    make_harness: MakeHarness, database: Files
) -> None:
    harness = make_harness(2)
    oracle = Oracle(harness.world)
    sizes: dict[Any, int] = {}
    kinds: set[str] = set()
    for days in (2, 3, 0):
        oracle.look()
        synced = harness.sync()
        [line] = [each for each in synced.stderr.splitlines() if each.strip()]
        assert line.startswith("WARNING Destination filesystem: rows are not replaced")
        assert_equal(harness, oracle)
        for job, rows in oracle.results.items():
            was, now = sizes.get(job, len(rows)), len(rows)
            kinds.add("gone" if was and not now else "less" if now < was else "other")
            sizes[job] = now
        harness.world.advance(days=days)
    assert {"gone", "less"} <= kinds
    loads = database.bucket / database.dataset / "_dlt_loads"
    [*_, newest] = sorted(loads.iterdir())
    newest.unlink()  # as if the last load had been broken off
    assert "Traceback" not in harness.sync().stderr
    assert_equal(harness, oracle)
