"""All options of `sources.captaindata` by name; whatever else is configured is refused.

An option is declared once, as a field of `Settings` (of a workspace), of `SyncOptions` (of a sync)
or of `EventOptions` (of the receiver of events): its type, default, example, check and description
stand there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from captaindata_source.settings.event_options import EventOptions
from captaindata_source.settings.kinds import ANY, Option, option_of
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings

__all__ = ["EVENT_OPTIONS", "LOAD_OPTIONS", "OPTIONS", "WORKSPACE_OPTIONS"]

NAME = "workspace_name"
"""What `name` is called outside of the tables of `workspaces`."""


def _declared(
    kind: type[Settings] | type[SyncOptions] | type[EventOptions],
) -> Iterator[tuple[str, Option]]:
    for field in dataclasses.fields(kind):
        if (found := option_of(field)) is not None:
            yield field.name, dataclasses.replace(found, default=field.default)


WORKSPACE_OPTIONS: Mapping[str, Option] = {
    name: dataclasses.replace(option, default=None) for name, option in _declared(Settings)
}
"""Those of a table of `workspaces`; `Settings` gives the default of one that is left out."""
LOAD_OPTIONS: Mapping[str, Option] = dict(_declared(SyncOptions))
"""How a sync loads."""
EVENT_OPTIONS: Mapping[str, Option] = dict(_declared(EventOptions))
"""How events are received."""
OPTIONS: Mapping[str, Option] = {
    **{NAME if name == "name" else name: option for name, option in WORKSPACE_OPTIONS.items()},
    **LOAD_OPTIONS,
    **EVENT_OPTIONS,
    "workspaces": Option(ANY, "", is_secret=True),
}
