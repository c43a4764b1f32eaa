"""The options of one workspace, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from captaindata_source.api import v3
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.http.client import check_base_url

__all__ = [
    "DEFAULT_DETAILS_MAX_AGE_DAYS",
    "DEFAULT_MAX_PARALLEL_REQUESTS",
    "DEFAULT_NAME",
    "DEFAULT_RESULT_STATUSES",
    "Settings",
]

DEFAULT_NAME = "default"
DEFAULT_RESULT_STATUSES = ("finished", "completed")
DEFAULT_MAX_PARALLEL_REQUESTS = 8
DEFAULT_DETAILS_MAX_AGE_DAYS = 7.0
MAX_PARALLEL_REQUESTS = 64
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of one workspace; the names are those of `sources.captaindata`.

    Args:
        api_key: The workspace's API key.
        project_uid: The workspace's UID.
        name: What the workspace is called in this configuration.
        base_url: Root of the API.
        result_statuses: Job statuses whose results are loaded.
        max_parallel_requests: Requests in flight at once.
        requests_per_minute: Budget; None: learn from the API's rate limit headers.
        details_max_age_days: Age at which a workflow's details are fetched again.
        exclude_fields: Keys of results that are dropped before anything is written.
        hash_fields: Keys of results whose values are hashed before anything is written.
        hash_salt: Secret key of those hashes; None: plain SHA-256.
        full_refresh: Fetch everything again, whatever is loaded already.

    Raises:
        ConfigError: Names the option and says what it takes; never the key.
    """

    api_key: Secret
    project_uid: str
    name: str = DEFAULT_NAME
    base_url: str = v3.DEFAULT_BASE_URL
    result_statuses: Sequence[str] = field(default=DEFAULT_RESULT_STATUSES)
    max_parallel_requests: int = DEFAULT_MAX_PARALLEL_REQUESTS
    requests_per_minute: int | None = None
    details_max_age_days: float = DEFAULT_DETAILS_MAX_AGE_DAYS
    exclude_fields: Sequence[str] = ()
    hash_fields: Sequence[str] = ()
    hash_salt: Secret | None = None
    full_refresh: bool = False

    def __post_init__(self) -> None:
        self._need(bool(self.name), "name", "must not be empty")
        self._need(
            isinstance(self.api_key, Secret) and bool(HEADER_SAFE.fullmatch(self.api_key.reveal())),
            "api_key",
            "is missing or empty, or holds spaces or other characters that no key has; "
            "copy it from My Account > General in Captain Data",
        )
        self._need(
            isinstance(self.project_uid, str) and bool(HEADER_SAFE.fullmatch(self.project_uid)),
            "project_uid",
            "is missing or empty; it is the workspace UID in the address of your workspace",
        )
        check_base_url(self.base_url)
        self._need(
            _are_names(self.result_statuses),
            "result_statuses",
            'must be a list of statuses, such as ["finished", "completed"]',
        )
        self._need(
            _is_whole(self.max_parallel_requests)
            and 1 <= self.max_parallel_requests <= MAX_PARALLEL_REQUESTS,
            "max_parallel_requests",
            f"must be a whole number from 1 to {MAX_PARALLEL_REQUESTS}",
        )
        self._need(
            self.requests_per_minute is None
            or (_is_whole(self.requests_per_minute) and self.requests_per_minute >= 1),
            "requests_per_minute",
            "must be a whole number from 1, or left out",
        )
        self._need(
            isinstance(self.details_max_age_days, (int, float))
            and not isinstance(self.details_max_age_days, bool)
            and self.details_max_age_days >= 0,
            "details_max_age_days",
            "must be a number of days from 0",
        )
        for option, names in (
            ("exclude_fields", self.exclude_fields),
            ("hash_fields", self.hash_fields),
        ):
            self._need(
                _are_names(names),
                option,
                'must be a list of keys of results, such as ["email"]',
            )
        both = sorted({*self.exclude_fields} & {*self.hash_fields})
        self._need(not both, "hash_fields", f"and exclude_fields both name {', '.join(both)}")
        self._need(
            self.hash_salt is None or (isinstance(self.hash_salt, Secret) and bool(self.hash_salt)),
            "hash_salt",
            "must be a text that is not empty, or left out",
        )

    def _need(self, condition: bool, option: str, message: str) -> None:
        if not condition:
            raise ConfigError(f"Workspace {self.name!r}: {option} {message}")


def _are_names(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(name, str) and name for name in value)
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
