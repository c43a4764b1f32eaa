"""How v4 cuts lists into pages: offsets, pages that count from one, and cursors in a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import BadRequestError
from captaindata_source.sandbox.paging import USERS_PAGE_SIZE, encode_cursor
from captaindata_source.sandbox.run_book import DEFAULT_SORT, FILTERS, SORT_FIELDS
from captaindata_source.sandbox.runs import EXECUTION_MODES, RUN_STATUSES

Json = dict[str, Any]

NEXT_HEADER = "X-Pagination-Next"
DEFAULT_LIMIT = 10
DEFAULT_OUTPUTS_LIMIT = 100
MAX_LIMIT = 100
MAX_DIGITS = 18
CHOICES = {"status": RUN_STATUSES, "execution_mode": EXECUTION_MODES}


def limit_of(query: Mapping[str, str], default: int = DEFAULT_LIMIT) -> int:
    """Read the parameter `limit`.

    Raises:
        BadRequestError: If it is not from 1 to 100.
    """
    text = query.get("limit", str(default))
    if not (_is_number(text) and 1 <= int(text) <= MAX_LIMIT):
        raise BadRequestError(f"limit must be a number from 1 to {MAX_LIMIT}")
    return int(text)


def offset_of(query: Mapping[str, str]) -> int:
    """Read the parameter `offset`.

    Raises:
        BadRequestError: If it is no number or negative.
    """
    text = query.get("offset", "0")
    if not _is_number(text):
        raise BadRequestError("offset must be a number from 0 on")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS


def sort_of(query: Mapping[str, str]) -> str:
    """Read the parameter `sort`.

    Raises:
        BadRequestError: If runs cannot be sorted so.
    """
    sort = query.get("sort", DEFAULT_SORT)
    if sort.removeprefix("-") not in SORT_FIELDS:
        raise BadRequestError(f"sort must be one of {', '.join(SORT_FIELDS)}, or that after a -")
    return sort


def filters_of(query: Mapping[str, str]) -> dict[str, str]:
    """Read the parameters that filter runs.

    Raises:
        BadRequestError: If a status or a mode is none.
    """
    filters = {name: query[name] for name in FILTERS if name in query}
    for name, choices in CHOICES.items():
        if filters.get(name, choices[0]) not in choices:
            raise BadRequestError(f"{name} must be one of {', '.join(choices)}")
    return filters


def members_page(dialect: Dialect, members: list[Json], text: str) -> list[Json]:
    """Return a page of members.

    Args:
        dialect: The dialect.
        members: All members.
        text: The parameter `page`.

    Raises:
        BadRequestError: If the page is no number from 1 on.
    """
    if not _is_number(text) or int(text) < 1:
        raise BadRequestError("page must be a number from 1 on")
    first = (int(text) - 1) * USERS_PAGE_SIZE
    if first >= len(members) and dialect.members_end == "repeat_last":
        first = max(len(members) - 1, 0) // USERS_PAGE_SIZE * USERS_PAGE_SIZE
    return members[first : first + USERS_PAGE_SIZE]


@dataclass(frozen=True)
class OutputsLinks:
    """Writes the header that tells where the next page of a run's outputs is.

    Attributes:
        dialect: The dialect.
        run_uid: The run.
        host: Scheme and host, such as `http://127.0.0.1:8765`.
        path: Path of the outputs.
        query: The parameters of the request.
    """

    dialect: Dialect
    run_uid: str
    host: str
    path: str
    query: Iterable[tuple[str, str]]

    def link(self, cursor: str) -> str:
        """Return the link to the page of a cursor, with all parameters of the request."""
        if self.dialect.outputs_next_style == "cursor":
            return cursor
        rest = [(key, value) for key, value in self.query if key != "cursor"]
        relative = f"{self.path}?{urlencode([*rest, ('cursor', cursor)])}"
        return relative if self.dialect.outputs_next_style == "relative" else self.host + relative

    def headers(self, following: int, total: int) -> dict[str, str]:
        """Return the header of a page, after which the page at `following` comes."""
        if following < total:
            return {NEXT_HEADER: self.link(encode_cursor(self.run_uid, following))}
        return {NEXT_HEADER: "null"} if self.dialect.outputs_end == "null" else {}
