"""Configuration: both forms, from the environment and from files; what is wrong is said clearly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from captaindata_source import workspaces
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.settings.config import NO_WORKSPACE, RunnerConfig, load_config, select
from captaindata_source.settings.workspace import Settings

KEY = "k3y-0f-a-customer"
OTHER_KEY = "k3y-0f-another"
PREFIX = "SOURCES__CAPTAINDATA__"
REPOSITORY = Path(__file__).parents[2]
LOAD_DEFAULTS = {
    "package_max_results": 200_000,
    "package_max_minutes": 5.0,
    "create_views": True,
    "materialize_results": False,
    "results_include_retries": False,
    "create_people": True,
    "people_fields": None,
    "report_timezone": "UTC",
    "publish_copy": None,
    "table_format": None,
    "staging": None,
    "alerts": False,
    "alert_webhooks": None,
    "alert_stale_hours": 26.0,
}


class Project:
    """An empty folder with an empty environment, as dlt sees them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def env(self, **options: object) -> None:
        for name, value in options.items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._monkeypatch.setenv(f"{PREFIX}{name.upper()}", text)

    def file(self, name: str, text: str) -> None:
        folder = self._folder / ".dlt"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    def load(self, *, full_refresh: bool = False) -> RunnerConfig:
        Container()[PluggableRunContext].reload_providers()
        return load_config(full_refresh=full_refresh)

    def refusal(self) -> str:
        """The message of the error; no key is in it, nor in the errors behind it."""
        try:
            Container()[PluggableRunContext].reload_providers()
            load_config()
        except ConfigError as error:
            one: BaseException | None = error
            while one is not None and not one.__suppress_context__:
                assert KEY not in f"{one!r}{one}"
                one = one.__cause__ or one.__context__
            assert KEY not in str(error)
            assert OTHER_KEY not in str(error)
            return str(error)
        raise AssertionError("the configuration was taken")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    for name in list(os.environ):
        if name.startswith("SOURCES__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    yield Project(tmp_path, monkeypatch)
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()


def table(name: str = "one", **options: object) -> dict[str, object]:
    return {"name": name, "api_key": KEY, "project_uid": f"project-of-{name}", **options}


def keys(config: RunnerConfig) -> list[str]:
    return [settings.api_key.reveal() for settings in config.workspaces]


def plain(settings: Settings) -> dict[str, Any]:
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name in Settings.__dataclass_fields__
        if (value := getattr(settings, name)) is not None
    }


DEFAULTS = {
    "name": "default",
    "api_version": "v3",
    "max_parallel_requests": 8,
    "details_max_age_days": 7.0,
    "lookback_days": 3.0,
    "deep_listing_hours": 24.0,
    "extra_tables": (),
    "job_inputs_of": "failed",
    "exclude_fields": (),
    "hash_fields": (),
    "keep_secrets": False,
    "full_refresh": False,
}


# -- what is taken --------------------------------------------------------------------------------


def test_one_workspace_from_the_environment(project: Project) -> None:
    project.env(api_key=KEY, project_uid="p")
    config = project.load()
    assert [plain(settings) for settings in config.workspaces] == [
        {**DEFAULTS, "api_key": KEY, "project_uid": "p"}
    ]
    assert config.load == LOAD_DEFAULTS
    assert KEY not in repr(config)


def test_one_workspace_with_every_option(project: Project) -> None:
    project.env(
        api_key=KEY,
        project_uid="p",
        workspace_name="acme",
        base_url="http://localhost:8000/v3",
        result_statuses=["finished", "warning"],
        max_parallel_requests=3,
        requests_per_minute=150,
        details_max_age_days=0.5,
        lookback_days=1,
        deep_listing_hours=6,
        api_version="v4",
        extra_tables=["identities"],
        job_inputs_of="all",
        exclude_fields=["phone"],
        hash_fields=["email"],
        hash_salt=OTHER_KEY,
        keep_secrets=True,
        package_max_results=10,
        package_max_minutes=0.5,
    )
    config = project.load(full_refresh=True)
    assert [plain(settings) for settings in config.workspaces] == [
        {
            "api_key": KEY,
            "project_uid": "p",
            "name": "acme",
            "base_url": "http://localhost:8000/v3",
            "result_statuses": ["finished", "warning"],
            "max_parallel_requests": 3,
            "requests_per_minute": 150,
            "details_max_age_days": 0.5,
            "lookback_days": 1.0,
            "deep_listing_hours": 6.0,
            "api_version": "v4",
            "exclude_fields": ["phone"],
            "hash_fields": ["email"],
            "hash_salt": OTHER_KEY,
            "keep_secrets": True,
            "extra_tables": ["identities"],
            "job_inputs_of": "all",
            "full_refresh": True,
        }
    ]
    assert config.load == LOAD_DEFAULTS | {"package_max_results": 10, "package_max_minutes": 0.5}


