"""Which version a workspace was loaded through, by any table that has rows of it."""

from __future__ import annotations

import pytest

from captaindata_source.tables import ALL_TABLES, Table
from captaindata_source.warehouse.past_loads import loaded_version


def version_of(rows: dict[str, set[str]], *, lacks: str = "") -> str | None:
    """Of tables with rows, by what is not null in them."""

    def has_row(table: Table, condition: str) -> bool:
        words = condition.replace("'", "").split()
        there = rows.get(table.name)
        if there is None or words == ["true"]:
            return there is not None
        name = words[0].removeprefix("upper(").rstrip(")").removeprefix("t.")
        return name in there if words[1:2] == ["is"] else f"{name}={words[-1].strip(')')}" in there

    return loaded_version(has_row, lambda table: set(table.columns) - {lacks})


@pytest.mark.parametrize(
    ("rows", "version"),
    [
        ({}, None),
        ({"workflows": {"uid"}}, None),
        ({"jobs": {"uid", "status"}}, "v3"),
        ({"jobs": {"execution_mode"}}, "v4"),
        ({"jobs": {"action_id"}}, "v4"),
        ({"jobs": {"status=PARTIAL_SUCCEEDED"}}, "v4"),
        ({"jobs": {"uid"}, "listing_checkpoints": {"covered"}}, "v4"),
        ({"jobs": {"uid"}, "listing_checkpoints": {"is_newest_first"}}, "v3"),
        ({"quota_readings": {"unit=tasks"}}, "v3"),
        ({"quota_readings": {"unit=credits"}}, "v4"),
        ({"workspaces": {"tasks_left"}}, "v3"),
        ({"workspaces": {"tasks_left", "credits_left"}}, "v3"),
        ({"workspaces": {"credits_left"}}, "v4"),
        ({"workflows": {"details"}}, "v3"),
        ({"accounts": {"uid"}}, "v3"),
        ({"identities": {"uid"}}, "v4"),
        ({"integrations": {"uid"}}, "v4"),
        ({"workspace_members": {"uid"}}, "v4"),
    ],
)
def test_version(rows: dict[str, set[str]], version: str | None) -> None:
    assert rows.keys() <= {table.name for table in ALL_TABLES}
    assert version_of(rows) == version


def test_a_table_of_an_earlier_version_lacks_columns() -> None:
    assert version_of({"jobs": {"uid"}}, lacks="execution_mode") == "v3"
