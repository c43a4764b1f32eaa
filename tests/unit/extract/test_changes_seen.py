"""What a sync sees several times, and values that are the same in another notation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from captaindata_source.extract.plan.changes import Changes
from captaindata_source.extract.queue import ResultJob
from captaindata_source.tables import JOB_RESULTS, JOBS, WORKFLOWS, Row
from captaindata_source.warehouse.answers import Answer
from captaindata_source.warehouse.loaded_rows import StoredCount
from captaindata_source.warehouse.memory import OpenChange

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = OpenChange("open", "before", None)
SAME = Answer("1", 2, "same")


def changes(now: datetime = NOW, **open_changes: Any) -> Changes:
    wanted = {JOBS.name, WORKFLOWS.name, JOB_RESULTS.name}
    return Changes(workspace_uid="a", now=now, wanted=wanted, open_changes=open_changes)


def see(found: Changes, name: str, old: object, new: object) -> None:
    found.see(WORKFLOWS, ("w",), {"workflow_uid": "w"}, {name: old}, {name: new})


def taken(found: Changes) -> list[tuple[object, object]]:
    return [(row["old_value"], row["new_value"]) for row in found.take(WORKFLOWS)]


def test_what_was_seen_last_counts() -> None:
    found = changes()
    see(found, "name", "A", "B")
    see(found, "name", "A", "C")
    assert taken(found) == [("A", "C")]
    see(found, "name", "A", "C")
    assert taken(found) == [], "an earlier package has it"
    see(found, "name", "A", "A")
    assert taken(found) == [("C", "A")]
    see(found, "name", "A", "B")
    see(found, "name", "A", "A")
    assert taken(found) == [], "it came back"


def test_a_change_has_one_uid_for_each_sync_and_value() -> None:
    uids = []
    for now, new in ((NOW, "B"), (NOW, "B"), (NOW, "C"), (NOW + timedelta(days=1), "B")):
        found = changes(now)
        see(found, "name", "A", new)
        uids += [row["uid"] for row in found.take(WORKFLOWS)]
    assert uids[0] == uids[1]
    assert len(set(uids)) == 3


def test_an_open_change_is_told_once_in_a_sync() -> None:
    found = changes(workflow_changes={("w", "name"): OPEN})
    see(found, "name", "A", "B")
    (row,) = found.take(WORKFLOWS)
    assert (row["uid"], row["old_value"], row["new_value"]) == ("open", "before", "B")
    see(found, "name", "A", "C")
    (row,) = found.take(WORKFLOWS)
    assert (row["old_value"], row["new_value"]) == ("B", "C")
    assert row["uid"] != "open"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("steps", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}'),
        ("steps", '[1.0, 1e2, "\\u00e9"]', '[1,100.0,"é"]'),
        ("is_deleted", None, False),
        ("finish_time", NOW, NOW.astimezone(timezone(timedelta(hours=5)))),
        ("finish_time", NOW, NOW.replace(tzinfo=None)),
    ],
)
def test_another_notation_is_no_change(name: str, old: object, new: object) -> None:
    found = changes()
    see(found, name, old, new)
    see(found, name, new, old)
    assert taken(found) == []


def test_values_are_written_in_one_notation() -> None:
    found = changes()
    half = '["\\ud83d", {"z": 1, "a": 2}]'
    see(found, "details", '{"z": 1, "a": "é"}', half)
    ((old, new),) = taken(found)
    assert (old, new) == ('{"a": "é", "z": 1}', '["\\ud83d", {"a": 2, "z": 1}]')
    see(found, "finish_time", None, datetime(2026, 3, 1, 5, tzinfo=timezone(timedelta(hours=5))))
    assert taken(found) == [(None, "2026-03-01T00:00:00Z")]


def test_of_what_is_not_loaded_nothing_is_kept() -> None:
    found = Changes(workspace_uid="a", now=NOW, wanted={JOBS.name}, open_changes={})
    see(found, "name", "A", "B")
    assert taken(found) == []


@pytest.mark.parametrize(
    ("carries", "workflow", "rows", "change"),
    [
        (False, "w", 3, "replaced"),
        (False, "w", 0, "removed"),
        (False, "v", 2, "moved"),
        (False, "v", 0, "removed"),
        (True, "w", 3, "added"),
        (True, "w", 2, "replaced"),
        (True, "w", 1, "replaced"),
        (True, "v", 3, "moved"),
    ],
)
def test_what_became_of_results(carries: bool, workflow: str, rows: int, change: str) -> None:
    found = changes()
    found.see_results(job(workflow, carries=carries), rows, "other")
    assert [row_of(row) for row in found.take(JOB_RESULTS)] == [
        {"job_uid": "j", "old_workflow_uid": "w", "workflow_uid": workflow, "change": change,
         "rows_before": 2, "rows_after": rows}
    ]  # fmt: skip


def test_results_that_are_the_same_or_that_were_none_are_no_change() -> None:
    found = changes()
    found.see_results(job("w"), 2, "same")
    found.see_results(job("w", stored=0), 2, "other")
    fresh = ResultJob(uid="j", workflow_uid="w", version="1", finish_time=None)
    found.see_results(fresh, 2, "other")
    assert found.take(JOB_RESULTS) == []
    open_ = {("j",): OpenChange("open", "w", 0)}
    found = changes(results_changes=open_)
    found.see_results(job("w"), 2, "other")
    assert found.take(JOB_RESULTS) == [], "none were committed"


def job(workflow: str, *, carries: bool = False, stored: int = 2) -> ResultJob:
    """A job that had results of workflow `w`."""
    return ResultJob(
        uid="j",
        workflow_uid=workflow,
        version="2",
        finish_time=None,
        carries=carries,
        before=SAME,
        stored=StoredCount(rows=stored, workflow_uid="w"),
    )


def row_of(row: Row) -> Row:
    return {name: row[name] for name in row if name not in ("workspace_uid", "uid", "seen_at")}
