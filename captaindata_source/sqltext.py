"""Names, strings and JSON in SQL, for DuckDB and Postgres."""

from __future__ import annotations

__all__ = [
    "MAX_IDENTIFIER",
    "NO_PATH",
    "OLD_DUCKDB",
    "clean_json",
    "clean_json_text",
    "hash_of",
    "hash_sums",
    "json_place",
    "literal",
    "object_of",
    "quoted",
    "same_json",
]

MAX_IDENTIFIER = 63
"""Longest identifier of Postgres, in bytes. The connector's names are ASCII."""
OLD_DUCKDB = "duckdb 1"
"""The dialect of a DuckDB file that DuckDB 1 can read, which has no `json_normalize`."""
NO_PATH = ("", "*")
"""Keys that no JSON path of DuckDB names: the one is refused, the other stands for all."""


def quoted(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal. A backslash has no special meaning in it, on both databases."""
    return "'" + text.replace("'", "''") + "'"


def object_of(value: str) -> str:
    """The value where it is an object, else an empty one."""
    return f"case when json_typeof({value}) = 'object' then {value} else '{{}}' end"


def clean_json(value: str, text: str) -> str:
    """Without the one character that Postgres can't hold in text; the same on both.

    A backslash that is escaped itself is put aside meanwhile, as a character that JSON has not.
    """
    plain = f"cast({value} as {text})"
    return (
        f"case when strpos({plain}, '\\u0000') > 0 then cast({_without_null(plain)} as json) "
        f"else cast({value} as json) end"
    )


def hash_of(kind: str, *columns: str) -> str:
    """A hash of 64 bits of some texts; null, on Postgres, if one of them is.

    Args:
        kind: "duckdb" or "postgres".
        columns: SQL of the texts.
    """
    if kind == "duckdb":
        return f"hash({', '.join(columns)})"
    found = "0"
    for column in columns:
        found = f"hashtextextended({column}, {found})"
    return found


def hash_sums(kind: str, *columns: str) -> str:
    """The number of rows and the sum of their hashes, which tell whether two tables hold the same:
    far cheaper than to join them.

    Args:
        kind: "duckdb" or "postgres".
        columns: SQL of texts that are never null.
    """
    return f"count(*), sum({hash_of(kind, *columns)})"


def clean_json_text(value: str) -> str:
    """The same as a text, for what reads JSON from texts and would read it twice otherwise."""
    return f"case when strpos({value}, '\\u0000') > 0 then {_without_null(value)} else {value} end"


def _without_null(plain: str) -> str:
    aside = f"replace({plain}, '\\\\', chr(1))"
    return f"replace(replace({aside}, '\\u0000', '\\ufffd'), chr(1), '\\\\')"


def json_place(key: str, nested_key: str | None = None) -> str:
    """Where a key of a JSON object is, for DuckDB: a pointer; for digits within an object a path,
    for a pointer would index an array. Within the keys of `NO_PATH`, it does.

    Args:
        key: The key.
        nested_key: A key within the object that its value is; None: the value itself.
    """
    keys = [key] if nested_key is None else [key, nested_key]
    if keys[-1].isdigit() and key not in NO_PATH:
        escaped = [each.replace("\\", "\\\\").replace('"', '\\"') for each in keys]
        return "$" + "".join(f'."{each}"' for each in escaped)
    return "".join("/" + each.replace("~", "~0").replace("/", "~1") for each in keys)


_STRING = r'("(?:[^"\\]|\\.)*")'
"""It is matched first and put back, so that what looks like a number within it stays."""
_LONG = "[0-9][0-9.]{15,}|[eE][+-]?[0-9]{3,}"
_PAIR = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ODD = r"\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?[0-9]{4,}"
"""What jsonb refuses, once pairs of surrogates are removed."""


def _nodes(value: str) -> str:
    """All values within a JSON value with their paths, sorted: seven times as slow as
    `json_normalize`. DuckDB 1 does not quote the keys of a path: with the key in addition, values
    are told apart unless several keys hold dots that spell each other's paths.
    """
    atom = r"regexp_replace(cast(node.atom as text), '^(?:-(0)|(-?[0-9]+))\.0$', '\1\2')"
    node = f"cast(json_array(node.fullkey, node.key, coalesce({atom}, node.type)) as text)"
    return (
        f"(select array_to_string(list_sort(list({node})), ',') "  # noqa: S608 - of ours
        f"from json_tree({value}) as node)"
    )


def same_json(value: str, dialect: str) -> str:
    """A text that is the same for equal JSON, whatever the order of keys, the spaces, the escapes,
    and whether a number is written as 1, 1.0 or 1e0.

    Numbers of more than 15 digits are equal if they are written alike.

    Args:
        value: A column of JSON; of the type json or jsonb on Postgres.
        dialect: Of the database: duckdb, `OLD_DUCKDB` or postgres.
    """
    text = f"cast({value} as text)"
    paired = f"regexp_replace({text}, '{_PAIR}', '', 'g')"
    if dialect in ("duckdb", OLD_DUCKDB):
        zeros = r"(?:-(0))?\.0([],}]|$)"
        plain = f"cast(json_normalize({value}) as text)"
        plain = rf"regexp_replace({plain}, '{_STRING}|{zeros}', '\1\2\3', 'g')"
        if dialect == OLD_DUCKDB:
            plain = _nodes(value)
        found = f"list_sort(regexp_extract_all({text}, '{_LONG}'))"
        long = f"coalesce(array_to_string({found}, ' '), '')"  # DuckDB 1.4: null if there are none
        is_odd = f"regexp_matches({paired}, '{_ODD}')"
    else:
        zeros = r"(\.[0-9]*[1-9])0+(?![0-9])|\.0+(?![0-9])"
        plain = f"cast(cast({text} as jsonb) as text)"
        plain = rf"regexp_replace({plain}, '{_STRING}|{zeros}', '\1\2', 'g')"
        long = (
            "coalesce((select string_agg(found[1], ' ' order by found[1]) from "  # noqa: S608
            f"regexp_matches({text}, '({_LONG})', 'g') as found), '')"
        )
        is_odd = f"{paired} ~ '{_ODD}'"
    return f"case when {is_odd} then {text} else {plain} || ' ' || {long} end"
