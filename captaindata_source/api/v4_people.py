"""Members, identities and integrations of API v4."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from captaindata_source.api.base import Part, Parts, Record
from captaindata_source.api.documents import OBJECTS, Documents, Fields, once, record, segment
from captaindata_source.api.identity_list import IdentityList
from captaindata_source.api.pagination import read_until_known
from captaindata_source.api.v4_records import integrations_of, member, message, plain_identity
from captaindata_source.errors import AuthError, NotFoundError
from captaindata_source.tables import IDENTITIES, INTEGRATIONS, WORKSPACE_MEMBERS

__all__ = ["USER_LISTS", "V4People"]


class _UsersPage(msgspec.Struct):
    users: list[Fields]


USER_LISTS = msgspec.json.Decoder(list[Fields] | _UsersPage)


class V4People:
    """Reads each list once.

    Args:
        documents: Below the base URL.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.members = once(self._members)
        self._all_identities = once(self._identities)

    @property
    def tables(self) -> Mapping[str, Callable[[], Parts]]:
        """By name of its table, what there is."""
        return {
            IDENTITIES.name: lambda: [self._all_identities],
            INTEGRATIONS.name: self._integrations,
            WORKSPACE_MEMBERS.name: lambda: [self.members],
        }

    def _members(self) -> list[Record]:
        def fetch(page: int) -> list[Record]:
            found = self._documents.get("users", USER_LISTS, page=page + 1)
            users = found if isinstance(found, list) else found.users
            return self._documents.with_uid(users, "member")

        users = read_until_known(fetch, lambda user: user["uid"], path="users", what="users")
        return [member(user) for user in {user["uid"]: user for user in users}.values()]

    def _identities(self) -> list[Record]:
        return [plain_identity(each) for each in IdentityList(self._documents).all()]

    def _integrations(self) -> Parts:
        return [
            Part(
                partial(self._integration, identity["uid"], name, account),
                scope={"identity_uid": identity["uid"]},
            )
            for identity in self._all_identities()
            for name, account in integrations_of(identity).items()
        ]

    def _integration(self, identity_uid: str, name: str, account: Record | None) -> list[Record]:
        path = f"identities/{segment(identity_uid)}/integrations/{segment(name)}"
        try:
            found: Record | None = record(self._documents.get(path, OBJECTS))
        except (NotFoundError, AuthError) as error:
            if error.is_fatal or (account is None and isinstance(error, AuthError)):
                raise
            found = account
        if found is None:
            return []
        return [
            {
                **found,
                "identity_uid": identity_uid,
                "integration_permalink": found.get("integration_permalink") or name,
                "error": message(found.get("error")),
            }
        ]
