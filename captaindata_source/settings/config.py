"""Reads the options of all workspaces from dlt's configuration and checks them before any call."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretValue

from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret, check_proxy
from captaindata_source.settings.files import require_readable
from captaindata_source.settings.kinds import SECTION
from captaindata_source.settings.options import (
    EVENT_OPTIONS,
    LOAD_OPTIONS,
    OPTIONS,
    WORKSPACE_OPTIONS,
)
from captaindata_source.settings.unknown import SECTIONS, refuse_unknown, refuse_unknown_in
from captaindata_source.settings.workspace import Settings

__all__ = [
    "GivenWorkspace",
    "RunnerConfig",
    "load_config",
    "load_options",
    "refuse_twins",
    "select",
    "workspaces",
]

GivenWorkspace = str | Mapping[str, Any] | Settings
"""A workspace of a call in Python: the name of one that is configured, or its options."""
NO_WORKSPACE = (
    "No workspace is configured. Set sources.captaindata.api_key and .project_uid, or one "
    "[[sources.captaindata.workspaces]] table each, in .dlt/secrets.toml "
    "(`captaindata init` writes one that shows both) or in the environment"
)


def _spec() -> type[BaseConfiguration]:
    """`sources.captaindata` as dlt looks it up; values are as they were configured."""
    fields: list[tuple[str, Any, Any]] = [
        (name, (TSecretValue if option.is_secret else Any) | None, None)
        for name, option in OPTIONS.items()
    ]
    return configspec(dataclasses.make_dataclass("Options", fields, bases=(BaseConfiguration,)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig:
    """What `sources.captaindata` says.

    Args:
        workspaces: Options of each workspace.
        load: How to load, by the names of `SyncOptions`.
        events: How to receive events, by the names of `EventOptions`.
    """

    workspaces: Sequence[Settings]
    load: Mapping[str, Any]
    events: Mapping[str, Any]


def load_config(
    *, workspaces: Sequence[GivenWorkspace] | None = None, full_refresh: bool = False
) -> RunnerConfig:
    """Reads and checks `sources.captaindata`.

    Args:
        workspaces: Those to sync; None: all that are configured. Options that one of them is
            given without are read from the configuration, but for its key and UID.
        full_refresh: Goes into the settings of every workspace.

    Raises:
        ConfigError: An option is missing, wrong or contradicts another, a file can't be read, or
            the environment names a proxy that is none; says which and what to do.
    """
    options = _read_options()
    common = {
        name: value
        for name, value in options.items()
        if name in WORKSPACE_OPTIONS.keys() - {"api_key", "project_uid"} and value is not None
    }

    def configured() -> list[Settings]:
        found = [_settings({**common, **table}) for table in _workspace_tables(options)]
        refuse_twins(found)
        return found

    if workspaces is None:
        chosen = configured()
    else:
        chosen = _chosen(workspaces, configured, common)
        refuse_twins(chosen)
    if full_refresh:
        chosen = [dataclasses.replace(settings, full_refresh=True) for settings in chosen]
    for settings in chosen:
        check_proxy(settings.url)
    load = {name: options[name] for name in LOAD_OPTIONS}
    events = {name: options[name] for name in EVENT_OPTIONS}
    return RunnerConfig(workspaces=chosen, load=load, events=events)


def workspaces() -> list[str]:
    """Names of the workspaces that are configured, to call `sync(workspaces=[name])` for each.

    Sends nothing, and needs no destination.

    Raises:
        ConfigError: As `load_config`.
    """
    return [settings.name for settings in load_config().workspaces]


def load_options() -> Mapping[str, Any]:
    """How to load, by the names of `SyncOptions`; needs no workspace.

    Raises:
        ConfigError: As `load_config`.
    """
    options = _read_options()
    return {name: options[name] for name in LOAD_OPTIONS}


def _read_options() -> Mapping[str, Any]:
    require_readable()
    refuse_unknown(workspace_options=WORKSPACE_OPTIONS)
    try:
        found = resolve_configuration(_spec()(), sections=SECTIONS)
    except ConfigurationException as error:
        raise ConfigError(_first_line(error)) from None
    options = {name: option.read(name, found[name]) for name, option in OPTIONS.items()}
    for name, option in {**LOAD_OPTIONS, **EVENT_OPTIONS}.items():
        if objection := option.objection(options[name]):
            raise ConfigError(f"{SECTION}.{name} {objection}")
    return options


def _chosen(
    given: Sequence[GivenWorkspace],
    configured: Callable[[], list[Settings]],
    common: Mapping[str, Any],
) -> list[Settings]:
    """The workspaces that a call names or holds, each name once."""
    if isinstance(given, (str, Mapping, Settings)) or not (given := list(given)):
        raise ConfigError(
            "workspaces must be a list of names or of options; leave it out to sync all workspaces "
            "that are configured"
        )
    names = [each for each in given if isinstance(each, str)]
    chosen = select(configured(), names) if names else []
    for number, each in enumerate(given, start=1):
        if isinstance(each, Settings):
            chosen.append(each)
        elif isinstance(each, Mapping):
            refuse_unknown_in(each, WORKSPACE_OPTIONS, number=number)
            if len(given) > 1 and not each.get("name"):
                raise ConfigError(f"Workspace number {number}: name is missing or empty")
            chosen.append(_settings({**common, **each}))
        elif not isinstance(each, str):
            raise ConfigError(
                f"Workspace number {number} must be the name of a configured workspace, or its "
                "options, such as api_key and project_uid"
            )
    return chosen


def select(workspaces: Iterable[Settings], names: Sequence[str]) -> list[Settings]:
    """The workspaces of those names; all where no name is given.

    Raises:
        ConfigError: A name is not configured.
    """
    by_name = {settings.name: settings for settings in workspaces}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ConfigError(
            f"Unknown workspace {', '.join(map(repr, unknown))}; "
            f"configured are {', '.join(map(repr, by_name))}"
        )
    return [by_name[name] for name in dict.fromkeys(names)] or list(by_name.values())


def _workspace_tables(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    if options["workspaces"] is None:
        if options["api_key"] is None and options["project_uid"] is None:
            raise ConfigError(NO_WORKSPACE)
        return [
            {
                "name": options["workspace_name"] or Settings.name,
                "api_key": options["api_key"],
                "project_uid": options["project_uid"],
            }
        ]
    # asked for by its full name: dlt also takes a bare API_KEY, which may be another program's
    if any(dlt.secrets.get(f"sources.captaindata.{name}") for name in ("api_key", "project_uid")):
        raise ConfigError(
            "Both sources.captaindata.workspaces and sources.captaindata.api_key or .project_uid "
            "are set, in .dlt/secrets.toml or the environment; keep one of the two forms"
        )
    tables = _parsed(options["workspaces"])
    if not tables:
        raise ConfigError(NO_WORKSPACE)
    for number, table in enumerate(tables, start=1):
        if not isinstance(table.get("name"), str) or not table["name"]:
            raise ConfigError(f"Workspace number {number}: name is missing or empty")
    return tables


def _parsed(value: object) -> list[dict[str, Any]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ConfigError(
                "SOURCES__CAPTAINDATA__WORKSPACES must be JSON: a list of objects"
            ) from None
    unwrap = getattr(value, "unwrap", None)
    value = unwrap() if callable(unwrap) else value
    if not isinstance(value, Sequence) or not all(isinstance(item, Mapping) for item in value):
        raise ConfigError("sources.captaindata.workspaces must be a list of tables")
    return [dict(item) for item in value]


def _settings(options: Mapping[str, Any]) -> Settings:
    key = options.get("api_key")
    texts = {name: options.get(name) for name in ("hash_salt", "event_secret")}
    if not isinstance(key, Secret):
        key = Secret(key if isinstance(key, str) else "")
    return Settings(
        **{
            **options,
            **{name: Secret(it) if isinstance(it, str) else it for name, it in texts.items()},
            "api_key": key
            if isinstance(key, Secret)
            else Secret(key if isinstance(key, str) else ""),
            "project_uid": options.get("project_uid") or "",
        }
    )


def refuse_twins(workspaces: Sequence[Settings]) -> None:
    """Refuses workspaces of one name, or of one UID as far as it is known.

    Raises:
        ConfigError: Names them.
    """
    for what in ("name", "project_uid"):
        values = [found for settings in workspaces if (found := getattr(settings, what))]
        twins = sorted({value for value in values if values.count(value) > 1})
        if not twins:
            continue
        message = f"{what} {', '.join(map(repr, twins))} is configured for more than one workspace"
        versions = {each.stored_version for each in workspaces if getattr(each, what) in twins}
        if what == "project_uid" and len(versions) > 1:
            message += (
                f": what {' and '.join(sorted(versions))} say of one workspace can't share a "
                "dataset"
            )
        raise ConfigError(message)


def _first_line(error: Exception) -> str:
    """What is wrong; a line that ends with a colon goes on in the next, with line and column."""
    first, second, *_ = [*str(error).splitlines(), "", ""]
    return (f"{first} {second}" if first.endswith(":") else first).strip() or type(error).__name__
