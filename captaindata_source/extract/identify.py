"""Asks the API which workspace a key belongs to, where `project_uid` is not configured."""

from __future__ import annotations

import dlt

from captaindata_source.errors import ConfigError
from captaindata_source.extract.opening import connect
from captaindata_source.issues import IssueLog
from captaindata_source.settings.learned import with_uid
from captaindata_source.settings.workspace import Settings
from captaindata_source.warehouse.preflight import known_uid

__all__ = ["identified", "known_or_identified"]


def identified(settings: Settings) -> Settings:
    """Options with the UID of the workspace. What the API said is used again by the sync.

    Raises:
        ApiError: The API can't be asked.
        ConfigError: The API does not name the workspace.
    """
    if settings.project_uid:
        return settings
    issues = IssueLog()
    api = connect(settings, issues=issues)
    try:
        record = api.workspace()
    finally:
        api.close()
    uid = str(record.get("uid") or "")
    if not uid:
        raise ConfigError(
            f"Workspace {settings.name!r}: the API does not say which workspace the key belongs "
            "to: set project_uid, the workspace UID in the address of your workspace"
        )
    return with_uid(settings, uid, record=record, calls=api.calls, issues=issues)


def known_or_identified(settings: Settings, pipeline: dlt.Pipeline) -> Settings:
    """Options with the UID under which the workspace was loaded, or else what the API says.

    Args:
        settings: Options of the workspace.
        pipeline: Gives destination and dataset.

    Raises:
        ApiError, ConfigError: As `identified`.
    """
    if not settings.project_uid and (uid := known_uid(pipeline, settings.name)) is not None:
        return with_uid(settings, uid)
    return identified(settings)
