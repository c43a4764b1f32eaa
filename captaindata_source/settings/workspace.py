"""The options of one workspace, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from captaindata_source.api import DEFAULT_VERSION, VERSIONS
from captaindata_source.api.statuses import SUCCEEDED, Statuses
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.http.client import check_base_url
from captaindata_source.tables import EXTRA_TABLES

__all__ = [
    "DEFAULT_DETAILS_MAX_AGE_DAYS",
    "DEFAULT_LOOKBACK_DAYS",
    "DEFAULT_MAX_PARALLEL_REQUESTS",
    "DEFAULT_NAME",
    "Settings",
]

DEFAULT_NAME = "default"
DEFAULT_MAX_PARALLEL_REQUESTS = 8
DEFAULT_DETAILS_MAX_AGE_DAYS = 7.0
DEFAULT_LOOKBACK_DAYS = 3.0
MAX_PARALLEL_REQUESTS = 64
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of one workspace; the names are those of `sources.captaindata`.

    Args:
        api_key: The workspace's API key.
        project_uid: The workspace's UID.
        name: What the workspace is called in this configuration.
        api_version: Version of the API.
        base_url: Root of the API; None: where the vendor serves that version.
        result_statuses: Job statuses whose results are loaded; None: those of success.
        max_parallel_requests: Requests in flight at once.
        requests_per_minute: Budget; None: learn from the API's rate limit headers.
        details_max_age_days: Age at which a workflow's details are fetched again.
        lookback_days: How far before the last change that is loaded a list of jobs is read again,
            where it is sorted by change.
        extra_tables: What else to load where no tables are named.
        exclude_fields: Keys of results that are dropped before anything is written.
        hash_fields: Keys of results whose values are hashed before anything is written.
        hash_salt: Secret key of those hashes; None: plain SHA-256.
        keep_secrets: Load jobs and workflows as the API sends them, with the session cookies,
            tokens and passwords that they were given.
        full_refresh: Fetch everything again, whatever is loaded already.

    Raises:
        ConfigError: Names the option and says what it takes; never the key.
    """

    api_key: Secret
    project_uid: str
    name: str = DEFAULT_NAME
    api_version: str = DEFAULT_VERSION
    base_url: str | None = None
    result_statuses: Sequence[str] | None = None
    max_parallel_requests: int = DEFAULT_MAX_PARALLEL_REQUESTS
    requests_per_minute: int | None = None
    details_max_age_days: float = DEFAULT_DETAILS_MAX_AGE_DAYS
    lookback_days: float = DEFAULT_LOOKBACK_DAYS
    extra_tables: Sequence[str] = ()
    exclude_fields: Sequence[str] = ()
    hash_fields: Sequence[str] = ()
    hash_salt: Secret | None = None
    keep_secrets: bool = False
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
        self._need(
            isinstance(self.api_version, str) and self.api_version in VERSIONS,
            "api_version",
            f"must be {' or '.join(VERSIONS)}",
        )
        if self.base_url is not None:
            check_base_url(self.base_url)
        for version, facts in VERSIONS.items():
            self._need(
                version == self.api_version or self.base_url != facts.base_url,
                "base_url",
                f"is that of {version}, api_version says {self.api_version}: leave base_url out",
            )
        self._need(
            self.result_statuses is None or _are_names(self.result_statuses),
            "result_statuses",
            'must be a list of statuses, such as ["finished", "completed"], or left out',
        )
        self._need(
            _is_whole(self.max_parallel_requests)
            and 1 <= self.max_parallel_requests <= MAX_PARALLEL_REQUESTS,
            "max_parallel_requests",
            f"must be a whole number from 1 to {MAX_PARALLEL_REQUESTS}, such as 8",
        )
        self._need(
            self.requests_per_minute is None
            or (_is_whole(self.requests_per_minute) and self.requests_per_minute >= 1),
            "requests_per_minute",
            "must be a whole number from 1, such as 150, or left out",
        )
        for option in ("details_max_age_days", "lookback_days"):
            self._need(
                _is_number_of_days(getattr(self, option)),
                option,
                "must be a number of days from 0, such as 7",
            )
        extra = [table.name for table in EXTRA_TABLES]
        self._need(
            _are_names(self.extra_tables) and {*self.extra_tables} <= {*extra},
            "extra_tables",
            f"must be a list of {', '.join(extra)}, such as {extra[:1]}".replace("'", '"'),
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
            "must be a text that is not empty, such as 32 random characters, or left out",
        )
        self._need(isinstance(self.keep_secrets, bool), "keep_secrets", "must be true or false")

    @property
    def url(self) -> str:
        """Root of the API."""
        return self.base_url or VERSIONS[self.api_version].base_url

    @property
    def wanted_statuses(self) -> Statuses:
        """Job statuses whose results are loaded."""
        return SUCCEEDED if self.result_statuses is None else Statuses(self.result_statuses)

    def _need(self, condition: bool, option: str, message: str) -> None:
        if not condition:
            raise ConfigError(f"Workspace {self.name!r}: {option} {message}")


def _are_names(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(name, str) and name for name in value)
    )


def _is_number_of_days(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 <= value <= timedelta.max.days
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
