"""Each state of an alert arrives once, whatever a real server does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from captaindata_source.alerts import AlertReport, Kind, evaluate
from captaindata_source.alerts.conditions import CONDITIONS
from captaindata_source.alerts.deliveries import Deliveries
from captaindata_source.http import Posted, Webhooks
from tests.support import leaks
from tests.support.alert_world import AlertWorld
from tests.support.databases import Database
from tests.support.marks import INTEGRATION, POSTGRES_LATER
from tests.support.webhook_server import CUT, CUT_AFTER, HANG, Receiver, receiving

pytestmark = POSTGRES_LATER
MARK = "s3cr3t-path"


SOME = [each for each in CONDITIONS if each.kinds[0] in (Kind.FAILED_SYNC, Kind.STUCK_RUN)]


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AlertWorld:
    """It looks for failed syncs and stuck runs alone, which is faster."""
    monkeypatch.setattr(evaluate, "CONDITIONS", SOME)
    return AlertWorld(database, tmp_path)


@pytest.fixture
def server(world: AlertWorld) -> Iterator[Receiver]:
    """A receiver of JSON, which is the world's webhook."""
    with receiving() as found:
        world.hooks = [{"name": "hook", "url": found.url(f"/{MARK}")}]
        yield found


def fail(world: AlertWorld, *, is_failing: bool = True) -> None:
    world.sync("failed" if is_failing else "loaded")


def states(server: Receiver) -> list[str]:
    """States of alerts that were accepted; each alert and state at most once."""
    found = server.states()
    assert max(Counter(found).values(), default=1) == 1, "nothing is doubled"
    return [state for _, state in found]


def statuses(world: AlertWorld) -> list[str]:
    return [row["status"] for row in world.deliveries()]


def test_open_and_over_arrive_once_each(world: AlertWorld, server: Receiver) -> None:
    for is_failing, arrived in ((True, 1), (True, 1), (False, 2), (False, 2), (True, 3)):
        fail(world, is_failing=is_failing)
        report = world.run()
        assert report.is_ok
        assert len(states(server)) == arrived
    assert states(server) == ["open", "over", "open"]
    assert len({uid for uid, _ in server.states()}) == 2, "one that returns is another one"
    first = server.got[0]
    assert first.path == f"/{MARK}"
    assert first.headers["idempotency-key"] == first.body["id"]
    (alert,) = first.body.pop("alerts")
    assert first.body == {
        "version": 1,
        "id": first.headers["idempotency-key"],
        "evaluated_at": "2023-11-14T23:13:20Z",
        "workspace": {"id": "a", "name": "configured a"},
        "counts": {"open": 1, "over": 0},
        "not_listed": 0,
    }
    assert {**alert, "id": "", "detail": ""} == {
        "id": "",
        "state": "open",
        "kind": "failed_sync",
        "title": "The last sync failed",
        "detail": "",
        "subject": "",
        "subject_name": "",
        "opened_at": "2023-11-14T23:13:20Z",
        "over_at": None,
    }
    assert server.got[1].body["alerts"][0]["over_at"] == "2023-11-15T01:13:20Z"


@pytest.mark.parametrize(
    ("script", "sleeps"),
    [
        ([503, 500, 502], 3),
        ([(429, {"retry-after": "5"})], 1),
        pytest.param([408, 425, 504, 599], 4, marks=INTEGRATION),
    ],
)
def test_what_passes_is_tried_again_at_once(
    world: AlertWorld, server: Receiver, script: list[Any], sleeps: int
) -> None:
    server.script.extend(script)
    fail(world)
    assert world.run().is_ok
    assert states(server) == ["open"]
    assert len({each.headers["idempotency-key"] for each in server.got}) == 1
    assert len(world.time.sleeps) == sleeps
    if isinstance(script[0], tuple):
        assert 5 <= world.time.sleeps[0] <= 6
    (row,) = world.deliveries()
    assert (row["status"], row["attempts"], row["error"]) == ("delivered", sleeps + 1, None)


