"""Pages of outputs of a run, as large as the server allows."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from captaindata_source.api.documents import RAW_LISTS, Documents
from captaindata_source.api.pagination import follow_links
from captaindata_source.errors import CallRefusedError

__all__ = ["LIMIT", "OutputPages"]

LIMIT = 500
"""The most rows of a page (documented)."""
EARLIER_LIMIT = 100
"""The same of older servers, which refuse more with 400."""
REFUSED = 400
NEXT_HEADER = "x-pagination-next"
MAX_WAIT_SECONDS = 5.0
"""How long a thread waits for another to find out which limit the server takes."""


class OutputPages:
    """Reads lists that end with a header; safe to share between threads.

    Args:
        documents: Of the workspace.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._limit = LIMIT
        self._is_proven = False
        self._asking = threading.Lock()

    def read(self, path: str, *, what: str) -> Iterator[Sequence[bytes]]:
        """The pages of a list, each row as JSON text.

        Args:
            path: Of the list.
            what: What it is, for errors.

        Raises:
            ApiError: A page can't be read.
        """

        def fetch(target: str, parameters: dict[str, str]) -> tuple[list[bytes], str | None]:
            if target != path:
                return self._page(target, parameters)
            with self._finding_out():
                return self._sized(target, parameters)

        return follow_links(fetch, path=path, what=what)

    def _sized(self, target: str, parameters: dict[str, str]) -> tuple[list[bytes], str | None]:
        limit = self._limit
        try:
            page = self._page(target, parameters, limit)
        except CallRefusedError as error:
            scope = error.problem.known_scope if error.problem else None
            is_limit = error.status == REFUSED and scope in (None, "param")
            if not is_limit or self._is_proven or limit == EARLIER_LIMIT:
                raise
            page = self._page(target, parameters, EARLIER_LIMIT)
            self._limit = EARLIER_LIMIT
        self._is_proven = True
        return page

    def _page(
        self, target: str, parameters: dict[str, str], limit: int | None = None
    ) -> tuple[list[bytes], str | None]:
        size = {} if limit is None else {"limit": limit}
        reply = self._documents.reply(target, RAW_LISTS, **parameters, **size)
        following = (reply.headers.get(NEXT_HEADER) or "").strip()
        is_last = following.lower() in ("", "null", "none")
        return [bytes(output) for output in reply.data], None if is_last else following

    @contextmanager
    def _finding_out(self) -> Iterator[None]:
        """Lets one thread alone ask first, so that a server refuses one call and not several."""
        is_first = not self._is_proven and self._asking.acquire(timeout=MAX_WAIT_SECONDS)
        try:
            yield
        finally:
            if is_first:
                self._asking.release()
