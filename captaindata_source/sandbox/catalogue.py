"""Kinds of workflows: names, steps, columns, and how the columns change over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from captaindata_source.sandbox import rows_linkedin, rows_web
from captaindata_source.sandbox.population import Draw
from captaindata_source.sandbox.rng import stream

Json = dict[str, Any]


@dataclass(frozen=True)
class Drift:
    """A change of one key of the rows from a day on, in days from the world's start."""

    key: str
    change: Literal["appears", "vanishes", "becomes_integer"]
    day: float

    def apply(self, row: Json, day: float) -> None:
        """Change `row`, which has all keys, to the form of `day`."""
        before = day < self.day
        if self.change == "becomes_integer":
            if before and row[self.key] is not None:
                row[self.key] = str(row[self.key])
        elif before == (self.change == "appears"):
            del row[self.key]


@dataclass(frozen=True)
class StepKind:
    """A step in the catalogue of Captain Data."""

    name: str
    permalink: str
    integrations: tuple[str, ...]
    inputs: tuple[str, ...]
    rows: Callable[[Draw], Json]


@dataclass(frozen=True)
class Kind:
    """A kind of workflow: its steps and the form of its results."""

    name: str
    steps: tuple[StepKind, ...]
    rows: Callable[[Draw], Json]
    drifts: tuple[Drift, ...] = ()
    dated: bool = False
    meta: bool = False


@cache
def columns(rows: Callable[[Draw], Json]) -> tuple[str, ...]:
    """Return the columns that `rows` can have, in order."""
    return tuple(rows(Draw(rng=stream("columns"))))


_LINKEDIN = ("linkedin",)
PROFILE = StepKind(
    "Extract LinkedIn People Profile", "linkedin-extract-people-profile", _LINKEDIN,
    ("linkedin_profile_url",), rows_linkedin.profile,
)  # fmt: skip
LEADS = StepKind(
    "Search Sales Navigator Leads", "sales-navigator-search-leads", ("salesnavigator",),
    ("sales_navigator_search_url",), rows_linkedin.lead,
)  # fmt: skip
COMPANY = StepKind(
    "Extract LinkedIn Company Profile", "linkedin-extract-company-profile", _LINKEDIN,
    ("linkedin_company_url",), rows_linkedin.company,
)  # fmt: skip
POSTS = StepKind(
    "Extract LinkedIn People Posts", "linkedin-extract-people-posts", _LINKEDIN,
    ("linkedin_profile_url", "max_results"), rows_linkedin.post,
)  # fmt: skip
LIKERS = StepKind(
    "Extract LinkedIn Post Likers", "linkedin-extract-post-likers", _LINKEDIN,
    ("post_url",), rows_linkedin.liker,
)  # fmt: skip
PLACES = StepKind(
    "Search Google Maps Places", "google-maps-search-places", ("google",),
    ("query", "latitude", "longitude"), rows_web.place,
)  # fmt: skip
SEARCH = StepKind(
    "Search Google", "google-search", ("google",), ("query",), rows_web.search_hit,
)  # fmt: skip
EMAIL = StepKind(
    "Find Email", "email-finder", ("dropcontact", "hunter"),
    ("first_name", "last_name", "domain"), rows_web.email,
)  # fmt: skip
CONTACT = StepKind(
    "Scrape Website Contacts", "website-scrape-contacts", ("website",), ("url",),
    rows_web.website_contact,
)  # fmt: skip
ENRICH = StepKind(
    "Enrich Company", "company-enrichment", ("clearbit",), ("domain",), rows_web.enriched_company,
)  # fmt: skip
CHAIN_END = StepKind(
    "Find Professional Email", "multi-email-finder", ("dropcontact",),
    ("full_name", "company_name"), rows_web.multi_step,
)  # fmt: skip
EXPORT = StepKind(
    "Export to CRM", "hubspot-upsert-contact", ("hubspot",), ("email", "properties"),
    rows_web.crm_record,
)  # fmt: skip

KINDS: tuple[Kind, ...] = (
    Kind("LinkedIn Profiles", (PROFILE,), PROFILE.rows, dated=True, meta=True, drifts=(
        Drift("linkedin_profile_id", "becomes_integer", -20.0),
        Drift("is_open_to_work", "appears", -31.0),
        Drift("profile_image_url", "vanishes", -10.5),
    )),
    Kind("Sales Navigator Search \U0001f50e", (LEADS,), LEADS.rows, drifts=(
        Drift("spotlight", "appears", 1.5),
    )),
    Kind("LinkedIn Companies", (COMPANY,), COMPANY.rows, meta=True, drifts=(
        Drift("linkedin_company_id", "becomes_integer", -19.2),
        Drift("funding", "appears", -8.0),
    )),
    Kind("Competitor Posts", (POSTS,), POSTS.rows, dated=True, drifts=(
        Drift("engagement_rate", "vanishes", 2.5),
    )),
    Kind("Post Likers \u2192 Audience", (LIKERS,), LIKERS.rows, drifts=(
        Drift("linkedin_profile_id", "becomes_integer", -21.0),
    )),
    Kind("Google Maps Places", (PLACES,), PLACES.rows, dated=True, drifts=(
        Drift("price_level", "appears", -40.0),
    )),
    Kind("Google Search", (SEARCH,), SEARCH.rows),
    Kind("Email Finding", (EMAIL,), EMAIL.rows, meta=True, drifts=(
        Drift("provider_id", "becomes_integer", -20.6),
        Drift("smtp", "vanishes", -3.0),
    )),
    Kind("Website Contacts", (CONTACT,), CONTACT.rows, drifts=(
        Drift("load_seconds", "appears", 4.0),
    )),
    Kind("Company Enrichment", (ENRICH,), ENRICH.rows, dated=True, drifts=(
        Drift("company_id", "becomes_integer", 1.0),
    )),
    Kind(
        "Search \u2192 Profile \u2192 Email", (LEADS, PROFILE, CHAIN_END), CHAIN_END.rows,
        meta=True,
    ),
    Kind("CRM Export", (EXPORT,), EXPORT.rows, drifts=(Drift("synced", "appears", -15.0),)),
)  # fmt: skip
