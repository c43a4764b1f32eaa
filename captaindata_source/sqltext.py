"""Names, strings and JSON in SQL, for DuckDB and Postgres."""

from __future__ import annotations

__all__ = [
    "MAX_IDENTIFIER",
    "clean_json",
    "clean_json_text",
    "json_place",
    "literal",
    "object_of",
    "quoted",
]

MAX_IDENTIFIER = 63
"""Longest identifier of Postgres, in bytes. The connector's names are ASCII."""


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


def clean_json_text(value: str) -> str:
    """The same as a text, for what reads JSON from texts and would read it twice otherwise."""
    return f"case when strpos({value}, '\\u0000') > 0 then {_without_null(value)} else {value} end"


def _without_null(plain: str) -> str:
    aside = f"replace({plain}, '\\\\', chr(1))"
    return f"replace(replace({aside}, '\\u0000', '\\ufffd'), chr(1), '\\\\')"


def json_place(key: str, nested_key: str | None = None) -> str:
    """Where a key of a JSON object is, for DuckDB: a pointer; for digits within an object a path,
    for a pointer would index an array.

    Args:
        key: The key.
        nested_key: A key within the object that its value is; None: the value itself.
    """
    keys = [key] if nested_key is None else [key, nested_key]
    if keys[-1].isdigit() and not any(set(key) & set('"*\\') or not key for key in keys):
        return "$" + "".join(f'."{key}"' for key in keys)
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
