"""Writes `sql/dbt/models/sources.yml`: `python -m tests.support.dbt_sources`.

Columns come from the tables and the views, descriptions from `sql/tables.md` and the headers of the
views. The data tests are defined here. Tables that many warehouses do not have, and the views on
them, have no data tests: dbt would report an error for a missing table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captaindata_source import tables
from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.tables import DELETE_MARK, Table
from captaindata_source.views.shipped import ViewDefinition, load_views
from captaindata_source.views.table_texts import CATALOGUE_TEXTS, DLT_COLUMNS, table_texts

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "sql" / "dbt" / "models" / "sources.yml"
RAW, VIEWS = "captaindata", "captaindata_views"

Yaml = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Related:
    """Rows refer to rows of another table of the same source.

    Args:
        to: That table.
        columns: Here; to the columns there, where those have other names.
        is_certain: It can't be otherwise, so a violation is an error. Else legal data may break it:
            where only some tables are synced, or the API lists no more what a row refers to.
    """

    to: str
    columns: tuple[str, ...]
    to_columns: tuple[str, ...] = ()
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A column's values. Where the API chooses them, another one is a warning."""

    values: tuple[str, ...]
    is_certain: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A table of a source.

    Args:
        name: Its name.
        description: What a row is.
        columns: Column to description.
        unique: Combinations of columns that are there once.
        not_null: Columns that are never null.
        related: What its rows refer to.
        accepted: Column to its values.
    """

    name: str
    description: str
    columns: Mapping[str, str]
    unique: Sequence[tuple[str, ...]] = ()
    not_null: Iterable[str] = ()
    related: Sequence[Related] = ()
    accepted: Mapping[str, Accepted] = field(default_factory=dict)


_OUTCOMES = Accepted(("loaded", "stopped_early", "partly_loaded", "quota", "failed"))
_CHANGE = Accepted(("replaced", "added", "moved", "removed"))
_WORKFLOW_STATUS = Accepted(("active", "paused", "archived"))
_JOB_STATUS = (
    *("pending", "running", "paused", "stopped", "shutdown", "warning"),
    *("CREATED", "INVALID", "QUEUED", "SCHEDULED", "BLOCKED", "RUNNING", "STOPPED", "FAILED"),
)
_SUCCESS = ("finished", "completed", "SUCCEEDED", "PARTIAL_SUCCEEDED")
OPTIONAL = frozenset(
    table.name
    for table in (
        *tables.EXTRA_TABLES,
        *(tables.INPUTS_LEDGER, tables.QUOTA_READINGS, tables.CHECKPOINTS),
        *(tables.INTEGRATION_CHANGES, tables.WEBHOOK_EVENTS),
    )
) | frozenset(PEOPLE_TABLES)
"""Tables that are not in each warehouse: those that are off until they are selected, those of one
version of the API, and those that an older connector does not fill."""

# -- raw tables --------------------------------------------------------------------------------

LOADS = Entry(
    name="_dlt_loads",
    description="dlt's record of load packages. A listed package was loaded completely.",
    columns={
        "load_id": "ID of the load package; `_dlt_load_id` of its rows",
        "schema_name": "name of dlt's schema",
        "status": "0 if it was loaded",
        "inserted_at": "time it was loaded",
        "schema_version_hash": "version of dlt's schema",
    },
    not_null=("load_id",),
)
FIELDS = Entry(
    name="job_result_fields",
    description=CATALOGUE_TEXTS["job_result_fields"].description,
    columns=CATALOGUE_TEXTS["job_result_fields"].columns,
    unique=[
        ("workspace_uid", "workflow_uid", "field_id"),
        ("workspace_uid", "workflow_uid", "column_name"),
    ],
    not_null=("workspace_uid", "workflow_uid", "field_id", "column_name"),
)
RESULT_VIEWS = Entry(
    name="job_result_views",
    description=CATALOGUE_TEXTS["job_result_views"].description,
    columns=CATALOGUE_TEXTS["job_result_views"].columns,
    unique=[("workspace_uid", "workflow_uid"), ("view_name",)],
    not_null=("workspace_uid", "workflow_uid", "view_name"),
)
RAW_UNIQUE: Mapping[str, Sequence[tuple[str, ...]]] = {
    "workspaces": [("workspace_uid",)],
    "job_results": [("workspace_uid", "result_uid"), ("workspace_uid", "job_uid", "position")],
}
"""Where it is not the table's key."""
RAW_NOT_NULL = {
    "job_results": ("result_uid", "position", "_dlt_load_id"),
    "sync_runs": ("started_at", "finished_at", "outcome"),
    "sync_issues": ("seen_at", "kind", "action", "occurrences"),
    "job_changes": ("job_uid", "field", "seen_at"),
    "workflow_changes": ("workflow_uid", "field", "seen_at"),
    "results_changes": ("job_uid", "change", "rows_before", "rows_after", "seen_at"),
    "webhook_events": ("received_at", "kind", "copies", "tries", "action", "loaded_at"),
}
"""Beside the tables' keys."""
_WORKFLOW = Related("workflows", ("workspace_uid", "workflow_uid"), ("workspace_uid", "uid"))
_JOB = Related("jobs", ("workspace_uid", "job_uid"), ("workspace_uid", "uid"))
RAW_RELATED = {
    "workflows": (Related("workspaces", ("workspace_uid",)),),
    "jobs": (Related("workspaces", ("workspace_uid",)), _WORKFLOW),
    "successful_jobs": (Related("jobs", ("workspace_uid", "uid")),),
    "job_results": (_JOB, Related("job_results_ledger", ("workspace_uid", "job_uid"))),
    "job_results_ledger": (_JOB,),
    "job_changes": (_JOB,),
    "workflow_changes": (_WORKFLOW,),
    "results_changes": (_JOB,),
}
RAW_ACCEPTED = {
    "jobs": {"status": Accepted((*_JOB_STATUS, *_SUCCESS), is_certain=False)},
    "successful_jobs": {"status": Accepted(_SUCCESS)},
    "sync_runs": {"outcome": _OUTCOMES},
    "sync_issues": {
        "action": Accepted(("retried", "reread", "mended", "kept", "set_aside", "failed"))
    },
    "results_changes": {"change": _CHANGE},
}
FRESHNESS = {
    f"{level}_after": {
        "count": f"{{{{ var('captaindata_{level}_after_hours', {hours}) }}}}",
        "period": "hour",
    }
    for level, hours in (("warn", 26), ("error", 50))
}
"""Of all tables. `sync_runs` has when a sync last read them: a quiet day writes no row to them."""


