"""Captain Data as a dlt source.

`sync()` and `resync()` do what the commands do that have these names, and `workspaces()` names what
is configured. `captaindata()` is the dlt source of one workspace for pipelines of your own, and
`refresh_views()` makes the views of what one loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captaindata_source.engine.report import SyncReport
    from captaindata_source.engine.resync import resync
    from captaindata_source.engine.sync import sync
    from captaindata_source.errors import ConfigError
    from captaindata_source.settings.config import workspaces
    from captaindata_source.source import captaindata
    from captaindata_source.views.refresh import refresh_views

__all__ = [
    "ConfigError",
    "SyncReport",
    "__version__",
    "captaindata",
    "refresh_views",
    "resync",
    "sync",
    "workspaces",
]

__version__ = "0.1.0"

_MODULES = {
    "ConfigError": "errors",
    "SyncReport": "engine.report",
    "captaindata": "source",
    "refresh_views": "views.refresh",
    "resync": "engine.resync",
    "sync": "engine.sync",
    "workspaces": "settings.config",
}
"""Imported when they are first used: most of them import dlt."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
