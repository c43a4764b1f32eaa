"""What the connector needs of any version of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

__all__ = ["Api", "Probe", "Record"]

Record = dict[str, Any]
"""One object of the API: field name to value, nested values as `msgspec.Raw` (JSON text)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One endpoint that `captaindata check` tries.

    Args:
        name: What is tried, for people.
        call: Sends one request; raises `ApiError`.
    """

    name: str
    call: Callable[[], object]


class Api(Protocol):
    """One workspace, seen through one version of the API.

    All methods raise `ApiError`. Records use the field names of the warehouse's tables, which are
    those of API v3.
    """

    version: str
    success_statuses: frozenset[str]
    """Statuses of a job that completed without errors."""
    final_statuses: frozenset[str]
    """Statuses that a job leaves only when someone retries it."""

    @property
    def calls(self) -> int:
        """Requests sent so far."""

    @property
    def parallel(self) -> float:
        """How many calls are worth having in flight."""

    def workspace(self) -> Record:
        """The workspace: name, plan and quota."""

    def members(self) -> list[msgspec.Raw]:
        """All members of the workspace."""

    def workflows(self) -> list[Record]:
        """All workflows that exist now."""

    def workflow_details(self, uid: str) -> msgspec.Raw | None:
        """What the listing does not say of a workflow; None where it is gone."""

    def jobs(self, workflow_uid: str) -> list[Record]:
        """The jobs of a workflow that the API still lists, in the API's order."""

    def job(self, uid: str) -> Record | None:
        """One job, listed or not; None where it is gone."""

    def result_pages(self, job_uid: str) -> Iterator[Sequence[bytes]]:
        """Pages of results of a job, each result as JSON text, none parsed."""

    def probes(self) -> Iterator[Probe]:
        """One call for each endpoint, for `captaindata check`."""

    def close(self) -> None:
        """Closes the connections."""
