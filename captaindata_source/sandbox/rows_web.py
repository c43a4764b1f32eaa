"""Result rows of the kinds of workflow that read the web, find e-mails or write to a CRM."""

from __future__ import annotations

from random import Random
from typing import Any

from captaindata_source.sandbox.vocabulary import (
    CITIES,
    COMPANIES,
    INDUSTRIES,
    SENTENCES,
    TITLES,
    maybe,
    person,
    slug,
)

Json = dict[str, Any]


def place(rng: Random) -> Json:
    """Return a place of Google Maps, with coordinates and opening hours."""
    name = rng.choice(COMPANIES)
    city, country, latitude, longitude = rng.choice(CITIES)
    return {
        "place_id": f"ChIJ{rng.getrandbits(80):020x}",
        "cid": rng.randrange(10**15, 2**63),
        "title": name,
        "category": rng.choice(INDUSTRIES),
        "address": f"{rng.randrange(1, 200)} Sample Street, {city}",
        "country_code": country,
        "latitude": round(latitude + rng.uniform(-0.1, 0.1), 7),
        "longitude": round(longitude + rng.uniform(-0.1, 0.1), 7),
        "rating": maybe(rng, rng.randrange(10, 51) / 10),
        "reviews_count": rng.randrange(0, 5000),
        "phone": maybe(rng, f"+1 555 01{rng.randrange(100):02d}"),
        "website": maybe(rng, f"https://{slug(name)}.example.org"),
        "hours": {
            day: maybe(rng, [["09:00", "12:30"], ["14:00", "18:00"]], 0.8)
            for day in ("mon", "tue", "sun")
        },
        "price_level": rng.choice((None, "€", "€€", "€€€")),
        "is_permanently_closed": rng.random() < 0.05,
    }


def search_hit(rng: Random) -> Json:
    """Return a hit of a Google search."""
    domain = f"{slug(rng.choice(COMPANIES))}.example.net"
    return {
        "query": f"site:{domain} {rng.choice(INDUSTRIES).lower()}",
        "rank": rng.randrange(1, 101),
        "title": rng.choice(TITLES),
        "link": f"https://{domain}/p/{rng.getrandbits(40):x}?utm_source=sandbox&q=%C3%A9",
        "snippet": maybe(rng, rng.choice(SENTENCES), 0.9),
        "sitelinks": [{"title": "About", "link": f"https://{domain}/about"}] * rng.randrange(0, 2),
        "is_ad": rng.random() < 0.1,
    }


def email(rng: Random) -> Json:
    """Return what an e-mail finder found for a person."""
    first, last = person(rng)
    domain = f"{slug(rng.choice(COMPANIES))}.example.com"
    found = rng.random() < 0.7
    return {
        "first_name": first,
        "last_name": last,
        "domain": domain,
        "email": f"{slug(first)}.{slug(last)}{rng.randrange(100)}@{domain}" if found else None,
        "email_status": rng.choice(("valid", "catch_all")) if found else "not_found",
        "score": rng.random() if found else 0,
        "sources": [{"uri": f"https://{domain}/team", "last_seen": None}] * rng.randrange(0, 3),
        "smtp": {"accepts_all": maybe(rng, rng.random() < 0.5), "mx": [f"mx1.{domain}"]},
        "provider_id": rng.randrange(10**5, 10**9),
    }


def website_contact(rng: Random) -> Json:
    """Return the contacts found on a website."""
    domain = f"{slug(rng.choice(COMPANIES))}.example.org"
    return {
        "url": f"https://{domain}/contact",
        "emails": [f"hello{n}@{domain}" for n in range(rng.randrange(0, 3))],
        "phones": [f"+1 555 01{rng.randrange(100):02d}" for _ in range(rng.randrange(0, 2))],
        "social": {
            "twitter": maybe(rng, f"@{slug(domain)}", 0.4),
            "youtube": None,
            "": "empty key",
        },
        "title": rng.choice(SENTENCES),
        "http_status": rng.choice((200, 200, 200, 301, 404)),
        "load_seconds": round(rng.uniform(0.05, 9.0), 3),
    }


def enriched_company(rng: Random) -> Json:
    """Return an enriched company, with a deep tree of firmographics."""
    name = rng.choice(COMPANIES)
    return {
        "company_id": rng.randrange(10**4, 10**8),
        "name": name,
        "domain": f"{slug(name)}.example.com",
        "siren": maybe(rng, f"{rng.randrange(10**9):09d}", 0.5),
        "revenue": maybe(rng, rng.randrange(10**5, 10**11)),
        "revenue_growth": maybe(rng, round(rng.uniform(-0.9, 4.0), 3)),
        "firmographics": {
            "industry": {
                "name": rng.choice(INDUSTRIES),
                "codes": {"naf": "62.01Z", "sic": [7371, 7372]},
            },
            "headcount": [
                {"year": year, "count": rng.randrange(1, 900)} for year in (2021, 2022, 2023)
            ],
        },
        "technologies": rng.sample(("dbt", "Airflow", "WordPress", "Shopify"), rng.randrange(0, 4)),
        "description": maybe(rng, rng.choice(SENTENCES)),
    }


def multi_step(rng: Random) -> Json:
    """Return a row of a search → profile → e-mail chain: keys with spaces, dots and capitals."""
    first, last = person(rng)
    found = email(rng)
    return {
        "Profile ID": rng.randrange(10**6, 10**10),
        "full name": f"{first} {last}",
        "Company.Name": rng.choice(COMPANIES),
        "company.name": rng.choice(COMPANIES).lower(),
        "job_title": maybe(rng, rng.choice(TITLES)),
        "profile": {"headline": rng.choice(TITLES), "location": {"city": rng.choice(CITIES)[0]}},
        "email": found["email"],
        "email_finder": {"status": found["email_status"], "score": found["score"]},
        "prénom": first,
    }


def crm_record(rng: Random) -> Json:
    """Return the receipt of a record written to a CRM."""
    first, last = person(rng)
    return {
        "crm_id": rng.randrange(10**10, 10**12),
        "object": rng.choice(("contact", "company", "deal")),
        "name": f"{first} {last}",
        "action": rng.choice(("created", "updated", "skipped")),
        "amount": maybe(rng, rng.randrange(10**4, 10**8) / 100, 0.4),
        "fields": {"owner": None, "lifecycle": "lead", "tags": [[1, "a"], [2, None]]},
        "error": maybe(rng, rng.choice(SENTENCES), 0.1),
        "synced": True,
    }
