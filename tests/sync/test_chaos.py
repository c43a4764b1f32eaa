"""Short forms of `make chaos`: kills, faults over days, hostile pages, tight budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from captaindata_source.issues import Action, IssueLog, Kind
from tests.chaos import fuzz as fuzzing
from tests.chaos.budget import budget
from tests.chaos.fuzz import ASIDE, EQUAL, FLAGGED, fuzz, judge
from tests.chaos.holding import not_held
from tests.chaos.kills import kills
from tests.chaos.phases import PHASES
from tests.chaos.places import DUCKDB, POSTGRES, Place
from tests.chaos.plain import plain_kills
from tests.chaos.soak import soak
from tests.chaos.tables import complaints

pytestmark = pytest.mark.integration


@pytest.fixture(params=[DUCKDB, POSTGRES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Databases of each kind; of one kind for what no database can matter to."""
    if request.param == DUCKDB:
        return Place(DUCKDB, folder=tmp_path)
    socket_folder = request.getfixturevalue("postgres_folder")
    return Place(POSTGRES, folder=tmp_path, socket_folder=socket_folder)


ON_ONE_DATABASE = pytest.mark.parametrize("place", [DUCKDB], indirect=True)


@ON_ONE_DATABASE
def test_kills(place: Place) -> None:
    found = kills(place, number=2, has_twin=False, jobs_per_day=0.1)
    assert complaints(found) == []
    assert {kill.keeps_folder for kill in found} == {True, False}
    assert {kill.phase for kill in found} <= set(PHASES)


@pytest.mark.parametrize("place", [POSTGRES], indirect=True)
def test_kills_of_plain_runs(place: Place) -> None:
    found = plain_kills(place, number=3)
    assert [kill.wrong for kill in found] == ["", "", ""]
    assert any(kill.is_loading for kill in found)
    assert max(kill.files for kill in found) > 1


@ON_ONE_DATABASE
def test_soak(place: Place) -> None:
    found = soak(place, days=1)
    assert found.wrong == ""
    assert found.faults > 0
    assert {tick.code for tick in found.ticks} <= {0, 1}
    assert found.early is not None
    assert found.late is not None
    assert found.late.state_rows <= 4


def test_fuzz(place: Place) -> None:
    found = fuzz(100 if place.kind == DUCKDB else 30)
    assert found.wrong == []
    assert found.outcomes.keys() == {EQUAL, FLAGGED, ASIDE}
    assert not_held(place, found.texts) == []


def test_what_a_fuzz_finds() -> None:
    page = b'{"results": [{"a": 1, "a": 2.0}]}'
    assert judge(page, ['{"a":1, "a":2.0}'], []) == (EQUAL, "")
    assert "silence" in judge(page, ['{"a":2.0}'], [])[1]
    assert "silence" in judge(page, ['{"a":1, "a":2}'], [])[1]
    assert "silence" in judge(page, [], [])[1]
    assert "silence" in judge(page, None, [])[1]
    assert "no JSON" in judge(page, ['{"a":NaN}'], [])[1]
    assert "no page" in judge(b"{}", ["{}"], [])[1]
    issues = IssueLog()
    with issues.about(job_uid=fuzzing.JOB):
        issues.add(Kind.NOT_A_NUMBER, Action.MENDED)
        issues.add(Kind.NOT_JSON, Action.SET_ASIDE, detail="why")
    flags = issues.take()
    assert judge(b'{"results": [NaN, "\\ud83d"]}', ['"NaN"', '"\ufffd"'], flags) == (FLAGGED, "")
    assert "something else" in judge(b'{"results": [NaN]}', ["null"], flags)[1]
    assert "could have been read" in judge(page, None, flags)[1]
    assert judge(b"{", None, flags) == (ASIDE, "")


def test_a_text_that_is_not_held(place: Place) -> None:
    (found,) = not_held(place, ['{"a": 1}', "{", "1e400"])
    assert found.startswith("{: refused")


@ON_ONE_DATABASE
def test_budget(place: Place) -> None:
    found = budget(place, workspaces=2, per_minute=30, windows=3, factor=40)
    assert found.code == 0
    assert len(found.shares) == 2
    # less sharp than `make chaos`: other tests share the machine
    assert found.share > 0.7
    assert found.refused < 0.1 * found.calls
