"""The documentation describes all commands, options, tables and columns; its links work."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import captaindata_source
from captaindata_source.cli import main
from captaindata_source.settings.options import EVENT_OPTIONS, LOAD_OPTIONS, OPTIONS
from captaindata_source.settings.workspace import Settings
from captaindata_source.source import OWN_OPTIONS, captaindata
from captaindata_source.tables import ALL_TABLES, LEDGER, QUOTA_READINGS, SYNC_RUNS, TABLES
from tests.support import sql_readme
from tests.support.harness import Harness

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES_README = sql_readme.TABLES.read_text(encoding="utf-8")
READMES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
MAX_WORDS = 1_650
"""Of the README: a person reads it in five minutes or so."""
SHARED = {"--destination", "--dataset"}
"""Options of nearly all commands, which README tells once."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CONFIG = tomllib.loads((ROOT / ".dlt" / "config.toml").read_text(encoding="utf-8"))
NOT_IN_FILE = {
    "workspaces",
    "api_key",
    "project_uid",
    "base_url",
    "result_statuses",
    "requests_per_minute",
    "hash_salt",
    "event_max_wait",
    "event_secret",
    "publish_copy",
    "people_fields",
    "alert_webhooks",
}
"""Secrets, and options whose default is to be left out."""


def commands(
    parser: argparse.ArgumentParser | None = None, name: str = ""
) -> dict[str, argparse.ArgumentParser]:
    """All commands that do something, by their names, such as `views list`."""
    parser = parser or main.build_parser()
    choices = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not choices:
        return {name.strip(): parser}
    found: dict[str, argparse.ArgumentParser] = {}
    for word, child in choices[0].items():
        found |= commands(child, f"{name} {word}")
    return found


def test_every_command_and_option_is_in_the_readme() -> None:
    rows = [line.split("|") for line in README.splitlines() if line[:3] == "| `"]
    options = {row[1].strip(): row[3] for row in rows if row[1].startswith(" `captaindata ")}
    (shared,) = re.findall(r"^`--help` explains.*?\n\n", README, re.DOTALL | re.MULTILINE)
    for name, parser in commands().items():
        for action in parser._actions:
            for option in {*action.option_strings} - {"-h", "--help"}:
                said = shared if option in SHARED else options[f"`captaindata {name}`"]
                assert f"`{option}`" in said, (name, option)
    assert {*commands()} == {name.strip("`").removeprefix("captaindata ") for name in options}
    assert "`captaindata --version`" in shared


def test_every_option_is_in_the_readme_and_in_the_config_file_with_its_default() -> None:
    fields = set(OPTIONS)
    in_file = CONFIG["sources"]["captaindata"]
    assert set(in_file) == fields - NOT_IN_FILE
    defaults = {f.name: f.default for f in dataclasses.fields(Settings)} | {
        name: option.default
        for name, option in OPTIONS.items()
        if name in {*LOAD_OPTIONS, *EVENT_OPTIONS}
    }
    defaults["workspace_name"] = defaults["name"]
    for name in fields:
        assert f"`{name}`" in README, name
    for name, value in in_file.items():
        default = defaults[name]
        assert value == (list(default) if isinstance(default, tuple) else default), name


def test_the_source_takes_the_same_options_with_the_same_defaults() -> None:
    parameters = inspect.signature(captaindata).parameters
    settings = {f.name: f.default for f in dataclasses.fields(Settings)}
    own = {"workspaces", *OWN_OPTIONS} - {"full_refresh"}
    assert set(parameters) == {*settings, "workspace_name", *own} - {
        *("name", "named_jobs", "event_secret")
    }
    for name, parameter in parameters.items():
        if name not in {"api_key", "project_uid", *own}:
            assert parameter.default == settings[name.removeprefix("workspace_")], name


def test_every_table_and_column_is_documented() -> None:
    sections = sql_readme.sections(TABLES_README)
    for table in ALL_TABLES:
        assert f"| [`{table.name}`](#{table.name}) |" in TABLES_README, table.name
        text = sections[table.name]
        if table.name == "successful_jobs":
            text += sections["jobs"]
        for column in table.columns:
            assert f"`{column}`" in text, f"{table.name}.{column}"


def test_the_readme_is_short() -> None:
    words = [word for word in README.split() if re.search(r"\w", word)]
    assert len(words) <= MAX_WORDS


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for link in LINK.findall(text):
        if re.match(r"https?://", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(path: Path) -> set[str]:
    """Of the headings of a file, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_link_check_finds_what_is_broken(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Some `thing`, here\n[a](#some-thing-here) [b](a.md)")
    test_links_lead_to_files_and_headings(tmp_path / "a.md")
    for link in ("b.md", "a.md#nowhere", "#nowhere"):
        (tmp_path / "a.md").write_text(f"# Some\n[a]({link})")
        with pytest.raises(AssertionError):
            test_links_lead_to_files_and_headings(tmp_path / "a.md")


def test_columns_are_those_of_the_warehouse(harness: Harness) -> None:
    harness.sync()
    for table in (*TABLES, SYNC_RUNS, LEDGER, QUOTA_READINGS):
        (row, *_) = harness.rows(table.name)
        found = {name for name in row if not name.startswith("_")}
        assert found == {name for name in table.columns if not name.startswith("_")}, table.name


def test_changelog_and_version() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["version"] == captaindata_source.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {captaindata_source.__version__}" in changelog


def test_constraints_hold_no_addresses_and_pin_every_dependency() -> None:
    lines = [
        line
        for file in sorted(ROOT.glob("constraints*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    names = {pin.split("==")[0].lower() for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        name = re.split(r"[\[<>=]", requirement)[0].lower()
        assert name in names | {"captaindata-source"}, name
