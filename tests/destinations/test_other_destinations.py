"""Destinations that can't be tried here: what dlt would refuse of our tables is told, or avoided,
before the first call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.common.destination import Destination
from dlt.common.destination.utils import verify_supported_data_types
from dlt.common.storages.load_package import ParsedLoadJobFileName

from captaindata_source.errors import ConfigError
from captaindata_source.tables import ALL_TABLES, JOB_RESULTS, JOBS
from captaindata_source.warehouse.loadable import loads_files, require_loadable
from captaindata_source.warehouse.promises import PROMISES, promise_of
from tests.support import destinations_table, processes

STAGED = ("athena", "dremio", "fabric", "redshift", "synapse")
"""They copy files from a bucket and take no parquet by themselves."""
OTHERS = ("bigquery", "clickhouse", "databricks", "mssql", "snowflake", "sqlalchemy")


def capabilities_of(name: str) -> Any:
    destination: Any = Destination.from_reference(name)
    return destination.capabilities()


@pytest.mark.parametrize("name", [*STAGED, *OTHERS])
def test_staging_is_asked_for_where_dlt_needs_it(name: str) -> None:
    capabilities = capabilities_of(name)

    def require(staging: str | None = None, table_format: str | None = None) -> None:
        require_loadable(
            capabilities,
            kind=f"dlt.destinations.{name}",
            name=name,
            staging=staging,
            table_format=table_format,
        )

    if name in STAGED:
        with pytest.raises(ConfigError, match="--staging filesystem"):
            require()
        require("filesystem")
    else:
        require()
    if name in ("mssql", "sqlalchemy"):
        with pytest.raises(ConfigError, match="copies nothing from staging"):
            require("filesystem")
    with pytest.raises(ConfigError, match="chooses the format of its tables itself"):
        require(table_format="delta")


@pytest.mark.parametrize("name", [*STAGED, *OTHERS[:-1]])
def test_dlt_refuses_no_column_of_ours(name: str) -> None:
    """BigQuery alone refuses JSON in parquet, unless it finds out the types: so it is told to."""
    capabilities = capabilities_of(name)
    tables: Any = []
    for table in ALL_TABLES:
        schema = dlt.Schema("s")
        schema.update_table({"name": table.name, "columns": table.dlt_columns()})
        prepared: Any = {**schema.tables[table.name], "write_disposition": "merge"}
        if name == "bigquery":
            prepared["x-bigquery-autodetect-schema"] = True
        if name == "databricks":
            prepared["x-insert-api"] = "copy_into"
        tables.append(prepared)
    jobs = [ParsedLoadJobFileName(table.name, "1", 0, "parquet") for table in ALL_TABLES]
    mapper = capabilities.get_type_mapper()
    found = verify_supported_data_types(tables, jobs, capabilities, mapper, warnings=False)
    assert not found


def test_bigquery_finds_out_the_types(monkeypatch: pytest.MonkeyPatch) -> None:
    from captaindata_source.settings.sync_options import SyncOptions  # noqa: PLC0415
    from captaindata_source.warehouse import pipeline  # noqa: PLC0415

    options = SyncOptions(destination="bigquery")
    kind: Any = Destination.from_reference("bigquery")
    assert pipeline._arguments(kind, options) == {"autodetect_schema": True}
    monkeypatch.setenv("DESTINATION__BIGQUERY__AUTODETECT_SCHEMA", "false")
    assert pipeline._arguments(kind, options) == {}


def test_rows_are_written_anew_where_no_files_are_taken(tmp_path: Path) -> None:
    """MS SQL without an ADBC driver takes no parquet: dlt makes statements of what we yield."""
    pipeline = dlt.pipeline(
        "own",
        pipelines_dir=str(tmp_path),
        destination=dlt.destinations.mssql("mssql://loader:secret@localhost/db"),
    )
    columns = {name: pa.string() for name in JOB_RESULTS.columns}
    columns |= {"position": pa.int64(), "is_carried": pa.bool_()}
    columns |= {"created_at": pa.timestamp("us", "UTC"), "loaded_at": pa.timestamp("us", "UTC")}
    row = {"workspace_uid": "w", "job_uid": "j", "position": 0, "data": '{"a": "it\'s"}'}
    rows = pa.Table.from_pylist([row], schema=pa.schema(list(columns.items())))
    results = dlt.resource([rows], name=JOB_RESULTS.name, **JOB_RESULTS.hints())
    jobs = dlt.resource([{"workspace_uid": "w", "uid": "j"}], name=JOBS.name, **JOBS.hints())
    pipeline.extract(dlt.source(lambda: [results, jobs], name="captaindata")())
    pipeline.normalize()
    [load_id] = pipeline.list_normalized_load_packages()
    made = {
        job.job_file_info.table_name: job
        for job in pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    }
    assert {made[name].job_file_info.file_format for name in ("job_results", "jobs")} == {
        "insert_values"
    }
    capabilities = capabilities_of("mssql")
    assert "parquet" in capabilities.supported_loader_file_formats, "of ADBC; it is not installed"


REDSHIFT = {"DESTINATION__REDSHIFT__CREDENTIALS": "postgresql://u:p@localhost:1/db"}
BUCKET = {"DESTINATION__FILESYSTEM__BUCKET_URL": "s3://bucket"}


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ("", {"DESTINATION__DUCKDB__CREDENTIALS": "md:warehouse"}, "--destination motherduck"),
        ("--destination redshift", REDSHIFT, "--staging filesystem"),
        ("--destination filesystem", BUCKET, "pip install 'dlt[s3]'"),
        ("--table-format delta", {}, "chooses the format of its tables itself"),
    ],
)
def test_it_is_refused_before_the_first_call(
    tmp_path: Path, arguments: str, environment: dict[str, str], said: str
) -> None:
    workspace = {"name": "a", "api_key": "k", "project_uid": "u", "base_url": "http://127.0.0.1:9"}
    done = processes.run(
        ["sync", *arguments.split()],
        environment={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "DLT_DATA_DIR": str(tmp_path / "dlt"),
            "SOURCES__CAPTAINDATA__WORKSPACES": json.dumps([workspace]),
            **environment,
        },
        folder=tmp_path,
    )
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not list(tmp_path.glob("*warehouse*"))


def test_the_readme_has_the_table_of_destinations() -> None:
    text = destinations_table.PATH.read_text(encoding="utf-8")
    table = destinations_table.destinations_table()
    assert f"{destinations_table.BEGIN}\n{table}\n{destinations_table.END}" in text, (
        "run python -m tests.support.destinations_table"
    )
    names = [promise.name for promise in PROMISES]
    assert len(set(names)) == len(names)


def test_a_destination_that_lacks_something_says_so(tmp_path: Path) -> None:
    found = {}
    for name, config in {
        "filesystem": {"bucket_url": str(tmp_path)},
        "duckdb": {"credentials": str(tmp_path / "w.duckdb")},
        "dummy": {},
    }.items():
        pipeline = dlt.pipeline(
            f"own_{name}",
            pipelines_dir=str(tmp_path),
            destination=Destination.from_reference(name, **config),
            dataset_name="d",
        )
        pipeline._set_context(is_active=True) if False else None
        kind = pipeline.destination.destination_type
        client = pipeline._get_destination_clients(dlt.Schema("s"))[0]
        found[name] = promise_of(client, kind=kind)
        assert loads_files(pipeline) if name != "dummy" else True
    assert found["duckdb"].lack == ""
    assert "newest load" in found["filesystem"].lack
    assert "fetches and adds everything" in found["dummy"].lack
