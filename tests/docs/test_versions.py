"""The versions that the README says are tested are those that `make test-versions` uses."""

from __future__ import annotations

from packaging.requirements import Requirement
from packaging.version import Version

from tests import versions

PYTHON = "Programming Language :: Python :: 3."
PINNED_TO_TESTED = ("dlt", "duckdb")
"""Their next minor is let in once it was tested."""


def test_the_table_is_what_pyproject_allows() -> None:
    found = {name: ends for name, *ends in versions.rows(versions.README.read_text("utf-8"))}
    assert found.pop("Python") == [versions.PYTHONS[0], versions.PYTHONS[-1]]
    assert [*found] == [*versions.direct()], "run make test-versions ARGS=--write"
    for name, requirement in versions.direct().items():
        lowest, newest = map(Version, found[name])
        assert requirement.specifier.contains(lowest), name
        assert requirement.specifier.contains(newest), name
        for bound in lower_bounds(requirement):
            assert lowest.release[: len(bound.release)] == bound.release, f"{name}: not the lowest"
        if name in PINNED_TO_TESTED:
            following = f"{newest.major}.{newest.minor + 1}"
            assert not requirement.specifier.contains(following), f"{name}: {following} is untested"


def lower_bounds(requirement: Requirement) -> list[Version]:
    return [Version(each.version) for each in requirement.specifier if each.operator == ">="]


def test_each_python_that_is_named_is_run() -> None:
    project = versions.project()
    named = [each.removeprefix(PYTHON) for each in project["classifiers"] if PYTHON in each]
    assert [f"3.{minor}" for minor in named] == [*versions.PYTHONS]
    assert project["requires-python"] == f">={versions.PYTHONS[0]}"
