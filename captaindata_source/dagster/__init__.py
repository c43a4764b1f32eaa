"""Captain Data in Dagster: assets, checks and a component; needs the extra `dagster`.

`CaptainDataComponent` is for `defs.yaml`, `captaindata_definitions` is the same in Python, and
`captaindata_assets` and `captaindata_checks` are its parts. All of them load without a key and
without a database: both are needed when a run starts.
"""

from __future__ import annotations

from captaindata_source.dagster.assets import captaindata_assets
from captaindata_source.dagster.checks import captaindata_checks
from captaindata_source.dagster.component import CaptainDataComponent
from captaindata_source.dagster.definitions import captaindata_definitions
from captaindata_source.dagster.resource import CaptainDataResource, CaptainDataWorkspace

__all__ = [
    "CaptainDataComponent",
    "CaptainDataResource",
    "CaptainDataWorkspace",
    "captaindata_assets",
    "captaindata_checks",
    "captaindata_definitions",
]
