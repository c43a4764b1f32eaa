"""Does what the threads of an extraction do, in the calling thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from captaindata_source.extract.results.files import ResultFile, ResultFiles
from captaindata_source.extract.results.reader import ResultReader
from captaindata_source.extract.workers import Step
from captaindata_source.warehouse.answers import Answer

__all__ = ["FilesInFolder", "answer_of", "run_steps"]

Row = dict[str, Any]


def run_steps(steps: Sequence[Step]) -> None:
    """Does all tasks of all steps."""
    for step in steps:
        for task in step():
            task()


class FilesInFolder:
    """Files of results, and what is in them.

    Args:
        folder: Where they are.
        options: Of `ResultFiles`.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self._finished: list[ResultFile] = []
        self.files = ResultFiles(folder=folder, on_file=self._finished.append, **options)

    def read(self, reader: ResultReader) -> tuple[list[Row], list[Row]]:
        """Lets a reader fetch all: rows of results and of the ledger. Removes the files."""
        reader.run()
        self.files.finish()
        rows = []
        for file in self._finished:
            found = pq.read_table(file.path).to_pylist()
            assert len(found) == file.rows
            rows += found
            file.path.unlink()
        return rows, self.files.take_ledger()


def answer_of(row: Row) -> Answer:
    """What a row of the ledger says, as a sync remembers it."""
    return Answer(
        row["fingerprint"],
        row["result_rows"],
        content=row.get("content_hash"),
        equal=row.get("equal_answers") or 0,
        answered_at=row.get("answered_at"),
        next_check_at=row.get("next_check_at"),
        load_id=row.get("results_load_id"),
        is_skipped=bool(row.get("is_skipped")),
    )
