"""The dataset that `captaindata views` and `captaindata results` look at."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from captaindata_source.errors import ConfigError

if TYPE_CHECKING:
    import dlt

    from captaindata_source.settings.sync_options import SyncOptions

__all__ = ["options_of", "warehouse_of"]


def options_of(options: argparse.Namespace) -> SyncOptions:
    """How a sync of the dataset loads.

    Raises:
        ConfigError: An option is wrong.
    """
    from captaindata_source.settings import config
    from captaindata_source.settings.sync_options import SyncOptions

    return SyncOptions(
        destination=options.destination, dataset=options.dataset, **config.load_options()
    )


def warehouse_of(options: argparse.Namespace, how: SyncOptions | None = None) -> dlt.Pipeline:
    """The way to the dataset.

    Raises:
        ConfigError: There is no such dataset, or it can't be used.
    """
    from captaindata_source.warehouse import pipeline, preflight
    from captaindata_source.warehouse.database import DUCKDB

    found = pipeline.warehouse_pipeline(how or options_of(options))
    if found.destination.destination_type == DUCKDB and not pipeline.duckdb_file(found).exists():
        raise ConfigError(
            f"There is no {pipeline.duckdb_file(found)}: run `captaindata sync` first"
        )
    preflight.require_right_warehouse(found)
    return found
