"""Rows of raw tables that are hard for an engine: times and numbers at their ends, JSON of all
kinds, jobs that name one another, texts that need escapes, and times around a change of clocks."""

from __future__ import annotations

import json
from collections.abc import Sequence

from captaindata_source.tables import (
    INTEGRATIONS,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    QUOTA_READINGS,
    SYNC_RUNS,
    WORKFLOW_CHANGES,
    WORKFLOWS,
    WORKSPACES,
    Table,
)
from tests.support.databases import Row
from tests.support.raw_tables import COMMITTED

__all__ = ["EXTREMES"]

SPACE = "é'\"\\ {x}"
TEXT = "a 'b' \"c\" \\d \n {e} %s 日本 🚀 \t -- ; /* */"
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
MANY = 2**62
SPRING = ("2026-03-08T09:59:59.5Z", "2026-03-08T10:00:01Z")
AUTUMN = ("2026-11-01T08:30:00Z", "2026-11-01T09:30:00.000001Z")
"""Around the changes of clocks in Los Angeles."""
STATUSES = ("finished", " Partial-Succeeded ", "FAILED", "in  progress", "", None, "PAUSED", "__")
JSON_TEXTS = (
    '"text with \\"quotes\\" and é"',
    "null",
    "[]",
    "12",
    '{"message": null, "label": "L"}',
    '{"message": {"a": 1}}',
    '{"message": 5}',
    '{"message": true}',
    '{"message": ""}',
    "{}",
)
_workspaces: list[Row] = [
    {
        "workspace_uid": SPACE,
        "uid": SPACE,
        "name": TEXT,
        "configured_name": "x",
        "members": [
            {"uid": "1", "role": None, "accounts": None, "email": TEXT},
            {"uid": "2", "roles": [None, "x"], "country": ""},
            {"uid": "3", "role": "", "accounts": {"b": 1, "a": [1.5, "ü"]}},
        ],
        "current_month_start": FIRST,
        "current_month_end": LAST,
        "tasks_max": 2**63 - 1,
        "tasks_left": -(2**63),
        "credits_max": 1e300,
        "credits_left": -0.1,
    },
    *(
        {"workspace_uid": f"m{number}", "uid": f"m{number}", "members": text}
        for number, text in enumerate(("null", '"[1]"', "[]", "  [{}]", "{}", "1"))
    ),
]
_workflows: list[Row] = [
    {
        "workspace_uid": SPACE,
        "uid": f"w{number}",
        "name": TEXT,
        "steps": steps,
        "details": details,
        "created_at": created,
        "is_deleted": None,
    }
    for number, (steps, details, created) in enumerate(
        (
            ("null", '{"steps": null}', FIRST),
            ('[{"step_uid": "s", "integrations": null}]', '"x"', LAST),
            ("  [ ]", '{"steps": "[1]"}', "2016-01-01T00:00:00Z"),
            ("[1, null, {}]", None, "2099-12-31T23:59:59Z"),
            (None, '{"steps": [{"step_name": "é\\u00e9", "position": "02"}, []]}', None),
        )
    )
]


def _job(uid: str, **more: object) -> Row:
    row: Row = {"workspace_uid": SPACE, "uid": uid, "workflow_uid": "w0", "status": "finished"}
    return row | {"is_sub_job": False, "loaded_at": "2026-12-01T00:00:00Z", **more}


def _retry(uid: str, main: str) -> Row:
    return _job(uid, is_sub_job=True, main_job_uid=main, start_time="2026-02-01T00:00:00Z")


