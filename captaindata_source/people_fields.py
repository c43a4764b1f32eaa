"""Which keys of results feed which field of people and companies.

This is the one place to change. Keys are compared without upper and lower case, spaces, `_`, `.`
and `-`: `full_name` stands for `Full Name` and for `{"full": {"name": …}}` too. Users add keys with
the option `people_fields`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

__all__ = [
    "COMPANY",
    "ENTITIES",
    "FIELD_NAMES",
    "PEOPLE_TABLES",
    "PERSON",
    "Clean",
    "Entity",
    "ResultField",
    "are_people_fields",
    "normal_key",
]


class Clean(StrEnum):
    """How a value is made comparable."""

    TEXT = "text"
    ID = "id"
    """A number or an opaque text; `123`, `"123"` and `123.0` are one id."""
    PROFILE_URL = "profile_url"
    COMPANY_URL = "company_url"
    DOMAIN = "domain"
    """A domain, or the domain of an address."""
    EMAIL = "email"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultField:
    """A field of people or companies.

    Args:
        name: Column in the views.
        keys: Keys of results that feed it; the first with a value is taken.
        alone: Keys that feed it only in results that are not about a person: `name` is the
            company's there.
        clean: How its values are made comparable.
        is_shown: Whether it is a column; if not, it only helps to find an id.
    """

    name: str
    keys: Sequence[str]
    alone: Sequence[str] = ()
    clean: Clean = Clean.TEXT
    is_shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """People, or companies.

    Args:
        name: What one of them is called.
        ids: Kinds of ids, the best first. Their fields are the first of `fields`.
        immutable: Ids that never change: results with different values are not merged.
        fields: All fields.
        prefixes: Objects, or beginnings of keys, whose keys count as if they stood alone.
        others: The same for objects about somebody else than the result, such as the author of a
            post. They count in workflows whose results have no id outside of such an object.
    """

    name: str
    ids: Sequence[str]
    immutable: Sequence[str]
    fields: Sequence[ResultField]
    prefixes: Sequence[str]
    others: Sequence[str] = ()

    @property
    def facts(self) -> list[ResultField]:
        """The fields that are columns and no ids."""
        return [field for field in self.fields if field.is_shown and field.name not in self.ids]


PERSON = Entity(
    name="person",
    ids=("linkedin_profile_id", "sales_navigator_profile_id", "linkedin_profile_url"),
    immutable=("linkedin_profile_id", "sales_navigator_profile_id"),
    prefixes=("profile", "person", "people", "lead", "contact", "prospect", "candidate"),
    others=("author", "liker", "commenter", "reactor", "attendee", "member", "sender", "employee"),
    fields=(
        ResultField(
            name="linkedin_profile_id",
            keys=(
                "linkedin_profile_id",
                "profile_id",
                "linkedin_people_profile_id",
                "linkedin_member_id",
            ),
            clean=Clean.ID,
        ),
        ResultField(
            name="sales_navigator_profile_id",
            keys=(
                "sales_navigator_profile_id",
                "sales_navigator_id",
                "sales_nav_profile_id",
                "sales_navigator_lead_id",
            ),
            clean=Clean.ID,
        ),
        ResultField(
            name="linkedin_profile_url",
            keys=(
                "linkedin_profile_url",
                "linkedin_people_profile_url",
                "linkedin_people_url",
                "linkedin_person_url",
                "linkedin_url",
                "profile_url",
                "linkedin_profile",
                "linkedin_public_profile_url",
                "public_profile_url",
                "linkedin",
            ),
            clean=Clean.PROFILE_URL,
        ),
        ResultField(
            name="sales_navigator_profile_url",
            keys=(
                "sales_navigator_profile_url",
                "sales_navigator_url",
                "sales_nav_url",
                "sales_navigator_lead_url",
            ),
            clean=Clean.PROFILE_URL,
            is_shown=False,
        ),
        ResultField(name="full_name", keys=("full_name", "name", "display_name")),
        ResultField(name="first_name", keys=("first_name", "firstname", "given_name", "prénom")),
        ResultField(name="last_name", keys=("last_name", "lastname", "family_name", "surname")),
        ResultField(name="headline", keys=("headline", "linkedin_headline")),
        ResultField(
            name="job_title",
            keys=("job_title", "current_job_title", "title", "current_position", "occupation"),
        ),
        ResultField(
            name="company_name",
            keys=("company_name", "current_company_name", "current_company", "employer", "company"),
        ),
        ResultField(
            name="linkedin_company_id",
            keys=("linkedin_company_id", "current_company_id", "company_linkedin_id"),
            clean=Clean.ID,
        ),
        ResultField(
            name="location",
            keys=("location", "location_name", "location_city", "city", "person_location"),
        ),
        ResultField(
            name="email",
            keys=("email", "email_address", "professional_email", "work_email", "personal_email"),
            clean=Clean.EMAIL,
        ),
        ResultField(name="phone", keys=("phone", "phone_number", "mobile_phone", "mobile")),
    ),
)
COMPANY = Entity(
    name="company",
    ids=("linkedin_company_id", "linkedin_company_url", "domain"),
    immutable=("linkedin_company_id",),
    prefixes=("company", "organization", "organisation", "current_company", "account"),
    fields=(
        ResultField(
            name="linkedin_company_id",
            keys=("linkedin_company_id", "current_company_id", "company_linkedin_id"),
            clean=Clean.ID,
        ),
        ResultField(
            name="linkedin_company_url",
            keys=(
                "linkedin_company_url",
                "company_linkedin_url",
                "linkedin_company_page_url",
                "linkedin_company",
                "current_company_url",
                "company_url",
            ),
            alone=("linkedin_url", "linkedin"),
            clean=Clean.COMPANY_URL,
        ),
        ResultField(
            name="domain",
            keys=(),
            alone=("domain", "company_domain", "website_domain", "company_website", "website"),
            clean=Clean.DOMAIN,
        ),
        ResultField(
            name="sales_navigator_company_url",
            keys=("sales_navigator_company_url", "sales_nav_company_url"),
            clean=Clean.COMPANY_URL,
            is_shown=False,
        ),
        ResultField(
            name="company_name",
            keys=("company_name", "current_company_name", "linkedin_company_name"),
            alone=("name", "legal_name", "business_name", "title"),
        ),
        ResultField(name="website", keys=("company_website",), alone=("website", "website_url")),
        ResultField(
            name="industry",
            keys=("company_industry",),
            alone=("industry", "industry_name", "firmographics_industry"),
        ),
        ResultField(
            name="employee_count",
            keys=("company_employee_count", "company_headcount", "company_size"),
            alone=(
                "number_employees",
                "employee_count",
                "employees_count",
                "headcount",
                "staff_count",
                "employees",
                "employees_on_linkedin",
            ),
            clean=Clean.COUNT,
        ),
        ResultField(
            name="headquarters",
            keys=("company_location", "company_headquarters", "company_city"),
            alone=(
                "headquarters",
                "headquarters_city",
                "headquarter",
                "location",
                "location_city",
                "city",
            ),
        ),
    ),
)
ENTITIES = (PERSON, COMPANY)
FIELD_NAMES = tuple(
    dict.fromkeys(field.name for entity in ENTITIES for field in entity.fields if field.is_shown)
)
"""What `people_fields` takes. A name that both have stands for both."""
PEOPLE_TABLES = (
    *("mention_jobs", "person_mentions", "company_mentions"),
    *("person_rows", "company_rows", "mention_conflicts"),
)
"""Tables of the dataset that the views of people and companies show. They are there once results
have ids of people or companies."""


@lru_cache(maxsize=4_096)
def normal_key(key: str) -> str:
    """A key as keys are compared."""
    return re.sub(r"[\W_]+", "", key.lower())


def are_people_fields(value: object) -> bool:
    """Whether a value of the option `people_fields` can work."""
    if value is None:
        return True
    return isinstance(value, Mapping) and all(
        name in FIELD_NAMES and _are_keys(keys) for name, keys in value.items()
    )


def _are_keys(keys: object) -> bool:
    return (
        isinstance(keys, Collection)
        and not isinstance(keys, (str, Mapping))
        and all(isinstance(key, str) and normal_key(key) for key in keys)
    )
