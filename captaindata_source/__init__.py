"""Captain Data as a dlt source.

`captaindata()` is the source of one workspace; the command `captaindata` syncs one or many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captaindata_source.source import captaindata

__all__ = ["__version__", "captaindata"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Imports the source, and with it dlt, only when it is used."""
    if name == "captaindata":
        from captaindata_source.source import captaindata  # noqa: PLC0415

        return captaindata
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