def test_one_workspace_from_files(project: Project) -> None:
    project.file("secrets.toml", f'[sources.captaindata]\napi_key = "{KEY}"\nproject_uid = "p"\n')
    project.file("config.toml", '[sources.captaindata]\nresult_statuses = ["completed"]\n')
    [settings] = project.load().workspaces
    assert plain(settings) == {
        **DEFAULTS,
        "api_key": KEY,
        "project_uid": "p",
        "result_statuses": ["completed"],
    }


def test_the_committed_config_says_the_defaults(project: Project) -> None:
    text = (REPOSITORY / ".dlt" / "config.toml").read_text(encoding="utf-8")
    project.env(api_key=KEY, project_uid="p")
    without = project.load()
    project.file("config.toml", text)
    config = project.load()
    assert [
        {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain(settings).items()
        }
        for settings in config.workspaces
    ] == [plain(settings) for settings in without.workspaces]
    assert config.load == without.load


def test_the_environment_goes_before_files(project: Project) -> None:
    project.file("secrets.toml", f'[sources.captaindata]\napi_key = "{KEY}"\nproject_uid = "p"\n')
    project.env(api_key=OTHER_KEY)
    assert keys(project.load()) == [OTHER_KEY]


TABLES = f"""
[sources.captaindata]
max_parallel_requests = 4

[[sources.captaindata.workspaces]]
name = "one"
api_key = "{KEY}"
project_uid = "project-of-one"

[[sources.captaindata.workspaces]]
name = "two"
api_key = "{OTHER_KEY}"
project_uid = "project-of-two"
max_parallel_requests = 2
requests_per_minute = 30
result_statuses = ["finished"]
"""


@pytest.mark.parametrize("form", ["environment", "file"])
def test_several_workspaces_with_overrides(project: Project, form: str) -> None:
    if form == "file":
        project.file("secrets.toml", TABLES)
    else:
        two = table("two", api_key=OTHER_KEY, max_parallel_requests=2, requests_per_minute=30)
        project.env(
            max_parallel_requests=4,
            workspaces=[table("one"), {**two, "result_statuses": ["finished"]}],
        )
    one = {"api_key": KEY, "project_uid": "project-of-one", "name": "one"}
    two = {"api_key": OTHER_KEY, "project_uid": "project-of-two", "name": "two"}
    own = {"max_parallel_requests": 2, "requests_per_minute": 30, "result_statuses": ["finished"]}
    assert [plain(settings) for settings in project.load().workspaces] == [
        {**DEFAULTS, **one, "max_parallel_requests": 4},
        {**DEFAULTS, **two, **own},
    ]
    assert workspaces() == ["one", "two"]


def test_full_refresh_goes_to_every_workspace(project: Project) -> None:
    project.env(workspaces=[table("one"), table("two")])
    workspaces = project.load(full_refresh=True).workspaces
    assert [settings.full_refresh for settings in workspaces] == [True, True]


def test_the_environment_goes_before_a_file_for_several_workspaces(project: Project) -> None:
    project.file("secrets.toml", TABLES)
    project.env(workspaces=[table("three")])
    assert [settings.name for settings in project.load().workspaces] == ["three"]


# -- what is refused ------------------------------------------------------------------------------

