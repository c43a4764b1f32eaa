"""dlt in working folders of any name: it puts paths into SQL and into templates as they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dlt.common.storages.load_storage import LoadItemStorage
from dlt.destinations.impl.duckdb import duck
from dlt.extract.storage import ExtractorItemStorage

__all__ = ["take_any_folder"]

FILE_ID = "%s"
"""What dlt puts into the template of a file's path."""
PATTERN = re.compile(r"[*?\[]")
"""What DuckDB takes for a pattern of paths."""


class _CopyJob(duck.DuckDbCopyJob):
    """A load of a file into DuckDB whose path is quoted."""

    def run(self) -> None:
        path = self._file_path
        self._file_path = PATTERN.sub(r"[\g<0>]", path).replace("'", "''")
        try:
            super().run()
        finally:
            self._file_path = path


def take_any_folder() -> None:
    """Lets dlt work in a folder whose name has quotes, percent signs or brackets."""
    if duck.DuckDbCopyJob is _CopyJob:
        return
    duck.DuckDbCopyJob = _CopyJob  # type: ignore[misc]
    for storage in (ExtractorItemStorage, LoadItemStorage):
        make = storage._get_data_item_path_template
        storage._get_data_item_path_template = _escaping(make)  # type: ignore[method-assign]


def _escaping(make: Callable[..., str]) -> Callable[..., str]:
    def template(*arguments: Any) -> str:
        folder, file_id, rest = make(*arguments).rpartition(FILE_ID)
        return f"{folder.replace('%', '%%')}{file_id}{rest}"

    return template
