"""People and companies after a load: what goes wrong is a change that is named, not raised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from dlt.common.runtime import signals

from captaindata_source.views.people.refresh import PeopleRefresh
from captaindata_source.views.view import Change, State
from captaindata_source.warehouse.database import Database, RefusedError
from captaindata_source.warehouse.remedies import message_of

__all__ = ["prepare_people", "refresh_people"]

logger = logging.getLogger(__name__)

MoreKeys = Mapping[str, Sequence[str]] | None
"""Field to keys that feed it beside those of the package."""


def prepare_people(database: Database, dataset: str, more_keys: MoreKeys) -> list[Change]:
    """Creates the tables that the views of people read, if results have ids of people.

    Args:
        database: Outside of a transaction. The catalogue is up to date.
        dataset: Holds the tables.
        more_keys: See `MoreKeys`.

    Returns:
        Why it could not.
    """
    return _changes(lambda: PeopleRefresh(database, dataset, more_keys).prepare())


def refresh_people(database: Database, dataset: str, more_keys: MoreKeys) -> list[Change]:
    """Brings people and companies up to date. The arguments are those of `prepare_people`; the
    views are there."""
    return _changes(lambda: PeopleRefresh(database, dataset, more_keys).run())


def _changes(do: Callable[[], object]) -> list[Change]:
    try:
        do()
    except Exception as error:
        logger.debug("People", exc_info=True)
        if signals.was_signal_received():
            raise
        is_busy = isinstance(error, RefusedError) and error.is_busy
        return [Change("people", State.BLOCKED, message_of(error), is_busy, is_stale=True)]
    return []
