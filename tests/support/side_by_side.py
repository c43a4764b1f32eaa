"""First loads of a fresh dataset by several processes at once, and what must be there then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from captaindata_source.views.shipped import load_views
from tests.support.harness import Harness, Synced

CATALOGUE = {
    "job_result_fields": ("workspace_uid", "workflow_uid", "field_id"),
    "job_result_field_counts": ("workspace_uid", "job_uid", "field_id", "kind"),
    "job_result_field_jobs": ("workspace_uid", "job_uid", "workflow_uid", "load_id"),
    "job_result_views": ("workspace_uid", "workflow_uid"),
}


def first_loads(harness: Harness) -> list[Synced]:
    """A process for each workspace, begun together, in one folder of dlt's."""
    harness.extra["SOURCES__CAPTAINDATA__CREATE_VIEWS"] = "true"
    folder = str(harness.folder / "dlt")
    running = [
        harness.start(configs=[harness.config(workspace)], data_dir=folder)
        for workspace in harness.world.workspaces
    ]
    return [harness.finish(process, name) for process, name in running]


def complaints(harness: Harness, done: Sequence[Synced]) -> list[str]:
    """What is wrong with catalogue and views."""
    found = [f"exit {each.code}: {each.summary} {each.stderr}" for each in done if each.code]
    for table, key in CATALOGUE.items():
        rows = Counter(tuple(row[name] for name in key) for row in harness.rows(table))
        if not rows or max(rows.values()) > 1:
            found.append(f"{table}: {len(rows)} rows, {rows.total() - len(rows)} of them doubled")
    names = {row["view_name"] for row in harness.rows("job_result_views")}
    wanted = names | {view.name for view in load_views() if not view.is_optional}
    there = {
        row["relname"]
        for row in harness.database.execute(
            "select c.relname from pg_class as c inner join pg_namespace as n "
            "on n.oid = c.relnamespace where n.nspname = %s and c.relkind = 'v'",
            [f"{harness.database.dataset}_views"],
        )
    }
    found += [f"view {name} is missing" for name in sorted(wanted - there)]
    flows = "select distinct workspace_uid, workflow_uid from"
    with_results, with_view = (
        {tuple(row.values()) for row in harness.database.execute(f"{flows} {table}")}
        for table in ("job_results", "job_result_views")
    )
    found += [f"workflow {flow} has no view" for flow in with_results - with_view]
    return found
