"""Writes the generated parts of `sql/views/README.md`: `python -m tests.support.sql_readme`.

Titles, grains and columns come from the headers of the views' files. The outputs below the example
queries come from a database into which a sandbox was just synced.
"""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from captaindata_source.sandbox import World
from captaindata_source.tables import (
    IDENTITIES,
    INTEGRATIONS,
    JOB_CHANGES,
    LOADS,
    QUOTA_READINGS,
    RESULTS_CHANGES,
    WORKFLOW_CHANGES,
)
from captaindata_source.views import refresh
from captaindata_source.views.dialects import DIALECTS, NOT_RUN, PARSED_ONLY
from captaindata_source.views.shipped import ViewDefinition, load_views
from tests.support.databases import Database, DuckDb, Row
from tests.support.faulty_sandbox import FaultySandbox
from tests.support.harness import Harness
from tests.support.raw_tables import insert, renew
from tests.support.results import opened
from tests.support.view_samples import SAMPLES

SQL = Path(__file__).parents[2] / "sql"
PATH = SQL / "views" / "README.md"
TABLES = SQL / "tables.md"
SECTION = re.compile(r"^## ([a-z]\w*)\n(.*?)(?=^##? |\Z)", re.MULTILINE | re.DOTALL)
GENERATED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE = re.compile(r"(```sql\n(.*?)```\n\n```text\n)(.*?)(```)", re.DOTALL)
ENTITIES = "workspaces, workspace_members, workflows, workflow_steps, jobs, successful_jobs"
KINDS = {
    "entities": (*ENTITIES.split(", "), "job_results"),
    "joins": ("jobs_with_results", "workflow_performance", "all_successful_jobs"),
    "people": (
        *("people", "people_results", "people_conflicts", "people_all"),
        *("companies", "companies_results", "companies_all"),
    ),
}
READINGS = {
    "2025-12-31": 52804,
    "2026-01-02": 955,
    "2026-01-09": 10210,
    "2026-01-12": 13912,
    "2026-01-13": 14940,
}
"""Day to the tasks that were used in its month until then."""
BROKEN = {
    ("Ada Sample", "linkedin"): ("INVALID", "Session expired"),
    ("Ada Sample", "gmail"): ("VALID", None),
    ("Bram Sample", "linkedin"): ("LIMIT_REACHED", None),
    ("Bram Sample", "salesnavigator"): ("PENDING", None),
}
"""Identity and integration to its status and error."""


def sections(text: str) -> dict[str, str]:
    """Name to text of what is below each second-level heading that is a name."""
    return dict(SECTION.findall(text))


def load_sandbox(database: Database, folder: Path) -> None:
    """Syncs the sandbox that the printed outputs are from."""
    world = World(7, workspaces=2, workflows=4, days=30, jobs_per_day=0.3, mean_results=8)
    sandbox = FaultySandbox(world)
    sandbox.start()
    try:
        harness = Harness(sandbox, database, folder)
        harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
        harness.sync()
    finally:
        sandbox.stop()
    add_samples(database, world.workspaces[0].uid)


def add_samples(database: Database, workspace: str) -> None:
    """Adds what a sync of a day does not bring: a history of the quota, and broken integrations."""
    renew(database, QUOTA_READINGS, IDENTITIES, INTEGRATIONS)
    insert(database, QUOTA_READINGS, [_reading(workspace, *each) for each in READINGS.items()])
    names = sorted({name for name, _ in BROKEN})
    key = {"workspace_uid": workspace}
    insert(database, IDENTITIES, [{**key, "uid": name, "name": name} for name in names])
    integrations = [
        {
            **key,
            "identity_uid": name,
            "integration_permalink": permalink,
            "status": status,
            "error": error,
            "updated_at": "2026-01-12T08:30:00Z",
        }
        for (name, permalink), (status, error) in BROKEN.items()
    ]
    insert(database, INTEGRATIONS, integrations)
    for table, rows in SAMPLES:
        renew(database, table)
        insert(database, table, [{**key, **row} for row in rows])
    _add_changes(database, workspace)
    with opened(database) as connected:
        refresh.refresh(connected, database.dataset)


