"""`captaindata check --probe`: which facts that the documentation leaves open hold here?"""

from __future__ import annotations

from dataclasses import replace

from captaindata_source.api import MAX_CALLS, NOT_SEEN, VERSIONS, Fact, open_facts
from captaindata_source.errors import ApiError, CaptainDataError
from captaindata_source.extract.opening import connect
from captaindata_source.http import RetryPolicy
from captaindata_source.settings.workspace import Settings

__all__ = ["probe"]

MOST_OF_ONE = 6
"""Calls that one answer may take, redirects included."""


def probe(settings: Settings) -> list[Fact]:
    """Facts about the API of a workspace, without any of its data.

    Args:
        settings: The workspace; its name and keys are not in the facts.
    """
    said = [Fact("API version", settings.api_version)]
    try:
        api = connect(settings, retry=RetryPolicy(deadline=0))
    except CaptainDataError:  # the check itself says what is wrong
        return said
    try:
        said += open_facts(api)
        calls = api.calls
        if api.lists_workflows and calls + MOST_OF_ONE <= MAX_CALLS:
            found, further = _other_header(settings)
            said.append(Fact("key in the header of the other version", found))
            calls += further
        return [*said, Fact("calls", str(calls))]
    finally:
        api.close()


def _other_header(settings: Settings) -> tuple[str, int]:
    """Whether v3 takes the key as v4 does, and how many calls that took to tell."""
    other = VERSIONS["v4"]
    version = replace(
        VERSIONS[settings.api_version], key_header=other.key_header, key_value=other.key_value
    )
    api = connect(settings, retry=RetryPolicy(deadline=0), version=version)
    try:
        api.workspace()
    except ApiError as error:
        return f"refused with {error.status}" if error.status else NOT_SEEN, api.calls
    else:
        return "taken", api.calls
    finally:
        api.close()
