"""Where in a workflow's results the fields of people and companies are."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from captaindata_source.people_fields import ENTITIES, PERSON, Entity, normal_key
from captaindata_source.views.results.fields import Path

__all__ = ["FieldPaths", "Plan", "make_plan", "with_more_keys"]


_of_field = functools.lru_cache(maxsize=4096)(normal_key)
"""Of keys and prefixes of fields, which each workflow is looked through for."""


@dataclass(frozen=True, slots=True)
class FieldPaths:
    """Where a field is, the best place first.

    Args:
        always: In all results.
        alone: In results that are not about a person.
    """

    always: tuple[Path, ...] = ()
    alone: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read of a workflow's results.

    Args:
        person: Field to its places; empty: the results have no id of a person.
        company: The same for companies.
    """

    person: Mapping[str, FieldPaths]
    company: Mapping[str, FieldPaths]

    def of(self, entity: Entity) -> Mapping[str, FieldPaths]:
        return self.person if entity.name == PERSON.name else self.company

    @property
    def digest(self) -> str:
        """The same for equal plans."""
        parts = [
            [(name, found.always, found.alone) for name, found in sorted(each.items())]
            for each in (self.person, self.company)
        ]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def with_more_keys(more: Mapping[str, Sequence[str]] | None) -> list[Entity]:
    """People and companies with the keys that users added; theirs are looked at first."""
    return [
        replace(
            entity,
            fields=[
                replace(field, keys=(*(more or {}).get(field.name, ()), *field.keys))
                if field.is_shown
                else field
                for field in entity.fields
            ],
        )
        for entity in ENTITIES
    ]


def make_plan(paths: Collection[Path], entities: Sequence[Entity]) -> Plan | None:
    """The plan for a workflow.

    Args:
        paths: All keys that its results ever had.
        entities: People and companies, with all keys that feed them.

    Returns:
        None where the results have no id of a person or company.
    """
    spelled: dict[str, list[Path]] = {}
    for path in sorted(paths, key=lambda each: (each[1] is not None, each[0], each[1] or "")):
        spelled.setdefault(normal_key("".join(part or "" for part in path)), []).append(path)
    person, company = (_find(entity, spelled) for entity in entities)
    return Plan(person, company) if person or company else None


def _find(entity: Entity, spelled: Mapping[str, Sequence[Path]]) -> dict[str, FieldPaths]:
    choices = [("", *entity.prefixes), *((other,) for other in entity.others)]
    for prefixes in choices:
        found = {
            field.name: FieldPaths(
                tuple(_places(field.keys, prefixes, spelled)),
                tuple(_places(field.alone, prefixes, spelled)),
            )
            for field in entity.fields
        }
        has_id = (
            found[field.name] != FieldPaths()
            for field in entity.fields
            if field.name in entity.ids or not field.is_shown
        )
        if any(has_id):
            return {name: each for name, each in found.items() if each != FieldPaths()}
    return {}


def _places(
    keys: Iterable[str], prefixes: Iterable[str], spelled: Mapping[str, Sequence[Path]]
) -> list[Path]:
    return list(
        dict.fromkeys(
            path
            for prefix in prefixes
            for key in keys
            for path in spelled.get(_of_field(prefix) + _of_field(key), ())
        )
    )
