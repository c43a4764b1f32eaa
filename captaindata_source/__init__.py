"""Captain Data as a dlt source.

`captaindata()` is the source of one workspace, `refresh_views()` makes the views of what was
loaded; the command `captaindata` syncs one or many and does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captaindata_source.source import captaindata
    from captaindata_source.views.refresh import refresh_views

__all__ = ["__version__", "captaindata", "refresh_views"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Imports the source, and with it dlt, only when it is used."""
    if name == "captaindata":
        from captaindata_source.source import captaindata  # noqa: PLC0415

        return captaindata
    if name == "refresh_views":
        from captaindata_source.views.refresh import refresh_views  # noqa: PLC0415

        return refresh_views
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
