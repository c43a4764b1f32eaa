"""The threads of an extraction: order, back-pressure, errors, ends."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dlt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captaindata_source.extract.workers import Step, Steps, StoppedError, Stream, Task, Workers

SECONDS = 20
"""Until a wait counts as one without an end."""


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(most=3)
    yield made
    made.stop()
    assert not [each for each in threading.enumerate() if each in made._threads]


def _steps(tasks: list[Task], stream: Stream[int]) -> list[Step]:
    """Tasks, and the end of a stream after them."""

    def end() -> list[Task]:
        stream.finish()
        return []

    return [lambda: tasks, end]


def test_a_step_begins_when_the_one_before_is_done(workers: Workers) -> None:
    found: deque[int] = deque()
    stream = workers.stream(found, batch=1, most=100)

    def step(number: int) -> list[Task]:
        return [partial(found.append, number)] * 5

    steps = [partial(step, number) for number in range(4)]
    Steps(workers, *steps, *_steps([], stream)).begin()
    numbers = [number for batch in stream.batches() for number in batch]
    assert numbers == sorted(numbers)
    assert len(numbers) == 20


def test_batches_are_full_but_for_the_last(workers: Workers) -> None:
    found: deque[int] = deque()
    stream = workers.stream(found, batch=4, most=100)
    workers.add([lambda: found.extend(range(10)), stream.finish])
    assert [len(batch) for batch in stream.batches()] == [4, 4, 2]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    most=st.integers(1, 3),
    threads=st.integers(1, 3),
    order=st.randoms(use_true_random=False),
    is_fifo=st.booleans(),
    limits=st.dictionaries(st.integers(0, 3), st.integers(0, 3)),
)
def test_no_order_of_readers_waits_for_ever(
    sizes: list[int],
    most: int,
    threads: int,
    order: random.Random,
    is_fifo: bool,
    limits: dict[int, int],
) -> None:
    """Streams with room for few items, read one after the other or in turn; some end early."""
    workers = Workers(most=threads)
    queues: list[deque[int]] = [deque() for _ in sizes]
    streams = [workers.stream(queue, batch=2, most=most) for queue in queues]

    def find(number: int) -> None:
        queues[number].append(0)
        workers.hold_back()

    left = [len(sizes)]

    def read() -> None:
        open_streams = [(n, stream, stream.batches()) for n, stream in enumerate(streams)]
        taken = dict.fromkeys(range(len(sizes)), 0)
        while open_streams:
            number, stream, batches = open_streams.pop(0)
            try:
                next(batches)
            except StopIteration:
                continue
            taken[number] += 1
            if taken[number] > limits.get(number, 100):
                stream.close()
                continue
            open_streams.insert(0 if is_fifo else len(open_streams), (number, stream, batches))
        left[0] = 0

    for number, size in enumerate(sizes):
        tasks: list[Task] = [partial(find, number)] * size
        order.shuffle(tasks)

        Steps(workers, *_steps(tasks, streams[number])).begin()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(SECONDS)
    workers.stop()
    assert left == [0]


def test_threads_hold_back_while_nobody_reads(workers: Workers) -> None:
    found: deque[int] = deque()
    workers.stream(found, batch=1, most=5)
    is_full = threading.Event()

    def find() -> None:
        for number in range(100_000):
            found.append(number)
            if len(found) == 5:
                is_full.set()
            workers.hold_back()

    workers.add([find])
    assert is_full.wait(SECONDS)
    workers.stop()
    assert len(found) == 5


def test_what_a_thread_raises_is_raised_to_every_reader(workers: Workers) -> None:
    streams = [workers.stream(deque[int](), batch=1, most=1) for _ in range(2)]
    empty: deque[int] = deque()
    workers.add([lambda: print(empty.popleft())])
    for stream in streams:
        with pytest.raises(IndexError):
            next(stream.batches())
    assert workers.is_stopped


def test_stopped_threads_end_and_do_no_more() -> None:
    begun, go_on = threading.Event(), threading.Event()
    workers = Workers(most=3, on_stop=go_on.set)
    done: list[str] = []

    def work() -> None:
        begun.set()
        go_on.wait(SECONDS)
        workers.hold_back()
        done.append("went on")

    workers.add([work])
    begun.wait(SECONDS)
    workers.stop()
    workers.add([lambda: done.append("more")])
    assert done == []
    assert not [each for each in threading.enumerate() if each in workers._threads]
    with pytest.raises(StoppedError):
        next(workers.stream(deque[int](), batch=1, most=1).batches())


def test_threads_use_the_pipeline_while_others_do(tmp_path: Path) -> None:
    """dlt keeps a context by thread, and raises where another thread changed it meanwhile."""
    pipeline = dlt.pipeline(
        "own",
        destination=dlt.destinations.duckdb(str(tmp_path / "warehouse.duckdb")),
        pipelines_dir=str(tmp_path),
    )
    begun, done = threading.Barrier(4), threading.Semaphore(0)

    def use() -> None:
        begun.wait()
        for _ in range(15):
            pipeline.sql_client()
        done.release()

    workers = Workers(most=3)
    workers.add([use] * 3)
    use()
    for _ in range(4):
        assert done.acquire(timeout=60)
    workers.wait(lambda: True)
    workers.stop()