NO_KEY = (
    "api_key is missing or empty, or holds spaces or other characters that no key has; "
    "copy it from My Account > General in Captain Data"
)
NO_PROJECT = (
    "project_uid is missing or empty; it is the workspace UID in the address of your workspace"
)
BOTH_FORMS = (
    "Both sources.captaindata.workspaces and sources.captaindata.api_key or .project_uid are set, "
    "in .dlt/secrets.toml or the environment; keep one of the two forms"
)
KNOWN = (
    "known are api_key, api_version, base_url, deep_listing_hours, details_max_age_days, "
    "event_secret, exclude_fields, extra_tables, hash_fields, "
    "hash_salt, job_inputs_of, keep_secrets, lookback_days, max_parallel_requests, name, "
    "project_uid, requests_per_minute, result_statuses"
)


def test_nothing_configured(project: Project) -> None:
    assert project.refusal() == NO_WORKSPACE
    assert "sources.captaindata.api_key and .project_uid" in NO_WORKSPACE
    assert "[[sources.captaindata.workspaces]]" in NO_WORKSPACE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"project_uid": "p"}, NO_KEY),
        ({"api_key": "", "project_uid": "p"}, NO_KEY),
        ({"api_key": "  ", "project_uid": "p"}, NO_KEY),
        ({"api_key": f"{KEY} ", "project_uid": "p"}, NO_KEY),
        ({"api_key": f"{KEY}\n", "project_uid": "p"}, NO_KEY),
        ({"api_key": f"{KEY}\u00e9", "project_uid": "p"}, NO_KEY),
        ({"api_key": KEY}, NO_PROJECT),
        ({"api_key": KEY, "project_uid": ""}, NO_PROJECT),
        ({"api_key": KEY, "project_uid": "a b"}, NO_PROJECT),
    ],
)
def test_key_and_project_of_one_workspace(
    project: Project, options: dict[str, object], message: str
) -> None:
    project.env(**options)
    assert project.refusal() == f"Workspace 'default': {message}"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"max_parallel_requests": 0},
            "max_parallel_requests must be a whole number from 1 to 64, such as 8",
        ),
        (
            {"max_parallel_requests": 65},
            "max_parallel_requests must be a whole number from 1 to 64, such as 8",
        ),
        (
            {"requests_per_minute": 0},
            "requests_per_minute must be a whole number from 1, such as 150, or left out",
        ),
        (
            {"details_max_age_days": -1},
            "details_max_age_days must be a number of days from 0, such as 7",
        ),
        (
            {"details_max_age_days": "nan"},
            "details_max_age_days must be a number of days from 0, such as 7",
        ),
        (
            {"result_statuses": ["finished", ""]},
            "result_statuses must be a list of statuses, such as "
            '["finished", "completed"], or left out',
        ),
        ({"lookback_days": -0.5}, "lookback_days must be a number of days from 0, such as 7"),
        ({"api_version": "v5"}, "api_version must be v3 or v4 or edges"),
        (
            {"api_version": "v4", "base_url": "https://api.captaindata.co/v3"},
            "base_url is that of v3, api_version says v4: leave base_url out",
        ),
    ],
)
def test_options_out_of_range(project: Project, more: dict[str, object], message: str) -> None:
    project.env(api_key=KEY, project_uid="p", **more)
    assert project.refusal() == f"Workspace 'default': {message}"


WRONG_TYPES = {
    "max_parallel_requests": ("a whole number, such as 8", ["many", "1.5", "", "true"]),
    "requests_per_minute": ("a whole number, such as 150", ["fast", "1e400", "[60]"]),
    "package_max_results": ("a whole number, such as 200000", ["all"]),
    "details_max_age_days": ("a number, such as 7", ["week", "[7]"]),
    "lookback_days": ("a number, such as 3", ["2 days"]),
    "package_max_minutes": ("a number, such as 5", ["five"]),
    "create_views": ("true or false, such as true", ["maybe", "2", ""]),
    "materialize_results": ("true or false, such as false", ["nope"]),
    "results_include_retries": ("true or false, such as false", ["nope"]),
    "result_statuses": (
        'a list of texts, such as ["finished", "completed"]',
        ["finished", '{"a": 1}', ""],
    ),
    "create_people": ("true or false, such as true", ["nope"]),
    "people_fields": (
        'a table, such as { job_title = ["current role"] }',
        ["email", "[]", "{job_title}"],
    ),
    "exclude_fields": ('a list of texts, such as ["phone"]', ["phone", "phone,email"]),
    "hash_fields": ('a list of texts, such as ["email"]', ["'email'"]),
    "extra_tables": ('a list of texts, such as ["identities"]', ["identities"]),
}
WRONG_IN_A_FILE = {
    "max_parallel_requests": ["true", "1.5", "[8]", '"many"', "2026-01-01"],
    "details_max_age_days": ["false", '"week"'],
    "create_views": ['"maybe"', "2", "[true]"],
    "result_statuses": ['"finished"', "5", "{finished = 1}"],
    "extra_tables": ["true"],
}