def test_an_outage_is_outlasted_in_order(world: AlertWorld, server: Receiver) -> None:
    server.usual = 503
    fail(world)
    report = world.run()
    assert not report.is_ok
    assert (
        "alerts: webhook hook: FAILED: 1 not delivered (answered 503); the next run tries again"
        in str(report)
    )
    assert sum(world.time.sleeps) <= 30
    assert len(server.got) < 12
    fail(world, is_failing=False)
    assert world.run().deliveries[0].pending == 2
    server.usual = 200
    assert world.run().is_ok
    assert states(server) == ["open", "over"], "what is over by now is told in both states"
    assert statuses(world) == ["delivered", "delivered"]
    assert [each["over_at"] is None for each in server.accepted[0].body["alerts"]] == [True]


@INTEGRATION
def test_a_server_that_asks_for_a_long_wait_gets_it(world: AlertWorld, server: Receiver) -> None:
    server.script.append((429, {"retry-after": str(3 * 3600)}))
    fail(world)
    assert not world.run().is_ok
    assert world.time.sleeps == []
    report = world.run()
    assert "it asked to wait until 2023-11-15 02:13 UTC" in str(report)
    assert len(server.got) == 1
    assert world.run(hours=2).is_ok
    assert states(server) == ["open"]


@INTEGRATION
def test_given_up_after_three_days(world: AlertWorld, server: Receiver) -> None:
    server.usual = 404
    fail(world)
    assert world.run().deliveries[0].pending == 1
    assert len(server.got) == 1, "a webhook that is gone is asked once a run"
    world.run(hours=71)
    report = world.run(hours=2)
    assert "alerts: webhook hook: FAILED: 1 given up (not delivered for 3 days)" in str(report)
    assert not report.is_ok
    assert len(server.got) == 2
    server.usual = 200
    assert world.run().is_ok
    assert statuses(world) == ["given_up"]
    fail(world, is_failing=False)
    assert world.run().is_ok
    assert states(server) == ["over"]


@pytest.mark.parametrize(
    "fault",
    [CUT_AFTER, pytest.param(CUT, marks=INTEGRATION), pytest.param(HANG, marks=INTEGRATION)],
)
def test_without_an_answer_nothing_is_sent_again(
    world: AlertWorld, server: Receiver, fault: str
) -> None:
    world.sends = Webhooks(timeout=httpx.Timeout(0.3))
    server.script.append(fault)
    fail(world)
    report = world.run()
    assert "alerts: webhook hook: UNCONFIRMED: 1 may have arrived (sent, but no answer" in (
        str(report)
    )
    assert not report.is_ok
    assert world.run().is_ok
    assert statuses(world) == ["unconfirmed"]
    assert states(server) == ([] if fault == CUT else ["open"])
    fail(world, is_failing=False)
    assert world.run().is_ok
    assert states(server)[-1:] == ["over"]


def test_a_server_that_hangs_does_not_hold_the_warehouse(
    world: AlertWorld, server: Receiver
) -> None:
    class Slow(Webhooks):
        """Lets the time pass that a request took."""

        def post(self, *given: Any) -> Posted:
            world.time.elapsed += 25
            return super().post(*given)

    world.sends = Slow()
    server.usual = CUT_AFTER
    for number in range(6):
        world.sync("failed", workspace=f"w{number}")
    told = world.run().deliveries[0]
    assert (told.unconfirmed, told.pending, told.error) == (3, 3, "it answers too slowly")
    server.usual = 200
    world.sends = Webhooks()
    assert world.run().is_ok
    assert len(states(server)) == 6, "the next run sends the rest"


def test_a_process_that_died_while_it_sent(world: AlertWorld, server: Receiver) -> None:
    fail(world)
    world.run()
    world.execute("update alert_deliveries set status = 'sending', ended_at = null")
    report = world.run()
    assert report.deliveries[0].unconfirmed == 1
    assert "UNCONFIRMED: 1 may have arrived (a process ended before the answer)" in str(report)
    assert len(server.got) == 1
    assert world.run().is_ok


