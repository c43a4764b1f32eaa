"""Whether the counts of jobs can be trusted, as the results that are loaded tell it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from captaindata_source.tables import JOBS
from captaindata_source.warehouse.job_sql import JobSql
from captaindata_source.warehouse.loaded_rows import LoadedRows
from captaindata_source.warehouse.memory import Evidence

__all__ = ["CountEvidence"]

Found = TypeVar("Found")


class CountEvidence:
    """Compares counts of all jobs of a workspace with their results, at most once.

    Args:
        rows: Of the workspace.
        sql: Of its jobs.
    """

    def __init__(self, rows: LoadedRows, sql: JobSql) -> None:
        self._rows = rows
        self._sql = sql
        self._evidence: Evidence | None = None
        self._is_refuted: bool | None = None

    def prepare(self) -> None:
        """Looks over the connection at hand."""
        self._rows.prepare_joins()
        self._is_refuted = self._look_whether_refuted()
        self._evidence = self._look()

    def evidence(self) -> Evidence:
        """What all jobs tell of their counts."""
        if self._evidence is None:
            self._evidence = self._again(self._look)
        return self._evidence

    def is_refuted(self) -> bool:
        """Whether any job whose counts are 0 has results."""
        if self._is_refuted is None:
            self._is_refuted = self._again(self._look_whether_refuted)
        return self._is_refuted

    def _again(self, look: Callable[[], Found]) -> Found:
        """Looks over a connection that is opened for it."""
        with self._rows.again():
            self._rows.prepare_joins()
            return look()

    def _look(self) -> Evidence:
        evidence = Evidence()
        found = self._rows.query(
            *(JOBS, ["t.workflow_uid", *self._sql.evidence], "1 = 1", ()),
            "group by t.workflow_uid",
            joins=self._sql.ledger_joined(),
            first=(self._rows.workspace_uid,),
        )
        for uid, fitting, differing, asked in found:
            evidence.fitting[uid] = int(fitting)
            evidence.differing[uid] = int(differing)
            evidence.asked[uid] = int(asked)
        return evidence

    def _look_whether_refuted(self) -> bool:
        found = self._rows.query(
            *(JOBS, ["count(*)"], self._sql.refutes, ()),
            joins=self._sql.ledger_joined("and a.result_rows > 0"),
            first=(self._rows.workspace_uid,),
        )
        return any(count for (count,) in found)
