"""How lists are cut into pages, and how a page says where the next one is.

v3 counts pages from zero and links to the next in the body. v4 has offsets, pages that count from
one, and cursors in a header.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import BadRequestError
from captaindata_source.sandbox.run_book import DEFAULT_SORT, FILTERS, SORT_FIELDS, Filters
from captaindata_source.sandbox.runs import EXECUTION_MODES, RUN_STATUSES

Json = dict[str, Any]

USERS_PAGE_SIZE = 30
NEXT_HEADER = "X-Pagination-Next"
DEFAULT_LIMIT = 10
DEFAULT_OUTPUTS_LIMIT = 100
MAX_LIMIT = 100
MAX_DIGITS = 18
CHOICES = {"status": RUN_STATUSES, "execution_mode": EXECUTION_MODES}


def page_number(text: str | None) -> int:
    """Read the parameter `page`.

    Raises:
        BadRequestError: If it is no number or negative.
    """
    if text is None:
        return 0
    if not text.isdecimal():
        raise BadRequestError("page must be a number from 0 on")
    return int(text)


def results_page_number(text: str | None) -> int:
    """Read the parameter `page` of results, which counts from 1.

    Raises:
        BadRequestError: If it is no number from 1 on.
    """
    if text is None:
        return 1
    if not _is_number(text) or int(text) < 1:
        raise BadRequestError("page must be a number from 1 on")
    return int(text)


def jobs_window(dialect: Dialect, page: int, total: int) -> tuple[int, int] | None:
    """Return where a page of a job list begins and how long it is; None asks for a 404."""
    size = dialect.jobs_page_size
    if dialect.jobs_end == "ignore_page":
        return 0, total
    if page * size >= total and page > 0:
        if dialect.jobs_end == "not_found":
            return None
        if dialect.jobs_end == "repeat_last":
            page = max(total - 1, 0) // size
    return page * size, size


def encode_cursor(job_uid: str, offset: int) -> str:
    """Return the opaque cursor of an offset in a job's results."""
    return base64.urlsafe_b64encode(f"{job_uid[:8]}|{offset}".encode()).decode().rstrip("=")


def decode_cursor(job_uid: str, cursor: str | None) -> int:
    """Return the offset of a cursor; without one it is 0.

    Raises:
        BadRequestError: If the cursor is not one of this job.
    """
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("cursor is not valid") from error
    owner, _, offset = text.partition("|")
    if owner != job_uid[:8] or not offset.isdecimal():
        raise BadRequestError("cursor is not valid")
    return int(offset)


@dataclass(frozen=True)
class ResultsLinks:
    """Writes the links of a job's results in the dialect's style.

    Attributes:
        dialect: The dialect.
        job_uid: The job.
        host: Scheme and host, such as `http://127.0.0.1:8765`.
        path: Path of the results.
    """

    dialect: Dialect
    job_uid: str
    host: str
    path: str

    def link(self, cursor: str) -> str:
        """Return the link to the page of a cursor."""
        if self.dialect.next_style == "cursor":
            return cursor
        relative = f"{self.path}?cursor={cursor}"
        return relative if self.dialect.next_style == "relative" else self.host + relative

    def paging(self, first: int, total: int) -> Json | None:
        """Return `paging` of the page that begins at `first`; None if it is left out."""
        size = self.dialect.results_page_size
        previous = self._at(max(first - size, 0)) if first > 0 else None
        if first + size < total:
            return {"previous": previous, "next": self._at(first + size), "have_next_page": True}
        if self.dialect.results_end == "no_paging":
            return None
        if self.dialect.results_end == "no_next":
            return {"previous": previous, "have_next_page": False}
        return {"previous": previous, "next": None, "have_next_page": False}

    def _at(self, offset: int) -> str:
        return self.link(encode_cursor(self.job_uid, offset))


def users_body(users: list[Json], *, page: int, url: str, query: str) -> Json:
    """Return a page of `/users`; `query` is what its links carry beside `page`."""
    pages = max(-(-len(users) // USERS_PAGE_SIZE), 1)
    first = page * USERS_PAGE_SIZE
    extra = f"&{query}" if query else ""

    def link(number: int) -> str | None:
        return f"{url}?page={number}{extra}" if 0 <= number < pages else None

    return {
        "users": users[first : first + USERS_PAGE_SIZE],
        "nbr_users": len(users),
        "limit": USERS_PAGE_SIZE,
        "pages": pages,
        "paging": {"previous": link(page - 1), "next": link(page + 1)},
    }


def limit_of(
    query: Mapping[str, str], default: int = DEFAULT_LIMIT, *, most: int = MAX_LIMIT
) -> int:
    """Read the parameter `limit`.

    Raises:
        BadRequestError: If it is not from 1 to `most`.
    """
    text = query.get("limit", str(default))
    if not (_is_number(text) and 1 <= int(text) <= most):
        raise BadRequestError(f"limit must be a number from 1 to {most}")
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


def filters_of(query: QueryParams) -> Filters:
    """Read the parameters that filter runs; each may be repeated, and any of its values will do.

    Raises:
        BadRequestError: If a status or a mode is none.
    """
    filters = named_values(query, FILTERS)
    for name, choices in CHOICES.items():
        if not set(filters.get(name, ())) <= set(choices):
            raise BadRequestError(f"{name} must be one of {', '.join(choices)}")
    return filters


def named_values(query: QueryParams, names: Iterable[str]) -> Filters:
    """Return the values of those parameters that are there."""
    return {name: tuple(query.getlist(name)) for name in names if name in query}


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