@INTEGRATION
def test_what_another_process_sends_is_left_to_it(
    world: AlertWorld, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that both saw it pending: the second finds that it is claimed."""
    fail(world)
    claim = Deliveries.claim

    def twice(self: Deliveries, message: Any, now: Any) -> bool:
        assert claim(self, message, now)
        return claim(self, message, now)

    monkeypatch.setattr(Deliveries, "claim", twice)
    assert world.run().is_ok
    assert server.got == []


@INTEGRATION
def test_a_message_that_is_refused_does_not_hold_up_the_next(
    world: AlertWorld, server: Receiver
) -> None:
    server.usual = 503
    fail(world)
    world.run()
    world.sync("failed", workspace="b")
    world.run()
    server.usual = 200
    server.script.append(400)
    report = world.run()
    assert "FAILED: 1 given up (answered 400)" in str(report)
    assert statuses(world) == ["refused", "delivered"]
    assert server.accepted[0].body["workspace"]["id"] == "b"


@INTEGRATION
def test_webhooks_do_not_hold_up_one_another(world: AlertWorld, server: Receiver) -> None:
    with receiving() as other:
        world.hooks.append({"name": "other", "url": other.url()})
        server.usual = 503
        fail(world)
        report = world.run()
        assert [each.is_ok for each in report.deliveries] == [False, True]
        assert states(other) == ["open"]
        server.usual = 200
        world.hooks.append({"name": "late", "url": other.url("/late")})
        fail(world, is_failing=False)
        assert world.run().is_ok
        assert states(server) == states(other) == ["open", "over"]
        assert not [each for each in other.got if each.path == "/late"], "it never heard of it"


def test_a_thousand_alerts_are_one_message(world: AlertWorld, server: Receiver) -> None:
    world.hooks.append({"name": "slack", "url": server.url("/slack"), "format": "slack"})
    world.add_stuck(1_000)
    assert world.run().is_ok
    plain, slack = (each.body for each in server.got)
    assert plain["counts"] == {"open": 1_000, "over": 0}
    assert (len(plain["alerts"]), plain["not_listed"]) == (25, 975)
    assert slack["text"] == "configured a: 1,000 new alerts"
    text = slack["blocks"][1]["text"]["text"]
    assert len(text.splitlines()) == 12
    assert text.splitlines()[-1] == "and 990 more, which the table alerts has"
    assert statuses(world) == ["delivered"] * 2_000


def test_slack_gets_what_it_takes(
    world: AlertWorld, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "CONDITIONS", CONDITIONS)
    world.hooks = [{"name": "slack", "url": server.url(), "format": "slack"}]
    name = "<!channel> & <https://evil.example|click> " + "&" * 400
    for number in range(30):
        world.add_runs(f"w{number}", ["failed"] * 3)
    world.execute("update jobs set workflow_name = %s, error_message = %s", (name, name))
    world.sync("failed", workspace_name="<!here>")
    assert world.run().is_ok
    (got,) = server.got
    assert len(got.body["blocks"]) <= 50
    for block in got.body["blocks"]:
        assert block["text"]["verbatim"] is True
        assert 0 < len(block["text"]["text"]) <= 3_000
    said = json.dumps(got.body)
    assert "<" not in said
    assert ">" not in said
    assert "&lt;!channel&gt; &amp; " in said
    assert got.body["text"] == "&lt;!here&gt;: 31 new alerts"


def test_the_address_is_nowhere(
    world: AlertWorld, server: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.hooks[0]["headers"] = {"authorization": f"Bearer {MARK}"}
    server.script.extend([503, CUT_AFTER])
    fail(world)
    reports: list[AlertReport] = [world.run()]
    fail(world, is_failing=False)
    server.usual = 404
    reports.append(world.run())
    assert server.got[0].headers["authorization"] == f"Bearer {MARK}"
    said = caplog.text + "".join(f"{each}{each!r}{each.as_dict()}" for each in reports)
    assert MARK not in said
    assert str(server.server_address[1]) not in json.dumps([each.as_dict() for each in reports])
    assert leaks.in_tables(world.where, MARK) == []
    world.where.release()
    assert leaks.in_files(tmp_path, MARK) == []


@INTEGRATION
def test_deliveries_of_a_webhook_that_is_gone_end(world: AlertWorld, server: Receiver) -> None:
    server.usual = 503
    fail(world)
    world.run()
    world.hooks = []
    assert world.run().is_ok
    report = world.run(hours=24 * 4)
    assert [(each.target, each.lost) for each in report.deliveries] == [("hook", 1)]
    assert timedelta(hours=90) < world.now - world.deliveries()[0]["queued_at"]
