"""In a dataset of many workspaces a sync looks only at what it loaded; in the end all is as if it
had looked at everything."""

from __future__ import annotations

import json

import pytest

from tests.support import mishaps
from tests.support.databases import Row
from tests.support.harness import Harness

pytestmark = pytest.mark.integration

KEPT = (
    "job_result_fields",
    "job_result_field_jobs",
    "job_result_views",
    "view_definitions",
    "mention_jobs",
)


def kept(harness: Harness) -> dict[str, list[Row]]:
    """What follows from results, without when that was."""
    found = {}
    for table in KEPT:
        rows = [
            {name: value for name, value in row.items() if not name.endswith("_at")}
            for row in harness.rows(table)
        ]
        found[table] = sorted(rows, key=repr)
    return found


def test_workspaces_that_are_loaded_one_by_one_are_all_up_to_date(
    harness_of_two: Harness,
) -> None:
    harness = harness_of_two
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    harness.extra[mishaps.CONSTANTS] = json.dumps(
        {"captaindata_source.views.results.catalogue:MANY_WORKSPACES": 0}
    )
    harness.sync()
    before = kept(harness)
    harness.world.advance(days=3)
    names = [harness.config(each)["name"] for each in harness.world.workspaces]
    for name in names:
        assert harness.sync("--workspace", name).total["job_results"] > 0
    one_by_one = kept(harness)
    assert one_by_one != before

    del harness.extra[mishaps.CONSTANTS]
    harness.sync()
    assert kept(harness) == one_by_one
