"""Each option is declared once; whatever else names options names all of them, with its default."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import captaindata_source
from captaindata_source.settings.event_options import EventOptions
from captaindata_source.settings.kinds import option_of
from captaindata_source.settings.options import (
    EVENT_OPTIONS,
    LOAD_OPTIONS,
    OPTIONS,
    WORKSPACE_OPTIONS,
)
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = README.split("\n## Options\n")[1].split("\n## ")[0]
TEMPLATES = {
    name: (ROOT / ".dlt" / name).read_text(encoding="utf-8")
    for name in ("config.toml", "secrets.toml.example")
}
DEFAULTS: dict[str, Any] = {
    "workspace_name" if field.name == "name" else field.name: field.default
    for kind in (Settings, SyncOptions, EventOptions)
    for field in dataclasses.fields(kind)
    if field.default is not dataclasses.MISSING
}


def test_the_declarations_are_complete() -> None:
    declared = {f.name for f in dataclasses.fields(Settings) if option_of(f)}
    assert declared == {f.name for f in dataclasses.fields(Settings)} - {
        "full_refresh",
        "named_jobs",
    }
    assert OPTIONS.keys() == {
        *(declared - {"name"}),
        *LOAD_OPTIONS,
        *EVENT_OPTIONS,
        "workspace_name",
        "workspaces",
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_the_readme_has_it_in_its_table(name: str) -> None:
    cells = [line for line in TABLE.splitlines() if line.startswith("| ")]
    assert any(f"`{name}`" in cell for cell in cells)
    default = DEFAULTS.get(name)
    if isinstance(default, (int, float)) and not isinstance(default, bool):
        assert f"`{name}` ({default:,.0f})" in TABLE


@pytest.mark.parametrize("name", OPTIONS)
def test_a_template_has_it_with_a_value_that_works(name: str) -> None:
    option = OPTIONS[name]
    is_of_one_workspace = name in ("project_uid", "workspaces")
    file = "secrets.toml.example" if option.is_secret or is_of_one_workspace else "config.toml"
    if name == "workspaces":
        assert "[[sources.captaindata.workspaces]]" in TEMPLATES[file]
        return
    found = re.search(rf"^(# )?({name} = .+)$", TEMPLATES[file], re.MULTILINE)
    assert found, f"{name} is not in {file}"
    value = option.read(name, tomllib.loads(found[2])[name])
    default = DEFAULTS.get(name)
    if found[1] is None and name in DEFAULTS:
        assert value == (list(default) if isinstance(default, tuple) else default)
    else:
        assert default is None, f"{name} has a default that {file} does not set"


def test_its_example_works() -> None:
    for name, option in OPTIONS.items():
        example = option.example.split(",")[0] if option.is_secret else option.example
        if name != "workspaces":
            value = option.read(name, tomllib.loads(f"x = {example}")["x"])
            if "…" not in example:
                assert option.objection(value) is None, name


# a source receives no events
@pytest.mark.parametrize("name", [name for name in WORKSPACE_OPTIONS if name != "event_secret"])
def test_the_source_takes_it(name: str) -> None:
    parameters = inspect.signature(captaindata_source.captaindata).parameters
    assert ("workspace_name" if name == "name" else name) in parameters


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(SyncOptions)])
def test_the_call_takes_it(name: str) -> None:
    parameter = inspect.signature(captaindata_source.sync).parameters[name]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    default = None if name in LOAD_OPTIONS else DEFAULTS[name]
    assert parameter.default == default, "None: as configured"
