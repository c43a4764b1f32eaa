"""URLs of people and companies made comparable; see `cleaning`.

Raise `RULES` in `changed.py` with each change, so that all results are read again.
"""

from __future__ import annotations

from captaindata_source.people_placeholders import PLACEHOLDER_HANDLES, PLACEHOLDERS
from captaindata_source.views.people.expressions import (
    MAX_ID,
    MAX_URL,
    SPACES,
    Step,
    address,
    after_host,
    known,
)

__all__ = ["IS_COMPANY_PAGE", "company_steps", "profile_steps"]

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
USUAL_PROFILE, USUAL_COMPANY = "linkedin.com/in/", "linkedin.com/company/"
USUAL_HANDLE = "[A-Za-z0-9_-]+"
"""How most values are written. They are found without groups in an expression, which take long, and
are taken as they are. All others go through every step."""


def profile_steps(name: str, text: str) -> list[list[Step]]:
    """The steps that clean the URL of a profile; see `cleaning.steps`."""
    path, handle = f"{name}_path", f"{name}_handle"
    old = [f"regexp_extract({path}, '{OLD}', {group})" for group in range(1, 5)]
    whole = f"{old[0]} || '-' || {old[3]} || lpad({old[2]}, 3, '0') || lpad({old[1]}, 3, '0')"
    within = f"{name}_within"
    is_sales_id = f"starts_with({handle}, 'AC') and regexp_full_match({handle}, '{SALES_ID}')"
    return [
        *_url_steps(name, text, USUAL_PROFILE),
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
        [(handle, known(f"{name}_found", PLACEHOLDER_HANDLES, MAX_URL))],
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
                f"else {known(within, PLACEHOLDERS, MAX_ID)} end",
            ),
        ],
    ]


def company_steps(name: str, text: str) -> list[list[Step]]:
    """The steps that clean the URL of a company; see `cleaning.steps`."""
    path, slug, other = f"{name}_path", f"{name}_slug", f"{name}_other"
    usual = f"{name}_usual"
    return [
        *_url_steps(name, text, USUAL_COMPANY),
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
            (slug, known(f"{name}_company", PLACEHOLDER_HANDLES, MAX_URL)),
            (other, known(f"{name}_page", PLACEHOLDER_HANDLES, MAX_URL)),
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
            (f"{name}_id", known(f"{name}_number", PLACEHOLDERS, MAX_ID)),
        ],
    ]


def _url_steps(name: str, text: str, usual: str) -> list[list[Step]]:
    """The column `_usual` has what a URL as most are written ends with, else an empty text."""
    other = f"case when {name}_usual = '' then {text} end"
    # a copy, for `try` of DuckDB 1.4 makes what it was given null, too
    decoded = f"try(url_decode(concat({name}_address, '')))"
    bare, on_linkedin = f"{name}_bare", f"{name}_on_linkedin"
    host = f"lower(regexp_replace(split_part({bare}, '/', 1), '(?i)^www[.]', ''))"
    return [
        [(f"{name}_rest", f"rtrim(split_part({after_host(text, usual)}, '?', 1), '/')")],
        [
            (
                f"{name}_usual",
                f"case when regexp_full_match({name}_rest, '{USUAL_HANDLE}') then {name}_rest "
                "else '' end",
            )
        ],
        [(f"{name}_address", address(other))],
        [
            (
                bare,
                f"trim(case when {name}_address is not null then coalesce({decoded}, "
                f"{name}_address) end, '/' || {SPACES})",
            )
        ],
        [
            (on_linkedin, f"regexp_extract({bare}, '{LINKEDIN}', 1)"),
            (
                f"{name}_elsewhere",
                f"case when not regexp_matches({bare}, '[/.@]') "
                f"then {known(f'lower({bare})', PLACEHOLDER_HANDLES, MAX_URL)} "
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
