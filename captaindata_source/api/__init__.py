"""The versions of the API. Paths, paging and field names of a version are its module's secret."""

from captaindata_source.api.asking import NOT_SEEN
from captaindata_source.api.base import (
    FLOW_RUNS,
    RUNS,
    Api,
    JobListing,
    JobPage,
    Part,
    Parts,
    Probe,
    Record,
)
from captaindata_source.api.coverage import Coverage, Span
from captaindata_source.api.flow_keys import flow_key, is_flow
from captaindata_source.api.open_facts import MAX_CALLS, Fact, open_facts
from captaindata_source.api.versions import (
    DEFAULT_VERSION,
    VERSIONS,
    Version,
    is_other_product,
    is_same_root,
    sibling_url,
)

__all__ = [
    "DEFAULT_VERSION",
    "FLOW_RUNS",
    "MAX_CALLS",
    "NOT_SEEN",
    "RUNS",
    "VERSIONS",
    "Api",
    "Coverage",
    "Fact",
    "JobListing",
    "JobPage",
    "Part",
    "Parts",
    "Probe",
    "Record",
    "Span",
    "Version",
    "flow_key",
    "is_flow",
    "is_other_product",
    "is_same_root",
    "open_facts",
    "sibling_url",
]
