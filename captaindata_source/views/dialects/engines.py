"""What each engine has in place of what DuckDB has.

An `Engine` is a list of rewrites and a text for each shape. A `{0}` in a text is the first argument
of the shape, and so on; `{key}` is the last one, a literal, without quotes. A text is a call, or
stands in parentheses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp

from captaindata_source.views.dialects.shapes import Shape

__all__ = ["Engine", "Rewrite"]

Rewrite = Callable[[exp.Expression], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that reads the views.

    Args:
        name: Of sqlglot's dialect.
        rewrites: Change the tree of a view, one after the other.
        texts: Shape to its text.
        relation: Makes the name of a table or view of a schema.
        schema: Makes the statement before the views: the schema that they are in; None: it has no
            schemas.
        ending: What follows the query.
        types: Type to its name, where sqlglot has another one.
    """

    name: str
    rewrites: Sequence[Rewrite]
    texts: Mapping[str, str]
    relation: Callable[[str, str], str] = "{}.{}".format
    schema: Callable[[str], str] | None = "create schema if not exists {}".format
    ending: str = ""
    types: Mapping[exp.DataType.Type, str] = field(default_factory=dict)

    def write(self, tree: exp.Expression) -> str:
        """The text of a tree without shapes unknown to the engine."""
        dialect = sqlglot.Dialect.get_or_raise(self.name)
        base: Any = dialect.generator_class
        texts = self.texts

        def written(generator: Any, node: Shape) -> str:
            arguments = [
                generator.sql(exp.paren(each) if isinstance(each, exp.Binary) else each)
                for each in node.expressions
            ]
            key = node.expressions[-1].name if node.expressions else ""
            return texts[node.name].format(*arguments, key=key)

        transforms = {**base.TRANSFORMS, Shape: written}
        transforms.pop(exp.With, None)  # sqlglot thinks that Spark has no recursion, as Hive
        parts = {
            "TRANSFORMS": transforms,
            "TYPE_MAPPING": {**base.TYPE_MAPPING, **self.types},
        }
        made = type(f"{base.__name__}OfViews", (base,), parts)
        text: str = made(dialect=dialect, pretty=True, normalize_functions=False).generate(tree)
        return f"{text}\n{self.ending}" if self.ending else text
