"""Of which workflow a job is, where its record or the lists do not say it plainly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest

from captaindata_source.api import JobListing, JobPage, Record
from captaindata_source.errors import CallRefusedError
from tests.support.small_syncs import SmallSyncs, Synced


def job(uid: str, **more: object) -> Record:
    return {"uid": uid, "status": "finished", "row_count": 1, **more}


def syncs_of(tmp_path: Path, lists: dict[str, list[Record]]) -> SmallSyncs:
    syncs = SmallSyncs(tmp_path)
    syncs.api.lists = lists
    for jobs in lists.values():
        syncs.api.results |= {each["uid"]: [b"{}"] for each in jobs}
    return syncs


def is_nothing(synced: Synced) -> bool:
    return not (synced.jobs or synced.results or synced.asked or synced.issues)


@pytest.mark.parametrize("own", [{}, {"workflow_uid": None}, {"workflow_uid": ""}])
def test_the_uid_of_the_list_holds_where_the_job_has_none(tmp_path: Path, own: Record) -> None:
    syncs = syncs_of(tmp_path, {"flow": [job("a", **own)]})
    first = syncs.sync()
    assert first.jobs["a"]["workflow_uid"] == "flow"
    assert [row["workflow_uid"] for row in first.results] == ["flow"]
    assert is_nothing(syncs.sync())


@pytest.mark.parametrize("own", [{}, {"workflow_uid": None}, {"workflow_uid": ""}])
def test_a_job_that_is_read_by_itself_keeps_its_workflow(tmp_path: Path, own: Record) -> None:
    running = job("a", workflow_uid="flow", status="running")
    syncs = syncs_of(tmp_path, {"flow": [running]})
    syncs.sync()
    syncs.api.lists["flow"] = []
    syncs.api.unlisted["a"] = job("a", **own)
    later = syncs.sync()
    assert later.jobs["a"]["workflow_uid"] == "flow"
    assert [row["workflow_uid"] for row in later.results] == ["flow"]


def test_a_job_listed_in_two_versions_keeps_its_workflow(tmp_path: Path) -> None:
    syncs = syncs_of(tmp_path, {"flow": [job("a"), job("a", name="b")]})
    syncs.api.unlisted["a"] = job("a", workflow_uid=None)
    assert syncs.sync().jobs["a"]["workflow_uid"] == "flow"


@pytest.mark.parametrize("names", [{}, {"workflow_uid": "list"}])
@pytest.mark.parametrize("order", list(permutations(["a", "b", "c"])))
def test_a_job_of_several_lists_is_settled_once_in_whatever_order(
    tmp_path: Path, order: Sequence[str], names: Record
) -> None:
    lists = {
        flow: [job("x", **({"workflow_uid": flow} if names else {})), job(f"only-{flow}")]
        for flow in order
    }
    syncs = syncs_of(tmp_path, lists)
    first = syncs.sync()
    assert first.jobs["x"]["workflow_uid"] == "a"
    assert sorted(first.asked) == ["only-a", "only-b", "only-c", "x"]
    assert [row["workflow_uid"] for row in first.results if row["job_uid"] == "x"] == ["a"]
    for later in permutations(order):
        syncs.api.lists = {flow: lists[flow] for flow in later}
        assert is_nothing(syncs.sync())


@pytest.mark.parametrize("names", [{}, {"workflow_uid": "list"}])
@pytest.mark.parametrize("to", ["a", "z"])
def test_results_follow_a_job_that_moves(tmp_path: Path, to: str, names: Record) -> None:
    def listed(flow: str) -> list[Record]:
        return [job("x", **({"workflow_uid": flow} if names else {}))]

    syncs = syncs_of(tmp_path, {"m": listed("m"), to: []})
    syncs.sync()
    syncs.api.lists = {"m": [], to: listed(to)}
    cut = syncs.sync(fetches=False)
    assert cut.jobs["x"]["workflow_uid"] == to
    moved = syncs.sync()
    assert moved.asked == ["x"]
    assert [row["workflow_uid"] for row in moved.results] == [to]
    assert is_nothing(syncs.sync())


def test_a_job_that_moves_by_itself_in_v4_takes_its_results_along(tmp_path: Path) -> None:
    syncs = SmallSyncs(tmp_path, "v4")
    syncs.api.results["x"] = [b"{}"]
    for flow, asked in (("m", ["x"]), ("a", ["x"]), ("a", [])):
        run = {"uid": "x", "workflow_uid": flow, "status": "SUCCEEDED", "row_count": 1}
        syncs.api.lists = {"all": [run]}
        assert syncs.sync().asked == asked
    assert [row["workflow_uid"] for row in syncs.stored["x"]] == ["a"]


def test_a_list_that_can_not_be_read_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = syncs_of(tmp_path, {"a": [job("x")], "b": [job("x")]})
    syncs.sync()

    def fails() -> object:
        raise CallRefusedError("no", path="a", status=400)
        yield

    listings = [
        JobListing("a", fails(), "a"),  # type: ignore[arg-type]
        JobListing("b", iter([JobPage([job("x")])]), "b"),
    ]
    monkeypatch.setattr(syncs.api, "job_listings", lambda *_, **__: listings)
    synced = syncs.sync()
    assert (synced.jobs, synced.asked) == ({}, [])
