"""Result rows of the kinds of workflow that read the web, find e-mails or write to a CRM."""

from __future__ import annotations

from typing import Any

from captaindata_source.sandbox.population import Draw, Person
from captaindata_source.sandbox.vocabulary import (
    CITIES,
    COMPANIES,
    INDUSTRIES,
    SENTENCES,
    TITLES,
    maybe,
    slug,
    spelled,
)

Json = dict[str, Any]

TYPED_URLS = (
    "linkedin.com/in/{handle}",
    "http://www.linkedin.com/in/{handle}/?locale=en_US",
    "www.linkedin.com/in/{upper}/",
)


def place(draw: Draw) -> Json:
    """Return a place of Google Maps, with coordinates and opening hours."""
    rng = draw.rng
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


def search_hit(draw: Draw) -> Json:
    """Return a hit of a Google search."""
    rng = draw.rng
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


def email(draw: Draw) -> Json:
    """Return what an e-mail finder found for a person. The URL has the host of a country."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    domain = _domain(who) or facts.company.domain
    found = draw.pair is not None or rng.random() < 0.7
    return {
        "first_name": who.first_name,
        "last_name": who.last_name,
        "full_name": who.full_name,
        "linkedin_profile_url": spelled("https://fr.linkedin.com/in/{handle}", facts.handle),
        "domain": domain,
        "email": who.email if found else None,
        "email_status": rng.choice(("valid", "catch_all")) if found else "not_found",
        "score": rng.random() if found else 0,
        "sources": [{"uri": f"https://{domain}/team", "last_seen": None}] * rng.randrange(0, 3),
        "smtp": {"accepts_all": maybe(rng, rng.random() < 0.5), "mx": [f"mx1.{domain}"]},
        "provider_id": rng.randrange(10**5, 10**9),
    }


def website_contact(draw: Draw) -> Json:
    """Return the contacts found on a website."""
    rng = draw.rng
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


def enriched_company(draw: Draw) -> Json:
    """Return an enriched company, with firmographics and two keys that differ in case alone."""
    what, rng = draw.company(), draw.rng
    return {
        "company_id": rng.randrange(10**4, 10**8),
        "name": what.name,
        "domain": what.domain,
        "Website": spelled("HTTP://WWW.{upper}", what.domain),
        "website": maybe(rng, spelled("https://{handle}/?utm_source=sandbox", what.domain)),
        "linkedin_company_id": str(what.linkedin_company_id or ""),
        "linkedin_company_url": spelled("linkedin.com/company/{upper}", what.handle),
        "number_employees": what.employees_on(draw.day),
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


def multi_step(draw: Draw) -> Json:
    """Return a row of a search → profile → e-mail chain: keys with spaces, dots and capitals."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    found = draw.pair is not None or rng.random() < 0.7
    return {
        "Profile ID": who.linkedin_profile_id or 0,
        "linkedin_profile_url": spelled("HTTPS://WWW.LINKEDIN.COM/IN/{upper}", facts.handle),
        "full name": who.full_name,
        "Company.Name": facts.company.name,
        "company.name": facts.company.name.lower(),
        "job_title": maybe(rng, facts.job_title),
        "profile": {"headline": facts.headline, "location": {"city": rng.choice(CITIES)[0]}},
        "email": who.email if found else None,
        "email_finder": {
            "status": rng.choice(("valid", "catch_all")) if found else "not_found",
            "score": rng.random() if found else 0,
        },
        "prénom": who.first_name,
    }


def crm_record(draw: Draw) -> Json:
    """Return the receipt of a record written to a CRM, with URL and e-mail as they were typed."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    return {
        "crm_id": rng.randrange(10**10, 10**12),
        "object": rng.choice(("contact", "company", "deal")),
        "name": who.full_name,
        "email": rng.choice((who.email, who.email.upper(), f" {who.email}")),
        "linkedin_profile_url": spelled(rng.choice(TYPED_URLS), facts.handle),
        "job_title": facts.job_title,
        "company_name": facts.company.name,
        "domain": _domain(who),
        "action": rng.choice(("created", "updated", "skipped")),
        "amount": maybe(rng, rng.randrange(10**4, 10**8) / 100, 0.4),
        "fields": {"owner": None, "lifecycle": "lead", "tags": [[1, "a"], [2, None]]},
        "error": maybe(rng, rng.choice(SENTENCES), 0.1),
        "synced": True,
    }


def _domain(who: Person) -> str | None:
    """Return what is behind the @ of the e-mail, None if it is a placeholder."""
    return who.email.rpartition("@")[2] if "@" in who.email else None
