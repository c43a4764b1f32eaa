"""Who is who where ids contradict each other, whatever order the rows came in.

Rows with different values of an immutable id are never of one person. A value that occurs together
with several values of an immutable id links nothing. If rows that are still linked have several,
each of them stands by its own best id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Conflict", "Ids", "components", "resolve"]

Ids = tuple[str, ...]
"""Values of each kind of id, the best kind first; empty where there is none."""
Value = tuple[int, str]
"""The kind's number and the value."""
CHAIN = "chain"
"""Kind of a conflict that no single value makes."""


class Conflict(NamedTuple):
    """Values of an immutable id that a value, or a chain of values, would have linked.

    Args:
        kind: Number of the value's kind; None: a chain.
        values: The value, or the values of the chain.
        id_kind: Number of the immutable id's kind.
        ids: Its values.
    """

    kind: int | None
    values: tuple[str, ...]
    id_kind: int
    ids: tuple[str, ...]


def components(size: int, links: Iterable[Sequence[int | None]]) -> list[int]:
    """Connected components: for each node from 0 the smallest node that it is connected with.

    Args:
        size: Number of nodes.
        links: Nodes that are linked with one another; None is no node.
    """
    parents = list(range(size))
    for nodes in links:
        first = -1
        for node in nodes:
            if node is None:
                continue
            root = node
            while parents[root] != root:
                parents[root] = root = parents[parents[root]]
            if first < 0:
                first = root
            elif root < first:
                parents[first] = first = root
            elif first < root:
                parents[root] = first
    for node, parent in enumerate(parents):
        parents[node] = parents[parent]  # a parent is smaller: its own is a root already
    return parents


def resolve(
    rows: Sequence[Ids], kinds: Sequence[str], immutable: Sequence[int]
) -> tuple[list[str], list[Conflict]]:
    """Says who the rows are about.

    Args:
        rows: Distinct ids of rows.
        kinds: Names of the kinds of ids, the best first.
        immutable: Numbers of those that never change.

    Returns:
        A key for each row, the same for rows about one person; and the conflicts.
    """
    beside = _beside(rows, immutable)
    blocked: set[Value] = set()
    conflicts = []
    for value, found in sorted(beside.items()):
        for kind, ids in sorted(found.items()):
            if len(ids) > 1:
                blocked.add(value)
                conflicts.append(Conflict(value[0], (value[1],), kind, tuple(sorted(ids))))
    free = [[value for value in _values(row) if value not in blocked] for row in rows]
    numbers = {value: n for n, value in enumerate(dict.fromkeys(v for each in free for v in each))}
    roots = components(len(numbers), ([numbers[value] for value in each] for each in free))
    members: dict[int, list[int]] = defaultdict(list)
    keys = [""] * len(rows)
    for number, each in enumerate(free):
        if each:
            members[roots[numbers[each[0]]]].append(number)
        else:
            keys[number] = _key_of_blocked(rows[number], kinds, immutable)
    for linked in members.values():
        chains = list(_chains([rows[number] for number in linked], immutable))
        best = min(value for number in linked for value in free[number])
        for number in linked:
            keys[number] = _key([min(free[number]) if chains else best], kinds)
        conflicts += chains
    return keys, conflicts


def _values(row: Ids) -> list[Value]:
    return [(kind, value) for kind, value in enumerate(row) if value]


def _beside(rows: Iterable[Ids], immutable: Sequence[int]) -> dict[Value, dict[int, set[str]]]:
    """Each value to the immutable ids of other kinds that are in rows with it."""
    found: dict[Value, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        for value in _values(row):
            for kind in immutable:
                if kind != value[0] and row[kind]:
                    found[value][kind].add(row[kind])
    return found


def _key_of_blocked(row: Ids, kinds: Sequence[str], immutable: Sequence[int]) -> str:
    """Of a row without any value that links: all of its immutable ids, else its best id."""
    values = _values(row)
    return _key([value for value in values if value[0] in immutable] or values[:1], kinds)


def _chains(rows: Sequence[Ids], immutable: Sequence[int]) -> Iterator[Conflict]:
    for kind in immutable:
        ids = {row[kind] for row in rows} - {""}
        if len(ids) > 1:
            links = {value for row in rows for value in _values(row) if value[0] != kind}
            yield Conflict(
                None, tuple(value for _, value in sorted(links)), kind, tuple(sorted(ids))
            )


def _key(values: Sequence[Value], kinds: Sequence[str]) -> str:
    return "|".join(f"{kinds[kind]}:{value}" for kind, value in values)
