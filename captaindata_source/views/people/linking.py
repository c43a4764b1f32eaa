"""Which mentions are about one person or company: connected components over the values of ids."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pyarrow as pa

from captaindata_source.people_fields import Entity
from captaindata_source.views.people.engine import Engine
from captaindata_source.views.people.resolve import CHAIN, Conflict, Ids, components, resolve

__all__ = ["CONFLICT_COLUMNS", "link"]

ID_LENGTH = 20
"""Hexadecimal digits of a person's or company's uid."""
CONFLICT_COLUMNS = {
    "workspace_uid": "text",
    "entity": "text",
    "kind": "text",
    "value": "text",
    "id_kind": "text",
    "ids": "text",
    "result_rows": "bigint",
    "component": "bigint",
}


def link(engine: Engine, entity: Entity, mentions: str) -> None:
    """Finds out who mentions are about.

    Makes the temporary tables `conflicts` and `links`. That has, for each combination of ids in a
    workspace, the uid of the person there and over all workspaces, a number of each (`own` and
    `overall`), and whether several workspaces have the person.

    Args:
        engine: Where the mentions are.
        entity: Whether they are of people or companies.
        mentions: A temporary table of mentions, all those that a value may link.
    """
    _number(engine, entity, mentions)
    _connect(engine, entity)
    _sort_out(engine, entity)
    _resolve_the_hard(engine, entity)
    engine.run(
        f"""
        create or replace temp table links as
        select s.workspace_uid, {", ".join(f"s.{name}" for name in entity.ids)}, c.component,
            left(md5(coalesce(h.own_key, c.key)), {ID_LENGTH}) as own_id,
            left(md5(coalesce(h.overall_key, c.key)), {ID_LENGTH}) as overall_id,
            coalesce(h.own, s.root) as own, coalesce(h.overall, s.root) as overall, c.is_shared
        from placed as s
        inner join linked_parts as c on c.root = s.root
        left join hard_keys as h on h.s = s.s;
        drop table placed; drop table linked_parts; drop table hard_keys
        """
    )


def _number(engine: Engine, entity: Entity, mentions: str) -> None:
    """Gives each value of an id a number, and each combination of them."""
    ids = ", ".join(entity.ids)
    kinds = range(len(entity.ids))
    values = " union all ".join(
        f"select {kind} as kind, {name} as value, count(*) as times "
        f"from combined where {name} <> '' group by {name}"
        for kind, name in enumerate(entity.ids)
    )
    joins = " ".join(
        f"left join id_values as v{kind} on v{kind}.kind = {kind} and v{kind}.value = s.{name}"
        for kind, name in enumerate(entity.ids)
    )
    found = ", ".join(f"v{kind}.n as n{kind}" for kind in kinds)
    is_alone = " and ".join(f"coalesce(v{kind}.times, 1) = 1" for kind in kinds)
    engine.run(
        f"""
        create or replace temp table combined as
        select row_number() over () as s, * from (
            select workspace_uid, {ids}, count(*) as result_rows
            from {mentions} group by workspace_uid, {ids}
        ) as found;
        create or replace temp table id_values as
        select row_number() over () - 1 as n, * from ({values}) as found;
        create or replace temp table signatures as
        select s.*, {found}, {is_alone} as is_alone from combined as s {joins};
        drop table combined
        """
    )


def _connect(engine: Engine, entity: Entity) -> None:
    """Finds out which combinations are connected. Those whose values no other has need no look."""
    numbers = [f"n{kind}" for kind in range(len(entity.ids))]
    (size,) = engine.arrow("select count(*) as size from id_values")["size"].to_pylist()
    rows = engine.arrow(
        f"select distinct {', '.join(numbers)} from signatures where not is_alone "
        f"and {' + '.join(f'({n} is not null)::int' for n in numbers)} > 1"
    )
    roots = components(size, zip(*(rows[name].to_pylist() for name in numbers), strict=True))
    moved = [(n, root) for n, root in enumerate(roots) if n != root]
    engine.put("roots", "n bigint, root bigint", _table(moved, [pa.int64(), pa.int64()]))
    engine.run(
        f"""
        create or replace temp table placed as
        select s.*, coalesce(r.root, s.n) as root
        from (select *, coalesce({", ".join(numbers)}) as n from signatures) as s
        left join roots as r on r.n = s.n;
        drop table signatures; drop table id_values; drop table roots
        """
    )


def _sort_out(engine: Engine, entity: Entity) -> None:
    """Keys of what is linked without a contradiction; the rest is hard."""
    several = " or ".join(
        f"coalesce(min(nullif({name}, '')) <> max({name}), false)" for name in entity.immutable
    )
    best = ", ".join(f"'{name}:' || min(nullif({name}, ''))" for name in entity.ids)
    engine.run(
        f"""
        create or replace temp table linked_parts as
        select *, cast(hash(key) >> 1 as bigint) as component, is_shared or is_several as is_hard
        from (
            select root, coalesce({best}) as key, {several} as is_several,
                min(workspace_uid) <> max(workspace_uid) as is_shared
            from placed group by root
        ) as parts
        """
    )


def _resolve_the_hard(engine: Engine, entity: Entity) -> None:
    ids = ", ".join(f"s.{name}" for name in entity.ids)
    hard = engine.arrow(
        f"select s.root, c.component, s.s, s.workspace_uid, s.result_rows, {ids} "
        "from placed as s inner join linked_parts as c on c.root = s.root where c.is_hard"
    )
    parts: dict[int, list[_Signature]] = defaultdict(list)
    columns = [hard[name].to_pylist() for name in hard.column_names]
    for root, component, s, workspace, result_rows, *values in zip(*columns, strict=True):
        parts[root].append((s, workspace, tuple(values), result_rows, component))
    keys: list[_Keys] = []
    conflicts: list[tuple[object, ...]] = []
    for signatures in parts.values():
        _resolve_part(entity, signatures, keys, conflicts)
    engine.put(
        "hard_keys",
        "s bigint, own_key text, overall_key text, own bigint, overall bigint",
        _table(keys, [pa.int64(), pa.string(), pa.string(), pa.int64(), pa.int64()]),
    )
    engine.put(
        "conflicts",
        ", ".join(f"{name} {kind}" for name, kind in CONFLICT_COLUMNS.items()),
        _table(
            conflicts,
            [pa.int64() if kind == "bigint" else pa.string() for kind in CONFLICT_COLUMNS.values()],
        ),
    )


_Signature = tuple[int, str, Ids, int, int]
"""Its number, workspace, ids, rows and component."""
_Keys = tuple[int, str, str, int, int]
"""Number of a combination, its keys in the workspace and over all, a number of each of these."""


def _resolve_part(
    entity: Entity,
    signatures: Sequence[_Signature],
    keys: list[_Keys],
    conflicts: list[tuple[object, ...]],
) -> None:
    """Resolves what is linked, in each workspace and over all; adds to the last two arguments."""
    immutable = [entity.ids.index(name) for name in entity.immutable]
    distinct = list({signature[2] for signature in signatures})
    found, _ = resolve(distinct, entity.ids, immutable)
    overall = dict(zip(distinct, found, strict=True))
    first: dict[str, int] = {}
    spaces: dict[str, list[_Signature]] = defaultdict(list)
    for signature in signatures:
        spaces[signature[1]].append(signature)
    for workspace, own in spaces.items():
        found, contradicting = resolve([each[2] for each in own], entity.ids, immutable)
        firsts: dict[str, int] = {}
        for (s, _, ids, _, _), key in zip(own, found, strict=True):
            everywhere = overall[ids]
            number = firsts.setdefault(key, -s)
            keys.append((s, key, everywhere, number, first.setdefault(everywhere, -s)))
        conflicts += [
            (workspace, entity.name, *_described(each, entity, own), own[0][4])
            for each in contradicting
        ]


def _described(
    conflict: Conflict, entity: Entity, signatures: Sequence[_Signature]
) -> Iterator[object]:
    """Kind, value, kind of the ids, the ids, and how many rows have them."""
    yield CHAIN if conflict.kind is None else entity.ids[conflict.kind]
    yield _json(conflict.values) if conflict.kind is None else conflict.values[0]
    yield entity.ids[conflict.id_kind]
    yield _json(conflict.ids)
    values = {*conflict.values}
    kinds = range(len(entity.ids)) if conflict.kind is None else [conflict.kind]
    yield sum(
        result_rows
        for _, _, ids, result_rows, _ in signatures
        if any(ids[kind] in values for kind in kinds)
    )


def _json(values: Sequence[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


def _table(rows: Sequence[Sequence[object]], types: Sequence[pa.DataType]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    names = [str(number) for number in range(len(types))]
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names
    )
