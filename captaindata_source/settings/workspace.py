"""The options of one workspace, checked before anything is sent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from captaindata_source.api import (
    DEFAULT_VERSION,
    VERSIONS,
    is_other_product,
    is_same_root,
)
from captaindata_source.api.statuses import SUCCEEDED, Statuses
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.http.client import check_base_url
from captaindata_source.settings.kinds import (
    FLAG,
    NUMBER,
    TEXT,
    TEXTS,
    WHOLE,
    are_names,
    is_number_of_days,
    is_whole_from,
    option,
    option_of,
)
from captaindata_source.settings.named_jobs import NamedJobs, Told
from captaindata_source.tables import EXTRA_TABLES, FLOWS

__all__ = ["Settings"]

MAX_PARALLEL_REQUESTS = 64
MIN_EVENT_SECRET = 16
HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
EXTRA = [table.name for table in EXTRA_TABLES]
NAMED = [*EXTRA, FLOWS]
INPUTS_OF = ("failed", "all")
DAYS = "must be a number of days from 0, such as 7"
KEYS = 'must be a list of keys of results, such as ["email"]'
NO_UID = "is missing or empty; it is the workspace UID in the address of your workspace"


@dataclass(frozen=True, kw_only=True)  # defaults can be read from the class
class Settings:
    """Options of one workspace; the names are those of `sources.captaindata`.

    Args:
        api_key: The workspace's API key.
        project_uid: The workspace's UID; empty: the API names it (v4).
        name: What the workspace is called in this configuration.
        api_version: Version of the API.
        base_url: Root of the API; None: where the vendor serves that version.
        result_statuses: Job statuses whose results are loaded; None: those of success.
        max_parallel_requests: Requests in flight at once.
        requests_per_minute: Budget; None: learn from the API's rate limit headers.
        details_max_age_days: Age at which a workflow's details are fetched again.
        lookback_days: How far before the last change that is loaded a list of jobs is read again,
            where it is sorted by change.
        deep_listing_hours: After how many hours each list of jobs is read as a whole again, in
            turn over the syncs; 0: each time.
        extra_tables: What else to load where no tables are named; `flows` adds to the five,
            whatever is named.
        job_inputs_of: Jobs whose inputs are loaded where `job_inputs` is: those that failed or are
            partial ("failed"), or "all".
        exclude_fields: Keys of results and inputs that are dropped before anything is written.
        hash_fields: Keys of results and inputs whose values are hashed before anything is written.
        hash_salt: Secret key of those hashes; None: plain SHA-256.
        keep_secrets: Load jobs and workflows as the API sends them, with the session cookies,
            tokens and passwords that they were given.
        event_secret: What whoever sends events to `captaindata listen` has to name; None: only
            this machine may send them.
        full_refresh: Fetch everything again, whatever is loaded already.
        named_jobs: Fetch these jobs and nothing else; with `full_refresh`. None: a usual sync.

    Raises:
        ConfigError: Names the option and says what it takes; never the key.
    """

    api_key: Secret = field(
        metadata=option(
            TEXT,
            '"…", copied from My Account > General',
            must="is missing or empty, or holds spaces or other characters that no key has; "
            "copy it from My Account > General in Captain Data",
            allows=lambda key: isinstance(key, Secret) and _is_header(key.reveal()),
            is_secret=True,
        )
    )
    project_uid: str = field(
        metadata=option(
            TEXT,
            '"0b4f2f4e-…"',
            must=NO_UID,
            allows=lambda uid: isinstance(uid, str) and (not uid or _is_header(uid)),
        ),
    )
    name: str = field(
        default="default",
        metadata=option(
            TEXT,
            '"growth"',
            must="must not be empty",
            allows=lambda name: isinstance(name, str) and bool(name),
        ),
    )
    api_version: str = field(
        default=DEFAULT_VERSION,
        metadata=option(
            TEXT,
            '"v3"',
            must=f"must be {' or '.join(VERSIONS)}",
            allows=lambda version: isinstance(version, str) and version in VERSIONS,
        ),
    )
    base_url: str | None = field(
        default=None, metadata=option(TEXT, '"https://api.captaindata.co/v3"')
    )
    result_statuses: Sequence[str] | None = field(
        default=None,
        metadata=option(
            TEXTS,
            '["finished", "completed"]',
            must='must be a list of statuses, such as ["finished", "completed"], or left out',
            allows=lambda value: value is None or are_names(value),
        ),
    )
    max_parallel_requests: int = field(
        default=8,
        metadata=option(
            WHOLE,
            "8",
            must=f"must be a whole number from 1 to {MAX_PARALLEL_REQUESTS}, such as 8",
            allows=lambda value: is_whole_from(value, 1, MAX_PARALLEL_REQUESTS),
        ),
    )
    requests_per_minute: int | None = field(
        default=None,
        metadata=option(
            WHOLE,
            "150",
            must="must be a whole number from 1, such as 150, or left out",
            allows=lambda value: value is None or is_whole_from(value, 1),
        ),
    )
    details_max_age_days: float = field(
        default=7.0,
        metadata=option(NUMBER, "7", must=DAYS, allows=is_number_of_days),
    )
    lookback_days: float = field(
        default=3.0,
        metadata=option(NUMBER, "3", must=DAYS, allows=is_number_of_days),
    )
    deep_listing_hours: float = field(
        default=24.0,
        metadata=option(
            NUMBER,
            "24",
            must="must be a number of hours from 0, such as 24",
            allows=is_number_of_days,
        ),
    )
    extra_tables: Sequence[str] = field(
        default=(),
        metadata=option(
            TEXTS,
            '["identities"]',
            must=f'must be a list of {", ".join(NAMED)}, such as ["{NAMED[0]}"]',
            allows=lambda value: are_names(value) and {*value} <= {*NAMED},
        ),
    )
    job_inputs_of: str = field(
        default="failed",
        metadata=option(
            TEXT,
            '"failed"',
            must="must be failed or all",
            allows=lambda jobs: jobs in INPUTS_OF,
        ),
    )
    exclude_fields: Sequence[str] = field(
        default=(), metadata=option(TEXTS, '["phone"]', must=KEYS, allows=are_names)
    )
    hash_fields: Sequence[str] = field(
        default=(), metadata=option(TEXTS, '["email"]', must=KEYS, allows=are_names)
    )
    hash_salt: Secret | None = field(
        default=None,
        metadata=option(
            TEXT,
            '"…", long and random',
            must="must be a text that is not empty, such as 32 random characters, or left out",
            allows=lambda salt: salt is None or (isinstance(salt, Secret) and bool(salt)),
            is_secret=True,
        ),
    )
    keep_secrets: bool = field(
        default=False,
        metadata=option(FLAG, "false"),
    )
    event_secret: Secret | None = field(
        default=None,
        metadata=option(
            TEXT,
            '"…", long and random',
            must="must be at least 16 characters without spaces, such as 32 random ones, or left "
            "out",
            allows=lambda secret: (
                secret is None or (isinstance(secret, Secret) and _is_long(secret.reveal()))
            ),
            is_secret=True,
        ),
    )
    full_refresh: bool = False
    named_jobs: NamedJobs | None = None

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            found = option_of(each)
            if found and (objection := found.objection(getattr(self, each.name))):
                raise self._error(each.name, objection)
        own = VERSIONS[self.api_version]
        if not self.project_uid and not own.names_workspace:
            raise self._error("project_uid", NO_UID)
        if is_other_product(self.base_url):
            raise self._error(
                "base_url",
                f"{self.base_url} is another product of Captain Data, without runs and results: "
                f"what syncs can read is at {VERSIONS['edges'].base_url} "
                '(set api_version to "edges" and leave base_url out)',
            )
        if self.base_url is not None:
            check_base_url(self.base_url)
        for version, facts in VERSIONS.items():
            if self.api_version in (version, facts.stored_as):
                continue
            if is_same_root(self.base_url, facts.base_url):
                raise self._error(
                    "base_url",
                    f"is that of {version}, api_version says {self.api_version}: leave base_url "
                    "out",
                )
        if both := sorted({*self.exclude_fields} & {*self.hash_fields}):
            raise self._error("hash_fields", f"and exclude_fields both name {', '.join(both)}")

    @property
    def told(self) -> Told | None:
        """The events that a sync is about; None: it is about none."""
        return None if self.named_jobs is None else self.named_jobs.told

    @property
    def url(self) -> str:
        """Root of the API."""
        return self.base_url or VERSIONS[self.api_version].base_url

    @property
    def stored_version(self) -> str:
        """Version of the API that the tables of a sync name."""
        return VERSIONS[self.api_version].stored_as or self.api_version

    @property
    def missing_tables(self) -> frozenset[str]:
        """Tables that this version of the API has nothing for."""
        return frozenset(EXTRA) - VERSIONS[self.api_version].extra_tables

    @property
    def lists_workflows(self) -> bool:
        """Whether workflows have a list; else they are what jobs name as theirs."""
        return VERSIONS[self.api_version].lists_workflows

    @property
    def has_flows(self) -> bool:
        """Whether flows are loaded as workflows, and their runs as jobs."""
        return FLOWS in self.extra_tables and VERSIONS[self.api_version].has_flows

    @property
    def wanted_statuses(self) -> Statuses:
        """Job statuses whose results are loaded."""
        return SUCCEEDED if self.result_statuses is None else Statuses(self.result_statuses)

    def _error(self, option: str, message: str) -> ConfigError:
        return ConfigError(f"Workspace {self.name!r}: {option} {message}")


def _is_long(secret: str) -> bool:
    return len(secret) >= MIN_EVENT_SECRET and _is_header(secret)


def _is_header(value: str) -> bool:
    return HEADER_SAFE.fullmatch(value) is not None
