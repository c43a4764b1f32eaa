"""Words that the sandbox's data is made of. Every person and company in here is invented."""

from __future__ import annotations

from random import Random

FIRST_NAMES = (
    "Juniper", "Quill", "Marlo", "Zephyr", "Tansy", "Orrin", "Fable", "Bram", "Isolde", "Clove",
    "Zoe\u0301", "Sölve", "Łucja", "Ñusta", "\u6a21\u64ec", "\u0646\u0645\u0648\u0630\u062c",
)  # fmt: skip
LAST_NAMES = (
    "Testwell", "Sampleton", "Mockridge", "Placeholder", "Fixtureson", "Dummyfield", "Stubbs-Null",
    "O'Example", "Lorem-Ipsum", "Fauxmont", "Größenwahn", "Vzorový",
    "\u67b6\u7a7a", "\u05d3\u05de\u05d9",
)  # fmt: skip
COMPANIES = (
    "Globex Samples", "Initrode Demo", "Vandelay Mock", "Hooli Fixtures", "Umbrella Placeholder",
    "Café Exämple", "Wonka & Dummies", "\u67b6\u7a7a\u5546\u4e8b", "Stark Stubs \U0001f680",
    "Null \"Quoted\" Ltd",
)  # fmt: skip
TITLES = (
    "Head of Growth", "VP Sales", "Ingénieur données", "Founder \U0001f680 | building in public",
    "Revenue Operations", "\u55b6\u696d\u90e8\u9577",
    "CTO \U0001f469\U0001f3fd\u200d\U0001f4bb",
    "Account Executive", "\u05de\u05e0\u05d4\u05dc\u05ea \u05e9\u05d9\u05d5\u05d5\u05e7",
    "Recruiter \u2013 we're hiring!",
)  # fmt: skip
TIMEZONES = ("Europe/Paris", "UTC", "America/New_York", "Asia/Tokyo")
CITIES = (
    ("Paris", "FR", 48.8566, 2.3522), ("Lyon", "FR", 45.764, 4.8357),
    ("Berlin", "DE", 52.52, 13.405),
    ("São Paulo", "BR", -23.5505, -46.6333), ("\u6771\u4eac", "JP", 35.6762, 139.6503),
    ("\u062f\u0628\u064a", "AE", 25.2048, 55.2708), ("Austin, TX", "US", 30.2672, -97.7431),
)  # fmt: skip
INDUSTRIES = ("Software Development", "Hospitality", "Real Estate", "Staffing & Recruiting", "Wine")
SKILLS = ("Python", "SQL", "Prospecting", "N\u00e9gociation", "dbt", "HubSpot", "Public speaking")
SENTENCES = (
    "We grew 3x this year \U0001f389\U0001f389 and learned a lot.",
    "Line one\nLine two\twith a tab and a \"quote\".",
    "\u00c7a va? Les donn\u00e9es d'abord.",
    "\u6570\u636e\u9a71\u52a8\u7684\u589e\u957f",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "Backslash \\ slash / percent % and <b>tags</b> &amp; entities",
    "cafe\u0301 (combining) is not caf\u00e9 (composed)",
)  # fmt: skip


PLACEHOLDERS = ("", "N/A")


def spelled(form: str, handle: str) -> str:
    """Return the URL of a handle in a form with `{handle}` or `{upper}`; a placeholder as it is."""
    if handle in PLACEHOLDERS:
        return handle
    return form.format(handle=handle, upper=handle.upper())


def slug(text: str) -> str:
    """Return `text` as a lower-case handle of ASCII letters; never empty."""
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum()) or "sample"


def person(rng: Random) -> tuple[str, str]:
    """Return an invented first and last name."""
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)


def maybe(rng: Random, value: object, chance: float = 0.75) -> object:
    """Return `value` with the given chance, else None."""
    return value if rng.random() < chance else None
