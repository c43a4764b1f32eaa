"""The views' SQL in each dialect, made from the files in `sql/views/`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import sqlglot
from sqlglot import exp

from captaindata_source.errors import ConfigError
from captaindata_source.people_fields import PEOPLE_TABLES
from captaindata_source.sqltext import OLD_DUCKDB, literal, quoted
from captaindata_source.tables import EXTRA_TABLES, WEBHOOK_EVENTS, views_schema
from captaindata_source.times import UTC_NAME
from captaindata_source.views.dialects import AS_THEY_ARE, DIALECTS, NOT_RUN, PARSED_ONLY
from captaindata_source.views.dialects.bigquery import BIGQUERY
from captaindata_source.views.dialects.clickhouse import CLICKHOUSE
from captaindata_source.views.dialects.engines import Engine
from captaindata_source.views.dialects.shapes import with_shapes
from captaindata_source.views.dialects.snowflake import SNOWFLAKE
from captaindata_source.views.dialects.spark import DATABRICKS, SPARK
from captaindata_source.views.shipped import RAW, SAME_JSON, VIEWS, ZONE, ViewDefinition, load_views
from captaindata_source.views.stand_ins import STAND_INS

__all__ = [
    "query",
    "relation_of",
    "render",
    "schema_statement",
    "script",
    "view_named",
    "views_without",
]

ENGINES: Mapping[str, Engine] = {
    "bigquery": BIGQUERY,
    "clickhouse": CLICKHOUSE,
    "databricks": DATABRICKS,
    "snowflake": SNOWFLAKE,
    "spark": SPARK,
}
DUCKLAKE = "ducklake"
"""Its extension is there for DuckDB 1, which has no `json_normalize`."""
MADE_HERE = frozenset((*PEOPLE_TABLES, "job_result_fields", "job_result_views"))
OPTIONAL = frozenset((*(table.name for table in EXTRA_TABLES), WEBHOOK_EVENTS.name))
Relation = Callable[[str, str], str]


def view_named(name: str) -> ViewDefinition:
    """A view that comes with the package.

    Raises:
        ConfigError: There is none of that name.
    """
    found = {view.name: view for view in load_views()}
    if name not in found:
        raise ConfigError(f"There is no view {name}: `captaindata views list` has their names")
    return found[name]


def render(
    view: ViewDefinition | str, dialect: str, schema: str, *, report_timezone: str = UTC_NAME
) -> str:
    """The statement that makes a view in a dialect, without a semicolon at its end.

    Args:
        view: The view, or its name.
        dialect: One of `DIALECTS`.
        schema: Holds the tables; the view goes into the schema of views beside it.
        report_timezone: Time zone of the days and months of runs.

    Raises:
        ConfigError: There is no such view or dialect.
    """
    view = view_named(view) if isinstance(view, str) else view
    select = query(view, dialect, schema, report_timezone=report_timezone)
    target = relation_of(view, dialect, schema)
    lines = [f"-- {line}" for line in _notes(view, dialect)]
    lines += [f"-- {view.name}: {view.title}", f"create or replace view {target} as", select]
    return "\n".join(lines)


def query(
    view: ViewDefinition,
    dialect: str,
    schema: str,
    *,
    report_timezone: str = UTC_NAME,
    relation: Relation | None = None,
) -> str:
    """The select of a view in a dialect.

    Args:
        view: The view.
        dialect: One of `DIALECTS`.
        schema: Holds the tables that it reads.
        report_timezone: Time zone of the days and months of runs.
        relation: Makes what stands for a table or view, of a schema (`captaindata` or
            `captaindata_views`) and its name; None: its name in the dialect.

    Raises:
        ConfigError: There is no such dialect.
    """
    if dialect in AS_THEY_ARE:
        own = OLD_DUCKDB if dialect == DUCKLAKE else dialect
        return view.query_on(schema, dialect=own, report_timezone=report_timezone)
    engine = _engine(dialect)
    names = {RAW: schema, VIEWS: views_schema(schema)}
    tree = _tree(view, report_timezone)
    for rewrite in engine.rewrites:
        rewrite(tree)
    for table in tree.find_all(exp.Table):
        if table.db in names:
            text = (
                relation(table.db, table.name)
                if relation
                else _relation(dialect)(names[table.db], table.name)
            )
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("db", None)
            table.set("this", exp.to_identifier(text, quoted=False))
    return engine.write(tree)


def _notes(view: ViewDefinition, dialect: str) -> Iterator[str]:
    if (dialect, view.name) in NOT_RUN:
        yield f"Does not run: {NOT_RUN[dialect, view.name]}"
    elif dialect in PARSED_ONLY:
        yield f"Parsed, not run: {PARSED_ONLY[dialect]}"
    if dialect not in AS_THEY_ARE and (made := sorted(view.tables & MADE_HERE)):
        yield f"Needs tables that the connector makes on DuckDB and Postgres: {', '.join(made)}"
    elif needed := sorted(view.tables & OPTIONAL):
        yield f"Needs a table that is loaded only where you ask for it: {', '.join(needed)}"


def relation_of(view: ViewDefinition, dialect: str, schema: str) -> str:
    """The name of a view in a dialect, beside the schema of the tables."""
    return _relation(dialect)(views_schema(schema), view.name)


def script(
    dialect: str,
    schema: str,
    *,
    names: Sequence[str] = (),
    without: Collection[str] = (),
    report_timezone: str = UTC_NAME,
) -> str:
    """The statements that make views in a dialect, each after those that it reads.

    Args:
        dialect: One of `DIALECTS`.
        schema: Holds the tables.
        names: The views; none: all.
        without: Tables that are not loaded: views that need them are left out.
        report_timezone: Time zone of the days and months of runs.

    Raises:
        ConfigError: There is no such view or dialect.
    """
    wanted = {view_named(name).name for name in names}
    parts = [] if wanted else [schema_statement(dialect, schema)]
    parts += [
        render(view, dialect, schema, report_timezone=report_timezone)
        for view in views_without(without)
        if not wanted or view.name in wanted
    ]
    return "\n\n".join(f"{part};" for part in parts if part)


def views_without(tables: Collection[str]) -> list[ViewDefinition]:
    """The views that can be made without some tables, some with nothing in their place.

    Args:
        tables: Names of tables that are not loaded.
    """
    found: dict[str, ViewDefinition] = {}
    for view in load_views():
        query = view.query
        for (name, table), stand_in in STAND_INS.items():
            if name == view.name and table in tables:
                query = query.replace(f"{RAW}.{table}", stand_in)
        kept = replace(view, query=query)
        if kept.tables.isdisjoint(tables) and kept.views <= found.keys():
            found[view.name] = kept
    return [*found.values()]


def schema_statement(dialect: str, schema: str) -> str | None:
    """The statement that makes the schema of the views; None: the dialect needs none."""
    name = views_schema(schema)
    if dialect in AS_THEY_ARE:
        return f"create schema if not exists {quoted(name)}"
    made = _engine(dialect).schema
    return made(name) if made else None


def _tree(view: ViewDefinition, report_timezone: str) -> exp.Expression:
    text = view.query.replace(ZONE, literal(report_timezone))
    text = SAME_JSON.sub(lambda found: f"same_json({found[1]})", text)
    return with_shapes(sqlglot.parse_one(text, read="duckdb"))


def _engine(dialect: str) -> Engine:
    if dialect not in ENGINES:
        raise ConfigError(f"There is no dialect {dialect}: it is one of {', '.join(DIALECTS)}")
    return ENGINES[dialect]


def _relation(dialect: str) -> Relation:
    if dialect in AS_THEY_ARE:
        return lambda schema, name: f"{quoted(schema)}.{quoted(name)}"
    return _engine(dialect).relation
