"""Rewrites of the tree of a query: each makes of what an engine lacks something that it has.

Each changes the tree in place. All rows stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from captaindata_source.views.dialects.shapes import Shape, bare, children_first

__all__ = [
    "MAX_DEPTH",
    "Columns",
    "Lateral",
    "arrays_as_ranks",
    "filters_as_cases",
    "joined_array",
    "laterals",
    "nulls_by_order",
    "pairs_by_join",
    "plain_recursion",
    "top_level_ctes",
    "windows_in_place",
    "without_collations",
]

MAX_DEPTH = 10
"""Steps of a recursion; only DuckDB and Postgres notice by themselves that it goes in circles."""
DEPTH = "walk_depth"


def without_collations(tree: exp.Expression) -> None:
    """`collate "C"`: the order of bytes is what these engines have anyway."""
    for node in children_first(tree):
        if isinstance(node, exp.Collate):
            node.replace(node.this)


def filters_as_cases(tree: exp.Expression) -> None:
    """`filter (where …)`: unknown to BigQuery and Snowflake, and in windows to Spark."""
    for node in children_first(tree):
        if isinstance(node, exp.Filter):
            node.replace(_with_condition(node.this, node.expression.this))


def _with_condition(call: exp.Expression, condition: exp.Expression) -> exp.Expression:
    if isinstance(call, Shape):
        value: exp.Expression = call.expressions[-1]
    else:
        value = call.this
    is_star = isinstance(value, exp.Star)
    chosen = exp.Literal.number(1) if is_star else value.copy()
    value.replace(exp.Case(ifs=[exp.If(this=condition.copy(), true=chosen)]))
    return call


def windows_in_place(tree: exp.Expression) -> None:
    """`window name as (…)`: unknown to Snowflake."""
    for select in tree.find_all(exp.Select):
        named = {each.name: each for each in select.args.get("windows") or []}
        for window in select.find_all(exp.Window):
            if (found := named.get(window.alias)) is not None and window is not found:
                copied = found.copy()
                for part in ("partition_by", "order", "spec"):
                    window.set(part, copied.args.get(part))
                window.set("alias", None)
        select.set("windows", None)


def nulls_by_order(tree: exp.Expression) -> None:
    """`nulls last` of an ascending order, `nulls first` of a descending one: unknown to BigQuery in
    windows of aggregates."""
    for order in [*tree.find_all(exp.Order)]:
        items = []
        for each in order.expressions:
            is_desc, is_first = (bool(each.args.get(name)) for name in ("desc", "nulls_first"))
            if is_desc is is_first:
                is_null = each.this.copy().is_(exp.null())
                items.append(exp.Ordered(this=is_null, desc=is_desc, nulls_first=not is_desc))
                each.set("nulls_first", not is_desc)
            items.append(each)
        order.set("expressions", items)


def top_level_ctes(tree: exp.Expression) -> None:
    """A `with` within a `with`: BigQuery and Spark know recursion at the top only."""
    top = tree.find(exp.With)
    if top is None:
        return
    ctes: list[exp.CTE] = []
    for outer in top.expressions:
        inner = outer.this.find(exp.With)
        if inner is not None:
            inner.pop()
            top.set("recursive", top.args.get("recursive") or inner.args.get("recursive"))
            names = {cte.alias: f"{outer.alias}_{cte.alias}" for cte in inner.expressions}
            for part in (*inner.expressions, outer):
                _rename(part.this, names)
            for cte in inner.expressions:
                cte.args["alias"].set("this", exp.to_identifier(names[cte.alias]))
            ctes += inner.expressions
        ctes.append(outer)
    top.set("expressions", ctes)


def _rename(tree: exp.Expression, names: Mapping[str, str]) -> None:
    """Reads CTEs by their new names; columns find them by the old ones."""
    for table in tree.find_all(exp.Table):
        if not table.db and table.name in names:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(names[table.name]))


def plain_recursion(tree: exp.Expression) -> None:
    """`union` in a recursion: other engines know `union all` only, which circles for ever. So steps
    are counted and end at `MAX_DEPTH`, and rows are made distinct afterwards."""
    top = tree.find(exp.With)
    if top is None:
        return
    for cte in [*top.expressions]:
        union = cte.this
        name = cte.alias
        if not isinstance(union, exp.Union) or not union.args.get("distinct"):
            continue
        own = [each for each in union.expression.find_all(exp.Table) if _is_cte(each, name)]
        if not own:
            continue
        columns = [each.alias_or_name for each in union.this.expressions]
        walk = f"{name}_walk"
        distinct = exp.select(*columns).distinct().from_(walk)
        _count_steps(union, own[0].alias_or_name)
        _rename(union.expression, {name: walk})
        union.set("distinct", False)
        cte.args["alias"].set("this", exp.to_identifier(walk))
        made = exp.CTE(this=distinct, alias=exp.TableAlias(this=exp.to_identifier(name)))
        ctes = [*top.expressions]
        ctes.insert(ctes.index(cte) + 1, made)
        top.set("expressions", ctes)


def _is_cte(table: exp.Table, name: str) -> bool:
    return table.name == name and not table.db


def _count_steps(union: exp.Union, name: str) -> None:
    first, step = union.this, union.expression
    first.select(exp.alias_(exp.Literal.number(1), DEPTH), copy=False)
    depth = exp.column(DEPTH, table=name)
    step.select(exp.alias_(depth + 1, DEPTH), copy=False)
    step.where(depth.copy() < MAX_DEPTH, copy=False)


def arrays_as_ranks(tree: exp.Expression) -> None:
    """Values of each group as an array, of which another CTE unnests the first n: the same values
    by their rank. Engines have no order within `array_agg`, or no `unnest` in a select."""
    for select in [*tree.find_all(exp.Select)]:
        for item in select.expressions:
            explode = item.this
            if isinstance(item, exp.Alias) and isinstance(explode, (exp.Explode, exp.Unnest)):
                _as_rank(tree, select, item)


def _source(select: exp.Expression) -> str:
    (found, *_) = select.find_all(exp.From)
    return str(found.this.name)


def _as_rank(tree: exp.Expression, select: exp.Select, item: exp.Alias) -> None:
    cut = item.this.find(exp.Bracket)
    array, count = cut.this.unnest().name, cut.expressions[0].expression.name
    source = _source(select)
    (grouped,) = (each.this for each in tree.find_all(exp.CTE) if each.alias == source)
    parts = {each.alias_or_name: each for each in grouped.expressions}
    kept, ordered = parts[array].this.expression.this, parts[array].this.this.this
    counted = parts[count].find(exp.Filter).expression.this
    keys = grouped.args["group"].expressions
    value = ordered.this
    rank = exp.Window(
        this=exp.RowNumber(),
        partition_by=[each.copy() for each in [*keys, counted]],
        order=exp.Order(expressions=[each.copy() for each in ordered.expressions]),
    )
    is_counted = exp.Case(ifs=[exp.If(this=counted.copy(), true=exp.Literal.number(1))])
    copies = exp.Window(
        this=exp.Count(this=is_counted), partition_by=[each.copy() for each in keys]
    )
    grouped.set(
        "expressions",
        [
            *(each.copy() for each in keys),
            value.copy(),
            exp.alias_(kept.copy(), "is_kept"),
            exp.alias_(rank, "place"),
            exp.alias_(copies, "copies"),
        ],
    )
    grouped.set("group", None)
    grouped.set("having", None)
    item.this.replace(value.copy())
    select.where(exp.column("is_kept"), exp.column("place") <= exp.column("copies"), copy=False)


def pairs_by_join(tree: exp.Expression) -> None:
    """`(a, b) in (select …)` among the columns: a join with the distinct pairs."""
    for select in [*tree.find_all(exp.Select)]:
        for item in select.expressions:
            found = item.this
            if isinstance(found, exp.In) and isinstance(found.this, exp.Tuple):
                query = found.args["query"].this
                pairs = f"{_source(query)}_pairs"
                names = [each.name for each in query.expressions]
                left = found.this.expressions
                on = exp.and_(
                    *(
                        each.copy().eq(exp.column(name, table=pairs))
                        for each, name in zip(left, names, strict=True)
                    )
                )
                distinct = query.copy().distinct()
                select.join(distinct.subquery(pairs), on=on, join_type="left", copy=False)
                found.replace(exp.column(names[0], table=pairs).is_(exp.null()).not_())


@dataclass(frozen=True, slots=True)
class Lateral:
    """A join with what is made of each row.

    Args:
        join: The join.
        of: Of what: the last number, or an object of JSON.
        alias: Its name.
        are_pairs: Whether rows are keys and values of an object, not numbers from 0.
    """

    join: exp.Join
    of: exp.Expression
    alias: str
    are_pairs: bool

    @property
    def shape(self) -> str:
        """Name of the shape that makes the rows."""
        return "pairs" if self.are_pairs else "numbers"


Columns = Mapping[str, exp.Expression]


def laterals(write: Callable[[Lateral], Columns]) -> Callable[[exp.Expression], None]:
    """`cross join lateral`, with numbers or keys of an object: each engine has its own.

    Args:
        write: Changes the join; returns column to what is written in its place.
    """

    def rewrite(tree: exp.Expression) -> None:
        for join in [*tree.find_all(exp.Join)]:
            for found in _lateral(join):
                columns = write(found)
                for column in [*(join.parent or tree).find_all(exp.Column)]:
                    if column.table == found.alias and column.name in columns:
                        column.replace(columns[column.name].copy())

    return rewrite


def joined_array(found: Lateral) -> exp.Column:
    """Joins an array of what is made of a row; an item of it."""
    alias = f"{found.alias}_item"
    array = Shape(this=found.shape, expressions=[bare(found.of).copy()])
    found.join.set("this", exp.alias_(array, alias))
    return exp.column(alias)


def _lateral(join: exp.Join) -> Iterator[Lateral]:
    source = join.this
    if not isinstance(source, exp.Lateral):
        return
    call = source.this
    if isinstance(call, exp.GenerateSeries):
        yield Lateral(join, call.args["end"], source.alias, are_pairs=False)
    elif isinstance(call, exp.Anonymous) and call.name.lower() == "json_each":
        yield Lateral(join, call.expressions[0], source.alias, are_pairs=True)
