"""What `sql/tables.md` says of each raw table and its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from captaindata_source.tables import ALL_TABLES, DELETE_MARK
from captaindata_source.views.shipped import sql_folder

__all__ = ["CATALOGUE_TEXTS", "DLT_COLUMNS", "TableText", "table_texts"]

DLT_COLUMNS = {
    "_dlt_load_id": "load package that wrote the row; valid if it is in `_dlt_loads`",
    "_dlt_id": "dlt's key of the row; a new one each time the row is written",
}
"""They are in each table that dlt loads."""
MEANINGS = {
    ("successful_jobs", DELETE_MARK): "null; on destinations that cannot merge, true if the job"
    " is no longer successful",
}
"""Columns that `sql/tables.md` does not list."""
LINK = re.compile(r"\[(.+?)\]\(.+?\)")


@dataclass(frozen=True, slots=True)
class TableText:
    """What `sql/tables.md` says of a table, in Markdown without links.

    Args:
        description: What a row is.
        columns: Column to meaning; columns of dlt are not among them.
    """

    description: str
    columns: Mapping[str, str]


CATALOGUE_TEXTS = {
    "job_result_fields": TableText(
        "Catalogue of the columns of results. One row per workflow and key of a result, nested keys"
        " included.",
        {
            "workspace_uid": "UID of the workspace",
            "workflow_uid": "UID of the workflow",
            "field_id": "number of the key within the workflow",
            "key": "key in the result, unchanged",
            "nested_key": "key within the object that is the value of `key`; null if not nested",
            "column_name": "name of the column in the workflow's view",
            "column_type": "type of the column; null for an object, whose keys have their own"
            " columns",
            "column_place": "position of the column in the view; null if the view does not have it",
            "json_types": "JSON types seen, separated by commas",
            "value_kinds": "kinds of values seen, finer than `json_types`, separated by spaces",
            "rows_with_value": "number of results with a value other than null",
            "first_seen_at": "`created_at` of the oldest result with a value",
            "last_seen_at": "`created_at` of the newest result with a value",
            "previous_type": "type of the column before it was last widened",
            "type_changed_at": "time the type was last widened",
            "added_at": "time the key was added",
        },
    ),
    "job_result_views": TableText(
        "Names of the views of results. One row per workflow.",
        {
            "workspace_uid": "UID of the workspace",
            "workflow_uid": "UID of the workflow",
            "view_name": "name of the view in the schema of the views",
            "added_at": "time the view got its name",
        },
    ),
    "job_result_view_labels": TableText(
        "Bookkeeping of the views of results. One row per workflow.",
        {
            "workspace_uid": "UID of the workspace",
            "workflow_uid": "UID of the workflow",
            "label_names": "columns of the view for the names of workspace, workflow and job, and"
            " for `is_sub_job` and `is_repeated`, separated by spaces",
            "labels_behind": "`column_place` of the last key before them; 0 if they come first",
            "keeps_repeated": "true if the view has the results that are `is_repeated`",
        },
    ),
    "job_result_field_counts": TableText(
        "Bookkeeping of the catalogue. One row per job, key of its results and kind of value.", {}
    ),
    "job_result_field_jobs": TableText(
        "Bookkeeping of the catalogue. One row per job whose results are counted in it.", {}
    ),
}
"""Of the tables that the views need, which are made with them."""


@cache
def table_texts() -> Mapping[str, TableText]:
    """Table to its texts, for each table whose section opens with what a row is."""
    readme = LINK.sub(r"\1", (sql_folder() / "tables.md").read_text(encoding="utf-8"))
    openings = re.findall(r"^## (\w+)\n\n(One row per .+?)\n\n", readme, re.DOTALL | re.MULTILINE)
    meanings = _columns(readme)
    return {
        name: TableText(
            " ".join(text.split()),
            {column: found for column in columns if (found := _meaning(name, column, meanings))},
        )
        for name, text in openings
        for columns in [[*_names(name), *meanings.get(name, {})]]
    }


def _names(table: str) -> list[str]:
    return [
        column
        for each in ALL_TABLES
        if each.name == table
        for column in (*each.columns, *([DELETE_MARK] if each.has_delete_mark else []))
    ]


def _columns(readme: str) -> dict[str, dict[str, str]]:
    """Table to column to meaning."""
    found: dict[str, dict[str, str]] = {}
    for name, text in re.findall(r"^#+ (\w+)\n(.*?)(?=\n#+ |\Z)", readme, re.DOTALL | re.MULTILINE):
        rows = re.findall(r"^\| (`.+?) \|.*?\| *(.*?) *\|$", text, re.MULTILINE)
        found[name] = {
            column: text for names, text in rows for column in re.findall(r"`(\w+)`", names)
        }
    return found


def _meaning(table: str, column: str, meanings: Mapping[str, Mapping[str, str]]) -> str:
    """`successful_jobs` refers to `jobs`, which refers to `workspaces`."""
    for name in (table, "jobs", "workspaces"):
        text = MEANINGS.get((name, column)) or meanings.get(name, {}).get(column)
        if text and not text.startswith("as in "):
            return text
    return ""
