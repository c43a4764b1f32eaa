"""Events of the sandbox reach a receiver: in their order, or as badly as a test asks for."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from captaindata_source.sandbox import (
    Delivery,
    Dialect,
    Disorder,
    EventOptions,
    Generation,
    Redelivery,
    Sandbox,
    Sender,
    Workspace,
    World,
    events_between,
    serve,
)
from tests.support import processes
from tests.support.waiting import wait_for
from tests.support.webhook_server import CUT, Receiver, receiving

SIZES: dict[str, Any] = {"days": 15, "workflows": 5, "jobs_per_day": 1.0, "mean_results": 15}


@pytest.fixture
def world() -> World:
    return World(7, **SIZES)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


class Sent(list[Delivery]):
    """All tries of a sender."""

    def uids(self) -> list[str]:
        return [each.event.uid for each in self]


def test_events_of_each_workspace_come_in_their_order(world: World, receiver: Receiver) -> None:
    end = world.start + timedelta(days=1.5)
    first, second = world.workspaces
    moments = []
    sender = Sender(
        world,
        receiver.url("/events"),
        secret="s3cret",
        generation={first.uid: "v3"},
        names={second.uid: "north"},
        on_delivery=lambda each: moments.append((each.event.moment, world.now)),
    )
    with sender:
        sender.advance(end - timedelta(days=1))
        sender.advance(end)
        sender.advance(end)
    assert world.now == end
    assert all(moment == now for moment, now in moments), "the API shows what is told of"
    expectations: list[tuple[Workspace, str, Generation]] = [
        (first, "acme", "v3"), (second, "north", "v4"),
    ]  # fmt: skip
    for workspace, path, generation in expectations:
        expected = events_between(
            world,
            workspace,
            world.start,
            end,
            generation=generation,
        )
        bodies = [json.loads(event.body) for event in expected]
        assert [got.body for got in receiver.got if got.path == f"/events/{path}"] == bodies
        assert bodies
    assert sender.counts == {"accepted": len(receiver.got)}
    assert {got.headers["Authorization"] for got in receiver.got} == {"Bearer s3cret"}
    assert {got.headers["Content-Type"] for got in receiver.got} == {"application/json"}
    with pytest.raises(ValueError, match="only goes forward"):
        sender.advance(world.start)


def test_the_api_serves_what_an_event_tells_of(receiver: Receiver) -> None:
    world = World(7, dialect=Dialect(), **SIZES)
    first, second = world.workspaces
    kinds: Counter[str] = Counter()

    with Sandbox(world) as sandbox, httpx.Client(trust_env=False) as client:
        keys = {"acme": first, "northwind": second}

        def get(path: str, delivery: Delivery) -> Any:
            owner = keys[delivery.event.workspace]
            headers = {"x-api-key": owner.api_key, "x-project-id": owner.uid}
            answer = client.get(sandbox.root_url + path, headers=headers)
            assert answer.status_code == 200
            return answer.json()

        def check(delivery: Delivery) -> None:
            body, uid = json.loads(delivery.event.body), delivery.event.subject
            kinds[delivery.event.kind] += 1
            if delivery.event.kind == "succeeded":
                job = get(f"/v3/jobs/{uid}", delivery)
                assert job["status"] == "finished"
                results = get(f"/v3/jobs/{uid}/results", delivery)["results"]
                assert len(results) == job["row_count"]
            elif delivery.event.kind == "final":
                assert get(f"/v4/runs/{uid}", delivery)["status"] == body["run"]["status"]
                outputs = get(f"/v4/runs/{uid}/outputs?limit=500", delivery)
                assert (body["results"] or []) == outputs

        generation: dict[str, Generation] = {first.uid: "v3"}
        url = receiver.url("/events")
        with Sender(world, url, generation=generation, on_delivery=check) as sender:
            sender.advance(world.start + timedelta(days=1))
    assert min(kinds["succeeded"], kinds["final"]) > 3


def test_what_is_refused_is_sent_again_with_growing_waits(world: World, receiver: Receiver) -> None:
    now, sent = [0.0], Sent()
    receiver.script.extend([503, CUT, 404, 302])
    sender = Sender(
        world,
        receiver.url(),
        workspaces=world.workspaces[:1],
        generation="v3",
        redelivery=Redelivery(tries=6, first_wait=10, longest_wait=30),
        clock=lambda: now[0],
        on_delivery=sent.append,
    )
    (event, *_) = events_between(
        world, world.workspaces[0], world.start, world.start + timedelta(days=1), generation="v3"
    )
    sender.advance(event.moment)
    tries: list[int] = []
    for second in range(100):
        now[0] = second
        sender.send_due()
        tries += [second] * (len(sent) - 1 - len(tries))
    assert tries == [10, 30, 60, 90]
    assert [each.status for each in sent] == [503, None, 404, 302, 200]
    assert [each.tried for each in sent] == [1, 2, 3, 4, 5]
    assert set(sent.uids()) == {event.uid}
    assert all(got.body == json.loads(event.body) for got in receiver.got)
    assert (sender.counts, sender.waiting) == ({"refused": 4, "accepted": 1}, 0)


def test_a_receiver_that_is_away_gets_what_it_missed(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sent = Sent()
    sender = Sender(
        world,
        f"http://127.0.0.1:{port}/events",
        redelivery=Redelivery(tries=2),
        clock=lambda: 0.0,
        on_delivery=sent.append,
    )
    sender.advance(world.start + timedelta(hours=12))
    count = len(sent)
    assert count == sender.waiting == sender.counts["refused"] > 3
    assert sender.flush() == 0
    assert sender.counts["given up"] == count
    assert {each.status for each in sent} == {None}
    assert sent.uids()[:count] == sent.uids()[count:]


def deliveries(disorder: Disorder, receiver: Receiver, *, days: float = 2) -> Sent:
    world, sent = World(7, **SIZES), Sent()
    options = EventOptions(on="all", batch_rows=5)
    generation: dict[str, Generation] = {world.workspaces[0].uid: "v3"}
    with Sender(
        world,
        receiver.url(),
        generation=generation,
        options=options,
        disorder=disorder,
        on_delivery=sent.append,
    ) as sender:
        for _ in range(4):
            sender.advance(world.now + timedelta(days=days / 4))
        sender.flush()
        assert sender.waiting == 0
    return sent


def test_doubles_and_disorder(receiver: Receiver) -> None:
    right = deliveries(Disorder(), receiver)
    wrong = deliveries(Disorder(doubles=0.3, late=0.3, seed=5), receiver)
    counts = Counter(wrong.uids())
    assert set(counts) == set(right.uids())
    assert 0.2 < sum(count == 2 for count in counts.values()) / len(counts) < 0.4
    assert max(counts.values()) == 2
    first: dict[tuple[str, str], int] = {}
    for number, each in enumerate(wrong):
        first.setdefault((each.event.subject, each.event.kind), number)
    assert any(
        kind == "created" and first.get((job, "succeeded"), number) < number
        for (job, kind), number in first.items()
    ), "created comes after succeeded"
    assert any(
        kind == "batch" and first.get((run, "final"), number) < number
        for (run, kind), number in first.items()
    ), "a batch comes after the last"
    bodies = {each.event.uid: each.event.body for each in right}
    assert all(each.event.body == bodies[each.event.uid] for each in wrong)
    again = deliveries(Disorder(doubles=0.3, late=0.3, seed=5), receiver)
    assert again.uids() == wrong.uids()
    other = deliveries(Disorder(doubles=0.3, late=0.3, seed=6), receiver)
    assert other.uids() != wrong.uids()


def test_batches_that_are_missing(receiver: Receiver) -> None:
    right = deliveries(Disorder(), receiver)
    wrong = deliveries(Disorder(missing=0.2), receiver)
    lost = set(right.uids()) - set(wrong.uids())
    batches = [each.event.uid for each in right if each.event.kind == "batch"]
    assert lost < set(batches)
    assert 0.1 < len(lost) / len(batches) < 0.3
    assert [each for each in right.uids() if each not in lost] == wrong.uids()


def test_it_sends_while_a_sandbox_serves_and_the_clock_is_moved_by_hand(
    world: World, receiver: Receiver
) -> None:
    end = world.start + timedelta(days=1)
    expected = [
        event.uid
        for event in events_between(world, world.workspaces[0], world.start, end, generation="v3")
    ]
    sent = Sent()
    sender = Sender(
        world,
        receiver.url(),
        workspaces=world.workspaces[:1],
        generation="v3",
        on_delivery=sent.append,
    )
    with Sandbox(world), sender, sender.running(tick=0.01):
        world.advance(hours=12)
        wait_for(lambda: sent)
        world.advance(hours=12)
        wait_for(lambda: len(sent) >= len(expected))
    assert sent.uids() == expected


def test_serving_sends_all_kinds(receiver: Receiver) -> None:
    stop = threading.Event()

    def wait() -> None:
        wait_for(lambda: all_kinds(receiver))
        stop.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    serve(
        port=0,
        days_per_minute=120,
        events_to=receiver.url("/events"),
        event_secret="s3cret",
        stop=stop,
    )
    waiting.join()
    assert {got.path for got in receiver.got} == {"/events/acme", "/events/northwind"}


def all_kinds(receiver: Receiver) -> bool:
    with receiver.lock:
        bodies = [got.body for got in receiver.got]
    needed = ({"job_uid"}, {"run", "results"}, {"event", "identity_uid"})
    return all(any(keys <= body.keys() for body in bodies) for keys in needed)


def test_user_and_password_of_the_address_are_basic_auth(world: World, receiver: Receiver) -> None:
    url = receiver.url("/events/").replace("://", "://joe:p%40ss@")
    with Sender(world, url, secret="unused") as sender:
        sender.advance(world.start + timedelta(hours=12))
    expected = "Basic " + base64.b64encode(b"joe:p@ss").decode()
    assert {got.headers["Authorization"] for got in receiver.got} == {expected}
    assert {got.path for got in receiver.got} <= {"/events/acme", "/events/northwind"}


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("127.0.0.1:8080", None),
        ("ftp://host/events", None),
        ("http://", None),
        ("http://host:x/", None),
        ("http://host/events?key=1", None),
        ("http://host/events", ""),
        ("http://host/events", "two\nlines"),
        ("http://host/events", "caf\u00e9"),
    ],
)
def test_addresses_and_secrets_that_can_not_be_used(
    world: World, url: str, secret: str | None
) -> None:
    with pytest.raises(ValueError, match=r"such as http://|printable ASCII"):
        Sender(world, url, secret=secret)


def test_the_command_sends_events(tmp_path: Path, receiver: Receiver) -> None:
    command = [sys.executable, "-m", "captaindata_source.cli", "sandbox", "--port", "0"]
    more = ["--days-per-minute", "600", "--events-to", receiver.url("/events")]
    with subprocess.Popen(
        [*command, *more, "--event-secret", "s3cret"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        wait_for(lambda: receiver.got)
        process.terminate()
        text = process.stdout.read()
    assert receiver.got[0].headers["Authorization"] == "Bearer s3cret"
    assert text.count('event_secret = "s3cret"') == 2
    assert "/acme (API v3) and /northwind (API v4)" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--event-secret", "s3cret"], "--events-to URL"),
        (["--events-to", "127.0.0.1"], "such as http://127.0.0.1:8790/events"),
        (["--events-to", "http://h/", "--event-secret", "\u00e9"], "printable ASCII"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = processes.run(
        ["sandbox", *arguments], environment={"HOME": str(tmp_path)}, folder=tmp_path
    )
    assert done.code == 2
    assert says in done.stderr
    assert "s3cret" not in done.stderr
