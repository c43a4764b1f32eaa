"""Reads a list by offset whose largest page is not known: the documentation and servers differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from captaindata_source.errors import CallRefusedError, PaginationError

__all__ = ["read_by_offset"]

T = TypeVar("T")

LIMITS = (100, 20)
"""The most that the API gives as documented now, and as documented before."""
MAX_PAGES = 10_000
BAD_REQUEST = 400


def read_by_offset(
    fetch: Callable[[int, int], list[T]],
    key: Callable[[T], str],
    *,
    path: str,
    what: str,
    limits: Sequence[int] = LIMITS,
) -> Iterator[T]:
    """Reads a list page by page, and no page before its items are asked for.

    A page ends the list if it is empty, brings nothing new, or is shorter than the one before.

    Args:
        fetch: Offset and limit to items.
        key: An item's identity.
        path: For the error.
        what: For the error: what is listed.
        limits: Sizes of pages; the next one is tried if the API refuses the first page (400).

    Yields:
        Each item once.

    Raises:
        PaginationError: After `MAX_PAGES` there is still more.
    """
    seen: set[str] = set()
    limit, page = _first_page(fetch, limits)
    offset = before = 0
    for _ in range(MAX_PAGES):
        fresh = {key(item): item for item in page if key(item) not in seen}
        seen.update(fresh)
        yield from fresh.values()
        if not fresh or len(page) < before:
            return
        before = len(page)
        offset += before
        page = fetch(offset, limit)
    raise PaginationError(f"The list of {what} has no end", path=path)


def _first_page(fetch: Callable[[int, int], list[T]], limits: Sequence[int]) -> tuple[int, list[T]]:
    *larger, smallest = limits
    for limit in larger:
        try:
            return limit, fetch(0, limit)
        except CallRefusedError as error:
            if error.status != BAD_REQUEST or error.is_fatal:
                raise
    return smallest, fetch(0, smallest)
