"""Mentions of people and companies in results: a row for each result that has an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from captaindata_source.people_fields import Clean, Entity, ResultField
from captaindata_source.sqltext import clean_json_text, json_place, literal, quoted
from captaindata_source.views.people.cleaning import steps, text_steps
from captaindata_source.views.people.expressions import Step
from captaindata_source.views.people.paths import FieldPaths, Plan
from captaindata_source.views.people.urls import IS_COMPANY_PAGE
from captaindata_source.views.results.fields import Path

__all__ = ["ORIGIN", "found_column", "mention_columns", "mentions_query"]

ORIGIN = ("workspace_uid", "workflow_uid", "job_uid", "result_uid", "seen_at")
"""Columns of a mention that say where it is from."""
WITHIN = {
    Clean.PROFILE_URL: "sales_navigator_profile_id",
    Clean.COMPANY_URL: "linkedin_company_id",
}
"""The id that a URL may have in it."""
Slot = tuple[tuple[int, int], ...]
"""For some plans, the number of a path among those that the plan reads."""


def mention_columns(entity: Entity) -> dict[str, str]:
    """Columns and types of a mention as it is found. An id that is not there is an empty text."""
    types = dict.fromkeys(ORIGIN, "text") | {"seen_at": "timestamp with time zone"}
    types |= dict.fromkeys(entity.ids, "text")
    return types | {
        field.name: "bigint" if field.clean is Clean.COUNT else "text" for field in entity.facts
    }


def found_column(entity: Entity, column: str) -> str:
    """The name that a column of a mention has in `mentions_query`."""
    return column if column in ORIGIN else f"{entity.name}_{column}"


def mentions_query(plans: Mapping[int, Plan], entities: Sequence[Entity], results: str) -> str:
    """The mentions in some results, in DuckDB's SQL.

    Args:
        plans: What is read of results, by number.
        entities: People, who may be what the results are about, and companies.
        results: A relation of `ORIGIN`, `data` as a text and `plan`, one of those numbers.

    Returns:
        A select of `ORIGIN` and, for each entity, of its other `mention_columns`. All ids are empty
        where a result does not mention the entity.
    """
    return _Query(plans, entities).sql(results)


class _Query:
    """All plans are read by one query, so that each result is parsed once. The first paths of a
    field in all plans are one slot, the second ones another; a slot is a column that is cleaned."""

    def __init__(self, plans: Mapping[int, Plan], entities: Sequence[Entity]) -> None:
        self._plans = plans
        self._entities = entities
        self._numbers: dict[int, dict[Path, int]] = {number: {} for number in plans}
        self._slots: dict[Slot, str] = {}
        self._steps: dict[int, list[Step]] = defaultdict(list)
        self._names: set[str] = set()
        self._uses_person = False
        self._values = [self._values_of(entity) for entity in entities]
        self._is_of_person = self._about_a_person(entities[0]) if self._uses_person else "null"

    def sql(self, results: str) -> str:
        origin = ", ".join(ORIGIN)
        raw = " ".join(
            f"when {plan} then json_extract_string(data, "
            f"[{', '.join(literal(json_place(*path)) for path in paths)}])"
            for plan, paths in self._numbers.items()
            if paths
        )
        listed = "".join(f", {_at(slot)} as {name}" for slot, name in self._slots.items())
        query = (
            f"select {origin}, plan, case plan {raw} end as raw from "
            f"(select {origin}, plan, {clean_json_text('data')} as data from {results} as results)"
        )
        query = f"select {origin}{listed} from ({query}) as extracted"
        query = f"select *, {self._is_of_person} as is_of_person from ({query}) as separated"
        for number, columns in sorted(self._steps.items()):
            listed = ", ".join(f"{expression} as {name}" for name, expression in columns)
            query = f"select *, {listed} from ({query}) as step_{number}"
        shown = [
            f"{value} as {quoted(found_column(entity, name))}"
            for entity, values in zip(self._entities, self._values, strict=True)
            for name, value in values.items()
        ]
        return f"select {origin}, {', '.join(shown)} from ({query}) as cleaned"

    def _values_of(self, entity: Entity) -> dict[str, str]:
        """The expression of each column: of its values the first that is there."""
        values: dict[str, list[str]] = defaultdict(list)
        within: dict[str, list[str]] = defaultdict(list)
        for field in entity.fields:
            for name, is_alone in self._cleaned(entity, field):
                found = [name, *([f"{name}_id"] if field.clean in WITHIN else [])]
                if is_alone:
                    self._uses_person = True
                    found = [f"case when not is_of_person then {each} end" for each in found]
                if field.is_shown:
                    values[field.name].append(found[0])
                if field.clean in WITHIN:
                    within[WITHIN[field.clean]].append(found[1])
        for name, found in within.items():
            values[name] += found
        types = mention_columns(entity)
        shown = {}
        for name in [*entity.ids, *(field.name for field in entity.facts)]:
            found = [*values[name], *(["''"] if name in entity.ids else [])]
            shown[name] = f"coalesce({', '.join(found)})" if found else f"null::{types[name]}"
        return shown

    def _about_a_person(self, person: Entity) -> str:
        """Whether a result has a key of a person's id, be it a placeholder."""
        tests = [
            f"when {column} is not null and not (contains({column}, '/') "
            f"and regexp_matches({column}, '{IS_COMPANY_PAGE}')) then true"
            for field in person.fields
            if field.name in person.ids or not field.is_shown
            for column, is_alone in self._columns(person, field)
            if not is_alone
        ]
        return f"case {' '.join(tests)} else false end" if tests else "false"

    def _cleaned(self, entity: Entity, field: ResultField) -> Iterator[tuple[str, bool]]:
        """The columns of a field's values, the best first, and whether they only count alone."""
        for column, is_alone in self._columns(entity, field):
            text, name = f"{column}_plain", f"{column}_{field.clean}"
            todo = text_steps(text, column)
            if text in self._names:
                todo = [[] for _ in todo]
            if name not in self._names:
                todo += steps(field.clean, name, text)
                for step, columns in enumerate(todo):
                    self._steps[step] += columns
            self._names |= {text, name}
            yield name, is_alone

    def _columns(self, entity: Entity, field: ResultField) -> Iterator[tuple[str, bool]]:
        """The columns of a field's values as results have them."""
        found = {
            number: plan.of(entity).get(field.name, FieldPaths())
            for number, plan in self._plans.items()
        }
        for is_alone in (False, True):
            paths = {n: each.alone if is_alone else each.always for n, each in found.items()}
            for place in range(max(map(len, paths.values()), default=0)):
                slot = tuple(
                    (plan, self._number(plan, listed[place]))
                    for plan, listed in paths.items()
                    if place < len(listed)
                )
                yield self._slots.setdefault(slot, f"v{len(self._slots)}"), is_alone

    def _number(self, plan: int, path: Path) -> int:
        numbers = self._numbers[plan]
        return numbers.setdefault(path, len(numbers) + 1)


def _at(slot: Slot) -> str:
    """The value of a slot."""
    plans: dict[int, list[str]] = defaultdict(list)
    for plan, number in slot:
        plans[number].append(str(plan))
    cases = (f"when plan in ({', '.join(found)}) then raw[{n}]" for n, found in plans.items())
    return f"case {' '.join(cases)} end"
