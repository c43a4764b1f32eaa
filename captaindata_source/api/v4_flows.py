"""Flows of Edges (vendor's documentation): another list of runs, with outputs of their own.

A flow is a workflow, a flow run a job. Its list has no filters and no call for a single run, and is
sorted by creation alone. What else it holds is open: fields are taken where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from captaindata_source.api.base import FLOW_RUNS, JobListing, Record
from captaindata_source.api.coverage import Coverage
from captaindata_source.api.documents import LISTS, OBJECTS, RAW_LISTS, Documents, record, segment
from captaindata_source.api.flow_keys import flow_key, raw_uid
from captaindata_source.api.offset_outputs import OffsetOutputs
from captaindata_source.api.run_list import RunList
from captaindata_source.api.v4_records import job
from captaindata_source.errors import NotFoundError

__all__ = ["FlowRuns"]

PATH = "flows/runs"
NOT_LOADED = frozenset({"workflow", "flow", "metadata", "headers"})
"""May hold anything, such as addresses that are called; of a flow its uid and name are taken."""
FLOWS = ("workflow", "flow")
UIDS = ("uid", "id")
NAMES = ("name", "title")


class FlowRuns:
    """The runs of flows of one workspace, with uids as they are stored.

    Args:
        documents: Below the base URL.
        check_workspace: Told the workspace that a run names, and the path; refuses another one.
    """

    def __init__(
        self, documents: Documents, *, check_workspace: Callable[[object, str], None]
    ) -> None:
        self._documents = documents
        self._check_workspace = check_workspace
        self._outputs = OffsetOutputs(documents)

    def listing(self, covered: Coverage, *, on_unsorted: Callable[[], None]) -> JobListing:
        """The list of flow runs.

        Args:
            covered: Spans of creation times whose runs need not be read.
            on_unsorted: Told once where the list is not sorted by creation.
        """
        runs = RunList(
            self.page, covered=covered, path=PATH, sorted_by="created_at", on_unsorted=on_unsorted
        )
        return JobListing(
            "The list of flow runs", runs.pages(), can_wait=True, of=FLOW_RUNS, may_lack=True
        )

    def page(self, offset: int, limit: int) -> list[Record]:
        """A page of the list, newest first."""
        found = self._documents.get(PATH, LISTS, limit=limit, offset=offset, sort="-created_at")
        return [self._job_of(run) for run in self._documents.with_uid(found, "flow run")]

    def results_path(self, key: str) -> str:
        """Where the outputs of a flow run are."""
        return f"{PATH}/{segment(raw_uid(key))}/outputs"

    def result_pages(self, key: str) -> Iterator[Sequence[bytes]]:
        """Pages of outputs."""
        return self._outputs.pages(self.results_path(key), what=f"results of job {key}")

    def find(self, key: str) -> Record | None:
        """An empty record where the API knows outputs of the flow run; None where it does not."""
        try:
            self._documents.get(self.results_path(key), RAW_LISTS, limit=1, offset=0)
        except NotFoundError:
            return None
        return {}

    def _job_of(self, run: Record) -> Record:
        self._check_workspace(run.get("workspace_uid"), PATH)
        uid, name = _flow_of(run)
        own = {field: value for field, value in run.items() if field not in NOT_LOADED}
        return {
            **job(own),
            "uid": flow_key(run["uid"]),
            "workflow_uid": None if uid is None else flow_key(uid),
            "workflow_name": name or uid,
        }


def _flow_of(run: Record) -> tuple[str | None, str | None]:
    """Uid and name of the flow that a run is of."""
    given = next((run[name] for name in FLOWS if run.get(name) is not None), None)
    flow = _fields(given) if isinstance(given, msgspec.Raw) else {"uid": given}
    uid = _first(flow, UIDS) or _first(run, ("workflow_uid", "flow_uid"))
    told = _fields(flow.get("metadata")), flow, _fields(run.get("metadata"))
    name = next((name for each in told if (name := _first(each, NAMES))), None)
    return uid, name or _first(run, ("workflow_name", "flow_name"))


def _fields(value: object) -> Record:
    if not isinstance(value, msgspec.Raw):
        return {}
    try:
        return record(OBJECTS.decode(value))
    except msgspec.DecodeError:
        return {}


def _first(fields: Record, names: Sequence[str]) -> str | None:
    """The first of the fields that has a text or a number."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return None
