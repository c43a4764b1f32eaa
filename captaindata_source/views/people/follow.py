"""People and companies after a load: what goes wrong is a change that is named, not raised."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from dlt.common.runtime import signals

from captaindata_source.views.people.refresh import PeopleRefresh
from captaindata_source.views.view import Change, State
from captaindata_source.warehouse.database import Database, RefusedError
from captaindata_source.warehouse.remedies import message_of

__all__ = ["People"]

logger = logging.getLogger(__name__)

MoreKeys = Mapping[str, Sequence[str]] | None
"""Field to keys that feed it beside those of the package."""


class People:
    """People and companies of a dataset.

    Args:
        database: Outside of a transaction. The catalogue is up to date.
        dataset: Holds the tables.
        more_keys: See `MoreKeys`.
        workspaces: Uids of those whose results are looked at; None: all.
    """

    def __init__(
        self,
        database: Database,
        dataset: str,
        more_keys: MoreKeys,
        workspaces: Collection[str] | None = None,
    ) -> None:
        self._refresh = PeopleRefresh(database, dataset, more_keys, workspaces)

    def prepare(self) -> list[Change]:
        """Creates the tables that the views of people read, if results have ids of people.

        Returns:
            Why it could not.
        """
        return _changes(self._refresh.prepare)

    def refresh(self) -> list[Change]:
        """Brings people and companies up to date, once the views are there.

        Returns:
            Why it could not.
        """
        return _changes(self._refresh.run)


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
