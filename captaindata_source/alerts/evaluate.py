"""Asks the warehouse what holds now."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dlt.common.runtime import signals

from captaindata_source.alerts.conditions import CONDITIONS, Condition
from captaindata_source.alerts.kinds import Found, Kind
from captaindata_source.errors import ConfigError
from captaindata_source.sqltext import quoted
from captaindata_source.tables import SYNC_RUNS, views_schema
from captaindata_source.views.workspaces import loaded_workspaces
from captaindata_source.warehouse.database import Database
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Evaluation", "choose", "evaluate", "known_workspaces"]

logger = logging.getLogger(__name__)

NEWEST_SYNCS = """
    select workspace_uid, workspace_name from (
        select *, row_number() over (
            partition by workspace_uid order by coalesce(finished_at, started_at) desc nulls last
        ) as newest_first
        from {raw}.sync_runs
    ) as runs
    where newest_first = 1
"""


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """What holds now.

    Args:
        found: By identity.
        kinds: Kinds that could be evaluated; the others stay as they are.
        missing: Kinds that not every warehouse has, and the views or tables that are not there.
        problems: Why others could not be evaluated, for people.
    """

    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    missing: dict[Kind, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def known_workspaces(database: Database, dataset: str) -> dict[str, str]:
    """Uid to configured name of each workspace that a sync has loaded, or tried to."""
    found: dict[str, str] = {}
    if SYNC_RUNS.name in database.relations(dataset):
        rows = database.query(NEWEST_SYNCS.format(raw=quoted(dataset)))
        found = {uid: name or uid for uid, name in rows if uid}
    return found | {each.uid: each.label for each in loaded_workspaces(database, dataset)}


def choose(known: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """The uids of workspaces that a user named, by uid or configured name; all if none is named.

    Raises:
        ConfigError: One is unknown; says which there are.
    """
    for name in names:
        if name not in known and name not in known.values():
            there = ", ".join(sorted(map(repr, known.values()))) or "none"
            raise ConfigError(f"Unknown workspace {name!r}; there are {there}")
    return [uid for uid, label in known.items() if not names or {uid, label} & set(names)]


def evaluate(
    database: Database,
    dataset: str,
    *,
    workspaces: Sequence[str],
    now: datetime,
    stale_hours: float,
) -> Evaluation:
    """Asks for all conditions, one after the other; one that fails does not stop the others.

    Args:
        database: Outside of a transaction.
        dataset: Holds the tables.
        workspaces: Uids of those to look at; at least one.
        now: The time.
        stale_hours: Hours after which a sync is stale.
    """
    found = Evaluation()
    views, tables = database.relations(views_schema(dataset)), database.relations(dataset)
    stale = now - timedelta(hours=min(stale_hours, 24 * 365 * 100))
    for condition in CONDITIONS:
        if lacks := [
            *(f"view {name}" for name in condition.views if name not in views),
            *(f"table {name}" for name in condition.tables if name not in tables),
        ]:
            if condition.is_optional:
                found.missing |= dict.fromkeys(condition.kinds, ", ".join(lacks))
            else:
                found.problems.append(f"{_named(condition)}: {', '.join(lacks)} is not there")
            continue
        parameters: list[object] = [*workspaces, *([stale] if condition.is_timed else [])]
        try:
            sql = _on(condition, dataset, len(workspaces), syncs=_syncs(database, dataset))
            rows = database.query(sql, parameters)
            held = [each for row in rows for each in condition.read(row)]
        except Exception as error:
            if signals.was_signal_received():
                raise
            logger.debug("Alerts", exc_info=True)
            found.problems.append(f"{_named(condition)}: {message_of(error)}")
            continue
        found.found |= {each.identity: each for each in held}
        found.kinds |= set(condition.kinds)
    return found


def _named(condition: Condition) -> str:
    return " and ".join(condition.kinds)


def _syncs(database: Database, dataset: str) -> str:
    """Rows of `sync_runs` that are no resyncs; older versions, without the column, had none."""
    columns = {name for name, _ in database.columns(dataset, SYNC_RUNS.name)}
    return "is_resync is not true" if "is_resync" in columns else "true"


def _on(condition: Condition, dataset: str, workspaces: int, *, syncs: str) -> str:
    return condition.query.format(
        raw=quoted(dataset),
        views=quoted(views_schema(dataset)),
        workspaces=", ".join(["%s"] * workspaces),
        syncs=syncs,
    )
