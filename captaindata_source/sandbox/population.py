"""The people and companies that come back in the results of a workspace, and odd ones among them.

Tests compute from them what belongs together. The API does not serve them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import TypeVar

from captaindata_source.sandbox.rng import stream
from captaindata_source.sandbox.vocabulary import COMPANIES, TITLES, maybe, person, slug

PEOPLE = 300
COMPANY_COUNT = 60
RETURNING_SHARE = 0.35
CHANGE_CHANCE = 0.5
FREE_MAIL_CHANCE = 0.1
FREE_MAIL = "gmail.com"
"""A hyphen before the @ is not allowed there: no such address belongs to anybody."""
ALWAYS = float("-inf")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A company. Its id never changes; None: the results have no id of it."""

    linkedin_company_id: int | None
    handle: str
    name: str
    domain: str
    employees: int

    def employees_on(self, day: float) -> int:
        """Return the number of employees on `day`, which grows every ten days."""
        return self.employees + int(day // 10 + 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What results tell of a person from the day `since` on."""

    since: float
    handle: str
    job_title: str
    headline: str
    company: Company


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person. The two ids never change; None: the results have no id of this person."""

    linkedin_profile_id: int | None
    sales_navigator_profile_id: str | None
    first_name: str
    last_name: str
    email: str
    facts: tuple[Facts, ...]

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    def on(self, day: float) -> Facts:
        """Return the facts on `day`."""
        return next(facts for facts in reversed(self.facts) if facts.since <= day)


Subject = Person | Company
People = tuple[Person, Person]
Companies = tuple[Company, Company]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Pairs that are easily taken for one. Two rows of each batch of results are about a pair.

    Attributes:
        placeholder_handle: Two people whose profile is `linkedin.com/in/unknown`.
        no_keys: Two people without ids, whose URL and e-mail are `""` and `"N/A"`.
        same_url: Two people with the same URL but different ids.
        same_mailbox: Two people with the same e-mail, that of their company.
        free_mail: Two people with free-mail addresses of their own.
        companies_same_url: Two companies with the same URL but different ids.
        companies_no_keys: Two companies without an id, whose URL and domain are placeholders.
    """

    placeholder_handle: People
    no_keys: People
    same_url: People
    same_mailbox: People
    free_mail: People
    companies_same_url: Companies
    companies_no_keys: Companies

    @property
    def people(self) -> tuple[People, ...]:
        """The pairs of people."""
        return (
            self.placeholder_handle, self.no_keys, self.same_url, self.same_mailbox,
            self.free_mail,
        )  # fmt: skip

    @property
    def companies(self) -> tuple[Companies, ...]:
        """The pairs of companies."""
        return self.companies_same_url, self.companies_no_keys


@dataclass(frozen=True, kw_only=True)
class Population:
    """The people and companies of a workspace that come back in its results."""

    people: tuple[Person, ...]
    companies: tuple[Company, ...]
    planted: Planted


@lru_cache(maxsize=64)
def make_population(seed: int, workspace: int) -> Population:
    """Return the population of a workspace.

    About half of the people change their job and headline once or twice until the tenth day
    after the world's start, and with the first change some also get another handle.
    """
    rng = stream(seed, workspace, "population")
    companies = tuple(_company(rng) for _ in range(COMPANY_COUNT))
    return Population(
        people=tuple(_changing(rng, companies) for _ in range(PEOPLE)),
        companies=companies,
        planted=_planted(rng, companies),
    )


@dataclass(kw_only=True)
class Draw:
    """Chooses whom a row is about. `subject` is who was chosen last.

    Attributes:
        rng: The random stream of the rows.
        day: The day on which the row is made.
        population: Those who come back; without it, each row has somebody new.
        pair: Number of the planted pair that the row is about, and which of the two it is.
    """

    rng: Random
    day: float = 0.0
    population: Population | None = None
    pair: tuple[int, int] | None = None
    subject: Subject | None = None

    def person(self) -> Person:
        """Return a planted person, somebody who comes back, or somebody new."""
        there = self.population
        if there is not None and self.pair is not None:
            found = _of_pair(there.planted.people, self.pair)
        elif there is not None and self.rng.random() < RETURNING_SHARE:
            found = _often_the_first(self.rng, there.people)
        else:
            found = _person(self.rng, self._employer())
        self.subject = found
        return found

    def company(self) -> Company:
        """Return a planted company, one that comes back, or a new one."""
        there = self.population
        if there is not None and self.pair is not None:
            found = _of_pair(there.planted.companies, self.pair)
        else:
            found = self._employer()
        self.subject = found
        return found

    def _employer(self) -> Company:
        if self.population is not None and self.rng.random() < RETURNING_SHARE:
            return _often_the_first(self.rng, self.population.companies)
        return _company(self.rng)


def _of_pair(pairs: Sequence[tuple[_T, _T]], pair: tuple[int, int]) -> _T:
    number, which = pair
    return pairs[number % len(pairs)][which]


def _often_the_first(rng: Random, items: Sequence[_T]) -> _T:
    return items[int(len(items) * rng.random() ** 2)]


def _company(rng: Random) -> Company:
    name = rng.choice(COMPANIES)
    handle = f"{slug(name)}-{rng.getrandbits(32):08x}"
    return Company(
        linkedin_company_id=rng.randrange(1000, 10**9),
        handle=handle,
        name=name,
        domain=f"{handle}.example.com",
        employees=rng.randrange(1, 9000),
    )


def _person(rng: Random, company: Company) -> Person:
    first, last = person(rng)
    handle = f"{slug(first)}-{slug(last)}-{rng.getrandbits(40):010x}"
    free = rng.random() < FREE_MAIL_CHANCE
    return Person(
        linkedin_profile_id=rng.randrange(10**6, 10**10),
        sales_navigator_profile_id=f"ACwAA{rng.getrandbits(64):016x}",
        first_name=first,
        last_name=last,
        email=f"{handle}@{FREE_MAIL if free else company.domain}",
        facts=(_facts(rng, ALWAYS, handle, company),),
    )


def _facts(rng: Random, since: float, handle: str, company: Company) -> Facts:
    title = rng.choice(TITLES)
    headline = str(maybe(rng, title, 0.5) or rng.choice(TITLES))
    return Facts(since=since, handle=handle, job_title=title, headline=headline, company=company)


def _changing(rng: Random, companies: Sequence[Company]) -> Person:
    made = _person(rng, rng.choice(companies))
    changes = rng.randrange(1, 3) if rng.random() < CHANGE_CHANCE else 0
    days = sorted(rng.uniform(-50, 10) for _ in range(changes))
    handle = made.facts[0].handle
    renamed = f"{handle}-{rng.randrange(10)}" if rng.random() < 0.2 else handle
    later = tuple(_facts(rng, day, renamed, rng.choice(companies)) for day in days)
    return replace(made, facts=made.facts + later)


def _planted(rng: Random, companies: Sequence[Company]) -> Planted:
    def two() -> People:
        employer = rng.choice(companies)
        return _person(rng, employer), _person(rng, employer)

    def with_handles(pair: People, *handles: str) -> People:
        one, other = (
            replace(each, facts=(replace(each.facts[0], handle=handle),))
            for each, handle in zip(pair, handles, strict=True)
        )
        return one, other

    def without_ids(pair: People) -> People:
        one, other = (
            replace(each, linkedin_profile_id=None, sales_navigator_profile_id=None)
            for each in pair
        )
        return one, other

    def with_emails(pair: People, *emails: str) -> People:
        return replace(pair[0], email=emails[0]), replace(pair[1], email=emails[1])

    same_url, mailbox, free = two(), two(), two()
    handle = same_url[0].facts[0].handle
    shared = f"info@{mailbox[0].facts[0].company.domain}"
    private = [f"{each.facts[0].handle}@{FREE_MAIL}" for each in free]
    one, other, empty, not_available = (_company(rng) for _ in range(4))
    return Planted(
        placeholder_handle=with_handles(two(), "unknown", "unknown"),
        no_keys=without_ids(with_emails(with_handles(two(), "", "N/A"), "N/A", "")),
        same_url=with_handles(same_url, handle, handle),
        same_mailbox=with_emails(mailbox, shared, shared),
        free_mail=with_emails(free, *private),
        companies_same_url=(one, replace(other, handle=one.handle)),
        companies_no_keys=(
            replace(empty, linkedin_company_id=None, handle="", domain="N/A"),
            replace(not_available, linkedin_company_id=None, handle="N/A", domain=""),
        ),
    )