_jobs: list[Row] = [
    *(
        _job(f"times {number}", start_time=start, finish_time=end, scheduled_time=end)
        for number, (start, end) in enumerate(
            ((FIRST, LAST), (LAST, FIRST), SPRING, AUTUMN, (AUTUMN[0], AUTUMN[0]), (None, None))
        )
    ),
    *(
        _job(f"status {number}", status=status, error_message=TEXT, start_time=SPRING[0])
        for number, status in enumerate(STATUSES)
    ),
    _job("many", row_count=MANY, error_message="", start_time=SPRING[0], finish_time=SPRING[1]),
    *(_job(uid, start_time=AUTUMN[0], workflow_uid="w1") for uid in ("a", "B", "é", "🚀", "z")),
    # the second retries the first, and so on; two circles
    _job("c0", start_time="2026-01-31T23:59:59Z", workflow_uid="w2"),
    *(_retry(f"c{number}", f"c{number - 1}") for number in range(1, 15)),
    *(_retry(uid, main) for uid, main in (("x", "y"), ("y", "x"), ("s", "s"), ("t", "nowhere"))),
    # in progress for long, for reasons of all kinds
    *(
        _job(f"info {number}", status="running", start_time=SPRING[0], last_info=text)
        for number, text in enumerate(JSON_TEXTS)
    ),
]
_VALUES = (
    ('{"a": 1, "b": {"c": [1, 2], "d": "x"}}', '{"b":{"d":"x","c":[1,2]},"a":1}'),
    ('{"n": 1}', '{"n": 1.0}'),
    ('{"e": "é"}', '{"e": "\\u00e9"}'),
    ('{"long": 12345678901234567890123}', '{"long": 12345678901234567890124}'),
    ('{"n": null}', "{}"),
    ("[1, 2]", "[2, 1]"),
    ('"text"', '"text"'),
    ("null", "null"),
    ('{"t": "2026-01-01"}', '{"t": "2026-01-01"}'),
    ('{"k.l": 1}', '{"k": {"l": 1}}'),
    (json.dumps({"q": TEXT}), json.dumps({"q": TEXT}, ensure_ascii=False)),
)
"""Results of a run and of its retry."""
_results: list[Row] = [
    {
        "workspace_uid": SPACE,
        "job_uid": job,
        "workflow_uid": "w2",
        "result_uid": f"{job} {position}",
        "position": position,
        "data": values[place],
        "created_at": LAST if position else AUTUMN[0],
    }
    for place, job in enumerate(("c0", "c1"))
    for position, values in enumerate((*_VALUES, _VALUES[-1]) if place else _VALUES)
]
_syncs: list[Row] = [
    {
        "workspace_uid": SPACE,
        "uid": uid,
        "workspace_name": TEXT,
        "started_at": SPRING[0],
        "finished_at": end,
        "outcome": outcome,
        "rows_by_table": rows,
        "is_resync": is_resync,
    }
    for uid, end, outcome, rows, is_resync in (
        ("1", SPRING[1], "loaded", {"jobs": 0, "odd.key": MANY, "é'": 1}, None),
        ("2", AUTUMN[1], "loaded", {}, False),
        ("3", AUTUMN[1], "failed", None, False),
        ("4", None, "quota", {"jobs": 5}, None),
        ("5", AUTUMN[1], "loaded", {"jobs": 3}, True),
    )
]
_readings: list[Row] = [
    {
        "workspace_uid": SPACE,
        "uid": uid,
        "read_at": read,
        "unit": "tasks",
        "quota_used": used,
        "quota_max": MANY,
        "current_month_start": month,
        "current_month_end": LAST,
    }
    for uid, read, used, month in (
        ("a", "2026-03-07T23:59:59.999999Z", 5, None),
        ("B", "2026-03-08T00:00:00Z", 3, None),
        ("é", "2026-03-08T00:00:00Z", -7, None),
        ("Z", "2026-03-09T00:00:00Z", MANY, FIRST),
    )
]
_integrations: list[Row] = [
    {
        "workspace_uid": SPACE,
        "identity_uid": "i",
        "integration_permalink": f"p{number}",
        "status": status,
        "error": TEXT,
        "updated_at": LAST,
    }
    for number, status in enumerate((" Limit reached", "limit-REACHED", "", None, "__valid__"))
]
_inputs: list[Row] = [
    {
        "workspace_uid": SPACE,
        "workflow_uid": "w0",
        "job_uid": f"j{number}",
        "position": number,
        "status": "failed",
        "input_data": text,
        "error_label": TEXT,
    }
    for number, text in enumerate((None, "null", '"é"', '{"a":1}', "[1,2]"))
]
_changes: list[Row] = [
    {
        "workspace_uid": SPACE,
        "uid": field,
        "workflow_uid": "w0",
        "field": field,
        "old_value": old,
        "seen_at": SPRING[0],
        "_dlt_load_id": COMMITTED[0],
    }
    for field, old in (("name", TEXT), ("steps", '"x"'), ("details", "null"))
]
EXTREMES: Sequence[tuple[Table, list[Row]]] = (
    (WORKSPACES, _workspaces),
    (WORKFLOWS, _workflows),
    (JOBS, _jobs),
    (JOB_RESULTS, _results),
    (SYNC_RUNS, _syncs),
    (QUOTA_READINGS, _readings),
    (INTEGRATIONS, _integrations),
    (JOB_INPUTS, _inputs),
    (WORKFLOW_CHANGES, _changes),
)
