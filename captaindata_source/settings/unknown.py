"""Options and sections that nothing reads: dlt passes over them in silence, and a rule that keeps
personal data out would do nothing.

Each of dlt's sources of configuration is looked at by itself: a section of one hides that of
another.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from captaindata_source.dlt_internals.options import place_of_option, sections
from captaindata_source.errors import ConfigError
from captaindata_source.settings.kinds import SECTION
from captaindata_source.settings.options import EVENT_OPTIONS, LOAD_OPTIONS, OPTIONS

__all__ = ["SECTIONS", "nearest", "refuse_unknown", "refuse_unknown_in"]

SECTIONS = tuple(SECTION.split("."))
DLT_NAMES = frozenset(
    {
        "data_writer",
        "extract",
        "max_table_nesting",
        "normalize",
        "parallelized",
        "root_key",
        "schema",
        "schema_contract",
    }
)
"""What dlt itself looks for in the section of a source."""
CUTOFF = 0.8
STRAY_CUTOFF = 0.9
MAX_DEPTH = 3


class _Found(NamedTuple):
    """An option or section: its path, where it was found, its value."""

    path: tuple[str, ...]
    where: str
    value: object


def nearest(name: str, known: Collection[str]) -> str | None:
    """The name that was probably meant; None where none is near."""
    by_letters = {_letters(each): each for each in known}
    if found := by_letters.get(_letters(name)):
        return found
    close = difflib.get_close_matches(name.lower(), [*known], n=1, cutoff=0.7)
    return close[0] if close else None


def refuse_unknown(*, more: Collection[str] = (), workspace_options: Collection[str] = ()) -> None:
    """Refuses options of `sources.captaindata`, and sections like it, that nothing reads.

    Args:
        more: Options that are known beside those of the command.
        workspace_options: Those of a table of `workspaces`; none: the tables are not looked at.

    Raises:
        ConfigError: Names the option, where it is, and the nearest name that there is.
    """
    known = OPTIONS.keys() | set(more)
    for found in _all():
        depth = len(SECTIONS)
        if found.path[:depth] != SECTIONS:
            _refuse_section(found, known)
            _refuse_stray(found, known)
        elif len(found.path) == depth and isinstance(found.value, list):
            raise ConfigError(
                f"{SECTION} must be one section ({found.where}): write [{SECTION}], and a table "
                f"[[{SECTION}.workspaces]] for each workspace"
            )
        elif len(found.path) == depth + 1:
            _refuse_option(found, known)
            if found.path[-1] == "workspaces" and workspace_options:
                _refuse_in_tables(found, workspace_options)


def _refuse_option(found: _Found, known: Collection[str]) -> None:
    name = found.path[-1]
    if name in DLT_NAMES:
        return
    if name not in known:
        raise ConfigError(
            f"Unknown option {name!r} in {SECTION} ({found.where}){_meant(name, known)}; "
            f"known are {', '.join(sorted(known, key=_of_workspaces_first))}"
        )
    if name in OPTIONS and OPTIONS[name].is_secret and found.where.endswith("config.toml"):
        raise ConfigError(
            f"{SECTION}.{name} is not read from {found.where}, for it is a secret: move it to "
            "secrets.toml or the environment"
        )


def _refuse_section(found: _Found, known: AbstractSet[str]) -> None:
    """Refuses what is like the section's name and holds options."""
    path = found.path
    if not isinstance(found.value, Mapping) or path[-len(SECTIONS) :] == SECTIONS:
        return  # `[a_pipeline.sources.captaindata]` is read for that pipeline
    names = [str(name) for name in found.value]
    is_near = _is_near("".join(path)) and not _is_other(path[-1])
    is_bare = len(path) == 1 and _letters(path[0]) in (SECTIONS[-1], "source")
    if (is_near and any(nearest(name, known) for name in names)) or (
        is_bare and not known.isdisjoint(names)
    ):
        raise ConfigError(
            f"Section {'.'.join(path)!r} ({found.where}) is read by nothing: did you mean "
            f"[{SECTION}]?"
        )


