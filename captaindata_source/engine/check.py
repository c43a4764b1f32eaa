"""`captaindata check`: does each key, each endpoint and the destination work? Loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from captaindata_source.api import VERSIONS, sibling_url
from captaindata_source.errors import ApiError, AuthError, ConfigError
from captaindata_source.extract.opening import connect
from captaindata_source.http import RetryPolicy
from captaindata_source.settings.learned import with_uid
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.database import (
    POSTGRES,
    WITH_VIEWS,
    connected,
    require_temporary,
    require_writable,
)
from captaindata_source.warehouse.pipeline import warehouse_pipeline
from captaindata_source.warehouse.preflight import known_uid, require_right_warehouse_at
from captaindata_source.warehouse.remedies import message_of

__all__ = ["Verdict", "check"]

RETRY_SECONDS = 10.0
"""People wait for the verdict."""
KEY_REFUSED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was tried and how it went.

    Args:
        workspace: Name of the workspace.
        what: What was tried.
        is_ok: Whether it works.
        remedy: What to do where it does not.
    """

    workspace: str
    what: str
    is_ok: bool
    remedy: str = ""


def check(workspaces: Sequence[Settings], options: SyncOptions) -> Iterator[Verdict]:
    """Tries everything that a sync needs, with one call each.

    Args:
        workspaces: Options of each workspace.
        options: Gives destination and dataset.

    Yields:
        A verdict for each thing tried.
    """
    for number, settings in enumerate(workspaces):
        yield from _check_api(_as_loaded(settings, options))
        yield _check_destination(settings, options, is_first=number == 0)


def _as_loaded(settings: Settings, options: SyncOptions) -> Settings:
    """The options with the UID under which the workspace was loaded, if it is not configured."""
    if settings.project_uid:
        return settings
    with suppress(ConfigError):  # the check of the destination says so
        pipeline = warehouse_pipeline(options, is_named=False)
        if (uid := known_uid(pipeline, settings.name)) is not None:
            return with_uid(settings, uid)
    return settings


def _check_api(settings: Settings) -> Iterator[Verdict]:
    api = connect(settings, retry=RetryPolicy(deadline=RETRY_SECONDS))
    try:
        for number, probe in enumerate(api.probes()):
            try:
                probe.call()
            except ApiError as error:
                what, remedy = f"endpoint {probe.name}", str(error)
                if number == 0 and isinstance(error, AuthError):
                    what = "key accepted" if error.status == KEY_REFUSED else "project known"
                    if error.status and (other := _version_that_works(settings)):
                        remedy = (
                            f"The key works with API {other}: set api_version to {other!r} for "
                            f"this workspace ({error})"
                        )
                yield Verdict(workspace=settings.name, what=what, is_ok=False, remedy=remedy)
                if number == 0:
                    return
            else:
                if number == 0:
                    yield Verdict(workspace=settings.name, what="key accepted", is_ok=True)
                    yield Verdict(workspace=settings.name, what="project known", is_ok=True)
                yield Verdict(workspace=settings.name, what=f"endpoint {probe.name}", is_ok=True)
    finally:
        api.close()


def _version_that_works(settings: Settings) -> str | None:
    """Another version of the API, of the same vendor or on the same host, that takes the key."""
    for other in VERSIONS:
        url = sibling_url(settings.url, settings.api_version, other)
        needs_uid = not (settings.project_uid or VERSIONS[other].names_workspace)
        if other == settings.api_version or url is None or needs_uid:
            continue
        api = connect(
            replace(settings, api_version=other, base_url=url),
            retry=RetryPolicy(deadline=RETRY_SECONDS),
        )
        try:
            next(iter(api.probes())).call()
        except ApiError:
            continue
        else:
            return other
        finally:
            api.close()
    return None


def _check_destination(settings: Settings, options: SyncOptions, *, is_first: bool) -> Verdict:
    what = f"destination {options.destination}"
    try:
        pipeline = warehouse_pipeline(options, settings, is_named=is_first)
        kind = pipeline.destination.destination_type
        if kind in WITH_VIEWS:
            with connected(pipeline) as connection:
                require_writable(connection, kind, is_thorough=True)
                require_right_warehouse_at(connection, pipeline, [settings])
                if kind == POSTGRES and options.create_views:
                    require_temporary(connection.execute_sql)
        with pipeline.destination_client() as client:
            client.is_storage_initialized()
    except ConfigError as error:  # says itself what to do
        return Verdict(workspace=settings.name, what=what, is_ok=False, remedy=str(error))
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        remedy = f"Check destination.{options.destination}.credentials: {message_of(error)}"
        return Verdict(workspace=settings.name, what=what, is_ok=False, remedy=remedy)
    return Verdict(workspace=settings.name, what=what, is_ok=True)
