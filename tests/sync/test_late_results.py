"""Results that come late, counts that mean something else, and runs that get other results."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from captaindata_source.api import Record
from captaindata_source.warehouse.answers import MAX_EQUAL, Answer, Trust
from tests.support.small_syncs import START, SmallSyncs

HOUR = timedelta(hours=1)
SUCCESS = {"v3": "finished", "v4": "SUCCEEDED"}
on_each_version = pytest.mark.parametrize("version", ["v3", "v4"])


def job(version: str, uid: str = "late", count: int | None = 5, **more: Any) -> Record:
    times = {"finish_time": (START - HOUR).isoformat(), "scheduled_time": START.isoformat()}
    named = {"uid": uid, "workflow_uid": "flow", "status": SUCCESS[version], "row_count": count}
    if version == "v4":
        named |= {"updated_at": (START - HOUR).isoformat(), "retry_count": 0}
    return {**named, **times, **more}


def rows(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(start, start + count)]


def syncs_of(tmp_path: Path, version: str, *jobs: Record) -> SmallSyncs:
    syncs = SmallSyncs(tmp_path, version)
    syncs.api.lists["flow"] = list(jobs)
    return syncs


# -- read again -----------------------------------------------------------------------------------


@on_each_version
@pytest.mark.parametrize("early", [0, 2])
def test_results_that_come_late_arrive(tmp_path: Path, version: str, early: int) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.api.results["late"] = rows(early)
    first = syncs.sync()
    assert (first.asked, first.kinds()) == (["late", "late"], ["row_count_differs"])
    syncs.api.results["late"] = rows(5)
    second = syncs.sync()
    assert second.asked == ["late"]
    assert second.kinds() == ["results_came_late"]
    assert (second.issues[0].workflow_uid, second.issues[0].job_uid) == ("flow", "late")
    assert second.issues[0].detail == f"5 rows, as row_count says; {early} at the last reading"
    assert len(second.results) == len(syncs.stored["late"]) == 5
    assert not second.jobs, "the job is the same"
    for _ in range(3):
        assert syncs.sync(timedelta(days=3)).asked == []


@on_each_version
def test_distances_double_until_four_answers_in_a_row_are_equal(
    tmp_path: Path, version: str
) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.api.results["late"] = rows(2)
    found = [(hour, syncs.sync()) for hour in range(24)]
    read = [(hour, synced.asked, synced.kinds()) for hour, synced in found if synced.asked]
    assert read == [
        (0, ["late", "late"], ["row_count_differs"]),
        (1, ["late"], ["row_count_differs"]),
        (3, ["late"], ["row_count_differs"]),
        (7, ["late"], ["row_count_settled"]),
    ]
    assert [len(synced.results) for _, synced in found if synced.results] == [2], "written once"
    assert syncs.memory.results["late"].equal == MAX_EQUAL
    assert {len(synced.issues) for hour, synced in found if hour > 7} == {0}


@on_each_version
def test_another_answer_or_another_record_begins_anew(tmp_path: Path, version: str) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.api.results["late"] = rows(1)
    for _ in range(2):
        syncs.sync()
    assert syncs.sync().asked == [], "the distance has grown"
    syncs.api.results["late"] = rows(2)
    assert syncs.sync().asked == ["late", "late"]
    assert syncs.sync().asked == ["late"], "it differs from the last: at once"
    for _ in range(20):
        syncs.sync()
    assert syncs.memory.results["late"].equal == MAX_EQUAL
    syncs.api.lists["flow"] = [job(version, count=6)]
    assert syncs.sync().asked == ["late", "late"]
    assert syncs.memory.results["late"].equal == 1
    assert syncs.sync().asked == ["late"]


@on_each_version
def test_results_in_another_order_are_an_equal_answer_and_are_stored_as_they_came(
    tmp_path: Path, version: str
) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.api.results["late"] = rows(2)
    syncs.sync()
    syncs.api.results["late"] = rows(2)[::-1]
    second = syncs.sync()
    assert syncs.memory.results["late"].equal == 2
    assert [row["data"] for row in second.results] == ['{"n":1}', '{"n":0}']


@pytest.mark.parametrize(("version", "days"), [("v3", 60), ("v4", 90)])
def test_old_jobs_are_read_no_more(tmp_path: Path, version: str, days: int) -> None:
    """Old as against the newest job: the clock of the API need not be ours."""
    before: Record = {"finish_time": (START - HOUR - timedelta(days=days)).isoformat()}
    old = job(version, "old", **before)
    syncs = syncs_of(tmp_path, version, job(version, "new", count=0), old)
    [issue] = syncs.sync().issues
    assert issue.detail == "0 rows, row_count says 5: too old to be read again"
    assert syncs.sync().asked == []
    alone = syncs_of(tmp_path, version, old)
    alone.sync()
    assert alone.sync().asked == ["old"]
    # no time of its end: that of its beginning
    alone.api.lists["flow"] = [job(version, finish_time=None)]
    alone.sync()
    assert alone.sync().asked == ["late"]
    later = (START + timedelta(days=days)).isoformat()
    alone.api.lists["flow"].append(job(version, "new", count=0, finish_time=later))
    assert alone.sync(timedelta(days=days)).asked == ["new"]


@on_each_version
def test_a_job_that_no_list_has_any_more_is_read_again_too(tmp_path: Path, version: str) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.sync()
    syncs.api.lists["flow"] = []
    syncs.api.results["late"] = rows(5)
    assert syncs.sync().asked == ["late"]
    assert len(syncs.stored["late"]) == 5


@on_each_version
def test_a_warehouse_of_an_earlier_version_costs_no_call_in_its_first_sync(
    tmp_path: Path, version: str
) -> None:
    syncs = syncs_of(tmp_path, version, job(version), job(version, "fits", 2))
    syncs.api.results = {"late": rows(2), "fits": rows(2)}
    syncs.sync()
    for uid, known in syncs.memory.jobs.items():
        base = (known.results_version or "").split(".")[0]
        syncs.memory.jobs[uid] = known._replace(results_version=base)
        syncs.memory.results[uid] = Answer(base, 2, load_id="then")
    first = syncs.sync()
    assert (first.asked, first.jobs, first.results) == ([], {}, [])
    assert syncs.memory.results["late"].load_id == "then"
    assert syncs.memory.results["fits"].answered_at is None
    syncs.api.results["late"] = rows(5)
    assert syncs.sync().asked == ["late"]
    assert len(syncs.stored["late"]) == 5


def test_a_clock_that_went_wrong_holds_nothing_up() -> None:
    later = START + timedelta(days=900)
    assert Answer("v", 0, equal=2, answered_at=later, next_check_at=later).is_due(START)
    assert not Answer("v", 0, equal=2, answered_at=START, next_check_at=later).is_due(START)


@on_each_version
def test_what_the_warehouse_lacks_is_written_although_the_answer_is_equal(
    tmp_path: Path, version: str
) -> None:
    syncs = syncs_of(tmp_path, version, job(version))
    syncs.api.results["late"] = rows(2)
    syncs.sync()
    syncs.stored.clear()
    assert len(syncs.sync().results) == 2


@on_each_version
def test_answers_that_never_equal_each_other_come_at_growing_distances_too(
    tmp_path: Path, version: str
) -> None:
    """Such as links in them that are signed anew; more results than before are news."""
    syncs = syncs_of(tmp_path, version, job(version))
    asked = []
    for hour in range(40):
        syncs.api.results["late"] = rows(2, start=10 * hour)
        asked.append(len(syncs.sync().asked))
    assert [hour for hour, calls in enumerate(asked) if calls] == [0, 1, 3, 7, 15, 31]
    syncs.api.results["late"] = rows(5)
    for _ in range(40):
        syncs.sync()
    assert len(syncs.stored["late"]) == 5


@on_each_version
def test_below_zero_is_no_count(tmp_path: Path, version: str) -> None:
    syncs = syncs_of(tmp_path, version, job(version, count=-1))
    syncs.api.results["late"] = rows(2)
    first = syncs.sync()
    assert (first.asked, first.kinds()) == (["late"], [])
    assert syncs.sync().asked == []


# -- counts that mean something else --------------------------------------------------------------


@on_each_version
def test_a_count_that_means_something_else_costs_no_endless_calls(
    tmp_path: Path, version: str
) -> None:
    jobs = [job(version, f"j{number}", count=7) for number in range(40)]
    syncs = syncs_of(tmp_path, version, *jobs)
    syncs.api.results = {each["uid"]: rows(3) for each in jobs}
    assert len(syncs.sync().asked) == 80
    second = syncs.sync()
    assert len(second.asked) == 5, "it is plain after so many"
    told = [issue for issue in second.issues if issue.kind == "counts_not_trusted"]
    assert [(issue.workflow_uid, issue.job_uid) for issue in told] == [("flow", None)]
    new = job(version, "new", count=7)
    syncs.api.lists["flow"].append(new)
    syncs.api.results["new"] = rows(3)
    third = syncs.sync()
    assert (third.asked, third.kinds()) == (["new"], []), "one reading, and nothing said"
    for _ in range(10):
        later = syncs.sync(timedelta(days=1))
        assert (later.asked, later.kinds()) == ([], [])
    # the counts come to mean the results: what is open is read again
    fitting = [job(version, f"f{number}", count=3) for number in range(40)]
    syncs.api.lists["flow"] += fitting
    syncs.api.results |= {each["uid"]: rows(3) for each in fitting}
    syncs.sync()
    assert set(syncs.sync().asked) <= {each["uid"] for each in [*jobs, new]}


@pytest.mark.parametrize(("jobs", "early"), [(40, 3), (40, 0), (3, 3)])
def test_runs_that_are_touched_each_day_cost_one_call_each(
    tmp_path: Path, jobs: int, early: int
) -> None:
    listed = [job("v4", f"j{number}", count=7) for number in range(jobs)]
    syncs = syncs_of(tmp_path, "v4", *listed)
    syncs.api.results = {each["uid"]: rows(early) for each in listed}
    syncs.sync()
    for _ in range(6):
        syncs.api.lists["flow"] = [{**each, "updated_at": str(syncs.now)} for each in listed]
        daily = syncs.sync(timedelta(days=1))
        assert len(daily.asked) == jobs
        assert daily.results == []
    # none of them is touched any more
    assert len(syncs.sync(timedelta(days=1)).asked) <= 5
    assert [syncs.sync(timedelta(days=1)).asked for _ in range(3)] == [[], [], []]
    if jobs < 5:  # what is judged by itself: another end begins anew
        syncs.api.lists["flow"] = [{**each, "finish_time": str(START)} for each in listed]
        assert len(syncs.sync().asked) == 2 * jobs


def test_other_workflows_are_not_suspected(tmp_path: Path) -> None:
    syncs = syncs_of(tmp_path, "v3", *[job("v3", f"j{n}", count=7) for n in range(6)])
    syncs.api.lists["other"] = [job("v3", "x", workflow_uid="other")]
    for _ in range(2):
        syncs.sync()
    syncs.api.results["x"] = rows(5)
    for _ in range(3):
        syncs.sync()
    assert len(syncs.stored["x"]) == 5


@pytest.mark.parametrize("jobs", [4, 12])
def test_a_short_outage_does_not_switch_it_off(tmp_path: Path, jobs: int) -> None:
    listed = [job("v3", f"j{number}") for number in range(jobs)]
    syncs = syncs_of(tmp_path, "v3", *listed)
    for _ in range(3):  # nothing comes
        syncs.sync()
    syncs.api.results = {each["uid"]: rows(5) for each in listed}
    for _ in range(3):
        syncs.sync()
    assert {len(found) for found in syncs.stored.values()} == {5}


def test_trust_is_lost_beyond_a_fifth_of_five_jobs_at_least() -> None:
    trust = Trust()
    for number in range(3):
        assert not trust.learn(f"f{number}", "w", fits=True)
    assert not trust.learn("d1", "w", fits=False)
    assert trust.is_trusted("w"), "four jobs are too few"
    trust.learn("f3", "w", fits=True)
    assert trust.is_trusted("w"), "a fifth is not more than a fifth"
    assert trust.learn("d2", "w", fits=False)
    assert not trust.is_trusted("w")
    assert trust.is_trusted("other")
    trust.learn("d2", "w", fits=True)
    assert trust.is_trusted("w")
    assert not trust.learn("d3", "w", fits=False) or trust.is_trusted("w")
    assert not trust.learn("d4", "w", fits=False), "it is told once a sync"


# -- runs that get other results ------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"updated_at": START.isoformat()}, {"retry_count": 1}, {"updated_at": "soon"}]
)
def test_a_run_that_changed_is_fetched_although_status_end_and_counts_stay(
    tmp_path: Path, change: Record
) -> None:
    syncs = syncs_of(tmp_path, "v4", job("v4", "run", count=2))
    syncs.api.results["run"] = rows(2)
    syncs.sync()
    assert syncs.sync().asked == []
    syncs.api.lists["flow"] = [job("v4", "run", count=2, **change)]
    assert list(syncs.sync(fetches=False).jobs) == ["run"], "the sync is cut after its jobs"
    syncs.api.results["run"] = rows(2, start=7)
    assert syncs.sync().asked == ["run"]
    assert [row["data"] for row in syncs.stored["run"]] == ['{"n":7}', '{"n":8}']
    load = syncs.memory.results["run"].load_id
    syncs.api.lists["flow"] = [job("v4", "run", count=2, updated_at=(START + HOUR).isoformat())]
    again = syncs.sync()
    assert (again.asked, again.results) == (["run"], []), "equal content writes nothing"
    assert syncs.memory.results["run"].load_id == load
    assert syncs.sync().asked == []


@pytest.mark.parametrize("same", ["2026-02-28T23:00:00Z", "2026-03-01T01:00:00+02:00"])
def test_the_same_moment_in_other_words_is_no_change(tmp_path: Path, same: str) -> None:
    syncs = syncs_of(tmp_path, "v4", job("v4", count=0))
    syncs.sync()
    syncs.api.lists["flow"] = [job("v4", count=0, updated_at=same)]
    assert syncs.sync().asked == []


def test_a_run_of_an_earlier_version_keeps_its_state_until_it_changes(tmp_path: Path) -> None:
    syncs = syncs_of(tmp_path, "v4", job("v4", count=0))
    syncs.sync()
    base = syncs.memory.results["late"].version.split(".")[0]
    syncs.memory.jobs["late"] = syncs.memory.jobs["late"]._replace(results_version=base)
    syncs.memory.results["late"] = Answer(base, 0)
    syncs.api.lists["flow"] = [job("v4", count=0, name="renamed")]
    renamed = syncs.sync()
    assert (renamed.asked, renamed.jobs["late"]["results_version"]) == ([], base)
    syncs.api.lists["flow"] = [job("v4", count=0, name="renamed", retry_count=3)]
    assert syncs.sync().asked == ["late"]


def test_results_follow_the_time_of_their_job(tmp_path: Path) -> None:
    """They have none of their own: the same results with another end of the job are other rows."""
    syncs = syncs_of(tmp_path, "v3", job("v3", count=1))
    syncs.api.results["late"] = rows(1)
    syncs.sync()
    syncs.api.lists["flow"] = [job("v3", count=1, finish_time=START.isoformat())]
    [row] = syncs.sync().results
    assert row["created_at"] == START