def _refuse_stray(found: _Found, known: AbstractSet[str]) -> None:
    """Refuses a misspelt option outside of sections, where dlt would take the right one too."""
    is_outside = found.path[:-1] in ((), SECTIONS[:1]) and not isinstance(found.value, Mapping)
    name = found.path[-1]
    if not is_outside or name in known | DLT_NAMES:
        return
    if close := difflib.get_close_matches(name.lower(), known, n=1, cutoff=STRAY_CUTOFF):
        raise ConfigError(
            f"Option {'.'.join(found.path)!r} ({found.where}) is read by nothing: did you mean "
            f"{SECTION}.{close[0]}?"
        )


def _is_near(name: str) -> bool:
    wanted = _letters(SECTION)
    return difflib.SequenceMatcher(None, _letters(name), wanted).ratio() >= CUTOFF


def _is_other(name: str) -> bool:
    """Whether it names another source, such as `captaindata_archive`."""
    is_longer = name.lower().startswith(f"{SECTIONS[-1]}_")
    return is_longer and _letters(name) != f"{SECTIONS[-1]}source"


def _refuse_in_tables(found: _Found, known: Collection[str]) -> None:
    tables = found.value
    if isinstance(tables, str):
        try:
            tables = json.loads(tables)
        except ValueError:
            return  # `config` says so
    for number, table in enumerate(tables if isinstance(tables, list) else [], start=1):
        if isinstance(table, Mapping):
            refuse_unknown_in(table, known, number=number)


def refuse_unknown_in(table: Mapping[str, Any], known: Collection[str], *, number: int) -> None:
    """Refuses options of one workspace that there are not.

    Args:
        table: Its options.
        known: Names that there are.
        number: Which workspace it is, from 1.

    Raises:
        ConfigError: Names them, and the nearest names that there are.
    """
    if unknown := sorted({str(name) for name in table} - set(known)):
        shown = [f"{name!r}{_meant(name, known)}" for name in unknown]
        raise ConfigError(
            f"Workspace number {number}: unknown option {', '.join(shown)}; "
            f"known are {', '.join(sorted(known))}"
        )


def _of_workspaces_first(name: str) -> tuple[bool, str]:
    return name in LOAD_OPTIONS or name in EVENT_OPTIONS, name


def _meant(name: str, known: Collection[str]) -> str:
    meant = nearest(name, known)
    return f" (did you mean {meant!r}?)" if meant else ""


def _all() -> Iterator[_Found]:
    """Whatever is configured in a way that may have been meant for this source."""
    for provider, document in sections():
        for path, value in _walk(document, ()):
            yield _Found(path, place_of_option(provider, path), value)
    yield from _in_environment()


def _walk(section: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[Any, object]]:
    for name, value in section.items():
        yield (*path, name), value
        if isinstance(value, Mapping) and len(path) + 1 < MAX_DEPTH:
            yield from _walk(value, (*path, name))


def _in_environment() -> Iterator[_Found]:
    prefix = f"{'__'.join(SECTIONS).upper()}__"
    for variable, value in os.environ.items():
        if variable.startswith(prefix) and variable == variable.upper():
            rest = variable.removeprefix(prefix).lower()
            first = rest.split("__", maxsplit=1)[0]
            name = first if first in DLT_NAMES else rest
            yield _Found((*SECTIONS, name), variable, value)
        elif (option := _meant_by(variable)) is not None:
            raise ConfigError(
                f"The environment variable {variable} is read by nothing: did you mean "
                f"{prefix}{option.upper()}?"
            )


def _meant_by(variable: str) -> str | None:
    """The option that a variable such as `SOURCE__CAPTAINDATA__API_KEY` was meant for."""
    parts = variable.split("__")
    section, option = parts[:-1], parts[-1]
    if len(parts) > len(SECTIONS) and _is_other(parts[1]):
        return None
    if _letters(variable).startswith(_letters(SECTION)):
        return nearest(_letters(variable).removeprefix(_letters(SECTION)), OPTIONS) or "…"
    if len(section) == len(SECTIONS) and _is_near("".join(section)):
        return nearest(option, OPTIONS)
    if len(section) == 1 and _letters(section[0]) == SECTIONS[-1]:
        return option.lower() if option.lower() in OPTIONS else None
    return None


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
