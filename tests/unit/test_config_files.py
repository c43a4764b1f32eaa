"""Files and variables that dlt is configured with: what is broken, and what nothing would read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from captaindata_source import captaindata
from captaindata_source.errors import ConfigError
from captaindata_source.settings.config import load_config, load_options
from captaindata_source.warehouse.preflight import require_dlt_options
from tests.support import processes

KEY = "k3y-0f-a-customer"
GOOD = f'[sources.captaindata]\napi_key = "{KEY}"\nproject_uid = "p"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith("SOURCES__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    yield tmp_path / ".dlt"
    monkeypatch.undo()
    reload()


def reload() -> None:
    """As in a new process: dlt reads files with the first option that it is asked for."""
    if PluggableRunContext in Container():
        del Container()[PluggableRunContext]


def refusal() -> str:
    reload()
    with pytest.raises(ConfigError) as caught:
        load_config()
    said = str(caught.value)
    assert "\n" not in said
    assert KEY not in said
    return said


# -- files that can't be read ----------------------------------------------------------------------

MISSING_QUOTE = GOOD.replace(f'"{KEY}"', f'"{KEY}')
BROKEN = {
    "utf-16": (GOOD.encode("utf-16"), "line 1: it is in UTF-16 or UTF-32: save the file as UTF-8"),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), "line 1: it is in UTF-16"),
    "utf-32": (GOOD.encode("utf-32"), "line 1: it is in UTF-16 or UTF-32"),
    "latin-1": (f"{GOOD}# é\n".encode("latin-1"), "line 4: holds bytes that are not UTF-8"),
    "latin-1, old ends of lines": (
        f"{GOOD}# é\n".replace("\n", "\r").encode("latin-1"),
        "line 4: holds bytes that are not UTF-8",
    ),
    "a NUL": (GOOD.replace(KEY, f"{KEY}\0").encode(), "line 2: holds a NUL"),
    "no quotes": (GOOD.replace('"', "").encode(), "line 2: is not TOML; "),
    "one quote": (MISSING_QUOTE.encode(), "line 2: is not TOML; "),
    "curly quotes": (GOOD.replace('"', "”").encode(), "line 2: has curly quotes; "),
    "French quotes": (GOOD.replace('"', "«").encode(), "line 2: has curly quotes; "),
    "a key twice": (
        f'{GOOD}api_key = "{KEY}"\n'.encode(),
        "line 4: a key or section stands there a second time; keep one",
    ),
    "a section twice": (f"{GOOD}\n{GOOD}".encode(), "line 5: a key or section stands there a s"),
    "open to its end": (GOOD.replace('"p"', '["p"').encode(), "line 3: a quote or bracket that"),
    "a key alone": (f"{KEY}\n".encode(), "line 1: is not TOML; "),
}


@pytest.mark.parametrize("file", ["secrets.toml", "config.toml"])
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_with_its_line(folder: Path, case: str, file: str) -> None:
    content, message = BROKEN[case]
    (folder / file).write_bytes(content)
    assert refusal().startswith(f".dlt/{file}, {message}")


def test_a_file_in_the_global_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Path(Container()[PluggableRunContext].context.global_dir)
    monkeypatch.setattr(type(Container()[PluggableRunContext].context), "global_dir", str(folder))
    (folder / "secrets.toml").write_text("x = ", encoding="utf-8")
    monkeypatch.setenv("DLT_PROJECT_DIR", str(there / "nowhere"))
    assert refusal().startswith(".dlt/secrets.toml, line 1: ")


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "secrets.toml").mkdir()
    assert refusal() == (".dlt/secrets.toml is a folder: put a file in its place, or remove it")


def test_a_link_to_nothing_and_one_to_itself(folder: Path) -> None:
    link = folder / "secrets.toml"
    link.symlink_to(folder / "gone")
    assert refusal().startswith(".dlt/secrets.toml is a link to a file that does not exist")
    link.unlink()
    link.symlink_to(link)
    assert refusal().startswith(".dlt/secrets.toml can't be read: ")


def test_a_byte_order_mark_and_windows_ends_of_lines_are_no_fault(folder: Path) -> None:
    text = GOOD.replace("\n", "\r\n")
    (folder / "secrets.toml").write_bytes(text.encode("utf-8-sig"))
    (folder / "config.toml").write_bytes(
        "[sources.captaindata]\nmax_parallel_requests = 3\n".encode("utf-8-sig")
    )
    reload()
    [settings] = load_config().workspaces
    assert (settings.api_key.reveal(), settings.max_parallel_requests) == (KEY, 3)


@pytest.mark.parametrize(
    "command",
    [
        ["sync"],
        ["check"],
        ["views", "create"],
        ["views", "drop"],
        ["views", "list"],
        ["results", "list"],
        ["results", "preview", "x"],
        ["results", "export", "x"],
    ],
)
def test_every_command_says_so(folder: Path, command: list[str]) -> None:
    secrets, config = folder / "secrets.toml", folder / "config.toml"
    secrets.write_text(GOOD.replace('"', ""), encoding="utf-8")
    said = refused(command, folder.parent)
    assert said.startswith("captaindata: .dlt/secrets.toml, line 2: is not TOML; ")
    secrets.write_text(GOOD, encoding="utf-8")
    config.write_text('[sources.captaindata]\nexclude_field = ["phone"]\n', encoding="utf-8")
    said = refused(command, folder.parent)
    assert said.startswith("captaindata: Unknown option 'exclude_field' in sources.captaindata (co")


def refused(command: list[str], folder: Path) -> str:
    done = processes.run(command, environment=dict(os.environ), folder=folder)
    assert (done.code, done.stdout) == (2, "")
    assert KEY not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_variables_that_are_not_utf8(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "SOURCES__CAPTAINDATA__WORKSPACE_NAME"
    monkeypatch.setenv(name, os.fsdecode(b"\xe9"))
    assert refusal() == f"The environment variable {name} is not UTF-8: set it anew"
    monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_DATA_DIR", os.fsdecode(b"/tmp/\xe9"))
    assert refusal() == "The environment variable DLT_DATA_DIR is not UTF-8: set it anew"


def test_arguments_that_are_not_utf8(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff")
    for arguments in (["sync", "--destination", odd], ["check", "--workspace", odd]):
        said = refused(arguments, tmp_path)
        assert said == (
            f"captaindata: The argument {arguments[1][2:]} is not UTF-8: type it anew\n"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[runtime]\nlog_level = 7\n",
            "captaindata: An option of dlt itself can't be used, in [ru",
        ),
        (
            '[destination.duckdb]\ncredentials = "w.duckdb"\n',
            "captaindata: destination.duckdb.credentials is not read from config.toml, for it is ",
        ),
        ('[destination.duckdb]\ncredentials = "md:x"\n', "captaindata: destination.duckdb.creden"),
    ],
)
def test_options_of_dlt_that_can_not_be_used(folder: Path, text: str, message: str) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    assert refused(["results", "list"], folder.parent).startswith(message)


# -- what nothing would read -----------------------------------------------------------------------


@pytest.mark.parametrize("file", ["secrets.toml", "config.toml"])
@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ('exclude_field = ["phone"]', "exclude_fields"),
        ('hash_filds = ["email"]', "hash_fields"),
        ("max_paralel_requests = 3", "max_parallel_requests"),
        ('excludeFields = ["phone"]', "exclude_fields"),
        ('exclude-fields = ["phone"]', "exclude_fields"),
        ('Hash_Fields = ["email"]', "hash_fields"),
    ],
)
def test_an_unknown_option_beside_keys_in_another_file(
    folder: Path, file: str, line: str, meant: str
) -> None:
    """The keys are where README has them; the option is in either file."""
    text = GOOD if file == "config.toml" else GOOD + line
    (folder / "secrets.toml").write_text(text, encoding="utf-8")
    if file == "config.toml":
        (folder / file).write_text(f"[sources.captaindata]\n{line}\n", encoding="utf-8")
    name = line.split(" = ", maxsplit=1)[0]
    assert refusal().startswith(
        f"Unknown option {name!r} in sources.captaindata ({file}) (did you mean {meant!r}?); known "
    )


@pytest.mark.parametrize(
    "section",
    [
        "source.captaindata",
        "sources.captain_data",
        "sources.captainData",
        "sources.CaptainData",
        "Sources.captaindata",
        "sources.captaindta",
        "sources.captain.data",
        '"sources.captaindata"',
        "sources_captaindata",
        "sources.captaindata_source",
        "captaindata",
        "source",
    ],
)
def test_a_section_that_nearly_matches(folder: Path, section: str) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    (folder / "config.toml").write_text(
        f'[{section}]\nexclude_fields = ["phone"]\n', encoding="utf-8"
    )
    name = section.strip('"')
    assert refusal() == (
        f"Section {name!r} (config.toml) is read by nothing: did you mean [sources.captaindata]?"
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[sources.captaindata.workspace]", "(did you mean 'workspaces'?)"),
        ("[[sources.captaindata.workspace]]", "(did you mean 'workspaces'?)"),
        ("[sources.captaindata.captaindata]", "Unknown option 'captaindata'"),
    ],
)
def test_a_section_within_that_nearly_matches(folder: Path, section: str, message: str) -> None:
    (folder / "secrets.toml").write_text(f'{section}\napi_key = "{KEY}"\n', encoding="utf-8")
    assert message in refusal()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'exclude_field = ["phone"]',
            "Option 'exclude_field' (config.toml) is read by nothing: did you mean "
            "sources.captaindata.exclude_fields?",
        ),
        (
            '[sources]\nhash_field = ["phone"]',
            "Option 'sources.hash_field' (config.toml) is read by",
        ),
        (
            '[[sources.workspace]]\nname = "x"',
            "Option 'sources.workspace' (config.toml) is read by",
        ),
        ('[[sources.captaindata]]\nname = "x"', "sources.captaindata must be one section (config"),
        ('[[source.captaindata.workspaces]]\nname = "x"', "Section 'source.captaindata' (config.t"),
        (
            '[[captaindata.workspaces]]\nname = "x"',
            "Section 'captaindata' (config.toml) is read by",
        ),
    ],
)
def test_options_and_tables_outside_of_the_section(folder: Path, text: str, message: str) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    (folder / "config.toml").write_text(f"{text}\n", encoding="utf-8")
    assert refusal().startswith(message)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SOURCE__CAPTAINDATA__EXCLUDE_FIELDS", "SOURCES__CAPTAINDATA__EXCLUDE_FIELDS"),
        ("SOURCES__CAPTAIN_DATA__API_KEY", "SOURCES__CAPTAINDATA__API_KEY"),
        ("SOURCES_CAPTAINDATA_API_KEY", "SOURCES__CAPTAINDATA__API_KEY"),
        ("SOURCES__CAPTAINDATA_HASH_FIELDS", "SOURCES__CAPTAINDATA__HASH_FIELDS"),
        ("sources__captaindata__hash_fields", "SOURCES__CAPTAINDATA__HASH_FIELDS"),
        ("CAPTAINDATA__API_KEY", "SOURCES__CAPTAINDATA__API_KEY"),
    ],
)
def test_a_variable_that_nearly_matches(
    folder: Path, variable: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv(variable, KEY)
    assert refusal() == (
        f"The environment variable {variable} is read by nothing: did you mean {meant}?"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("hash_filds", " (did you mean 'hash_fields'?)"),
        ("_api_key", " (did you mean 'api_key'?)"),
        ("workspaces__0__api_key", ""),
    ],
)
def test_an_unknown_option_in_the_environment(
    folder: Path, name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    variable = f"SOURCES__CAPTAINDATA__{name.upper()}"
    monkeypatch.setenv(variable, '["email"]')
    assert refusal().startswith(
        f"Unknown option {name!r} in sources.captaindata ({variable}){meant}; known are api_key, "
    )


def test_a_secret_where_it_is_not_read(folder: Path) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    (folder / "config.toml").write_text(
        f'[sources.captaindata]\nhash_salt = "{KEY}"\n', encoding="utf-8"
    )
    assert refusal() == (
        "sources.captaindata.hash_salt is not read from config.toml, for it is a secret: move it "
        "to secrets.toml or the environment"
    )


def test_options_of_workspaces_are_looked_at_by_commands_without_one(folder: Path) -> None:
    (folder / "secrets.toml").write_text(
        f'[[sources.captaindata.workspaces]]\nname = "one"\napi_key = "{KEY}"\nrpm = 6\n',
        encoding="utf-8",
    )
    reload()
    with pytest.raises(ConfigError, match="Workspace number 1: unknown option 'rpm'"):
        load_options()


def test_what_is_dlts_or_of_others_passes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    (folder / "config.toml").write_text(
        """
