"""Writes the models of `sql/dbt/models/`: `python -m tests.support.dbt_models`.

A mart is a view of `sql/views/`, with the same query on other models. A staging model is a raw
table, with all columns of this version of the connector. Spark's query of a mart is a macro, made
as `captaindata views render` makes it. Names, descriptions and keys are those that `dbt_sources`
gives to the sources; types are those that DuckDB gives to the views.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from captaindata_source.sqltext import OLD_DUCKDB, same_json
from captaindata_source.views.dialects.render import query
from captaindata_source.views.shipped import (
    RAW,
    SAME_JSON,
    SOURCE,
    VIEWS,
    ZONE,
    ViewDefinition,
    load_views,
)
from tests.support import dbt_sources, dbt_unit_tests
from tests.support.dbt_sources import ROOT, Yaml, table_yaml, yaml_lines
from tests.support.dbt_staging import mart, staged, staged_tables

__all__ = ["FOLDER", "files"]

FOLDER = ROOT / "sql" / "dbt" / "models"
MACROS = FOLDER.parent / "macros"
SCRIPT = "python -m tests.support.dbt_models"
TIMEZONE = "{{ captaindata.report_timezone() }}"
ZONE_MARK = "report_timezone"
"""In place of the zone while a view is rewritten."""
ON_SPARK = "target.type in ('spark', 'databricks')"
TYPES = {
    "text": f"'string' if {ON_SPARK} else 'text'",
    "double": f"'double' if {ON_SPARK} else 'double precision'",
    "timestamp": f"'timestamp' if {ON_SPARK} else 'timestamp with time zone'",
    "json": f"'string' if {ON_SPARK} else 'json'",
}
"""Types whose names differ between databases: the first word of the name to an expression."""
RAW_JSON = f"'string' if {ON_SPARK} else 'jsonb' if target.type == 'postgres' else 'json'"
CONTRACT = {"enforced": "{{ target.type in ('duckdb', 'postgres') }}"}
"""Where types are compared with the database's own."""
DASHBOARD = (
    *("automation_health", "daily_job_health", "failing_workflows", "credit_usage"),
    *("records_by_workflow_month", "sync_freshness"),
)
"""Marts that a dashboard of runs shows first."""


def files() -> dict[Path, str]:
    """All files that this script writes, with their content."""
    found = {
        FOLDER / "staging" / f"{staged(name)}.sql": _staging_sql(name, columns)
        for name, columns in staged_tables().items()
    }
    for view in load_views():
        found[FOLDER / "marts" / f"{mart(view.name)}.sql"] = _mart_sql(view)
        found[MACROS / "on_spark" / f"{view.name}_on_spark.sql"] = _spark_sql(view)
    found[FOLDER / "staging" / "staging.yml"] = _staging()
    found[FOLDER / "marts" / "marts.yml"] = _marts()
    found[FOLDER / "marts" / "unit_tests.yml"] = f"# Written by {SCRIPT}\n{dbt_unit_tests.render()}"
    found[MACROS / "same_json.sql"] = _same_json()
    found[FOLDER / "exposures.yml"] = _text({"version": 2, "exposures": [*_exposures()]})
    return found


# -- SQL ---------------------------------------------------------------------------------------


def _staging_sql(name: str, columns: Mapping[str, str]) -> str:
    listed = ",\n".join(f"    '{column}': '{kind}'" for column, kind in columns.items())
    table = {each.name: each for each in dbt_sources.raw_tables()}.get(name)
    more = f", {[*table.key]}" if table else ""
    more += ", is_group=true" if table and table.replaces_by_key else ""
    return (
        f"{{#- Written by {SCRIPT} -#}}\n"
        f"{{%- set columns = {{\n{listed}\n}} -%}}\n\n"
        f"{{{{ captaindata.staged(source('{RAW}', '{name}'), columns{more}) }}}}\n"
    )


def _mart_sql(view: ViewDefinition) -> str:
    text = re.sub(rf"{SOURCE.pattern}(\s+as\b)?", _reference, view.query)
    text = text.replace(ZONE, TIMEZONE)
    text = SAME_JSON.sub(lambda found: f"{{{{ captaindata.same_json('{found[1]}') }}}}", text)
    return f"""{{#- Written by {SCRIPT} from sql/views/{view.name}.sql -#}}
{{% if captaindata.is_spark() %}}

{{{{ captaindata.{view.name}_on_spark() }}}}

{{% else %}}

{text}

{{% endif %}}
"""


def _spark_sql(view: ViewDefinition) -> str:
    text = query(view, "spark", RAW, report_timezone=ZONE_MARK, relation=_model)
    text = text.replace(f"'{ZONE_MARK}'", TIMEZONE)
    return f"""{{#- Written by {SCRIPT} from sql/views/{view.name}.sql -#}}
{{% macro {view.name}_on_spark() %}}
{text}
{{% endmacro %}}
"""


