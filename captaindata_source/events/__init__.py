"""Receives events by HTTP and loads what they tell of.

`captaindata_source.events:app` is the ASGI application of `captaindata listen`, for servers that
run it themselves; its options are read from dlt's configuration when it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captaindata_source.events.receiver import EventApp

    app: EventApp

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    from captaindata_source.events.receiver import EventApp  # noqa: PLC0415 - an extra

    globals()["app"] = EventApp()
    return globals()["app"]
