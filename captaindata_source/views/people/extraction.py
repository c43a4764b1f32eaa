"""Mentions of people and companies in results: a row for each result that has an id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from captaindata_source.people_fields import Clean, Entity, ResultField
from captaindata_source.sqltext import clean_json, json_place, literal, quoted
from captaindata_source.views.people.cleaning import IS_COMPANY_PAGE, Step, steps, text_steps
from captaindata_source.views.people.paths import FieldPaths, Plan
from captaindata_source.views.results.fields import Path

__all__ = ["ORIGIN", "mention_columns", "mentions_query"]

ORIGIN = ("workspace_uid", "workflow_uid", "job_uid", "result_uid", "seen_at")
"""Columns of a mention that say where it is from."""
WITHIN = {
    Clean.PROFILE_URL: "sales_navigator_profile_id",
    Clean.COMPANY_URL: "linkedin_company_id",
}
"""The id that a URL may have in it."""


def mention_columns(entity: Entity) -> dict[str, str]:
    """Columns and types of a mention as it is found. An id that is not there is an empty text."""
    types = dict.fromkeys(ORIGIN, "text") | {"seen_at": "timestamp with time zone"}
    types |= dict.fromkeys(entity.ids, "text")
    return types | {
        field.name: "bigint" if field.clean is Clean.COUNT else "text" for field in entity.facts
    }


def mentions_query(plan: Plan, entity: Entity, person: Entity, results: str) -> str:
    """The mentions in some results, in DuckDB's SQL.

    Args:
        plan: Of the results' workflow; it has ids of the entity.
        entity: What is looked for.
        person: People, who may be what the results are about.
        results: A select of `ORIGIN` and `data`.

    Returns:
        A select of `mention_columns`.
    """
    return _Query(plan, entity, person).sql(results)


class _Query:
    def __init__(self, plan: Plan, entity: Entity, person: Entity) -> None:
        self._plan = plan
        self._entity = entity
        self._numbers: dict[Path, int] = {}
        self._steps: dict[int, list[Step]] = defaultdict(list)
        self._names: set[str] = set()
        self._is_of_person = self._about_a_person(person)
        self._values: dict[str, list[str]] = defaultdict(list)
        within: dict[str, list[str]] = defaultdict(list)
        for field in entity.fields:
            for name, is_alone in self._cleaned(field):
                found = [name, *([f"{name}_id"] if field.clean in WITHIN else [])]
                if is_alone:
                    found = [f"case when not is_of_person then {each} end" for each in found]
                if field.is_shown:
                    self._values[field.name].append(found[0])
                if field.clean in WITHIN:
                    within[WITHIN[field.clean]].append(found[1])
        for name, found in within.items():
            self._values[name] += found

    def sql(self, results: str) -> str:
        origin = ", ".join(ORIGIN)
        places = ", ".join(literal(json_place(*path)) for path in self._numbers)
        query = (
            f"select {origin}, json_extract_string({clean_json('data', 'varchar')}, [{places}]) "
            f"as raw from ({results}) as results"
        )
        query = (
            f"select {origin}, {self._is_of_person} as is_of_person, raw "
            f"from ({query}) as extracted"
        )
        for number, columns in sorted(self._steps.items()):
            listed = ", ".join(f"{expression} as {name}" for name, expression in columns)
            query = f"select *, {listed} from ({query}) as step_{number}"
        shown = []
        for name in [*self._entity.ids, *(field.name for field in self._entity.facts)]:
            found = [*self._values[name], *(["''"] if name in self._entity.ids else [])]
            value = f"coalesce({', '.join(found)})" if found else "null"
            shown.append(f"{value} as {quoted(name)}")
        some_id = " or ".join(f"{quoted(name)} <> ''" for name in self._entity.ids)
        return (  # a condition on what is not materialized would be computed twice
            f"with mentions as materialized (select {origin}, {', '.join(shown)} "
            f"from ({query}) as cleaned) select * from mentions where {some_id}"
        )

    def _about_a_person(self, person: Entity) -> str:
        """Whether a result has a key of a person's id, be it a placeholder."""
        tests = []
        for field in person.fields:
            if field.name in person.ids or not field.is_shown:
                for path in self._plan.person.get(field.name, FieldPaths()).always:
                    value = f"raw[{self._number(path)}]"
                    is_page = f"regexp_matches({value}, '{IS_COMPANY_PAGE}')"
                    tests.append(f"({value} is not null and not {is_page})")
        return " or ".join(tests) or "false"

    def _cleaned(self, field: ResultField) -> Iterator[tuple[str, bool]]:
        """The columns of a field's values, the best first, and whether they only count alone."""
        found = self._plan.of(self._entity).get(field.name, FieldPaths())
        for path, is_alone in [
            *((path, False) for path in found.always),
            *((path, True) for path in found.alone),
        ]:
            number = self._number(path)
            name = f"v{number}_{field.clean}"
            if name not in self._names:
                self._names.add(name)
                todo = text_steps(f"v{number}", f"raw[{number}]")
                if f"v{number}" in self._names:
                    todo = [[] for _ in todo]
                self._names.add(f"v{number}")
                todo += steps(field.clean, name, f"v{number}")
                for step, columns in enumerate(todo):
                    self._steps[step] += columns
            yield name, is_alone

    def _number(self, path: Path) -> int:
        return self._numbers.setdefault(path, len(self._numbers) + 1)
