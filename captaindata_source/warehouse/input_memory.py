"""Which inputs of jobs the destination holds."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import NamedTuple

from captaindata_source.tables import INPUTS_LEDGER, JOB_INPUTS
from captaindata_source.warehouse.loaded_rows import LoadedRows

__all__ = ["KnownInputs", "known_inputs"]

logger = logging.getLogger(__name__)


class KnownInputs(NamedTuple):
    """A row of the ledger of inputs whose load was committed.

    Args:
        version: State of the job when its inputs were read.
        rows: How many there were.
        content: The same for the same inputs.
    """

    version: str | None
    rows: int
    content: str | None


def known_inputs(rows: LoadedRows, *, fresh: Collection[str] = ()) -> dict[str, KnownInputs]:
    """By job, the inputs that are loaded; none where the table lost its rows.

    Args:
        rows: Of the workspace, connected.
        fresh: Tables that are about to be emptied.
    """
    if JOB_INPUTS.name in fresh:
        return {}
    columns = ["job_uid", "fingerprint", "input_rows", "content_hash"]
    found = {
        uid: KnownInputs(version, count or 0, content)
        for is_valid, uid, version, count, content in rows.known(INPUTS_LEDGER, columns, ())
        if is_valid
    }
    if any(each.rows for each in found.values()) and not rows.query(
        JOB_INPUTS, ["t.job_uid"], "1 = 1", (), "limit 1"
    ):
        logger.warning("%s was emptied: inputs are fetched again", JOB_INPUTS.name)
        return {}
    return found
