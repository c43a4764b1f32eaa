"""The inbox: what is acknowledged survives, copies are one, what is old goes first."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captaindata_source.events.bodies import Event
from captaindata_source.events.inbox import BATCH_SECONDS, CREATED_SECONDS, Inbox, Stored, Waiting
from tests.support.power import Power

NOW = 1_000_000.0


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    opened = Inbox(tmp_path / "inbox.db")
    yield opened
    opened.close()


def stored(
    ref: str,
    *,
    kind: str = "job_succeeded",
    job: str | None = "j1",
    at: float = NOW,
    workspace: str = "acme",
    workflow: str | None = None,
    results: list[bytes] | None = None,
) -> Stored:
    event = Event(kind=kind, ref=ref, job_uid=job, workflow_uid=workflow, results=results or [])
    return Stored(workspace=workspace, event=event, received_at=at)


def due(inbox: Inbox, now: float = NOW, most: int = 10, workspace: str = "acme") -> list[Waiting]:
    return inbox.due(workspace, now=now, most_jobs=most)


def test_events_wait_until_they_are_done(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add([stored("a"), stored("b", job="j2"), stored("c", workspace="other")])
    first, second = sorted(due(inbox), key=lambda event: event.job_uid or "")

    inbox.settle([first.id], [(second.id, NOW + 5)], now=NOW)

    assert due(inbox) == []
    again = Inbox(tmp_path / "inbox.db")  # another process
    [left] = due(again, NOW + 5)
    assert (left.job_uid, left.tries) == ("j2", 1)
    assert inbox.workspaces() == ["acme", "other"]
    assert inbox.count() == 2
    again.close()


def test_copies_of_an_event_are_one(inbox: Inbox) -> None:
    inbox.add([stored("a")] * 3)
    inbox.add([stored("a", at=NOW + 1)])
    [event] = due(inbox)
    assert event.copies == 4
    inbox.settle([event.id], [], now=time.time())

    inbox.add([stored("a", at=inbox.path.stat().st_mtime)])  # a moment after it was done

    assert inbox.count() == 0


def test_an_event_of_v3_that_comes_again_much_later_is_looked_at(inbox: Inbox) -> None:
    inbox.add([stored("a"), stored("c", kind="run_final", job="r", results=[b"{}"])])
    inbox.settle([event.id for event in due(inbox)], [], now=time.time())
    later = inbox.path.stat().st_mtime + 3_600

    inbox.add([stored("a", at=later)])
    inbox.add([stored("c", kind="run_final", job="r", results=[b"{}"], at=later)])

    assert [event.job_uid for event in due(inbox, later)] == ["j1"]


def test_an_account_may_say_the_same_again_soon(inbox: Inbox) -> None:
    inbox.add([stored("a", kind="integration_auth_success", job=None)] * 2)
    [first] = due(inbox)
    inbox.settle([first.id], [], now=time.time())

    inbox.add([stored("a", kind="integration_auth_success", job=None, at=NOW + 1)])

    [second] = due(inbox, NOW + 1)
    assert (second.kind, second.uid != first.uid) == ("integration_auth_success", True)


def test_what_waits_for_long_goes_first_then_what_is_newest(inbox: Inbox) -> None:
    ages = {"new": 1, "newer": 0, "old": 400, "older": 900, "middle": 100}
    inbox.add([stored(name, job=name, at=NOW - age) for name, age in ages.items()])

    assert [event.job_uid for event in due(inbox)] == ["older", "old", "newer", "new", "middle"]
    assert [event.job_uid for event in due(inbox, most=2)] == ["older", "old"]


def test_all_events_of_a_job_come_together(inbox: Inbox) -> None:
    inbox.add(
        [
            stored("c", kind="job_created"),
            stored("b1", kind="run_batch", job="r", results=[b'{"n":1}', b'{"n":2}']),
            stored("b2", kind="run_batch", job="r", results=[b'{"n":3}']),
        ]
    )
    assert due(inbox) == []  # each waits for its end
    inbox.add([stored("f", kind="run_final", job="r")])

    events = due(inbox)

    assert [event.row_count for event in events] == [2, 1, 0]
    assert [inbox.results_of(event.id) for event in events] == [
        b'[{"n":1},{"n":2}]',
        b'[{"n":3}]',
        None,
    ]
    assert "j1" in {event.job_uid for event in due(inbox, NOW + CREATED_SECONDS)}
    inbox.settle([events[-1].id], [], now=time.time())
    assert len(due(inbox, NOW + BATCH_SECONDS)) == 3


def test_new_jobs_of_a_workflow_can_come_with_others(inbox: Inbox) -> None:
    inbox.add(
        [
            stored("a", kind="job_created", job="j1", workflow="w1"),
            stored("b", kind="job_created", job="j2", workflow="w2"),
            stored("c", job="j3", workflow="w1"),
        ]
    )

    assert [event.job_uid for event in inbox.created_of("acme", ["w1", "w3"])] == ["j1"]


def test_results_go_when_an_event_is_done(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add([stored("a", kind="run_final", results=[b'{"who":"somebody"}'])])
    inbox.settle([event.id for event in due(inbox)], [], now=time.time())
    inbox.purge()

    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert not any(b"somebody" in content for content in files)


def test_files_are_for_their_owner_alone(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add([stored("a")])

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_what_is_added_survives_a_power_cut(tmp_path: Path) -> None:
    """What was not synced when the power fails is lost; what was acknowledged is not."""
    power = Power()
    path = tmp_path / "inbox.db"
    inbox = Inbox(path, connect=power.connect)
    for number in range(20):
        inbox.add([stored(f"{number}", job=f"j{number}", results=[b'{"n":%d}' % number])])
        power.keep_what_is_synced(tmp_path / f"after {number}")
    inbox.close()

    for number in range(20):
        again = Inbox(tmp_path / f"after {number}" / "inbox.db")
        found = {event.job_uid for event in due(again, most=100)}
        assert found == {f"j{each}" for each in range(number + 1)}
        again.close()


def test_a_power_cut_is_noticed_where_nothing_is_synced(tmp_path: Path) -> None:
    """The simulation itself: without syncs, the events are gone."""
    power = Power()
    inbox = Inbox(tmp_path / "inbox.db", connect=power.connect)
    power.connection.execute("pragma synchronous = off")
    inbox.add([stored("a")])
    power.keep_what_is_synced(tmp_path / "after")
    inbox.close()

    try:
        again = Inbox(tmp_path / "after" / "inbox.db")
        found = due(again)
        again.close()
    except sqlite3.DatabaseError:
        found = []
    assert found == []
