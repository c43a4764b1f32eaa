"""Reads the rows of one workspace from the destination."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from captaindata_source.tables import DELETE_MARK, JOB_RESULTS, WORKSPACES, Row, Table
from captaindata_source.times import parse_time
from captaindata_source.warehouse.workspace_queries import (
    COMMITTED,
    OPEN_WAITS,
    WorkspaceQueries,
)

__all__ = ["LoadedRows", "StoredCount", "StoredResult", "named_among", "typed"]

DLT_PREFIX = "_dlt_"
STORED_BATCH = 5_000
"""Results of a job that are read at once."""
OLDEST_FIRST = "order by t._dlt_load_id, t.loaded_at"
"""Of a row's versions, which files keep, the last one counts."""
MAX_NAMED = 1_000
"""Rows that the destination is asked for by name; more are sorted out here."""


class StoredResult(NamedTuple):
    """A result of a job as it is loaded."""

    uid: str
    position: int
    data: str | None
    created_at: datetime | None


class StoredCount(NamedTuple):
    """How many results of a job are loaded, and of which workflow it was then."""

    rows: int
    workflow_uid: str | None


class LoadedRows(WorkspaceQueries):
    """One workspace's rows in the dataset of a pipeline.

    Args:
        pipeline: Gives destination and dataset.
        workspace_uid: The workspace.
    """

    def known(
        self,
        table: Table,
        columns: Sequence[str],
        fresh: Collection[str],
        *,
        uids: Sequence[str] | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """The columns of rows, the oldest first, after 1 where their load was committed, else 0.

        Args:
            table: The table.
            columns: Those to read; null where the table lacks one.
            fresh: Tables that are taken for empty.
            uids: Of which jobs; None: of all.
        """
        if table.name in fresh:
            return
        there = self.columns_of(table)
        selected = [COMMITTED, *(f"t.{name}" if name in there else "null" for name in columns)]
        kinds = [None, *map(table.columns.get, columns)]
        if uids is None:
            yield from typed(self.query(table, selected, "1 = 1", (), OLDEST_FIRST), kinds)
            return
        key = "job_uid" if "job_uid" in table.key else "uid"
        found = self.query(table, selected, named_among(f"t.{key}"), [[*uids]], OLDEST_FIRST)
        yield from typed(found, kinds)

    def rows(self, table: Table, uids: Sequence[str] | None) -> Iterator[Row]:
        """Whole rows of `table`, ready to be loaded again; JSON columns as text.

        Args:
            table: The table.
            uids: Of which rows; None: of all.
        """
        if uids is not None and not uids:
            return
        named = None if uids is None or len(uids) > MAX_NAMED else uids
        condition = "1 = 1" if named is None else f"t.uid in ({', '.join(['%s'] * len(named))})"
        wanted = set(uids or ())
        with self._lock, self.connection(waits=OPEN_WAITS):
            # not from the schema: dlt reads that anew, in place, whenever any thread asks for it
            there = [name for name in self.columns_of(table) if name != DELETE_MARK]
            names = [name for name in there if name[: len(DLT_PREFIX)] != DLT_PREFIX]
            if not names:
                return
            found = self.query(
                table, [f"t.{n}" for n in names], condition, named or (), OLDEST_FIRST
            )
            newest: dict[tuple[Any, ...], Row] = {}
            for values in typed(found, [table.columns.get(name) for name in names]):
                row = dict(zip(names, values, strict=True))
                newest[tuple(row[name] for name in table.key)] = row
            for row in newest.values():
                if uids is not None and row["uid"] not in wanted:
                    continue
                yield {name: _as_text(value) for name, value in row.items() if value is not None}

    def count_results(self, uids: Sequence[str]) -> Mapping[str, StoredCount]:
        """How many results of jobs there are; jobs that have none are left out."""
        named = () if len(uids) > MAX_NAMED else uids
        condition = f"t.job_uid in ({', '.join(['%s'] * len(named))})" if named else "1 = 1"
        selected = ["t.job_uid", "count(*)", "max(t.workflow_uid)"]
        with self._lock, self.connection(waits=OPEN_WAITS):
            found = self.query(JOB_RESULTS, selected, condition, named, "group by t.job_uid")
            return {uid: StoredCount(*of_job) for uid, *of_job in found}

    def results_of(self, job_uid: str) -> Iterator[Sequence[StoredResult]]:
        """The results of a job by position, some thousands at a time; some may come twice."""
        selected = ["t.result_uid", "t.position", "cast(t.data as varchar)", "t.created_at"]
        kinds = [None, None, None, "timestamp"]
        condition = (
            "t.job_uid = %s and t.result_uid is not null "
            "and (t.position > %s or (t.position = %s and t.result_uid > %s))"
        )
        ending = f"order by t.position, t.result_uid limit {STORED_BATCH}"
        place, uid = -1, ""
        while True:
            with self._lock, self.connection(waits=OPEN_WAITS):
                found = self.query(
                    JOB_RESULTS, selected, condition, (job_uid, place, place, uid), ending
                )
            batch = [StoredResult(*values) for values in typed(found, kinds)]
            yield batch
            if len(batch) < STORED_BATCH:
                return
            uid, place = batch[-1].uid, batch[-1].position

    def uids_named(self, name: str) -> Collection[str]:
        """UIDs of the workspaces that were loaded under a configured name."""
        with self._lock, self.connection(waits=OPEN_WAITS):
            selected, condition = ["distinct t.workspace_uid"], "t.configured_name = %s"
            if "configured_name" not in self.columns_of(WORKSPACES):
                return ()
            found = self.query(WORKSPACES, selected, condition, (name,), of_all=True)
            return {uid for (uid,) in found}


def named_among(column: str) -> str:
    """A condition that a column holds one of the texts of a list, which is its parameter: of a
    database that can join."""
    return f"{column} in (select unnest(%s))"


def typed(
    rows: Iterable[tuple[Any, ...]], kinds: Sequence[str | None]
) -> Iterator[tuple[Any, ...]]:
    """Values as their columns have them: some databases keep times as text, and truth as a number.

    Args:
        rows: As the database gave them.
        kinds: Of the columns; None: whatever it is.
    """
    times = [place for place, kind in enumerate(kinds) if kind == "timestamp"]
    flags = [place for place, kind in enumerate(kinds) if kind == "bool"]
    for values in rows:
        row = list(values)
        for place in times:
            if row[place] is not None:
                row[place] = parse_time(row[place])
        for place in flags:
            if row[place] is not None:
                row[place] = bool(row[place])
        yield tuple(row)


def _as_text(value: object) -> object:
    """JSON as text: some drivers parse it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
