"""The versions of the API. Paths, paging and field names of a version are its module's secret."""

from captaindata_source.api.base import Api, Probe, Record

__all__ = ["Api", "Probe", "Record"]