def raw_tables() -> Sequence[Table]:
    """All tables of the connector."""
    return [each for each in vars(tables).values() if isinstance(each, Table)]


def raw_entries() -> Iterator[Entry]:
    described = table_texts()
    for table in raw_tables():
        names = [*table.columns, *([DELETE_MARK] if table.has_delete_mark else [])]
        if table.name not in described:
            raise ValueError(f"sql/tables.md lacks {table.name}")
        text = described[table.name]
        if missing := [name for name in names if name not in text.columns]:
            raise ValueError(f"sql/tables.md lacks {table.name}: {missing}")
        columns = {name: text.columns[name] for name in names}
        if table.name != tables.JOB_RESULTS.name:  # its files are loaded as they are
            columns |= DLT_COLUMNS
        if table.name in OPTIONAL:
            yield Entry(name=table.name, description=text.description, columns=columns)
            continue
        yield Entry(
            name=table.name,
            description=text.description,
            columns=columns,
            unique=RAW_UNIQUE.get(table.name, [table.key]),
            not_null=(*table.key, *RAW_NOT_NULL.get(table.name, ())),
            related=RAW_RELATED.get(table.name, ()),
            accepted=RAW_ACCEPTED.get(table.name, {}),
        )
    yield from (FIELDS, RESULT_VIEWS, LOADS)
    for name in sorted({name for view in load_views() for name in view.tables & {*PEOPLE_TABLES}}):
        views = [view.name for view in load_views() if name in view.tables]
        told = f"Bookkeeping of people and companies. Read {' and '.join(views)}."
        yield Entry(name=name, description=told, columns={})


