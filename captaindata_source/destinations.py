"""A dlt destination that reads its configuration once.

dlt asks for a destination's configuration some forty times in a load, and looks each of its fields
up in the environment and in all files each time, which is most of the time of a sync that finds
nothing new.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.destination import AnyDestination

__all__ = ["read_once"]


def read_once(destination: AnyDestination) -> AnyDestination:
    """The same destination; what it is configured with is looked up once and then copied.

    Args:
        destination: Lives as long as one pipeline, so that a changed environment is seen by the
            next.
    """
    look_up = destination.configuration
    known: dict[Hashable, Any] = {}

    def configuration(initial_config: Any, accept_partial: bool = False) -> Any:
        if initial_config.is_resolved():
            return initial_config
        key = (accept_partial, repr(sorted(_plain(initial_config).items())))
        if key not in known:
            known[key] = look_up(initial_config, accept_partial).copy()
        config = known[key].copy()
        if config.is_resolved() and config.credentials is not None:
            config.credentials.resolve()  # a copy of DuckDB's has no connections yet
        return config

    destination.configuration = configuration  # type: ignore[method-assign]
    return destination


def _plain(config: BaseConfiguration) -> dict[str, Any]:
    """What was set before the look-up; credentials are those of the destination, or empty."""
    return {name: config[name] for name in config if name != "credentials"}
