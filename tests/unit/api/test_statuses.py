"""How the status of a job is read: the same in the connector and in the views."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from captaindata_source.api.statuses import FAILED, FINAL, STOPPED, SUCCEEDED, Statuses, read_status
from captaindata_source.api.v4_records import job
from captaindata_source.http import Secret
from captaindata_source.settings.workspace import Settings
from captaindata_source.views.shipped import load_views


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("finished", "finished"),
        ("FINISHED", "finished"),
        (" Completed\n", "completed"),
        ("Partial Succeeded", "partial_succeeded"),
        ("partial-succeeded", "partial_succeeded"),
        ("PARTIAL__SUCCEEDED", "partial_succeeded"),
        ("", ""),
        (" _ ", ""),
        ("Wartet auf Grün", "wartet_auf_grün"),
    ],
)
def test_reading(text: str, read: str) -> None:
    assert read_status(text) == read


def test_a_status_is_found_however_it_is_written() -> None:
    for text in ("finished", "FINISHED", " Completed ", "succeeded", "Partial-Succeeded"):
        assert text in SUCCEEDED
        assert text in FINAL
    for other in ("running", "finished!", "unfinished", "", None, 7):
        assert other not in SUCCEEDED
        assert other not in FINAL
    assert " WARNING " in FAILED
    assert "Stopped" in STOPPED
    assert list(Statuses(["Finished", "x"])) == ["Finished", "x"]
    assert len(Statuses(["x"])) == 1
    assert repr(Statuses(["x"])) == "Statuses(['x'])"


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_statuses_whose_results_are_wanted(version: str) -> None:
    usual = Settings(api_key=Secret("k"), project_uid="w", api_version=version)
    for text in ("FINISHED", "Completed", " finished ", "succeeded", "Partial Succeeded"):
        assert text in usual.wanted_statuses
    assert "WARNING" not in usual.wanted_statuses
    named = replace(usual, result_statuses=["Warning"])
    assert " warning " in named.wanted_statuses
    assert "finished" not in named.wanted_statuses


def test_the_views_have_the_same_groups() -> None:
    (jobs,) = (view for view in load_views() if view.name == "jobs")
    found = re.findall(r"read_status (?:in \(([^)]+)\)|= ('\w+'))\s+then '(\w+)'", jobs.query)
    groups = {group: set(re.findall(r"'(\w+)'", many or one)) for many, one, group in found}
    assert groups["succeeded"] == set(map(read_status, SUCCEEDED))
    assert groups["failed"] == set(map(read_status, FAILED))
    assert groups["stopped"] == set(map(read_status, STOPPED))


def test_a_run_of_v4_in_other_case() -> None:
    found = job({"uid": "r", "status": "partial_succeeded", "execution_mode": "Live"})
    assert (found["status"], found["is_partial"], found["has_results"]) == (
        "partial_succeeded",
        True,
        False,
    )