def _add_changes(database: Database, workspace: str) -> None:
    """Adds what a second sync would have seen."""
    (load, *_) = database.execute(f"select load_id from {LOADS} order by load_id limit 1")
    (job, *_) = database.execute(
        "select uid, workflow_uid, start_time from jobs where workspace_uid = %s"
        " and status = 'finished' and scheduled_time < start_time order by start_time desc, uid",
        (workspace,),
    )
    (flow, *_) = database.execute(
        "select uid, name from workflows where workspace_uid = %s order by name, uid", (workspace,)
    )
    key = {"workspace_uid": workspace, "_dlt_load_id": load["load_id"]}
    of_job = {**key, "job_uid": job["uid"], "workflow_uid": job["workflow_uid"]}
    times = [job["start_time"] + timedelta(hours=hours) for hours in (1, 2)]
    statuses = (("pending", "running"), ("running", "finished"))
    renew(database, JOB_CHANGES, WORKFLOW_CHANGES, RESULTS_CHANGES)
    rows: list[Row] = [
        {**of_job, "uid": old, "old_value": old, "new_value": new, "field": "status", "seen_at": at}
        for (old, new), at in zip(statuses, times, strict=True)
    ]
    insert(database, JOB_CHANGES, rows)
    row = {**key, "uid": "1", "workflow_uid": flow["uid"], "field": "name"}
    row |= {"old_value": "Draft", "new_value": flow["name"], "seen_at": "2026-01-10T06:00:00Z"}
    insert(database, WORKFLOW_CHANGES, [row])
    row = {**of_job, "uid": "1", "old_workflow_uid": job["workflow_uid"], "change": "replaced"}
    row |= {"rows_before": 12, "rows_after": 7, "seen_at": times[1]}
    insert(database, RESULTS_CHANGES, [row])


def _reading(workspace: str, day: str, used: int) -> Row:
    return {
        "workspace_uid": workspace,
        "uid": day,
        "read_at": f"{day}T06:00:00Z",
        "unit": "tasks",
        "quota_used": used,
        "quota_max": 60000,
        "quota_left": 60000 - used,
        "current_month_start": f"{day[:7]}-01T00:00:00Z",
    }


def with_headers(text: str) -> str:
    """The text with what the files' headers say."""
    views = {view.name: view for view in load_views()}

    def replace(found: re.Match[str]) -> str:
        name = found[2]
        made = {"contents": _contents, "engines": _engines}.get(name)
        content = made(views) if made else _header(views[name])
        return f"{found[1]}{content}\n{found[3]}"

    return GENERATED.sub(replace, text)


def with_outputs(text: str, run: Callable[[str], Sequence[Row]]) -> str:
    """The text with what the example queries give."""
    return EXAMPLE.sub(lambda found: f"{found[1]}{printed(run(found[2]))}\n{found[4]}", text)


def printed(rows: Sequence[Row]) -> str:
    """Rows as a text table: times in UTC, floats with three places, nulls empty."""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    is_number = [
        all(isinstance(row[name], (int, float)) or row[name] is None for row in rows)
        for name in names
    ]
    widths = [max(map(_width, column)) for column in zip(names, *cells, strict=True)]
    lines = [
        "  ".join(map(_padded, line, widths, is_number)).rstrip()
        for line in (names, ["-" * width for width in widths], *cells)
    ]
    return "\n".join(lines)


def _contents(views: dict[str, ViewDefinition]) -> str:
    reports = [name for name in views if not any(name in names for names in KINDS.values())]
    lines = ["| | view | shows |", "|---|---|---|"]
    for kind, names in {**KINDS, "reports": sorted(reports)}.items():
        lines += [
            f"| {'' if number else kind} | [`{name}`](#{name}) | {_escaped(views[name].title)} |"
            for number, name in enumerate(names)
        ]
    return "\n".join(lines)


def _engines(views: dict[str, ViewDefinition]) -> str:
    dialects = [each for each in DIALECTS if each not in ("duckdb", "postgres")]
    lines = ["| view | " + " | ".join(dialects) + " |", "|---" * (len(dialects) + 1) + "|"]
    for name in sorted(views):
        cells = [NOT_RUN.get((each, name)) or _proof(each) for each in dialects]
        lines.append(f"| `{name}` | {' | '.join(map(_escaped, cells))} |")
    return "\n".join(lines)


def _proof(dialect: str) -> str:
    return "parsed" if dialect in PARSED_ONLY else "equal"


def _header(view: ViewDefinition) -> str:
    head = [f"{view.title}.", "", f"**Grain.** {view.grain}", ""]
    lines = [*head, "| column | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_escaped(text)} |" for name, text in view.columns.items()]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.3f}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if is_number else text + space


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def main() -> None:
    """Rewrites the file."""
    text = with_headers(PATH.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        database = DuckDb(Path(folder))
        load_sandbox(database, Path(folder))
        PATH.write_text(with_outputs(text, database.execute), encoding="utf-8")


if __name__ == "__main__":
    main()
