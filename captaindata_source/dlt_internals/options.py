"""Where dlt reads its configuration, and what it logs. Imports dlt only where it is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["is_of_load_step", "place_of_option", "read_files_with", "sections"]

LOAD_STEP = "load"
"""dlt's module that loads: all of dlt logs under one name."""


def read_files_with(read: Callable[[Path], Any]) -> None:
    """Lets dlt read its files of configuration with a function of ours, in this process.

    dlt's own takes no byte order mark, passes over a folder, and quotes the line that is wrong.

    Args:
        read: Gives the TOML document of a file, None where there is no file.
    """
    from dlt.common.configuration.providers.toml import SettingsTomlProvider  # noqa: PLC0415 - slow

    def read_toml_file(_: object, path: str) -> Any:
        return read(Path(path))

    SettingsTomlProvider._read_toml_file = read_toml_file  # type: ignore[method-assign, assignment]


def sections() -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """dlt's sources of configuration that hold sections, each with all that it holds."""
    from dlt.common.configuration.container import Container  # noqa: PLC0415 - slow
    from dlt.common.configuration.specs.pluggable_run_context import (  # noqa: PLC0415
        PluggableRunContext,
    )

    for provider in Container()[PluggableRunContext].providers.providers:
        document = getattr(provider, "_config_doc", None)
        if isinstance(document, Mapping):
            yield provider, document


def place_of_option(provider: Any, path: tuple[str, ...]) -> str:
    """Where an option is configured, as people know it."""
    if not hasattr(provider, "get_value_location"):
        return str(provider.name)
    found = provider.get_value_location(path[-1], None, *path[:-1]) or provider.name
    folder, is_global, file = str(found).rpartition("global:")
    return f"{getattr(provider, '_global_dir', folder)}/{file}" if is_global else file


def is_of_load_step(record: logging.LogRecord) -> bool:
    """Whether dlt's load step logged it."""
    return record.module == LOAD_STEP
