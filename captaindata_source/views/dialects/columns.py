"""Names for all columns of a query, for an engine that gives them others."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from captaindata_source.tables import ALL_TABLES
from captaindata_source.views.shipped import VIEWS, load_views

__all__ = ["named_columns"]

COLUMNS = {table.name: table.columns for table in ALL_TABLES}


def named_columns(tree: exp.Expression) -> None:
    """`a.x` and `a.*`: ClickHouse names a column `a.x` if another table of the join has an `x`."""
    known: dict[str, list[str]] = {}
    top = tree.find(exp.With)
    for cte in top.expressions if top else ():
        first, *others = _selects(cte.this)
        known[cte.alias] = _name_columns(first, known)
        for select in others:
            _name_columns(select, known)
    _name_columns(tree, known)


def _selects(query: exp.Expression) -> list[exp.Expression]:
    if isinstance(query, exp.Union):
        return [*_selects(query.this), *_selects(query.expression)]
    return [query]


def _name_columns(select: exp.Expression, known: Mapping[str, list[str]]) -> list[str]:
    """Names the columns of a select, and returns their names."""
    joined = [each.this for each in [select.find(exp.From), *(select.args.get("joins") or ())]]
    tables = {each.alias_or_name: each for each in joined if isinstance(each, exp.Table)}
    items, names = [], []
    for item in select.expressions:
        is_column = isinstance(item, exp.Column) and item.table
        if isinstance(item, exp.Star):
            names += [name for each in tables.values() for name in _columns_of(each, known)]
            items.append(item)
        elif is_column and isinstance(item.this, exp.Star):
            found = _columns_of(tables[item.table], known)
            items += [exp.alias_(exp.column(name, table=item.table), name) for name in found]
            names += found
        else:
            items.append(exp.alias_(item.copy(), item.name) if is_column else item)
            names.append(item.alias_or_name)
    select.set("expressions", items)
    return names


def _columns_of(table: exp.Table, known: Mapping[str, list[str]]) -> list[str]:
    if not table.db:
        return known[table.name]
    made = {view.name: [*view.columns] for view in load_views()}
    return made.get(table.name, []) if table.db == VIEWS else [*COLUMNS.get(table.name, ())]
