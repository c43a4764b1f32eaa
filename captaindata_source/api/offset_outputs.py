"""Pages of outputs by offset, or by links where the server gives some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

from captaindata_source.api.pagination import OutputPages, follow_links
from captaindata_source.errors import PaginationError

__all__ = ["OffsetOutputs"]

LIMITS = (1000, 500, 100)
"""The most rows of a page (documented), then what a server that refuses them may take."""
ROUND = 50
"""A page of so many rows, or of a multiple, may be cut short: servers have smaller limits than they
are asked for without saying so."""


class OffsetOutputs(OutputPages):
    """Reads outputs page by page; safe to share between threads."""

    limits = LIMITS

    def pages(self, path: str, *, what: str) -> Iterator[Sequence[bytes]]:
        """All pages of a list. One that is shorter than it may be is the last.

        Args:
            path: Of the list.
            what: For errors.

        Raises:
            PaginationError: The server ignores the offset, or its links loop.
        """
        before: list[bytes] = []
        has_links = False

        def fetch(target: str, parameters: dict[str, str]) -> tuple[list[bytes], str | None]:
            nonlocal before, has_links
            page, link = self.fetch(target, parameters, path=path)
            has_links = has_links or link is not None
            if has_links:
                return page, link
            if page and page == before:
                if len(page) >= self.limit:
                    raise PaginationError(f"The pages of the {what} ignore the offset", path=path)
                return [], None  # the page was all there is
            before = page
            if not page or (len(page) < self.limit and len(page) % ROUND):
                return page, None
            offset = int(parse_qs(urlsplit(target).query).get("offset", ["0"])[0]) + len(page)
            return page, f"?limit={self.limit}&offset={offset}"

        return follow_links(fetch, path=path, what=what)