def test_extra_tables_of_all_workspaces_and_of_one(project: Project) -> None:
    project.env(
        workspaces=[table("one"), {**table("two"), "extra_tables": ["accounts"]}],
        extra_tables=["identities", "integrations"],
    )
    found = [list(settings.extra_tables) for settings in project.load().workspaces]
    assert found == [["identities", "integrations"], ["accounts"]]


@pytest.mark.parametrize("tables", [["jobs"], ["identitys"], "identities", [1]])
def test_extra_tables_that_there_are_not(project: Project, tables: object) -> None:
    project.env(workspaces=[{**table("one"), "extra_tables": tables}])
    with pytest.raises(ConfigError, match="'one': extra_tables must be a list of identities, "):
        project.load()


@pytest.mark.parametrize(
    ("option", "value"),
    [(name, value) for name, (_, all_) in WRONG_TYPES.items() for value in all_],
)
def test_options_of_another_type(project: Project, option: str, value: str) -> None:
    project.env(api_key=KEY, project_uid="p", **{option: value})
    assert project.refusal() == f"sources.captaindata.{option} must be {WRONG_TYPES[option][0]}"


@pytest.mark.parametrize(
    ("option", "value"), [(name, value) for name, all_ in WRONG_IN_A_FILE.items() for value in all_]
)
def test_options_of_another_type_in_a_file(project: Project, option: str, value: str) -> None:
    project.file("config.toml", f"[sources.captaindata]\n{option} = {value}\n")
    project.env(api_key=KEY, project_uid="p")
    assert project.refusal() == f"sources.captaindata.{option} must be {WRONG_TYPES[option][0]}"


@pytest.mark.parametrize(
    "option", ["publish_copy", "report_timezone", "workspace_name", "base_url", "api_version"]
)
@pytest.mark.parametrize("value", ["true", "['x']", "1.5", "{a = 1}"])
def test_texts_of_another_type_in_a_file(project: Project, option: str, value: str) -> None:
    project.file("config.toml", f"[sources.captaindata]\n{option} = {value}\n")
    project.env(api_key=KEY, project_uid="p")
    said = project.refusal()
    assert said.startswith(f"sources.captaindata.{option} must be a text, such as ")


def test_what_can_be_read_as_the_type_is_taken(project: Project) -> None:
    project.file(
        "config.toml",
        '[sources.captaindata]\nmax_parallel_requests = "3"\ndetails_max_age_days = 2\n'
        "create_views = 0\n",
    )
    project.env(api_key=KEY, project_uid="p", requests_per_minute=" 60 ", materialize_results="Yes")
    config = project.load()
    [settings] = config.workspaces
    assert (settings.max_parallel_requests, settings.requests_per_minute) == (3, 60)
    assert settings.details_max_age_days == 2.0
    assert (config.load["create_views"], config.load["materialize_results"]) == (False, True)


