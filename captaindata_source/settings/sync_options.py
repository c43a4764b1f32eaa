"""How a sync runs: the options that hold for all its workspaces."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from captaindata_source.errors import ConfigError
from captaindata_source.people_fields import FIELD_NAMES, are_people_fields
from captaindata_source.settings.kinds import (
    FLAG,
    NUMBER,
    SECTION,
    TABLE,
    TEXT,
    WHOLE,
    Kind,
    is_positive,
    is_whole_from,
    option,
    option_of,
)
from captaindata_source.settings.webhooks import Webhook, read_webhooks
from captaindata_source.settings.workspace import Settings
from captaindata_source.table import TABLE_FORMATS
from captaindata_source.tables import (
    FLOWS,
    INTEGRATIONS,
    JOB_INPUTS,
    JOB_RESULTS,
    JOBS,
    SELECTABLE,
    SUCCESSFUL_JOBS,
    TABLES,
    WORKFLOWS,
)
from captaindata_source.times import UTC_NAME, is_zone

if TYPE_CHECKING:
    from dlt.common.runtime.collector_base import Collector

__all__ = ["SyncOptions", "overridden", "read_table_format"]

OF_JOBS = (JOBS.name, SUCCESSFUL_JOBS.name, JOB_RESULTS.name)
WEBHOOKS = Kind(
    "a list of tables",
    read_webhooks,
    lambda value: value is None or all(isinstance(each, Webhook) for each in value),
)


@dataclass(frozen=True, kw_only=True)
class SyncOptions:
    """How to sync.

    Args:
        destination: Name of a dlt destination.
        dataset: Dataset (schema) of the tables.
        tables: Tables to load; empty: the five, and `extra_tables` of a workspace.
        max_minutes: Minutes after which the sync ends, with the package at hand; None: no limit.
        max_requests: Requests, of all workspaces, after which it ends so; None: no limit.
        progress: Makes a collector for a pipeline; None: dlt shows no progress.
        package_max_results: Results after which a load package is closed.
        package_max_minutes: Minutes after which a load package is closed.
        create_views: Whether views follow the load.
        materialize_results: Whether results of a workflow are a table instead of a view.
        results_include_retries: Whether views and tables of results have the results of retries
            that the main run holds too.
        create_people: Whether views of people and companies follow the load, where views do.
        people_fields: Field of people or companies to keys of results that feed it, beside those
            that the package knows; None: no others.
        report_timezone: Time zone of the days and months of runs in views.
        publish_copy: Path of a copy of the DuckDB file that follows the load.
        table_format: Format of the tables that the filesystem destination makes: delta or iceberg;
            None: files of rows.
        staging: Name of the dlt destination that holds files until they are copied from there;
            None: none does.
        alerts: Whether alerts follow the load; they do anyway where there are webhooks.
        alert_webhooks: Where alerts are sent; None: nowhere.
        alert_stale_hours: Hours without a sync that did not fail after which there is an alert.

    Raises:
        ConfigError: Names the option and says what it takes.
    """

    destination: str = "duckdb"
    dataset: str = "captaindata"
    tables: Sequence[str] = ()
    max_minutes: float | None = None
    max_requests: int | None = None
    progress: Callable[[], Collector] | None = None
    package_max_results: int = field(
        default=200_000,
        metadata=option(
            WHOLE,
            "200000",
            must="must be above 0, such as 200000",
            allows=partial(is_whole_from, least=1),
        ),
    )
    package_max_minutes: float = field(
        default=5.0,
        metadata=option(NUMBER, "5", must="must be above 0, such as 5", allows=is_positive),
    )
    create_views: bool = field(
        default=True,
        metadata=option(FLAG, "true"),
    )
    materialize_results: bool = field(
        default=False,
        metadata=option(FLAG, "false"),
    )
    results_include_retries: bool = field(
        default=False,
        metadata=option(FLAG, "false"),
    )
    create_people: bool = field(
        default=True,
        metadata=option(FLAG, "true"),
    )
    people_fields: Mapping[str, Sequence[str]] | None = field(
        default=None,
        metadata=option(
            TABLE,
            '{ job_title = ["current role"] }',
            must="must be a table of fields, each with a list of keys, such as "
            '{ job_title = ["current role"] }. Fields are ' + ", ".join(FIELD_NAMES),
            allows=are_people_fields,
        ),
    )
    report_timezone: str = field(
        default=UTC_NAME,
        metadata=option(
            TEXT,
            '"Europe/Paris"',
            must='must be UTC or the name of a time zone, such as "Europe/Paris"',
            allows=is_zone,
        ),
    )
    publish_copy: str | None = field(
        default=None,
        metadata=option(
            TEXT,
            '"bi/captaindata_bi.duckdb"',
            must="must be a path, or left out",
            allows=lambda value: value is None or (isinstance(value, str) and bool(value.strip())),
        ),
    )

    table_format: str | None = field(
        default=None,
        metadata=option(
            TEXT,
            '"delta"',
            must="must be delta or iceberg, or left out",
            allows=lambda value: value is None or value in TABLE_FORMATS,
        ),
    )
    staging: str | None = field(
        default=None,
        metadata=option(
            TEXT,
            '"filesystem"',
            must="must be the name of a destination, such as filesystem, or left out",
            allows=lambda value: value is None or (isinstance(value, str) and bool(value.strip())),
        ),
    )
    alerts: bool = field(
        default=False,
        metadata=option(FLAG, "false"),
    )
    alert_webhooks: Sequence[Webhook] | None = field(
        default=None,
        metadata=option(
            WEBHOOKS,
            '[{ url = "https://hooks.slack.com/services/…" }], with name and format',
            is_secret=True,
        ),
    )
    alert_stale_hours: float = field(
        default=26.0,
        metadata=option(NUMBER, "26", must="must be above 0, such as 26", allows=is_positive),
    )

    def __post_init__(self) -> None:
        check_dataset(self.dataset)
        known = [table.name for table in SELECTABLE]
        if isinstance(self.tables, str):
            raise ConfigError(f"tables must be a list of {', '.join(known)}")
        if unknown := sorted({str(name) for name in self.tables} - set(known)):
            raise ConfigError(f"Unknown table {', '.join(unknown)}; there are {', '.join(known)}")
        if not (self.max_minutes is None or is_positive(self.max_minutes)):
            raise ConfigError("max_minutes must be a number above 0, such as 30")
        if not (self.max_requests is None or is_whole_from(self.max_requests, 1)):
            raise ConfigError("max_requests must be a whole number from 1, such as 500")
        for each in dataclasses.fields(self):
            found = option_of(each)
            if found and (objection := found.objection(getattr(self, each.name))):
                raise ConfigError(f"{SECTION}.{each.name} {objection}")

    @property
    def wants_alerts(self) -> bool:
        """Whether alerts follow a sync."""
        return self.alerts or bool(self.alert_webhooks)

    def wanted_of(self, settings: Settings) -> frozenset[str]:
        """The tables to load of a workspace; for named jobs those that have rows of them."""
        if settings.named_jobs is not None:
            inputs = {JOB_INPUTS.name}.intersection(settings.extra_tables)
            actions = () if settings.lists_workflows else (WORKFLOWS.name,)
            told = settings.told
            people = {INTEGRATIONS.name} if told is not None and told.identities else set()
            return frozenset(OF_JOBS).union(
                inputs, actions, people.intersection(settings.extra_tables)
            )
        usual = [*(table.name for table in TABLES), *settings.extra_tables]
        return frozenset(self.tables or usual) - {FLOWS}


def overridden(configured: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are configured, but for those that a call gives: that are not None."""
    return {**configured, **{name: each for name, each in given.items() if each is not None}}


def read_table_format(value: str | None) -> str | None:
    """The format, if there is such a one.

    Raises:
        ConfigError: There is not.
    """
    found = option_of(SyncOptions.__dataclass_fields__["table_format"])
    if found and (objection := found.objection(value)):
        raise ConfigError(f"table_format {objection}")
    return value


def check_dataset(dataset: object) -> None:
    """Refuses names that no schema can be made of.

    Raises:
        ConfigError: It is empty, or has no letter or digit that a schema's name may have.
    """
    if not isinstance(dataset, str) or not dataset.strip():
        raise ConfigError("The dataset (--dataset) is empty: name one, such as captaindata")
    if not re.search("[A-Za-z0-9]", dataset) or not dataset.isprintable():
        shown = dataset.encode("utf-8", "replace").decode()
        raise ConfigError(
            f"Dataset {shown!r} can't be a schema: of its characters none would be left. Use "
            "letters from a to z, digits and underscores, such as client_a"
            if dataset.isprintable()
            else "The name of the dataset (--dataset) holds characters that can't be printed: use "
            "letters from a to z, digits and underscores, such as client_a"
        )
