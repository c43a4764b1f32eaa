"""Parts of the expressions that clean values, in DuckDB's SQL."""

from __future__ import annotations

import re
from collections.abc import Collection

from captaindata_source.sqltext import literal

__all__ = [
    "MAX_ID",
    "MAX_URL",
    "SPACES",
    "Step",
    "address",
    "after_host",
    "is_one_of",
    "known",
]

Step = tuple[str, str]
"""Name of a column, and the expression of it."""
SPACES = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
MAX_ID, MAX_URL = 200, 500
"""Characters; longer ones are no ids."""
HOSTS = ("https://www.", "https://", "http://www.", "http://", "www.", "")


def is_one_of(text: str, values: Collection[str]) -> str:
    """Whether a text, in lower case, is one of some. A list of them would be a join for each value
    that is cleaned."""
    longest = max(len(value.encode()) for value in values)
    found = literal("|".join(re.escape(value) for value in values))
    return f"strlen({text}) <= {longest} and regexp_full_match(lower({text}), {found})"


def known(column: str, placeholders: Collection[str], size: int) -> str:
    """A value, null if it is empty, too long or a placeholder."""
    return (
        f"case when length({column}) between 1 and {size} "
        f"and not ({is_one_of(column, placeholders)}) then {column} end"
    )


def address(text: str) -> str:
    """Without scheme, query and fragment."""
    without = f"regexp_replace({text}, '^([A-Za-z][A-Za-z0-9+.-]*:)?/+', '')"
    return f"regexp_replace({without}, '[?#].*$', '')"


def after_host(text: str, ending: str) -> str:
    """What follows a host and an ending, if the text begins with them as most do."""
    cases = (
        f"when starts_with({text}, '{host}{ending}') "
        f"then substr({text}, {len(host) + len(ending) + 1})"
        for host in HOSTS
    )
    return f"case {' '.join(cases)} end"