@pytest.mark.parametrize("option", ["package_max_results", "package_max_minutes"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_packages_of_nothing(project: Project, option: str, value: str) -> None:
    project.env(api_key=KEY, project_uid="p", **{option: value})
    example = {"package_max_results": "200000", "package_max_minutes": "5"}[option]
    assert project.refusal() == (f"sources.captaindata.{option} must be above 0, such as {example}")


def test_a_time_zone_of_reports(project: Project) -> None:
    project.file("config.toml", '[sources.captaindata]\nreport_timezone = "Asia/Kolkata"\n')
    project.env(api_key=KEY, project_uid="p")
    assert project.load().load["report_timezone"] == "Asia/Kolkata"
    project.env(report_timezone="Europe/Paris")
    assert project.load().load["report_timezone"] == "Europe/Paris"
    for wrong in ("Paris", "CET", "+02:00", "", "Europe/Paris\n"):
        project.env(report_timezone=wrong)
        assert project.refusal() == (
            "sources.captaindata.report_timezone must be UTC or the name of a time zone, such as "
            '"Europe/Paris"'
        )


@pytest.mark.parametrize("base_url", ["http://api.captaindata.co/v3", "api.captaindata.co"])
def test_a_base_url_in_clear(project: Project, base_url: str) -> None:
    message = (
        f"base_url {base_url!r} must start with https:// (plain http is taken for localhost only), "
        "so that the key never travels in clear"
    )
    project.env(api_key=KEY, project_uid="p", base_url=base_url)
    assert project.refusal() == message


@pytest.mark.parametrize("form", [{"api_key": OTHER_KEY}, {"project_uid": "p"}])
def test_both_forms_at_once(project: Project, form: dict[str, str]) -> None:
    project.env(workspaces=[table()], **form)
    assert project.refusal() == BOTH_FORMS


@pytest.mark.parametrize("text", ["", "[", f"name=one,api_key={KEY}", f'[{{"api_key": "{KEY}",}}]'])
def test_workspaces_that_are_no_json(project: Project, text: str) -> None:
    project.env(workspaces=text)
    assert project.refusal() == ("SOURCES__CAPTAINDATA__WORKSPACES must be JSON: a list of objects")


@pytest.mark.parametrize("value", [7, True, table(), [KEY], [[table()]], [table(), None]])
def test_workspaces_that_are_no_list_of_tables(project: Project, value: object) -> None:
    project.env(workspaces=value)
    assert project.refusal() == "sources.captaindata.workspaces must be a list of tables"


def test_workspaces_in_a_file_that_are_no_list_of_tables(project: Project) -> None:
    project.file("secrets.toml", f'[sources.captaindata.workspaces.one]\napi_key = "{KEY}"\n')
    assert project.refusal() == "sources.captaindata.workspaces must be a list of tables"


def test_no_tables(project: Project) -> None:
    project.env(workspaces=[])
    assert project.refusal() == NO_WORKSPACE


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (table("two", api_key=None), f"Workspace 'two': {NO_KEY}"),
        (table("two", api_key=""), f"Workspace 'two': {NO_KEY}"),
        (table("two", api_key=[KEY]), f"Workspace 'two': {NO_KEY}"),
        ({"name": "two", "project_uid": "q"}, f"Workspace 'two': {NO_KEY}"),
        (table("two", project_uid=""), f"Workspace 'two': {NO_PROJECT}"),
        (table("two", project_uid=7), f"Workspace 'two': {NO_PROJECT}"),
        ({"name": "two", "api_key": KEY}, f"Workspace 'two': {NO_PROJECT}"),
        ({"api_key": KEY, "project_uid": "q"}, "Workspace number 2: name is missing or empty"),
        (table(""), "Workspace number 2: name is missing or empty"),
        ({**table(), "name": ["two"]}, "Workspace number 2: name is missing or empty"),
        (
            table("two", rpm=5, Base_url="x"),
            "Workspace number 2: unknown option 'Base_url' (did you mean 'base_url'?), 'rpm'; "
            f"{KNOWN}",
        ),
        (
            table("two", full_refresh=True),
            f"Workspace number 2: unknown option 'full_refresh'; {KNOWN}",
        ),
        (table("one", project_uid="q"), "name 'one' is configured for more than one workspace"),
        (
            table("two", project_uid="project-of-one"),
            "project_uid 'project-of-one' is configured for more than one workspace",
        ),
        (
            table("two", project_uid="project-of-one", api_version="v4"),
            "project_uid 'project-of-one' is configured for more than one workspace: what v3 and "
            "v4 say of one workspace can't share a dataset",
        ),
        *[
            (
                table("two", result_statuses=wrong),
                "Workspace 'two': result_statuses must be a list of statuses, "
                'such as ["finished", "completed"], or left out',
            )
            for wrong in ("finished", 5, {"finished": 1}, [1], [None])
        ],
        *[
            (
                table("two", max_parallel_requests=wrong),
                "Workspace 'two': max_parallel_requests must be a whole number from 1 to 64, "
                "such as 8",
            )
            for wrong in ("8", 1.5, True, None, [8])
        ],
        *[
            (
                table("two", requests_per_minute=wrong),
                "Workspace 'two': requests_per_minute must be a whole number from 1, such as 150, "
                "or left out",
            )
            for wrong in ("8", 0, 1.5, True, [8])
        ],
        *[
            (
                table("two", details_max_age_days=wrong),
                "Workspace 'two': details_max_age_days must be a number of days from 0, such as 7",
            )
            for wrong in ("7", -0.1, True, None)
        ],
        *[
            (
                table("two", **{option: wrong}),
                f"Workspace 'two': {option} must be a list of keys of results, such as [\"email\"]",
            )
            for option in ("exclude_fields", "hash_fields")
            for wrong in ("email", None, [""], [7])
        ],
        (
            table("two", exclude_fields=["a", "b"], hash_fields=["c", "b"]),
            "Workspace 'two': hash_fields and exclude_fields both name b",
        ),
        *[
            (
                table("two", hash_salt=wrong),
                "Workspace 'two': hash_salt must be a text that is not empty, such as 32 random "
                "characters, or left out",
            )
            for wrong in ("", 7, [KEY])
        ],
        (
            table("two", keep_secrets="yes"),
            "Workspace 'two': keep_secrets must be true or false",
        ),
        (table("two", base_url=5), "base_url 5 is not a URL"),
        (table("two", base_url="https://x/?a=1"), "base_url takes scheme, host and path only"),
        (
            table("two", base_url="http://example.com"),
            "base_url 'http://example.com' must start with https:// (plain http is taken for "
            "localhost only), so that the key never travels in clear",
        ),
    ],
)
def test_one_of_several_workspaces_is_wrong(
    project: Project, second: dict[str, object], message: str
) -> None:
    project.env(workspaces=[table("one"), second])
    assert project.refusal() == message


