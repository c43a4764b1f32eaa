"""Loops over pages. They know no entity; each ends or raises."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar
from urllib.parse import urljoin

from captaindata_source.api.documents import RAW_LISTS, Documents
from captaindata_source.errors import CallRefusedError, NotFoundError, PaginationError

__all__ = [
    "NEXT_HEADER",
    "NO_LINK",
    "OutputPages",
    "SizedPages",
    "follow_links",
    "link_target",
    "pages_until_known",
    "read_until_known",
]

T = TypeVar("T")

MAX_EMPTY_PAGES = 10
MAX_PAGES = 10_000
URL = re.compile("https?://", re.IGNORECASE)
LIMIT = 500
"""The most rows of a page (documented)."""
LIMITS = (LIMIT, 100)
"""That, and the same of older servers, which refuse more with 400."""
REFUSED = 400
NEXT_HEADER = "x-pagination-next"
NO_LINK = ("", "null", "none")
MAX_WAIT_SECONDS = 5.0
"""How long a thread waits for another to find out which limit the server takes."""


def read_until_known(
    fetch: Callable[[int], list[T]], key: Callable[[T], str | None], *, path: str, what: str
) -> Iterator[T]:
    """The items of `pages_until_known`."""
    for items in pages_until_known(fetch, key, path=path, what=what):
        yield from items


def pages_until_known(
    fetch: Callable[[int], list[T]],
    key: Callable[[T], str | None],
    *,
    path: str,
    what: str,
    is_last: Callable[[], bool] = lambda: False,
) -> Iterator[list[T]]:
    """Reads numbered pages of a list whose end is not documented.

    Page 0 is always read; then pages until one is empty, or brings no key that is new (an API that
    repeats its last page, or ignores `page`), or answers 404, or is known to be the last.

    Args:
        fetch: Page number, from 0, to items.
        key: An item's identity; None for an item that has none.
        path: For the error.
        what: For the error: what is listed.
        is_last: Whether the page that was fetched last is known to be the last; asked once it was
            taken.

    Yields:
        Of each page the items whose key is new or whose content differs from that of the item
        before with its key, and each item without a key on page 0 or on a page that has a new key.

    Raises:
        PaginationError: After `MAX_PAGES` there is still more.
    """
    seen: dict[str, T] = {}
    for page in range(MAX_PAGES):
        try:
            items = fetch(page)
        except NotFoundError:
            if page == 0:
                raise
            return
        keys = [key(item) for item in items]
        has_new = any(uid is not None and uid not in seen for uid in keys)
        fresh: list[T] = []
        for item, uid in zip(items, keys, strict=True):
            if uid is None:
                if has_new or page == 0:
                    fresh.append(item)
            elif uid not in seen or seen[uid] != item:
                seen[uid] = item
                fresh.append(item)
        if fresh:
            yield fresh
        if not has_new or is_last():
            return
    raise PaginationError(f"The list of {what} has no end", path=path)


def link_target(link: str, path: str) -> tuple[str, dict[str, str]]:
    """Where a `next` link leads, in whatever way it is written: a URL, a path from the host, the
    base URL or the page, a query, or a bare cursor.

    Args:
        link: As the API gave it.
        path: Path of the first page.

    Returns:
        A URL or a path below the base URL, and parameters.
    """
    link = link.strip()
    if link.startswith(("?", "cursor=")):
        return f"{path}?{link.removeprefix('?')}", {}
    place, mark, _ = link.partition("?")
    last = path.rsplit("/", 1)[-1]
    is_link = URL.match(link) or f"/{last}" in link or (mark and place == last)
    return (_below_base(link, path), {}) if is_link else (path, {"cursor": link})


def _below_base(link: str, path: str) -> str:
    """A link to a page as a URL, or as a path below the base URL."""
    place, mark, query = link.partition("?")
    if place.startswith("//") or "://" in place:
        return link
    if f"/{place}".endswith(f"/{path}"):  # however much of the host and the base stands before
        return f"{path}{mark}{query}"
    is_whole = place.startswith(("/", path.split("/", 1)[0] + "/"))
    return link if is_whole else urljoin(f"/{path}", link)


def follow_links(
    fetch: Callable[[str, dict[str, str]], tuple[Sequence[T], str | None]], *, path: str, what: str
) -> Iterator[Sequence[T]]:
    """Follows `next` links or cursors until there is none.

    Args:
        fetch: A URL or path, and parameters, to the page and the next link.
        path: Path of the first page.
        what: For the error: what is being read, such as "results of job X".

    Raises:
        PaginationError: A link came back that was followed before, or empty pages go on.
    """
    seen: set[str] = set()
    target: tuple[str, dict[str, str]] = path, {}
    empty = 0
    while True:
        page, link = fetch(*target)
        yield page
        if link is None:
            return
        empty = 0 if page else empty + 1
        if empty >= MAX_EMPTY_PAGES:
            raise PaginationError(
                f"The pages of the {what} do not end: {empty} empty ones in a row", path=path
            )
        if link in seen:
            raise PaginationError(
                f"The pages of the {what} loop: a link came back that was followed before",
                path=path,
            )
        seen.add(link)
        target = link_target(link, path)


class SizedPages(Generic[T]):
    """Reads pages as large as the server allows; safe to share between threads.

    Args:
        documents: Of the workspace.
        has_limit: Whether the call takes the parameter `limit`.
    """

    limits: Sequence[int] = LIMITS
    """Sizes of pages; the next one is tried where the server refuses the first page (400)."""

    def __init__(self, documents: Documents, *, has_limit: bool = True) -> None:
        self._documents = documents
        self._limit = self.limits[0] if has_limit else None
        self._is_proven = not has_limit
        self._asking = threading.Lock()

    def fetch(
        self, target: str, parameters: dict[str, str], *, path: str
    ) -> tuple[list[T], str | None]:
        """A page of a list, and the link to the next one; for `follow_links`.

        Args:
            target: Of the page.
            parameters: Of the link to it.
            path: Of the list.

        Raises:
            ApiError: The page can't be read.
        """
        if target != path:
            return self._page(target, parameters)
        # one thread alone asks first, so that a server refuses one call and not several
        is_first = not self._is_proven and self._asking.acquire(timeout=MAX_WAIT_SECONDS)
        limit = self._limit
        smaller = [each for each in self.limits if limit is not None and each < limit]
        try:
            while True:
                try:
                    page = self._page(target, parameters, limit)
                except CallRefusedError as error:
                    scope = error.problem.known_scope if error.problem else None
                    is_limit = error.status == REFUSED and scope in (None, "param")
                    if not is_limit or self._is_proven or not smaller:
                        raise
                    limit = smaller.pop(0)
                else:
                    self._limit, self._is_proven = limit, True
                    return page
        finally:
            if is_first:
                self._asking.release()

    @property
    def limit(self) -> int:
        """The size that pages are asked for."""
        return self._limit or self.limits[0]

    def _page(
        self, target: str, parameters: dict[str, str], limit: int | None = None
    ) -> tuple[list[T], str | None]:
        raise NotImplementedError


class OutputPages(SizedPages[bytes]):
    """Pages of rows, each as JSON text, with a header that leads to the next one."""

    def _page(
        self, target: str, parameters: dict[str, str], limit: int | None = None
    ) -> tuple[list[bytes], str | None]:
        size = {} if limit is None else {"limit": limit}
        reply = self._documents.reply(target, RAW_LISTS, **parameters, **size)
        following = (reply.headers.get(NEXT_HEADER) or "").strip()
        is_last = following.lower() in NO_LINK
        return [bytes(output) for output in reply.data], None if is_last else following
