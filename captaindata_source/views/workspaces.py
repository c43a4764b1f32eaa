"""The workspaces of a dataset, and those that a user names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from captaindata_source.errors import ConfigError
from captaindata_source.sqltext import quoted
from captaindata_source.tables import WORKSPACES
from captaindata_source.views.results.names import assign_names
from captaindata_source.warehouse.database import Database

__all__ = ["LoadedWorkspace", "choose_workspaces", "folder_names", "loaded_workspaces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWorkspace:
    """A workspace that has been loaded.

    Args:
        uid: Its uid, `workspace_id` in the views.
        label: Its configured name, else its uid: `workspace_label` in the views.
        name: Its name in Captain Data, else its label: `workspace_name` in the views.
        folder: Name for a file or folder of its own, which no other workspace of the dataset has.
    """

    uid: str
    label: str
    name: str
    folder: str


def loaded_workspaces(database: Database, dataset: str) -> list[LoadedWorkspace]:
    """All workspaces of a dataset, by label."""
    if WORKSPACES.name not in database.relations(dataset):
        return []
    rows = database.query(
        f"select uid, coalesce(configured_name, uid), coalesce(name, configured_name, uid) "
        f"from {quoted(dataset)}.{WORKSPACES.name}"
    )
    folders = folder_names({uid: label for uid, label, _ in rows})
    found = [
        LoadedWorkspace(uid=uid, label=label, name=name, folder=folders[uid])
        for uid, label, name in rows
    ]
    return sorted(found, key=lambda each: (each.label, each.uid))


def folder_names(labels: dict[str, str]) -> dict[str, str]:
    """A name for a folder of each workspace, by uid; it depends on all workspaces together."""
    return assign_names(((uid, [[label]]) for uid, label in labels.items()), taken=())


def choose_workspaces(
    found: Sequence[LoadedWorkspace], names: Iterable[str] | None
) -> list[LoadedWorkspace]:
    """Those that a user named.

    Args:
        found: What there is.
        names: Labels or uids, also several times; None or none: all.

    Raises:
        ConfigError: One is unknown; says which there are.
    """
    wanted = list(dict.fromkeys(names or ()))
    for name in wanted:
        if not any(name in (each.label, each.uid) for each in found):
            known = ", ".join(repr(each.label) for each in found) or "none"
            raise ConfigError(f"Unknown workspace {name!r}; there are {known}")
    return [each for each in found if not wanted or {each.label, each.uid} & set(wanted)]
