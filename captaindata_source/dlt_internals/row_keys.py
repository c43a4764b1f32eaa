"""The keys of the rows of a load, as conditions that table formats understand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

__all__ = ["RowKeys"]


class RowKeys:
    """Keys of rows; a key has two or three columns of text.

    Args:
        columns: Names of the columns.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._keys: set[tuple[str, ...]] = set()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, rows: Any) -> None:
        """Adds the keys of rows.

        Args:
            rows: A batch or table of Arrow that has the columns.
        """
        self._keys.update(_keys_of(rows, self.columns))

    def among(self, rows: Any) -> RowKeys:
        """Those of the keys that some rows have.

        Args:
            rows: Batches of Arrow that have the columns.
        """
        found = RowKeys(self.columns)
        for batch in rows if self._keys else ():
            found._keys |= self._keys.intersection(_keys_of(batch, self.columns))
            if len(found) == len(self):
                break
        return found

    @property
    def owners(self) -> list[str]:
        """Values of the first column."""
        return sorted({key[0] for key in self._keys})

    def groups(self) -> Iterator[tuple[dict[str, str], str, list[str]]]:
        """The keys as conditions: one of them holds for a row that has one of the keys.

        Yields:
            Columns and the value of each, then another column, and the values that it may have.
        """
        varied = [len({key[place] for key in self._keys}) for place in range(len(self.columns))]
        last = max(range(len(self.columns)), key=lambda place: (varied[place], place))
        found: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for key in sorted(self._keys):
            found[(*key[:last], *key[last + 1 :])].append(key[last])
        others = (*self.columns[:last], *self.columns[last + 1 :])
        for values, several in found.items():
            yield dict(zip(others, values, strict=True)), self.columns[last], several


def _keys_of(rows: Any, columns: Sequence[str]) -> set[tuple[str, ...]]:
    if rows.num_rows == 0:
        return set()
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    distinct = table.select(list(columns)).group_by(list(columns)).aggregate([])
    return set(zip(*(distinct[name].to_pylist() for name in columns), strict=True))
