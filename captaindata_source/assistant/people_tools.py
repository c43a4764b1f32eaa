"""Tools about people and companies."""

from __future__ import annotations

from captaindata_source.assistant.answers import DEFAULT_ROWS, Reader, Rows
from captaindata_source.assistant.arguments import Cursor, Limit, Text, Workspace
from captaindata_source.assistant.lists import Conditions, Newest, fetch_newest
from captaindata_source.assistant.views import Views

__all__ = ["PeopleTools"]


class PeopleTools:
    """People and companies.

    Args:
        reader: Reads the views.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._views = Views(reader)

    async def search_people(
        self,
        name: Text = None,
        email: Text = None,
        company: Text = None,
        profile: Text = None,
        workspace: Workspace = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """People in the results, once per workspace, last seen first. Each argument narrows the search, in any case: a part of the name, of the e-mail address (such as @example.com), of the company's name; profile: a part of the LinkedIn URL, or a LinkedIn or Sales Navigator id."""  # noqa: E501
        conditions = Conditions()
        conditions.add("workspace_id = ?", await self._views.workspace(workspace))
        conditions.add("strpos(lower(full_name), lower(?)) > 0", name)
        conditions.add("strpos(lower(email), lower(?)) > 0", email)
        conditions.add("strpos(lower(company_name), lower(?)) > 0", company)
        conditions.add(
            "(strpos(lower(linkedin_profile_url), lower(?)) > 0 "
            "or cast(linkedin_profile_id as text) = ? "
            "or cast(sales_navigator_profile_id as text) = ?)",
            *(None if profile is None else profile.strip().rstrip("/") for _ in range(3)),
        )
        names = [each.name for each in await self._views.columns("people")]
        what = Newest(view="people", time="last_seen_at", key="person_id", columns=names)
        return await fetch_newest(self._reader, what, conditions, limit=limit, cursor=cursor)

    async def search_companies(
        self,
        name: Text = None,
        domain: Text = None,
        profile: Text = None,
        workspace: Workspace = None,
        limit: Limit = DEFAULT_ROWS,
        cursor: Cursor = None,
    ) -> Rows:
        """Companies in the results, once per workspace, last seen first. Each argument narrows the search, in any case: a part of the name, of the domain; profile: a part of the LinkedIn URL, or the LinkedIn id."""  # noqa: E501
        conditions = Conditions()
        conditions.add("workspace_id = ?", await self._views.workspace(workspace))
        conditions.add("strpos(lower(company_name), lower(?)) > 0", name)
        conditions.add("strpos(lower(domain), lower(?)) > 0", domain)
        conditions.add(
            "(strpos(lower(linkedin_company_url), lower(?)) > 0 "
            "or cast(linkedin_company_id as text) = ?)",
            *(None if profile is None else profile.strip().rstrip("/") for _ in range(2)),
        )
        names = [each.name for each in await self._views.columns("companies")]
        what = Newest(view="companies", time="last_seen_at", key="company_id", columns=names)
        return await fetch_newest(self._reader, what, conditions, limit=limit, cursor=cursor)
