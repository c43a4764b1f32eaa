"""The versions of the API. Paths, paging and field names of a version are its module's secret."""

from captaindata_source.api.base import Api, JobListing, JobPage, Part, Parts, Probe, Record
from captaindata_source.api.coverage import Coverage, Span
from captaindata_source.api.versions import (
    DEFAULT_VERSION,
    VERSIONS,
    is_other_product,
    is_same_root,
    sibling_url,
)

__all__ = [
    "DEFAULT_VERSION",
    "VERSIONS",
    "Api",
    "Coverage",
    "JobListing",
    "JobPage",
    "Part",
    "Parts",
    "Probe",
    "Record",
    "Span",
    "is_other_product",
    "is_same_root",
    "sibling_url",
]
