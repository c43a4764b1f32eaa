"""Reads the list of identities, whose paging differs from server to server.

Documented are `retrieve_accounts` and a `page` that counts from 1. Servers that ignore one of them
or refuse it are read as well; older ones take `limit` and `offset`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from captaindata_source.api.base import Record
from captaindata_source.api.documents import LISTS, Documents, Fields
from captaindata_source.errors import ApiError, CallRefusedError, NotFoundError, PaginationError

__all__ = ["IdentityList"]

_Take = Callable[[list[Fields]], bool]

PATH = "identities"
ACCOUNTS = {"retrieve_accounts": "true"}
OFFSET_LIMIT = 100
REFUSED = (400, 422)
ROUND = frozenset({10, 20, 25, 30, 50, 100, 200, 250, 500, 1000})
"""Sizes of a first page that may be cut, where a server ignores `page`."""
MAX_PAGES = 10_000
FORMS: Sequence[tuple[bool, str]] = (
    *((True, "page"), (True, "offset"), (True, "")),
    *((False, "page"), (False, "offset"), (False, "")),
)
"""What is asked for until a server takes it: whether with accounts, and how pages are numbered."""


class IdentityList:
    """One reading of the list.

    Args:
        documents: Of the workspace.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._form = 0

    def first(self) -> list[Fields]:
        """The first page.

        Raises:
            ApiError: It can't be read.
        """
        while True:
            try:
                return self._fetch(0, 0)
            except CallRefusedError as error:
                if error.status not in REFUSED or self._form == len(FORMS) - 1:
                    raise
                self._form += 1

    def all(self) -> list[Record]:
        """All identities, each once.

        Raises:
            ApiError: A page can't be read.
        """
        found: dict[str, Record] = {}

        def take(page: list[Fields]) -> bool:
            before = len(found)
            for identity in self._documents.with_uid(page, "identity"):
                found[identity["uid"]] = identity
            return len(found) > before

        first = page = self.first()
        number = 0
        while take(page) and FORMS[self._form][1]:
            number += 1
            if number == MAX_PAGES:
                raise PaginationError("The list of identities has no end", path=PATH)
            try:
                page = self._fetch(number, len(found))
            except NotFoundError:
                break
        is_ignored = number == 1 and bool(page) and FORMS[self._form][1] == "page"
        if is_ignored and len(first) in ROUND:
            self._go_on_by_offset(found, take)
        return list(found.values())

    def _go_on_by_offset(self, found: dict[str, Record], take: _Take) -> None:
        self._form += 1
        try:
            for _ in range(MAX_PAGES):
                if not take(self._fetch(0, len(found))):
                    return
        except ApiError as error:
            if error.status not in (*REFUSED, 404):
                raise

    def _fetch(self, page: int, known: int) -> list[Fields]:
        has_accounts, numbering = FORMS[self._form]
        parameters: dict[str, str | int] = dict(ACCOUNTS) if has_accounts else {}
        if numbering == "page":
            parameters["page"] = page + 1
        elif numbering:
            parameters |= {"limit": OFFSET_LIMIT, "offset": known}
        return self._documents.get(PATH, LISTS, **parameters)
