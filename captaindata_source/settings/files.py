"""Reads `secrets.toml` and `config.toml` for dlt, and says in one line what is wrong with one.

No message holds what stands in a line: it may be a key.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from captaindata_source.dlt_internals.options import read_files_with
from captaindata_source.errors import ConfigError, root_error

__all__ = ["is_utf8", "read_toml", "require_readable"]

UTF8_BOM = b"\xef\xbb\xbf"
WIDE = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|.\0.\0|\0.\0.", re.DOTALL)
"""How UTF-16 and UTF-32 begin, with a byte order mark or without."""
CURLY = re.compile("[\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb]")
PLACE = re.compile(r"\(at line (\d+), column \d+\)")
TWICE = re.compile(r"overwrite|twice|Cannot declare|mutate|immutable|[Dd]uplicate")
SAVE_AS = "save the file as UTF-8"
PREFIXES = ("SOURCES__", "DESTINATION__", "DLT_", "LOAD__", "EXTRACT__", "NORMALIZE__", "RUNTIME__")
"""Of the variables of the environment that dlt is configured with."""


def require_readable() -> None:
    """Sees that all files that dlt is configured with can be read, and the environment, too.

    Everything that asks dlt for an option comes here first. A byte order mark is passed over.

    Raises:
        ConfigError: One can't be read; names it, the line and what to do.
    """
    _require_utf8()
    from dlt.common.configuration.container import Container  # noqa: PLC0415 - slow
    from dlt.common.configuration.exceptions import (  # noqa: PLC0415
        ConfigProviderException,
        ConfigurationException,
    )
    from dlt.common.configuration.specs.pluggable_run_context import (  # noqa: PLC0415
        PluggableRunContext,
    )

    read_files_with(read_toml)
    try:
        Container()[PluggableRunContext]
    except ConfigProviderException as error:
        root = root_error(error)
        if isinstance(root, ConfigError):
            raise ConfigError(str(root)) from None
        raise ConfigError(f"{error.provider_name} can't be read: see that it is TOML") from None
    except (ConfigurationException, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"An option of dlt itself can't be used, in [runtime] for example: {said}"
        ) from None


def read_toml(path: Path) -> Any:
    """The document of a file; None where there is none.

    Raises:
        ConfigError: It can't be read.
    """
    import tomlkit  # noqa: PLC0415 - slow
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    name = _shown(path)
    content = _bytes_of(path, name)
    if content is None:
        return None
    text = _text_of(content, name)
    try:
        document = tomlkit.parse(text)
        document.unwrap()
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        raise ConfigError(f"{name}{_diagnosis(text, error)}") from None
    return document


def _bytes_of(path: Path, name: str) -> bytes | None:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{name} can't be read: {error.strerror}") from None
    try:
        if stat.S_ISLNK(mode):
            mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise ConfigError(f"{name} is {what}: put a file in its place, or remove it")
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{name} is a link to a file that does not exist: put it there, or remove the link"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{name} can't be read: {error.strerror}; give this user the right to (chmod u+r)"
        ) from None


def _text_of(content: bytes, name: str) -> str:
    if WIDE.match(content[:4]):
        raise ConfigError(f"{name}, line 1: it is in UTF-16 or UTF-32: {SAVE_AS}")
    content = content.removeprefix(UTF8_BOM)
    if b"\0" in content:
        line = _line_at(content, content.index(b"\0"))
        raise ConfigError(f"{name}, line {line}: holds a NUL: delete it, or write the line anew")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = _line_at(content, error.start)
        raise ConfigError(
            f"{name}, line {line}: holds bytes that are not UTF-8 (Latin-1?): {SAVE_AS}"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_at(content: bytes, place: int) -> int:
    before = content[:place].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return before.count(b"\n") + 1


def _diagnosis(text: str, error: Exception) -> str:
    """Where the text is no TOML, and why."""
    said, line = "", getattr(error, "line", None)
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as other:
        said = str(other)
        found = PLACE.search(said)
        line = int(found[1]) if found else len(text.rstrip("\n").split("\n"))
    place = f", line {line}: " if line else ": "
    lines = text.split("\n")
    if line and CURLY.search(lines[min(line, len(lines)) - 1]):
        why = 'has curly quotes; write straight ones, such as api_key = "…"'
    elif TWICE.search(said) or "already" in str(error):
        why = "a key or section stands there a second time; keep one"
    elif "at end of document" in said:
        why = "a quote or bracket that was opened is not closed until the end of the file"
    else:
        why = (
            "is not TOML; a line is [section] or name = value, and texts stand in quotes, such as "
            'api_key = "…"'
        )
    return place + why


def _shown(path: Path) -> str:
    """A path as people know it: below the current folder without that folder."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else path)


def _require_utf8() -> None:
    for name, value in os.environ.items():
        is_ours = name.upper().startswith(PREFIXES)
        if is_ours and not (is_utf8(name) and is_utf8(value)):
            shown = name.encode("ascii", "replace").decode()
            raise ConfigError(f"The environment variable {shown} is not UTF-8: set it anew")
    if not is_utf8(str(Path.cwd())):
        raise ConfigError("The name of the current folder is not UTF-8: rename it")


def is_utf8(text: str) -> bool:
    """Whether a text that the system gave was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
