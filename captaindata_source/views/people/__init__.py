"""People and companies, once each, over all results."""

from captaindata_source.views.people.follow import prepare_people, refresh_people

__all__ = ["prepare_people", "refresh_people"]