def _model(schema: str, name: str) -> str:
    return f"{{{{ ref('{mart(name) if schema == VIEWS else staged(name)}') }}}}"


def _reference(found: re.Match[str]) -> str:
    """A model in place of a table or view, under the name that the query has for it."""
    schema, name, alias = found.groups()
    return _model(schema, name) + (alias or f" as {name}")


def _same_json() -> str:
    """The macro that stands for what the databases have no function in common for."""
    plain, old, postgres = (
        same_json("{{ value }}", dialect) for dialect in ("duckdb", OLD_DUCKDB, "postgres")
    )
    return f"""{{#- Written by {SCRIPT} -#}}
{{#- A text that is the same for equal JSON, where the database can make one. -#}}
{{% macro same_json(value) -%}}
{{{{ return(adapter.dispatch('same_json', 'captaindata')(value)) }}}}
{{%- endmacro %}}

{{% macro default__same_json(value) -%}}
cast({{{{ value }}}} as {{{{ captaindata.column_type('text') }}}})
{{%- endmacro %}}

{{#- DuckDB 1 has no `json_normalize`. -#}}
{{% macro duckdb__same_json(value) -%}}
{{%- if execute and run_query('select version()').columns[0][0].startswith('v1.') -%}}
{old}
{{%- else -%}}
{plain}
{{%- endif -%}}
{{%- endmacro %}}

{{% macro postgres__same_json(value) -%}}
{postgres}
{{%- endmacro %}}
"""


# -- YAML --------------------------------------------------------------------------------------


def _text(value: Yaml, types: Mapping[str, str] | None = None) -> str:
    lines = [f"# Written by {SCRIPT}"]
    if types:
        lines.append("anchors:")
        lines += [f'  - &{name} "{{{{ {text} }}}}"' for name, text in types.items()]
    return "\n".join([*lines, *yaml_lines(value), ""])


def _type(kind: str) -> str:
    """A type as YAML refers to it."""
    word = kind.split(maxsplit=1)[0]
    return f"*{word}" if word in TYPES else {"bool": "boolean"}.get(kind, kind)


def _staging() -> str:
    entries = {entry.name: entry for entry in dbt_sources.raw_entries()}
    lines = {each.name for each in dbt_sources.raw_tables() if each.file_format is None}
    lines.add(dbt_sources.LOADS.name)
    models = []
    for name, columns in staged_tables().items():
        texts = entries[name].columns
        listed = [
            {
                "name": column,
                **({"description": texts[column]} if column in texts else {}),
                "data_type": _type(kind),
            }
            for column, kind in columns.items()
        ]
        text = f"The raw table `{name}`. {entries[name].description}"
        # the format of the files where the destination is a folder
        config = {"config": {"meta": {"files": "json"}}} if name in lines else {}
        models.append({"name": staged(name), "description": text, **config, "columns": listed})
    return _text({"version": 2, "models": models}, TYPES | {"json": RAW_JSON})


def _marts() -> str:
    types = dbt_unit_tests.view_types()
    models = []
    for entry in dbt_sources.view_entries(optional=()):
        found = table_yaml(entry, lambda to: f"ref('{mart(to)}')")
        for column in found["columns"]:
            column["data_type"] = _type(types[entry.name][column["name"]])
        head = {"name": mart(entry.name), "description": found.pop("description")}
        del found["name"]
        models.append({**head, "config": {"contract": CONTRACT}, **found})
    return _text({"version": 2, "models": models}, TYPES)


def _exposures() -> Iterator[Yaml]:
    queries = ROOT / "captaindata_source" / "report" / "queries"
    read = {
        (schema, name)
        for file in sorted(queries.glob("*.sql"))
        for schema, name in SOURCE.findall(file.read_text(encoding="utf-8"))
    }
    yield {
        "name": "captaindata_report",
        "label": "Report of captaindata",
        "type": "analysis",
        "description": "The page that `captaindata report` writes. It reads the views and the raw "
        "tables, not these models.",
        **OWNER,
        "depends_on": [f"source('{schema}', '{name}')" for schema, name in sorted(read)],
    }
    yield {
        "name": "captaindata_dashboard",
        "label": "Dashboard of runs",
        "type": "dashboard",
        "description": "What a dashboard of runs needs: key figures of each workspace, runs and "
        "records over time, workflows that need a look, quota and freshness.",
        **OWNER,
        "depends_on": [f"ref('{mart(name)}')" for name in DASHBOARD],
    }


OWNER: Yaml = {
    "owner": {"name": "{{ var('captaindata_owner', 'Owner of the pipeline') }}"},
    "config": {"enabled": "{{ var('captaindata_exposures', true) }}"},
}


def main() -> None:
    wanted = files()
    for folder in (FOLDER / "staging", FOLDER / "marts", MACROS / "on_spark"):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path not in wanted:
                path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