# -- views -------------------------------------------------------------------------------------

NEVER_NULL = {
    "workspace_id",
    "job_id",
    "result_id",
    "change_id",
    "position",
    "version",
    "day",
    "month",
    "table_name",
}
"""Columns of views that are never null where they are among those that identify a row."""
STATUS_GROUPS = Accepted(("succeeded", "failed", "in_progress", "stopped", "unknown"))
ACCEPTED_ANYWHERE = {"status_group": STATUS_GROUPS, "workflow_status": _WORKFLOW_STATUS}
VIEW_ACCEPTED = {
    "workflows": {"status": _WORKFLOW_STATUS},
    "sync_freshness": {"last_outcome": _OUTCOMES},
    "results_reconciliation": {
        "state": Accepted(("equal", "missing", "surplus", "unknown", "not_loaded"))
    },
    "results_changes": {"change": _CHANGE},
}
_VIEW_JOB = ("workspace_id", "job_id")
VIEW_RELATED = {
    "workflows": (Related("workspaces", ("workspace_id",)),),
    "workflow_steps": (Related("workflows", ("workspace_id", "workflow_id"), is_certain=True),),
    "workspace_members": (Related("workspaces", ("workspace_id",), is_certain=True),),
    "jobs": (
        Related("workspaces", ("workspace_id",)),
        Related("workflows", ("workspace_id", "workflow_id")),
    ),
    "successful_jobs": (Related("jobs", _VIEW_JOB, is_certain=True),),
    "job_results": (Related("jobs", _VIEW_JOB),),
    "results_changes": (Related("jobs", _VIEW_JOB),),
    "job_status_timeline": (Related("jobs", _VIEW_JOB, is_certain=True),),
    "workflow_history": (Related("workflows", ("workspace_id", "workflow_id"), is_certain=True),),
}


def view_entries(*, optional: Collection[str] | None = None) -> Iterator[Entry]:
    """The views.

    Args:
        optional: Those that have no data tests; None: those that not each warehouse has.
    """
    optional = optional_views() if optional is None else optional
    for view in load_views():
        if view.name in optional:
            yield Entry(name=view.name, description=view.comment, columns=view.columns)
            continue
        key = identifying(view)
        anywhere = {name: a for name, a in ACCEPTED_ANYWHERE.items() if name in view.columns}
        yield Entry(
            name=view.name,
            description=view.comment,
            columns=view.columns,
            unique=[key],
            not_null=[name for name in key if name in NEVER_NULL],
            related=VIEW_RELATED.get(view.name, ()),
            accepted=anywhere | VIEW_ACCEPTED.get(view.name, {}),
        )


def optional_views() -> frozenset[str]:
    """Views that are not in each warehouse, for they read what may be missing."""
    found: set[str] = set()
    for view in load_views():  # each after those that it reads
        always = {tables.WEBHOOK_EVENTS.name} if view.name == "sync_freshness" else set()
        if view.tables & OPTIONAL - always or view.views & found:
            found.add(view.name)
    return frozenset(found)


def identifying(view: ViewDefinition) -> tuple[str, ...]:
    """The columns in the brackets of a view's grain."""
    for listed in re.findall(r"\(([\w, ]+)\)", view.grain):
        columns = tuple(part.strip() for part in listed.split(","))
        if set(columns) <= set(view.columns):
            return columns
    raise ValueError(f"{view.name}: the grain names no columns that identify a row")


# -- dbt's YAML --------------------------------------------------------------------------------


