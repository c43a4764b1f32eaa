"""Values made comparable, in DuckDB's SQL. What stands for no value becomes null.

A value is cleaned in steps, each a column of its own: an expression that names a column several
times is cheap, one that repeats another expression is not.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from captaindata_source.people_fields import Clean
from captaindata_source.people_placeholders import (
    EXCLUDED_DOMAINS,
    PLACEHOLDER_HANDLES,
    PLACEHOLDERS,
    SHARED_BELOW,
)
from captaindata_source.sqltext import literal

__all__ = ["IS_COMPANY_PAGE", "Step", "steps", "text_steps"]

Step = tuple[str, str]
"""Name of a column, and the expression of it."""


def _is_one_of(text: str, values: Collection[str]) -> str:
    """Whether a text, in lower case, is one of some. A list of them would be a join for each value
    that is cleaned."""
    longest = max(len(value.encode()) for value in values)
    found = literal("|".join(re.escape(value) for value in values))
    return f"strlen({text}) <= {longest} and regexp_full_match(lower({text}), {found})"


SPACES = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
MAX_ID, MAX_URL = 200, 500
"""Characters; longer ones are no ids."""
NUMBER = r"\+?[0-9]+(\.0+)?"
HASH = "[0-9a-f]{64}"
LINKEDIN = r"(?i)^(?:[^/@]*\.)?linkedin\.com(?::[0-9]+)?/+(.*)$"
WITHOUT_HOST = r"(?i)^((?:in|pub|company|school|showcase)/.*)$"
SALES_ID = r"AC[wr]AA[A-Za-z0-9_-]+"
"""How Sales Navigator's ids begin; LinkedIn's own ids in URLs begin with ACoAA."""
PROFILE_ID = r"AC[A-Za-z]AA[A-Za-z0-9_-]{10,}"
HANDLE = "(?i)^(?:mwlite/+)?(?:in|pub)/+([^/]+)"
SALES = "(?i)^sales/+(?:lead|people|profile)/+([^,/]+)"
OLD = "(?i)^pub/+([^/]+)/+([0-9a-z]{1,3})/+([0-9a-z]{1,3})/+([0-9a-z]{1,3})$"
COMPANY = "(?i)^(?:mwlite/+)?(?:company|company-beta|organization)/+([^/]+)"
COMPANY_ID = "(?i)^(?:sales/+)?(?:company|company-beta|organization)/+([0-9]+)(?:/.*)?$"
OTHER_PAGE = "(?i)^(school|showcase)/+([^/]+)"
IS_COMPANY_PAGE = "(?i)linkedin[.]com/+(sales/+)?(company|school|showcase|organization)"
USUAL_ID = "[1-9][0-9]{0,199}|[A-Za-z_-][A-Za-z0-9_-]{15,199}"
"""Longer than any placeholder, and no number with a zero in front."""
HOSTS = ("https://www.", "https://", "http://www.", "http://", "www.", "")
USUAL_PROFILE, USUAL_COMPANY = "linkedin.com/in/", "linkedin.com/company/"
USUAL_HANDLE = "[A-Za-z0-9_-]+"
USUAL_DOMAIN = "(?:[a-z0-9-]+[.])+[a-z]+"
"""How most values are written. They are found without groups in an expression, which take long, and
are taken as they are. All others go through every step."""
DOMAIN = "[^ /@:]+[.][^ /@:.]*[^ /@:.0-9][^ /@:.]*"


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
                f"or ({_is_one_of(trimmed, PLACEHOLDERS)}) then null else {trimmed} end",
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
        Clean.PROFILE_URL: [*_url_steps(name, text, USUAL_PROFILE), *_profile_steps(name)],
        Clean.COMPANY_URL: [*_url_steps(name, text, USUAL_COMPANY), *_company_steps(name)],
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
        [(name, f"coalesce({usual}, {_known(f'{name}_plain', PLACEHOLDERS, MAX_ID)})")],
    ]


def _known(column: str, placeholders: Collection[str], size: int) -> str:
    return (
        f"case when length({column}) between 1 and {size} "
        f"and not ({_is_one_of(column, placeholders)}) then {column} end"
    )


def _address(text: str) -> str:
    """Without scheme, query and fragment."""
    without = f"regexp_replace({text}, '^([A-Za-z][A-Za-z0-9+.-]*:)?/+', '')"
    return f"regexp_replace({without}, '[?#].*$', '')"


def _after(text: str, ending: str) -> str:
    """What follows a host and an ending, if the text begins with them as most do."""
    cases = (
        f"when starts_with({text}, '{host}{ending}') "
        f"then substr({text}, {len(host) + len(ending) + 1})"
        for host in HOSTS
    )
    return f"case {' '.join(cases)} end"


def _domain_steps(name: str, text: str) -> list[list[Step]]:
    usual, other, found = f"{name}_usual", f"{name}_other", f"{name}_host"
    host = f"regexp_replace(lower({_address(other)}), '/.*$', '')"
    host = f"regexp_replace({host}, '^.*@|:[0-9]*$|[.]+$', '', 'g')"
    below = " or ".join(f"ends_with({found}, '.{each}')" for each in SHARED_BELOW)
    return [
        [(usual, f"rtrim({_after(text, '')}, '/')")],
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
                f"when ({_is_one_of(found, EXCLUDED_DOMAINS)}) or {below} then null "
                f"when regexp_full_match({found}, '{DOMAIN}') then {found} end",
            )
        ],
    ]


def _url_steps(name: str, text: str, usual: str) -> list[list[Step]]:
    """The column `_usual` has what a URL as most are written ends with, else an empty text."""
    other = f"case when {name}_usual = '' then {text} end"
    bare, on_linkedin = f"{name}_bare", f"{name}_on_linkedin"
    host = f"lower(regexp_replace(split_part({bare}, '/', 1), '(?i)^www[.]', ''))"
    return [
        [(f"{name}_rest", f"rtrim(split_part({_after(text, usual)}, '?', 1), '/')")],
        [
            (
                f"{name}_usual",
                f"case when regexp_full_match({name}_rest, '{USUAL_HANDLE}') then {name}_rest "
                "else '' end",
            )
        ],
        [(f"{name}_address", _address(other))],
        [
            (
                bare,
                f"trim(coalesce(try(url_decode({name}_address)), {name}_address), '/' || {SPACES})",
            )
        ],
        [
            (on_linkedin, f"regexp_extract({bare}, '{LINKEDIN}', 1)"),
            (
                f"{name}_elsewhere",
                f"case when not regexp_matches({bare}, '[/.@]') "
                f"then {_known(f'lower({bare})', PLACEHOLDER_HANDLES, MAX_URL)} "
                f"when regexp_matches({bare}, '^[^/@]+[.][^/@.]+/+[^/]') "
                f"and not regexp_matches({bare}, '{LINKEDIN}') "
                f"then {host} || '/' || trim(regexp_replace({bare}, '^[^/]*', ''), '/') end",
            ),
            (
                f"{name}_path",
                f"case when {on_linkedin} <> '' then {on_linkedin} "
                f"else regexp_extract({bare}, '{WITHOUT_HOST}', 1) end",
            ),
        ],
    ]


def _profile_steps(name: str) -> list[list[Step]]:
    path, handle = f"{name}_path", f"{name}_handle"
    old = [f"regexp_extract({path}, '{OLD}', {group})" for group in range(1, 5)]
    whole = f"{old[0]} || '-' || {old[3]} || lpad({old[2]}, 3, '0') || lpad({old[1]}, 3, '0')"
    within = f"{name}_within"
    is_sales_id = f"starts_with({handle}, 'AC') and regexp_full_match({handle}, '{SALES_ID}')"
    return [
        [
            (
                f"{name}_found",
                f"case when {name}_usual <> '' then {name}_usual "
                f"when starts_with(lower({path}), 'pub/') and regexp_matches({path}, '{OLD}') "
                f"then {whole} "
                f"else regexp_extract({path}, '{HANDLE}', 1) end",
            ),
            (
                within,
                f"case when starts_with(lower({path}), 'sales/') "
                f"then regexp_extract({path}, '{SALES}', 1) end",
            ),
        ],
        [(handle, _known(f"{name}_found", PLACEHOLDER_HANDLES, MAX_URL))],
        [
            (
                name,
                f"case when {is_sales_id} then null "
                f"when starts_with({handle}, 'AC') and regexp_full_match({handle}, '{PROFILE_ID}') "
                f"then 'linkedin.com/in/' || {handle} "
                f"when {handle} is not null "
                f"then 'linkedin.com/in/' || nfc_normalize(lower({handle})) "
                f"when length({name}_elsewhere) <= {MAX_URL} then {name}_elsewhere end",
            ),
            (
                f"{name}_id",
                f"case when {is_sales_id} then {handle} "
                f"else {_known(within, PLACEHOLDERS, MAX_ID)} end",
            ),
        ],
    ]


def _company_steps(name: str) -> list[list[Step]]:
    path, slug, other = f"{name}_path", f"{name}_slug", f"{name}_other"
    usual = f"{name}_usual"
    return [
        [
            (
                f"{name}_number",
                f"ltrim(case when {usual} = '' then regexp_extract({path}, '{COMPANY_ID}', 1) "
                f"when regexp_full_match({usual}, '[0-9]+') then {usual} end, '0')",
            ),
            (
                f"{name}_company",
                f"case when {usual} = '' then regexp_extract({path}, '{COMPANY}', 1) "
                f"else {usual} end",
            ),
            (f"{name}_kind", f"lower(regexp_extract({path}, '{OTHER_PAGE}', 1))"),
            (f"{name}_page", f"regexp_extract({path}, '{OTHER_PAGE}', 2)"),
        ],
        [
            (slug, _known(f"{name}_company", PLACEHOLDER_HANDLES, MAX_URL)),
            (other, _known(f"{name}_page", PLACEHOLDER_HANDLES, MAX_URL)),
        ],
        [
            (
                name,
                f"case when {name}_number <> '' then null when {slug} is not null "
                f"then 'linkedin.com/company/' || nfc_normalize(lower({slug})) "
                f"when {other} is not null "
                f"then 'linkedin.com/' || {name}_kind || '/' || nfc_normalize(lower({other})) "
                f"when {path} = '' and length({name}_elsewhere) <= {MAX_URL} "
                f"then {name}_elsewhere end",
            ),
            (f"{name}_id", _known(f"{name}_number", PLACEHOLDERS, MAX_ID)),
        ],
    ]
