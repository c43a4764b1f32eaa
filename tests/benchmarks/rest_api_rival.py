"""The rival: dlt's own `rest_api` source, as its documentation would have it written.

    python rest_api_rival.py BASE_URL {defaults,append,merge}

Reads workflows, their jobs and the results of those into `warehouse.duckdb` in the working
directory. `defaults` keeps all of dlt's defaults. The other two are tuned: parquet files, parallel
resources, nested values as JSON; `merge` replaces rows by key as the connector does, `append` does
not.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.typing import RESTAPIConfig

DATASET = "rival"
DUCKDB_FILE = "warehouse.duckdb"
TUNED = {
    "extract.workers": 4,  # 8 are slower
    "normalize.workers": 2,
    "data_writer.file_max_items": 25_000,  # several files, so that both of them have work
}
KEYS = {
    "workflows": ["uid"],
    "jobs": ["uid"],
    "results": ["_jobs_uid", "id"],  # real results have no id; those of the benchmark do
}


def config(base_url: str, variant: str) -> RESTAPIConfig:
    """The source as data."""
    resources: list[dict[str, Any]] = [
        {
            "name": "workflows",
            "endpoint": {"path": "workflows", "data_selector": "$", "paginator": "single_page"},
        },
        {
            "name": "jobs",
            "endpoint": {
                "path": "workflows/{resources.workflows.uid}/jobs",
                "data_selector": "$",
                "paginator": {"type": "page_number", "base_page": 0, "total_path": None},
            },
        },
        {
            "name": "results",
            "include_from_parent": ["uid"],
            "endpoint": {
                "path": "jobs/{resources.jobs.uid}/results",
                "data_selector": "results",
                "paginator": {"type": "json_link", "next_url_path": "paging.next"},
            },
        },
    ]
    for resource in resources:
        resource["write_disposition"] = "merge" if variant == "merge" else "append"
        if variant == "merge":
            resource["primary_key"] = KEYS[resource["name"]]
        if variant != "defaults":
            resource["parallelized"] = True
    whole: Any = {
        "client": {"base_url": base_url, "headers": {"authorization": "x-api-key bench"}},
        "resources": resources,
    }
    checked: RESTAPIConfig = whole
    return checked


def main(base_url: str, variant: str) -> None:
    """Runs one load, raises where it fails."""
    is_tuned = variant != "defaults"
    if is_tuned:
        for name, value in TUNED.items():
            dlt.config[name] = value
    pipeline = dlt.pipeline(
        "rest_api_rival", destination=dlt.destinations.duckdb(DUCKDB_FILE), dataset_name=DATASET
    )
    source = rest_api_source(config(base_url, variant), name="rival")
    if is_tuned:
        source.max_table_nesting = 0
    run = partial(pipeline.run, loader_file_format="parquet") if is_tuned else pipeline.run
    info = run(source)
    info.raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
