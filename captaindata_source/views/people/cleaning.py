"""Values made comparable, in DuckDB's SQL. What stands for no value becomes null.

A value is cleaned in steps, each a column of its own: an expression that names a column several
times is cheap, one that repeats another expression is not.

Raise `RULES` in `changed.py` with each change, so that all results are read again.
"""

from __future__ import annotations

from captaindata_source.people_fields import Clean
from captaindata_source.people_placeholders import EXCLUDED_DOMAINS, PLACEHOLDERS, SHARED_BELOW
from captaindata_source.views.people.expressions import (
    MAX_ID,
    MAX_URL,
    SPACES,
    Step,
    address,
    after_host,
    is_one_of,
    known,
)
from captaindata_source.views.people.urls import company_steps, profile_steps

__all__ = ["steps", "text_steps"]

NUMBER = r"\+?[0-9]+(\.0+)?"
HASH = "[0-9a-f]{64}"
DOMAIN = "[^ /@:]+[.][^ /@:.]*[^ /@:.0-9][^ /@:.]*"
USUAL_ID = "[1-9][0-9]{0,199}|[A-Za-z_-][A-Za-z0-9_-]{15,199}"
"""Longer than any placeholder, and no number with a zero in front."""
USUAL_DOMAIN = "(?:[a-z0-9-]+[.])+[a-z]+"
"""Most domains are written like this, behind a host. All others go through every step."""


def text_steps(name: str, value: str) -> list[list[Step]]:
    """The steps that make a text, trimmed; JSON and placeholders become null.

    Args:
        name: Of the column that has it then.
        value: Expression of the value.
    """
    trimmed = f"{name}_trimmed"
    ends = " or ".join(f"ends_with({value}, {each})" for each in SPACES.split(" || "))
    return [
        [
            (  # few values need it, and it takes long
                trimmed,
                f"case when {value} < '!' or {value} between chr(160) and chr(161) or {ends} "
                f"then trim({value}, {SPACES}) else {value} end",
            )
        ],
        [
            (
                name,
                f"case when starts_with({trimmed}, '{{') or starts_with({trimmed}, '[') "
                f"or ({is_one_of(trimmed, PLACEHOLDERS)}) then null else {trimmed} end",
            )
        ],
    ]


def steps(clean: Clean, name: str, text: str) -> list[list[Step]]:
    """The steps that clean a value.

    Args:
        clean: How.
        name: Names of the columns begin with it.
        text: Expression of the value, of `text_steps`.

    Returns:
        Columns by step. Each may name those of earlier steps. The value is the column `name` then;
        the id that a URL has in it is `name` with `_id` behind it.
    """
    plain = f"replace(replace({text}, ' ', ''), ',', '')"
    lowered = f"lower({text})"
    found: dict[Clean, list[list[Step]]] = {
        Clean.TEXT: [[(name, text)]],
        Clean.ID: _id_steps(name, text),
        Clean.DOMAIN: _domain_steps(name, text),
        Clean.PROFILE_URL: profile_steps(name, text),
        Clean.COMPANY_URL: company_steps(name, text),
        Clean.EMAIL: [
            [
                (
                    name,
                    f"case when starts_with({lowered}, 'mailto:') "
                    f"then nullif(substr({lowered}, 8), '') else nullif({lowered}, '') end",
                )
            ]
        ],
        Clean.COUNT: [[(name, f"try_cast(try_cast({plain} as double) as bigint)")]],
    }
    return found[clean]


def _id_steps(name: str, text: str) -> list[list[Step]]:
    usual, other = f"{name}_usual", f"{name}_other"
    bare = f"regexp_replace({other}, '^urn:li:[A-Za-z_]+:[(]?', '')"
    digits = f"ltrim(regexp_replace({name}_bare, '[.].*$', ''), '+0')"
    return [
        [(usual, f"case when regexp_full_match({text}, '{USUAL_ID}') then {text} end")],
        [(other, f"case when {usual} is null then {text} end")],
        [(f"{name}_bare", f"trim(regexp_replace({bare}, '[,)].*$', ''))")],
        [
            (
                f"{name}_plain",
                f"case when regexp_full_match({name}_bare, '{NUMBER}') then {digits} "
                f"else {name}_bare end",
            )
        ],
        [(name, f"coalesce({usual}, {known(f'{name}_plain', PLACEHOLDERS, MAX_ID)})")],
    ]


def _domain_steps(name: str, text: str) -> list[list[Step]]:
    usual, other, found = f"{name}_usual", f"{name}_other", f"{name}_host"
    host = f"regexp_replace(lower({address(other)}), '/.*$', '')"
    host = f"regexp_replace({host}, '^.*@|:[0-9]*$|[.]+$', '', 'g')"
    below = " or ".join(f"ends_with({found}, '.{each}')" for each in SHARED_BELOW)
    return [
        [(usual, f"rtrim({after_host(text, '')}, '/')")],
        [
            (
                other,
                f"case when starts_with({usual}, 'www') "
                f"or not regexp_full_match({usual}, '{USUAL_DOMAIN}') then {text} end",
            )
        ],
        [
            (
                found,
                f"case when {other} is null then {usual} "
                f"else regexp_replace({host}, '^www[0-9]?[.]', '') end",
            )
        ],
        [
            (
                name,
                f"case when length({found}) > {MAX_URL} then null "
                f"when regexp_full_match({found}, '{HASH}') then {found} "
                f"when ({is_one_of(found, EXCLUDED_DOMAINS)}) or {below} then null "
                f"when regexp_full_match({found}, '{DOMAIN}') then {found} end",
            )
        ],
    ]