LOAD = """
import traceback
from captaindata_source.settings.config import load_config
from captaindata_source.errors import ConfigError
try:
    load_config()
except ConfigError as error:
    print(error)
    traceback.print_exc()
"""


def test_a_file_that_is_no_toml_is_named_with_the_line(project: Project, tmp_path: Path) -> None:
    """In a process of its own: dlt reads the files once, with the first option."""
    project.file("secrets.toml", f'[sources.captaindata]\napi_key = "{KEY}" x\n')
    process = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert process.stdout.strip().startswith(".dlt/secrets.toml, line 2: is not TOML; ")
    assert len(process.stdout.splitlines()) == 1
    assert "ConfigError" in process.stderr
    assert KEY not in process.stdout + process.stderr


def test_a_section_that_is_a_value(project: Project) -> None:
    project.file("secrets.toml", f'sources.captaindata = "{KEY}"\n')
    assert project.refusal() == NO_WORKSPACE


# -- selection ------------------------------------------------------------------------------------


def settings_of(*names: str) -> list[Settings]:
    return [
        Settings(api_key=Secret(KEY), project_uid=f"project-of-{name}", name=name) for name in names
    ]


def test_select() -> None:
    one, two, three = settings_of("one", "two", "three")
    assert select([one, two, three], []) == [one, two, three]
    assert select([one, two, three], ["three", "one", "three"]) == [three, one]


def test_select_names_what_it_does_not_know() -> None:
    with pytest.raises(ConfigError) as caught:
        select(settings_of("one", "two"), ["one", "drei", "vier"])
    assert str(caught.value) == "Unknown workspace 'drei', 'vier'; configured are 'one', 'two'"


def test_settings_refuse_a_key_that_prints_itself() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(api_key=KEY, project_uid="p")  # type: ignore[arg-type]
    assert str(caught.value) == f"Workspace 'default': {NO_KEY}"


def test_settings_refuse_an_empty_name() -> None:
    with pytest.raises(ConfigError) as caught:
        Settings(api_key=Secret(KEY), project_uid="p", name="")
    assert str(caught.value) == "Workspace '': name must not be empty"
