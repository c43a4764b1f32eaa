"""Result rows of the LinkedIn kinds of workflow: one function makes one row with all its keys."""

from __future__ import annotations

from random import Random
from typing import Any

from captaindata_source.sandbox.population import Draw
from captaindata_source.sandbox.vocabulary import (
    CITIES,
    COMPANIES,
    INDUSTRIES,
    SENTENCES,
    SKILLS,
    TITLES,
    maybe,
    slug,
    spelled,
)

Json = dict[str, Any]

POST_URL = "https://www.linkedin.com/feed/update/urn:li:activity:"
PROFILE_URL = "https://www.linkedin.com/in/{handle}"
COMPANY_URL = "https://www.linkedin.com/company/{handle}"
DEGREES = ("1st", "2nd", "3rd", None)


def _day(rng: Random) -> str:
    return f"{rng.randrange(2009, 2025)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def profile(draw: Draw) -> Json:
    """Return a LinkedIn profile, with nested experiences and education. Ids are numbers."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    city, country, _, _ = rng.choice(CITIES)
    return {
        "linkedin_profile_id": who.linkedin_profile_id or 0,
        "linkedin_profile_url": spelled(PROFILE_URL, facts.handle),
        "sales_navigator_profile_id": who.sales_navigator_profile_id,
        "first_name": who.first_name,
        "last_name": who.last_name,
        "full_name": who.full_name,
        "headline": maybe(rng, facts.headline, 0.9),
        "job_title": facts.job_title,
        "company_name": facts.company.name,
        "linkedin_company_id": facts.company.linkedin_company_id,
        "linkedin_company_url": spelled(COMPANY_URL, facts.company.handle),
        "summary": maybe(rng, rng.choice(SENTENCES), 0.5),
        "location": {"city": city, "country_code": country},
        "connections_count": rng.randrange(0, 501),
        "followers_count": maybe(rng, rng.randrange(0, 2_000_000)),
        "is_premium": rng.random() < 0.3,
        "is_open_to_work": maybe(rng, rng.random() < 0.2),
        "skills": rng.sample(SKILLS, rng.randrange(0, 5)),
        "experiences": [
            {
                "title": rng.choice(TITLES),
                "company": {
                    "name": rng.choice(COMPANIES),
                    "linkedin_company_id": maybe(rng, rng.randrange(1000, 10**8)),
                },
                "start_date": _day(rng),
                "end_date": maybe(rng, _day(rng), 0.5),
            }
            for _ in range(rng.randrange(0, 4))
        ],
        "education": maybe(rng, [{"school": rng.choice(COMPANIES), "degree": None}], 0.4),
        "profile_image_url": maybe(rng, f"https://media.example.com/{rng.getrandbits(32):x}.jpg"),
        "connection_degree": rng.choice(DEGREES),
    }


def lead(draw: Draw) -> Json:
    """Return a row of a Sales Navigator search. Ids are texts, the degree is a number."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    sales_id, employer = who.sales_navigator_profile_id, facts.company
    return {
        "sales_navigator_profile_id": sales_id,
        "sales_navigator_profile_url": sales_id
        and f"https://www.linkedin.com/sales/lead/{sales_id},NAME_SEARCH,{rng.getrandbits(16):x}",
        "linkedin_profile_id": str(who.linkedin_profile_id or ""),
        "linkedin_profile_url": spelled("https://linkedin.com/in/{handle}/", facts.handle),
        "full_name": who.full_name,
        "job_title": facts.job_title,
        "company_name": employer.name,
        "linkedin_company_id": str(employer.linkedin_company_id),
        "linkedin_company_url": f"{COMPANY_URL.format(handle=employer.linkedin_company_id)}/",
        "current_positions": [
            {"company_name": employer.name, "tenure": {"years": rng.randrange(0, 12)}}
        ],
        "location": rng.choice(CITIES)[0],
        "connection_degree": rng.randrange(1, 4),
        "shared_connections_count": rng.randrange(0, 80),
        "match_score": round(rng.random(), 4),
        "is_viewed": rng.random() < 0.5,
        "spotlight": maybe(rng, rng.choice(("Changed jobs", "Posted on LinkedIn")), 0.3),
    }


def company(draw: Draw) -> Json:
    """Return a LinkedIn company."""
    what, rng = draw.company(), draw.rng
    city, country, _, _ = rng.choice(CITIES)
    low = rng.choice((1, 11, 51, 201, 1001))
    return {
        "linkedin_company_id": what.linkedin_company_id,
        "linkedin_company_url": spelled(f"{COMPANY_URL}/", what.handle),
        "company_name": what.name,
        "domain": what.domain,
        "tagline": maybe(rng, rng.choice(SENTENCES), 0.4),
        "website": maybe(rng, spelled("https://www.{handle}/", what.domain)),
        "industry": rng.choice(INDUSTRIES),
        "number_employees": what.employees_on(draw.day),
        "employees": {"range": [low, low * 5], "on_linkedin": rng.randrange(1, 9000)},
        "headquarters": {"city": city, "country": country, "line1": None},
        "specialities": rng.sample(SKILLS, rng.randrange(0, 4)),
        "founded": maybe(rng, rng.randrange(1890, 2024)),
        "followers": rng.randrange(0, 5_000_000),
        "funding": maybe(
            rng, {"round": "Series A", "amount_usd": rng.randrange(10**6, 10**9)}, 0.2
        ),
        "is_claimable": rng.random() < 0.1,
    }


def post(draw: Draw) -> Json:
    """Return a LinkedIn post; its id is larger than a float can hold exactly."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    activity = rng.randrange(7 * 10**18, 7 * 10**18 + 10**17)
    return {
        "post_id": activity,
        "linkedin_post_url": f"{POST_URL}{activity}",
        "author": {
            "full_name": who.full_name,
            "headline": facts.headline,
            "linkedin_profile_url": spelled(PROFILE_URL, facts.handle),
        },
        "text": " ".join(rng.sample(SENTENCES, rng.randrange(1, 4))),
        "Published_time": f"{_day(rng)}T{rng.randrange(24):02d}:00:00Z",
        "reactions": {
            "LIKE": rng.randrange(900),
            "PRAISE": rng.randrange(90),
            "\U0001f4a1": rng.randrange(9),
        },
        "comments_count": rng.randrange(0, 300),
        "reposts_count": maybe(rng, rng.randrange(0, 99)),
        "hashtags": [f"#{slug(s)}" for s in rng.sample(SKILLS, rng.randrange(0, 3))],
        "media": [{"type": "image", "url": "https://media.example.com/p.png"}]
        * rng.randrange(0, 3),
        "engagement_rate": rng.random() * 0.1,
    }


def liker(draw: Draw) -> Json:
    """Return somebody who liked a post. The URL of the profile has a query."""
    who, rng = draw.person(), draw.rng
    facts = who.on(draw.day)
    query = f"?miniProfileUrn=urn%3Ali%3Afs_miniProfile%3A{who.sales_navigator_profile_id}"
    return {
        "linkedin_post_url": f"{POST_URL}{rng.randrange(10**15, 10**16)}",
        "linkedin_profile_id": who.linkedin_profile_id or 0,
        "linkedin_profile_url": spelled(PROFILE_URL + query, facts.handle),
        "full_name": who.full_name,
        "headline": maybe(rng, facts.headline),
        "reaction": rng.choice(("LIKE", "EMPATHY", "ENTERTAINMENT", "\U0001f44d")),
        "connection_degree": rng.choice(DEGREES),
    }
