"""A load package that a killed process had normalized is not normalized again.

dlt puts the normalized package in its place and then deletes the extracted one, file by file. A
process that is killed between leaves both, or half of the extracted one, on which each later run
would fail.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from dlt.normalize.normalize import Normalize

__all__ = ["drop_normalized_remains"]

MARK = "_captaindata_source"


def drop_normalized_remains() -> None:
    """Lets dlt, in this process, delete what is left of packages that are normalized.

    Installed once; a second call does nothing.
    """
    original: Callable[[Normalize, Any], Any] = Normalize.run
    if hasattr(original, MARK):
        return

    @functools.wraps(original)
    def run(self: Normalize, pool: Any) -> Any:
        normalized = set(self.load_storage.normalized_packages.list_packages())
        extracted = self.normalize_storage.extracted_packages
        for load_id in normalized.intersection(extracted.list_packages()):
            extracted.delete_package(load_id)
        return original(self, pool)

    setattr(run, MARK, True)
    Normalize.run = run  # type: ignore[method-assign]