[sources]
max_table_nesting = 1
[sources.data_writer]
buffer_max_items = 100
[sources.captaindata]
schema_contract = "evolve"
max_table_nesting = 0
[sources.captaindata.data_writer]
buffer_max_items = 100
[sources.captaindata_archive]
api_key = "other"
[sources.chess]
api_keys = "other"
[my_pipeline.sources.captaindata]
exclude_fields = ["x"]
[captaindata.sources.captaindata]
exclude_fields = ["x"]
[captaindata.load]
workers = 3
[destination.captaindata]
host = "x"
""",
        encoding="utf-8",
    )
    for name in (
        "SOURCES__DATA_WRITER__BUFFER_MAX_ITEMS",
        "SOURCES__CAPTAINDATA__DATA_WRITER__FILE_MAX_ITEMS",
        "SOURCES__CAPTAINDATA_ARCHIVE__API_KEY",
        "MY_PIPELINE__SOURCES__CAPTAINDATA__LOOKBACK_DAYS",
        "CAPTAINDATA_HOME",
        "API_KEYS",
    ):
        monkeypatch.setenv(name, "100")
    reload()
    [settings] = load_config().workspaces
    assert (settings.api_key.reveal(), settings.exclude_fields) == (KEY, ())


def test_the_source_of_a_pipeline_of_ones_own_refuses_them_too(folder: Path) -> None:
    (folder / "secrets.toml").write_text(GOOD, encoding="utf-8")
    (folder / "config.toml").write_text(
        '[sources.captaindata]\nexclude_field = ["phone"]\n', encoding="utf-8"
    )
    reload()
    with pytest.raises(ConfigError, match="Unknown option 'exclude_field' in sources"):
        captaindata()
    (folder / "config.toml").write_text(
        "[sources.captaindata]\nfull_refresh = true\n", encoding="utf-8"
    )
    reload()
    captaindata()


# -- dlt's own options -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[load]\nworkers = 'many'",
            "load.workers, an option of dlt, can't be 'many': its type is",
        ),
        ("[load]\nworkers = 0", "load.workers must be a whole number from 1, such as 2"),
        ("[normalize]\nworkers = 'x'", "normalize.workers, an option of dlt, can't be 'x'"),
        (
            "[normalize.data_writer]\nfile_max_items = 'x'",
            "normalize.data_writer.file_max_items, an option of dlt, can't be 'x'",
        ),
    ],
)
def test_options_that_dlt_reads_when_it_loads(folder: Path, text: str, message: str) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    reload()
    with pytest.raises(ConfigError) as caught:
        require_dlt_options()
    assert str(caught.value).startswith(message)
