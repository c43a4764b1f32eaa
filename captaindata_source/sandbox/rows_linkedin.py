"""Result rows of the LinkedIn kinds of workflow: one function makes one row with all its keys."""

from __future__ import annotations

from random import Random
from typing import Any

from captaindata_source.sandbox.vocabulary import (
    CITIES,
    COMPANIES,
    INDUSTRIES,
    SENTENCES,
    SKILLS,
    TITLES,
    maybe,
    person,
    slug,
)

Json = dict[str, Any]

POST_URL = "https://www.linkedin.com/feed/update/urn:li:activity:"


def _day(rng: Random) -> str:
    return f"{rng.randrange(2009, 2025)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"


def profile(rng: Random) -> Json:
    """Return a LinkedIn profile, with nested experiences and education."""
    first, last = person(rng)
    city, country, _, _ = rng.choice(CITIES)
    handle = f"{slug(first)}-{slug(last)}-{rng.getrandbits(32):08x}"
    return {
        "linkedin_profile_id": rng.randrange(10**6, 10**10),
        "linkedin_profile_url": f"https://www.linkedin.com/in/{handle}",
        "first_name": first,
        "last_name": last,
        "full_name": f"{first} {last}",
        "headline": maybe(rng, rng.choice(TITLES), 0.9),
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
        "profile_image_url": maybe(rng, f"https://media.example.com/{handle}.jpg"),
        "connection_degree": rng.choice(("1st", "2nd", "3rd", None)),
    }


def lead(rng: Random) -> Json:
    """Return a row of a Sales Navigator search."""
    first, last = person(rng)
    return {
        "sales_navigator_profile_id": f"ACwAA{rng.getrandbits(64):016x}",
        "linkedin_people_id": rng.randrange(10**6, 10**10),
        "full_name": f"{first} {last}",
        "job_title": rng.choice(TITLES),
        "current_positions": [
            {"company_name": rng.choice(COMPANIES), "tenure": {"years": rng.randrange(0, 12)}}
        ],
        "location": rng.choice(CITIES)[0],
        "connection_degree": rng.randrange(1, 4),
        "shared_connections_count": rng.randrange(0, 80),
        "match_score": round(rng.random(), 4),
        "is_viewed": rng.random() < 0.5,
        "spotlight": maybe(rng, rng.choice(("Changed jobs", "Posted on LinkedIn")), 0.3),
    }


def company(rng: Random) -> Json:
    """Return a LinkedIn company."""
    name = rng.choice(COMPANIES)
    city, country, _, _ = rng.choice(CITIES)
    low = rng.choice((1, 11, 51, 201, 1001))
    return {
        "linkedin_company_id": rng.randrange(1000, 10**8),
        "linkedin_company_url": f"https://www.linkedin.com/company/{slug(name)}-{rng.getrandbits(24):x}",
        "name": name,
        "tagline": maybe(rng, rng.choice(SENTENCES), 0.4),
        "website": maybe(rng, f"https://{slug(name)}.example.com"),
        "industry": rng.choice(INDUSTRIES),
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


def post(rng: Random) -> Json:
    """Return a LinkedIn post; its id is larger than a float can hold exactly."""
    first, last = person(rng)
    activity = rng.randrange(7 * 10**18, 7 * 10**18 + 10**17)
    return {
        "post_id": activity,
        "post_url": f"{POST_URL}{activity}",
        "author": {"full_name": f"{first} {last}", "headline": rng.choice(TITLES)},
        "text": " ".join(rng.sample(SENTENCES, rng.randrange(1, 4))),
        "published_at": f"{_day(rng)}T{rng.randrange(24):02d}:00:00Z",
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


def liker(rng: Random) -> Json:
    """Return somebody who liked a post."""
    first, last = person(rng)
    return {
        "post_url": f"{POST_URL}{rng.randrange(10**15, 10**16)}",
        "liker_profile_id": rng.randrange(10**6, 10**10),
        "liker_name": f"{first} {last}",
        "liker_headline": maybe(rng, rng.choice(TITLES)),
        "reaction": rng.choice(("LIKE", "EMPATHY", "ENTERTAINMENT", "\U0001f44d")),
        "degree": maybe(rng, rng.randrange(1, 4), 0.9),
    }
