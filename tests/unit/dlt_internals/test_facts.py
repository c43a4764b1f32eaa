"""What is relied on within dlt; a test that fails says what has to be done another way."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import dlt
import duckdb
import pytest
from dlt.common import validation
from dlt.common.configuration.specs import base_configuration
from dlt.common.destination import Destination
from dlt.common.exceptions import DictValidationException
from dlt.common.schema import Schema
from dlt.common.schema.typing import TColumnSchema
from dlt.common.typing import TSecretStrValue
from dlt.load import load as load_step

from captaindata_source.dlt_internals import (
    clients,
    extraction,
    files,
    hints,
    options,
    packages,
    schema_changes,
    schemas,
)
from captaindata_source.dlt_internals.open_tables import ARE_READ
from captaindata_source.settings.files import read_toml

NAMES = [
    ("dlt.pipeline.pipeline:Pipeline._get_destination_clients", "schemas.keep_schema"),
    ("dlt.common.storages.live_schema_storage:LiveSchemaStorage._load_schema_json", "schemas"),
    ("dlt.common.storages.live_schema_storage:LiveSchemaStorage.set_live_schema", "schemas"),
    ("dlt.destinations.impl.postgres.sql_client:Psycopg2SqlClient._reset_connection", "clients"),
    ("dlt.destinations.impl.postgres.sql_client:Psycopg2SqlClient.execute_query", "clients"),
    ("dlt.destinations.impl.duckdb.sql_client:DuckDbSqlClient.open_connection", "clients"),
    ("dlt.destinations._adbc_jobs:AdbcParquetCopyJob._connect", "clients.adapt_job"),
    ("adbc_driver_manager.dbapi:_SharedDatabase.clone", "adbc.shared_connection"),
    ("dlt.destinations._adbc_jobs:AdbcParquetCopyJob.run", "clients.adapt_job"),
    ("dlt.destinations._adbc_jobs:AdbcParquetCopyJob.run_managed", "clients.adapt_job"),
    ("dlt.destinations.job_client_impl:SqlJobClientBase._build_schema_update_sql", "add_columns"),
    ("dlt.destinations.job_client_impl:SqlJobClientBase.prepare_load_table", "with_append"),
    ("dlt.destinations.job_client_impl:SqlJobClientBase.verify_schema", "with_append"),
    ("dlt.load.load:Load.load_single_package", "load_step"),
    ("dlt.extract.extractors:Extractor._write_item", "extraction.make_empty_tables"),
    ("dlt.extract.storage:ExtractorItemStorage._get_data_item_path_template", "files"),
    ("dlt.common.storages.load_storage:LoadItemStorage._get_data_item_path_template", "files"),
    ("dlt.destinations.impl.duckdb.sql_client:DuckDBDBApiCursorImpl.iter_arrow", "files"),
    ("dlt.common.configuration.providers.toml:SettingsTomlProvider._read_toml_file", "options"),
]
LAKE_NAMES = [
    ("dlt.destinations.impl.filesystem.filesystem:DeltaLoadFilesystemJob.run", "open_tables"),
    ("dlt.destinations.impl.filesystem.filesystem:IcebergLoadFilesystemJob.run", "open_tables"),
    ("dlt.destinations.impl.filesystem.filesystem:FilesystemClient.load_open_table", "open_tables"),
    (
        "dlt.destinations.impl.filesystem.filesystem:FilesystemClient.get_open_table_location",
        "open_tables",
    ),
    (
        "dlt.destinations.impl.filesystem.filesystem:FilesystemClient.get_open_table_catalog",
        "iceberg_tables",
    ),
    (
        "dlt.destinations.impl.filesystem.sql_client:FilesystemSqlClient.create_view_select",
        "open_tables",
    ),
    (
        "dlt.destinations.impl.ducklake.sql_client:DuckLakeSqlClient.attach_statement",
        "destinations.as_we_use_it",
    ),
    (
        "dlt.destinations.impl.ducklake.configuration:DuckLakeCredentials._conn_str",
        "lake_connections",
    ),
]
"""Of tables in lakes, which need dlt 1.26."""


@pytest.mark.parametrize(("name", "user"), [*NAMES, *(LAKE_NAMES if ARE_READ else ())])
def test_a_name_is_still_there(name: str, user: str) -> None:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part, None)
        assert found is not None, f"dlt has no {name} any more, on which {user} leans"


def own_pipeline(folder: Path, name: str = "own") -> dlt.Pipeline:
    return dlt.pipeline(
        name,
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "warehouse.duckdb")),
        dataset_name="d",
    )


def test_packages_that_wait_are_found(tmp_path: Path) -> None:
    pipeline = own_pipeline(tmp_path)
    pipeline.extract([{"a": 1}], table_name="numbers")
    pipeline.normalize()
    found = [*packages.packages(pipeline)]
    assert found == [*pipeline.list_normalized_load_packages()], "dlt keeps packages elsewhere now"
    assert len(found) == 1


def test_a_client_goes_without_the_file_of_the_schema(tmp_path: Path) -> None:
    pipeline = own_pipeline(tmp_path)
    pipeline.run([{"a": 1}], table_name="numbers")
    schemas.keep_schema(pipeline, Schema(str(pipeline.default_schema_name)))
    for file in (Path(pipeline.working_dir) / "schemas").iterdir():
        file.write_text("no schema", encoding="utf-8")
    with pipeline.sql_client() as client:
        assert client.execute_sql("select a from numbers") == [(1,)], "clients read schemas again"


def test_a_schema_is_read_again_only_where_its_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, other = own_pipeline(tmp_path), own_pipeline(tmp_path)
    schemas.read_changed_schemas(pipeline)
    built: list[str] = []
    reset = Schema._reset_schema

    def count(self: Schema, name: str, *more: Any) -> None:
        built.append(name)
        reset(self, name, *more)

    monkeypatch.setattr(Schema, "_reset_schema", count)
    pipeline.run([{"a": 1}], table_name="numbers")
    built.clear()
    assert pipeline.default_schema is pipeline.default_schema
    assert not built, "dlt no longer keeps the schema that a pipeline has in memory"

    other.sync_destination()
    other.run([{"b": 1}], table_name="letters")
    assert "letters" in pipeline.default_schema.tables, "a file that changed is not read again"
    file = Path(pipeline.working_dir) / "schemas" / f"{pipeline.default_schema_name}.schema.json"
    file.write_text("no schema", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no schema|unexpected|invalid|expected"):
        _ = pipeline.default_schema


def test_what_type_hints_say_is_found_out_once() -> None:
    hints.remember_hints()
    hints.remember_hints()
    for name in hints.FUNCTIONS:
        users = [
            module
            for key, module in sys.modules.items()
            if key.startswith("dlt.") and name in vars(module)
        ]
        assert len(users) > 0, f"dlt has no {name} any more"
        assert {hasattr(vars(module)[name], hints.MARK) for module in users} == {True}
    assert hasattr(vars(validation)[hints.SPEC_HINTS], hints.MARK)
    validation.validate_dict(TColumnSchema, {"name": "a", "data_type": "text"}, ".")
    with pytest.raises(DictValidationException):
        validation.validate_dict(TColumnSchema, {"name": "a", "data_type": 1}, ".")
    assert base_configuration.is_secret_hint(TSecretStrValue)
    assert not base_configuration.is_secret_hint(str)
    unhashable: Any = Annotated[str, ["a list"]]
    assert base_configuration.extract_inner_hint(unhashable) is str


def test_what_was_dropped_is_made_again(tmp_path: Path) -> None:
    pipeline = own_pipeline(tmp_path)
    pipeline.run([{"a": 1, "b": 1}], table_name="numbers")
    pipeline.run([{"a": 1}], table_name="others")
    with pipeline.destination_client() as client:
        client.sql_client.execute_sql("alter table numbers drop column b")  # type: ignore[attr-defined]
        client.sql_client.execute_sql("drop table others")  # type: ignore[attr-defined]
        schema_changes.make_what_is_missing(client, ["numbers", "others"])  # type: ignore[arg-type]
    with pipeline.sql_client() as client:
        assert client.execute_sql("select a, b from numbers") == [(1, None)]
        assert client.execute_sql("select a from others") == []
        assert client.execute_sql(
            "select count(distinct version_hash) - count(*) from _dlt_version"
        ) == [(0,)]


def test_a_destination_is_looked_up_once_and_keeps_what_is_a_pipelines_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: clients.LookUps = {}
    found = []
    for number in range(2):
        file = str(tmp_path / f"{number}.duckdb")
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", file)
        layout = f"%s_staging_{number}"
        destination: Any = Destination.from_reference("duckdb", staging_dataset_name_layout=layout)
        clients.look_up_once(destination, known)
        pipeline = dlt.pipeline(
            f"p{number}",
            destination=destination,
            dataset_name="d",
            pipelines_dir=str(tmp_path / "pipelines"),
        )
        client: Any = pipeline.sql_client()
        found.append((Path(client.credentials.database).name, client.staging_dataset_name))
    assert found == [("0.duckdb", "d_staging_0"), ("0.duckdb", "d_staging_1")], (
        "dlt looks a destination's configuration up in another way"
    )


def test_each_connection_is_handed_over_once(tmp_path: Path) -> None:
    client: Any = own_pipeline(tmp_path).sql_client()
    seen: list[Any] = []
    assert clients.on_connection(client, seen.append)
    assert not clients.on_connection(client, seen.append)
    with client:
        assert isinstance(seen[0], duckdb.DuckDBPyConnection)
    assert len(seen) == 1, "dlt opens its connections in another way"


def test_columns_are_left_out_of_metrics(tmp_path: Path) -> None:
    rows = dlt.resource([{"a": 1}], name="numbers", columns={"a": {"data_type": "bigint"}})

    def described(number: int) -> Any:
        info = own_pipeline(tmp_path, f"own{number}").extract(rows)
        found = [each["hints"] for every in info.metrics.values() for each in every]
        return next(hints["numbers"]["columns"] for hints in found if "numbers" in hints)

    with extraction.without_descriptions():
        assert described(1) == "", "dlt describes columns in another way"
    assert "bigint" in described(2), "only what is extracted within goes without"


@pytest.mark.parametrize("has_rows", [True, False])
def test_tables_without_rows_are_made_beside_a_resources_own(
    tmp_path: Path, has_rows: bool
) -> None:
    extraction.make_empty_tables()

    @dlt.resource(columns={"a": {"data_type": "bigint"}})
    def numbers() -> Any:
        if has_rows:
            yield [{"a": 1}]
        yield dlt.mark.with_hints(
            dlt.mark.materialize_table_schema(),
            dlt.mark.make_hints(table_name="changes", columns={"b": {"data_type": "text"}}),
            create_table_variant=True,
        )

    pipeline = own_pipeline(tmp_path)
    pipeline.run(numbers())
    with pipeline.sql_client() as client:
        assert client.execute_sql("select b from changes") == [], "dlt makes no empty tables"
        if has_rows:
            assert client.execute_sql("select a from numbers") == [(1,)]


@pytest.mark.parametrize("method", ["add_map", "add_filter", "add_yield_map"])
def test_a_map_or_filter_is_seen(method: str) -> None:
    resource = dlt.resource([1], name="numbers")
    assert not extraction.is_mapped_or_filtered(resource)
    getattr(resource, method)(lambda item: item)
    assert extraction.is_mapped_or_filtered(resource), f"dlt keeps what {method} adds elsewhere"


def test_files_of_folders_with_odd_names_are_loaded(tmp_path: Path) -> None:
    files.take_any_folder()
    pipeline = own_pipeline(tmp_path / "it's 100%s [a-z] {x}")
    pipeline.run([{"a": 1}], table_name="numbers", loader_file_format="parquet")
    with pipeline.sql_client() as client:
        assert client.execute_sql("select a from numbers") == [(1,)]


def test_arrow_tables_are_read(tmp_path: Path) -> None:
    files.read_arrow_tables()
    pipeline = own_pipeline(tmp_path)
    pipeline.run([{"a": number} for number in range(3)], table_name="numbers")
    with pipeline.sql_client() as client, client.execute_query("select a from numbers") as cursor:
        assert [each.num_rows for each in cursor.iter_arrow(0)] == [3]


def test_all_that_is_configured_is_seen_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "secrets.toml").write_text("[sources.x]\nkey = 1\n", encoding="utf-8")
    read: list[Path] = []

    def reading(path: Path) -> Any:
        read.append(path)
        return read_toml(path)

    options.read_files_with(reading)
    try:
        provider = dlt.common.configuration.providers.SecretsTomlProvider(
            settings_dir=str(tmp_path / ".dlt")
        )
    finally:
        options.read_files_with(read_toml)
    assert any(path.name == "secrets.toml" for path in read), "dlt reads its files in another way"
    monkeypatch.setattr(
        dlt.common.configuration.container.Container()[
            dlt.common.configuration.specs.pluggable_run_context.PluggableRunContext
        ].providers,
        "providers",
        [provider],
    )
    found = [
        (options.place_of_option(each, ("sources", "x", "key")), document["sources"])
        for each, document in options.sections()
    ]
    assert found == [("secrets.toml", {"x": {"key": 1}})], "dlt keeps what it read elsewhere"


def test_the_load_step_logs_under_its_modules_name() -> None:
    assert Path(load_step.__file__).stem == options.LOAD_STEP
    record = logging.LogRecord("dlt", logging.ERROR, load_step.__file__, 1, "said", None, None)
    assert options.is_of_load_step(record)
