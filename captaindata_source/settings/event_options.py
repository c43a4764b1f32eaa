"""How events are received: the options of `captaindata listen` beside those of syncs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from captaindata_source.errors import ConfigError
from captaindata_source.settings.kinds import NUMBER, SECTION, TEXT, option, option_of

__all__ = ["EventOptions"]


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


@dataclass(frozen=True, kw_only=True)
class EventOptions:
    """How to receive events.

    Args:
        event_inbox: Path of the file that keeps events until they are loaded.
        event_destination: Name of a dlt destination, for the ASGI application.
        event_dataset: Dataset (schema) of the tables, for the ASGI application.
        event_max_wait: Seconds that a job waits for others which one call reads with it; 0: each is
            read at once. None: up to 3 minutes with v4, 20 with v3.

    Raises:
        ConfigError: Names the option and says what it takes.
    """

    event_inbox: str = field(
        default="captaindata-events.db",
        metadata=option(
            TEXT,
            '"/var/lib/captaindata/events.db"',
            must="must be a path",
            allows=_is_filled,
        ),
    )
    event_destination: str = field(
        default="duckdb",
        metadata=option(
            TEXT,
            '"postgres"',
            must="must be the name of a dlt destination",
            allows=_is_filled,
        ),
    )
    event_dataset: str = field(
        default="captaindata",
        metadata=option(
            TEXT,
            '"captaindata"',
            must="must be the name of a dataset",
            allows=_is_filled,
        ),
    )
    event_max_wait: float | None = field(
        default=None,
        metadata=option(
            NUMBER,
            "60",
            must="must be seconds, from 0 to 86400",
            allows=lambda value: value is None or 0 <= value <= 86_400,
        ),
    )

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            found = option_of(each)
            if found and (objection := found.objection(getattr(self, each.name))):
                raise ConfigError(f"{SECTION}.{each.name} {objection}")
