"""How lists are cut into pages, and how a page says where the next one is."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import BadRequestError

Json = dict[str, Any]

USERS_PAGE_SIZE = 30


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
