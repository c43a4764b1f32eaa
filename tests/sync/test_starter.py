"""`captaindata init`, and arguments of the command line that are no numbers."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from captaindata_source.cli.main import build_parser
from captaindata_source.sandbox import Sandbox, World
from tests.support import processes

EXAMPLES = Path(__file__).parents[2] / ".dlt"
SECRETS, CONFIG = Path(".dlt/secrets.toml"), Path(".dlt/config.toml")
WHOLE = "must be a whole number from 1"
NO_KEYS = '"copy it from My Account > General"'


def init(folder: Path) -> processes.Completed:
    environment = {"PATH": os.environ["PATH"], "DLT_DATA_DIR": str(folder / "data")}
    return processes.run(["init"], environment=environment, folder=folder)


def test_init_writes_both_files_for_their_owner_alone(tmp_path: Path) -> None:
    done = init(tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "wrote .dlt/secrets.toml",
        "wrote .dlt/config.toml",
        "Next: put your API key and project UID into .dlt/secrets.toml, keep it out of version "
        "control, and run `captaindata check`, then `captaindata sync`",
    ]
    for path, example in ((SECRETS, "secrets.toml.example"), (CONFIG, "config.toml")):
        assert (tmp_path / path).read_bytes() == (EXAMPLES / example).read_bytes()
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
    assert tomllib.loads((tmp_path / SECRETS).read_text(encoding="utf-8"))["sources"]


def test_what_init_writes_says_what_is_missing_and_works_with_keys(tmp_path: Path) -> None:
    init(tmp_path)
    with Sandbox(World(1, workspaces=1, workflows=2, jobs_per_day=0.1)) as sandbox:
        environment = {
            "PATH": os.environ["PATH"],
            "DLT_DATA_DIR": str(tmp_path / "data"),
            "SOURCES__CAPTAINDATA__BASE_URL": sandbox.base_url,
        }
        done = processes.run(["check"], environment=environment, folder=tmp_path)
        assert done.code == 2
        assert "copy it from My Account > General" in done.stderr
        workspace = sandbox.world.workspaces[0]
        text = (tmp_path / SECRETS).read_text(encoding="utf-8")
        text = text.replace(NO_KEYS, f'"{workspace.api_key}"')
        text = text.replace(
            '"the workspace UID in the address of your workspace"', f'"{workspace.uid}"'
        )
        (tmp_path / SECRETS).write_text(text, encoding="utf-8")
        done = processes.run(["check"], environment=environment, folder=tmp_path)
        assert done.code == 0, done.stdout + done.stderr


@pytest.mark.parametrize("there", [[SECRETS], [CONFIG], [SECRETS, CONFIG]])
def test_init_overwrites_nothing(tmp_path: Path, there: list[Path]) -> None:
    (tmp_path / ".dlt").mkdir()
    for path in there:
        (tmp_path / path).write_text("x = 1\n", encoding="utf-8")
    done = init(tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        f"captaindata: {' and '.join(map(str, there))} would be overwritten: move it away first, "
        "or put what is missing into it\n"
    )
    assert [path for path in (SECRETS, CONFIG) if (tmp_path / path).exists()] == there
    assert all((tmp_path / path).read_text(encoding="utf-8") == "x = 1\n" for path in there)


def test_init_in_a_clone_and_twice(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    text = (EXAMPLES / "config.toml").read_text(encoding="utf-8")
    (tmp_path / CONFIG).write_text(text, encoding="utf-8")
    done = init(tmp_path)
    assert (done.code, done.stdout.splitlines()[0]) == (0, "wrote .dlt/secrets.toml")
    done = init(tmp_path)
    assert done.code == 2
    assert ".dlt/secrets.toml and .dlt/config.toml would be overwritten" in done.stderr


@pytest.mark.parametrize("kind", ["link", "broken", "folder is a file"])
def test_init_where_nothing_can_be_written(tmp_path: Path, kind: str) -> None:
    if kind == "folder is a file":
        (tmp_path / ".dlt").write_text("", encoding="utf-8")
    else:
        (tmp_path / ".dlt").mkdir()
    if kind == "link":
        (tmp_path / SECRETS).symlink_to(tmp_path / "elsewhere")
    if kind == "broken":
        (tmp_path / SECRETS).write_bytes("é".encode("utf-16"))
    done = init(tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "elsewhere").exists()
    expected = {"link": "is a link to", "broken": "line 1: it is in UTF-16"}
    assert expected.get(kind, "can't be written") in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["sync", "--max-requests", "abc"],
            f"{WHOLE}, such as 500, not 'abc'",
        ),
        (["sync", "--max-requests", "0"], f"{WHOLE}, such as 500, not '0'"),
        (
            ["sync", "--max-requests", "1.5"],
            f"{WHOLE}, such as 500, not '1.5'",
        ),
        (["sync", "--max-minutes=-1"], "must be a number above 0, such as 30, not '-1'"),
        (["sync", "--max-minutes", "nan"], "must be a number above 0, such as 30, not 'nan'"),
        (["sync", "--max-minutes", "soon"], "must be a number above 0, such as 30, not 'soon'"),
        (["results", "preview", "w", "--limit", "x"], "must be a whole number from 1, such as 10"),
        (
            ["sandbox", "--port", "99999"],
            "must be a whole number from 0 to 65535, such as 8765, ",
        ),
        (
            ["sandbox", "--port", "http"],
            "must be a whole number from 0 to 65535, such as 8765, ",
        ),
        (["sandbox", "--seed", "x"], "must be a whole number, such as 7, not 'x'"),
        (["sandbox", "--rate-limit", "0"], "must be a whole number from 1, such as 60, not '0'"),
        (["sandbox", "--days-per-minute", "inf"], "must be a number from 0, such as 10, not 'inf'"),
    ],
)
def test_arguments_that_are_no_numbers(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(arguments)
    assert caught.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert message in said
    assert "_" not in said, "no name of a function"