def render() -> str:
    """The file."""
    schema = f"var('captaindata_schema', '{RAW}')"
    raw = _source(
        RAW,
        "Raw tables that `captaindata sync` loads, with the names and values of the API.",
        f"{{{{ {schema} }}}}",
        raw_entries(),
    )
    views = _source(
        VIEWS,
        "Views for joins and reports. All times are in UTC.",
        f"{{{{ var('captaindata_views_schema', {schema} ~ '_views') }}}}",
        view_entries(),
    )
    lines = yaml_lines({"version": 2, "sources": [raw, views]})
    return "\n".join(["# Written by python -m tests.support.dbt_sources", *lines, ""])


def _source(name: str, description: str, schema: str, entries: Iterable[Entry]) -> Yaml:
    return {
        "name": name,
        "description": description,
        "database": "{{ var('captaindata_database', target.get('database')) }}",
        "schema": schema,
        "config": {"freshness": FRESHNESS, "loaded_at_query": "{{ captaindata.last_sync(this) }}"},
        "tables": [table_yaml(entry, lambda to: f"source('{name}', '{to}')") for entry in entries],
    }


def table_yaml(entry: Entry, refer: Callable[[str], str]) -> Yaml:
    """A table with its columns and data tests.

    Args:
        entry: The table.
        refer: Makes dbt's reference to another table of the kind.
    """
    tests: dict[str, list[Any]] = {name: [] for name in entry.columns}
    whole: list[Any] = []
    for columns in entry.unique:
        if len(columns) == 1:
            tests[columns[0]].append("unique")
        else:
            whole.append({"unique_combination": {"arguments": {"columns": list(columns)}}})
    for name in entry.not_null:
        tests[name].append("not_null")
    for name, accepted in entry.accepted.items():
        arguments: Yaml = {"arguments": {"values": list(accepted.values)}}
        tests[name].append({"accepted_values": arguments | _severity(accepted.is_certain)})
    for each in entry.related:
        to: Yaml = {"to": refer(each.to)}
        there = each.to_columns or each.columns
        if len(each.columns) == 1:
            arguments = {"arguments": to | {"field": there[0]}}
            tests[each.columns[0]].append({"relationships": arguments | _severity(each.is_certain)})
        else:
            arguments = {"columns": list(each.columns), **to, "to_columns": list(there)}
            whole.append({"related": {"arguments": arguments} | _severity(each.is_certain)})
    described = [
        {"name": name, "description": text, **({"data_tests": found} if found else {})}
        for (name, text), found in zip(entry.columns.items(), tests.values(), strict=True)
    ]
    return {
        "name": entry.name,
        "description": entry.description,
        **({"data_tests": whole} if whole else {}),
        **({"columns": described} if described else {}),
    }


def _severity(is_certain: bool) -> Yaml:
    return {} if is_certain else {"config": {"severity": "warn"}}


def yaml_lines(value: Yaml, indent: int = 0) -> Iterator[str]:
    """Block style down to lists of plain values; texts as JSON, which YAML takes."""
    space = " " * indent
    for key, found in value.items():
        if isinstance(found, dict):
            yield f"{space}{key}:"
            yield from yaml_lines(found, indent + 2)
        elif isinstance(found, list) and any(isinstance(each, dict) for each in found):
            yield f"{space}{key}:"
            for each in found:
                lines = list(yaml_lines(each, indent + 4)) if isinstance(each, dict) else [each]
                yield f"{space}  - {lines[0].strip()}"
                yield from lines[1:]
        elif isinstance(found, list):
            texts = [json.dumps(each) if re.search(r"\W", each) else each for each in found]
            yield f"{space}{key}: [{', '.join(texts)}]"
        elif key == "description" or (isinstance(found, str) and re.search(r"[^a-z_*]", found)):
            yield f"{space}{key}: {json.dumps(found, ensure_ascii=False)}"
        else:
            yield f"{space}{key}: {found}"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
