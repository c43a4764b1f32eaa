"""The assets of a warehouse: a table or a view each, with the keys that dbt's sources have.

dagster-dbt calls the asset of a source `<source>/<table>`. The sources of the dbt package are
`captaindata` and `captaindata_views`, whatever the schemas are called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from captaindata_source.tables import (
    ALL_TABLES,
    EXTRA_TABLES,
    INTEGRATION_CHANGES,
    INTEGRATIONS,
    JOB_CHANGES,
    JOB_RESULTS,
    LEDGER,
    LOADS,
    RESULTS_CHANGES,
    SYNC_ISSUES,
    SYNC_RUNS,
    TABLES,
    WORKFLOW_CHANGES,
    views_schema,
)
from captaindata_source.views.shipped import load_views
from captaindata_source.views.table_texts import table_texts

__all__ = ["RAW", "RESULTS", "VIEWS", "Catalogue"]

RAW = "captaindata"
VIEWS = views_schema(RAW)
RESULTS = f"{RAW}_results"
"""The source that the README of the dbt package declares for views of single workflows."""
BY_PRODUCTS = (SYNC_RUNS, SYNC_ISSUES, LEDGER, JOB_CHANGES, WORKFLOW_CHANGES, RESULTS_CHANGES)
"""Tables that each sync writes, whichever it loads."""
LOADS_TEXT = "One row per load package that was committed. dlt writes it."
KINDS = {"captaindata", "table"}


class Catalogue:
    """Which assets there are, and in which order a sync brings them.

    Args:
        extra_tables: Tables to load beside the five.
        has_views: Whether the views are assets.
        result_views: Names of views of results that are, such as `results_linkedin_profiles`.
        key_prefix: Comes before each key.

    Raises:
        ValueError: There is no such extra table.
    """

    def __init__(
        self,
        *,
        extra_tables: Sequence[str] = (),
        has_views: bool = True,
        result_views: Sequence[str] = (),
        key_prefix: Sequence[str] = (),
    ) -> None:
        known = [table.name for table in EXTRA_TABLES]
        if unknown := sorted(set(extra_tables) - set(known)):
            raise ValueError(f"Unknown table {', '.join(unknown)}; there are {', '.join(known)}")
        self._prefix = tuple(key_prefix)
        self.tables = [*(table.name for table in TABLES), *dict.fromkeys(extra_tables)]
        """Those that a sync can be asked for."""
        changes = [INTEGRATION_CHANGES] if INTEGRATIONS.name in extra_tables else []
        self.by_products = [*(table.name for table in (*BY_PRODUCTS, *changes)), LOADS]
        there = {*self.tables, *self.by_products}
        self.views: list[str] = []
        self._deps: dict[dg.AssetKey, list[dg.AssetKey]] = {}
        for view in load_views() if has_views else ():
            if view.is_optional and not view.tables <= there:
                continue
            self.views.append(view.name)
            self._deps[self.view(view.name)] = [
                *(self.table(name) for name in sorted(view.tables & there)),
                *(self.view(name) for name in sorted(view.views)),
            ]
        self.result_views = list(dict.fromkeys(result_views))

    def table(self, name: str) -> dg.AssetKey:
        """The key of a table."""
        return dg.AssetKey([*self._prefix, RAW, name])

    def view(self, name: str) -> dg.AssetKey:
        """The key of a view."""
        return dg.AssetKey([*self._prefix, VIEWS, name])

    def results(self, name: str) -> dg.AssetKey:
        """The key of a view of the results of one workflow."""
        return dg.AssetKey([*self._prefix, RESULTS, name])

    def specs(self) -> Iterator[dg.AssetSpec]:
        """All assets, each after those that it is made of."""
        texts = table_texts()
        columns = {table.name: table.columns for table in ALL_TABLES}
        for name in (*self.tables, *self.by_products):
            text = texts.get(name)
            meanings = text.columns if text else {}
            yield dg.AssetSpec(
                self.table(name),
                description=text.description if text else LOADS_TEXT,
                metadata=_schema(columns.get(name, {}), meanings),
                skippable=True,
                group_name=RAW,
                kinds=KINDS,
            )
        for view in load_views():
            if view.name in self.views:
                yield dg.AssetSpec(
                    self.view(view.name),
                    deps=self._deps[self.view(view.name)],
                    description=view.comment,
                    metadata=_schema(dict.fromkeys(view.columns, "?"), view.columns),
                    skippable=True,
                    group_name=VIEWS,
                    kinds={"captaindata", "view"},
                )
        for name in self.result_views:
            yield dg.AssetSpec(
                self.results(name),
                deps=[self.table(JOB_RESULTS.name)],
                description="Results of one workflow, a column per key.",
                skippable=True,
                group_name=RESULTS,
                kinds={"captaindata", "view"},
            )


def _schema(columns: Mapping[str, str], meanings: Mapping[str, str]) -> dict[str, dg.TableSchema]:
    """What Dagster shows as the columns of an asset."""
    if not columns:
        return {}
    found = [
        dg.TableColumn(name, kind, description=meanings.get(name) or None)
        for name, kind in columns.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=found)}
