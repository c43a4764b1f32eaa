"""`captaindata init`: the first two files of a project."""

from __future__ import annotations

import argparse
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from captaindata_source.cli.output import write_text
from captaindata_source.cli.shared_arguments import OK, Parsers, add_command
from captaindata_source.errors import ConfigError
from captaindata_source.files import opener
from captaindata_source.settings.files import read_toml

__all__ = ["add_init"]

FOLDER = ".dlt"
FILES = {"secrets.toml": "secrets.toml.example", "config.toml": "config.toml"}
"""What is written, and the text that it is written from."""


def add_init(commands: Parsers) -> None:
    """Adds the command."""
    text = "write .dlt/secrets.toml and .dlt/config.toml, to be filled in"
    add_command(commands, "init", text, _init)


def _init(_: argparse.Namespace) -> int:
    for path in _write_starter(Path.cwd()):
        write_text(f"wrote {path.relative_to(Path.cwd())}")
    write_text(
        "Next: put your API key and project UID into .dlt/secrets.toml, keep it out of version "
        "control, and run `captaindata check`, then `captaindata sync`"
    )
    return OK


def _write_starter(folder: Path) -> list[Path]:
    """Writes `.dlt/secrets.toml` and `.dlt/config.toml`, for their owner alone.

    A file that holds the same text already is left as it is.

    Args:
        folder: Gets them.

    Returns:
        What was written.

    Raises:
        ConfigError: One of them is there, or can't be written; nothing is written then.
    """
    place = folder / FOLDER
    texts = {place / name: _template(source) for name, source in FILES.items()}
    there = [path for path in texts if path.is_symlink() or path.exists()]
    for path in there:
        read_toml(path)
    in_the_way = [path for path in there if path.read_text(encoding="utf-8-sig") != texts[path]]
    if in_the_way or len(there) == len(texts):
        names = " and ".join(str(path.relative_to(folder)) for path in in_the_way or there)
        raise ConfigError(
            f"{names} would be overwritten: move it away first, or put what is missing into it"
        )
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        wanted = [path for path in texts if path not in there]
        for path in wanted:
            with open(path, "x", encoding="utf-8", opener=opener) as file:
                file.write(texts[path])
    except OSError as error:
        raise ConfigError(f"{error.filename} can't be written: {error.strerror}") from None
    return wanted


def _template(name: str) -> str:
    """A text of `.dlt/`, which is within the package where it was installed from a wheel."""
    packaged: Traversable = files("captaindata_source") / "dlt"
    found = packaged if packaged.is_dir() else Path(__file__).parents[2] / FOLDER
    return (found / name).read_text(encoding="utf-8")
