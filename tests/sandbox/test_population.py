"""The same people and companies come back in the sandbox's results, and their facts change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from captaindata_source.sandbox import NotFoundError, World
from captaindata_source.sandbox.population import FREE_MAIL, Company, Person, Subject

Json = dict[str, Any]
OF_PEOPLE = {
    "linkedin-extract-people-profile", "sales-navigator-search-leads", "hubspot-upsert-contact",
    "linkedin-extract-post-likers", "email-finder", "multi-email-finder",
    "linkedin-extract-people-posts",
}  # fmt: skip
OF_COMPANIES = {"linkedin-extract-company-profile", "company-enrichment"}
PLACEHOLDERS = ("", "N/A")


class Made(NamedTuple):
    """A row, who it is about, the day it was made, and the last step of its workflow."""

    workspace: int
    job_uid: str
    step: str
    day: float
    subject: Subject | None
    row: Json


def made(world: World) -> Iterator[Made]:
    """Every row that the world holds now."""
    for workspace in world.workspaces:
        content = world.content(workspace)
        for job in content.schedule.appeared(world.day):
            step = content.workflows[job.workflow_index].kind.steps[-1].permalink
            days = [
                segment.begins
                for segment in job.state(world.day).segments
                for _ in range(segment.count)
            ]
            rows = world.results(workspace, job.uid)
            subjects = world.subjects(workspace, job.uid)
            for day, subject, row in zip(days, subjects, rows, strict=True):
                yield Made(workspace.index, job.uid, step, day, subject, row)


@cache
def all_rows() -> tuple[Made, ...]:
    """The rows of a world with all kinds; nobody changes them."""
    world = World(7, jobs_per_day=0.5)
    world.advance(days=2)
    return tuple(made(world))


def handle_of(url: str) -> str:
    """The handle in any spelling of a profile's or company's URL."""
    if url in PLACEHOLDERS:
        return url
    parts = urlsplit(url if "//" in url else f"//{url}")
    host = (parts.hostname or "").split(".")
    assert host[-2:] == ["linkedin", "com"], url
    _, kind, handle = parts.path.rstrip("/").split("/")
    assert kind.lower() in {"in", "company"}, url
    return unquote(handle).lower()


def test_each_row_of_people_or_companies_says_who_it_is_about() -> None:
    for each in all_rows():
        if each.step in OF_PEOPLE:
            assert isinstance(each.subject, Person)
        elif each.step in OF_COMPANIES:
            assert isinstance(each.subject, Company)
        else:
            assert each.subject is None
    assert {each.step for each in all_rows()} >= OF_PEOPLE | OF_COMPANIES


def test_keys_of_a_person_are_the_same_in_every_kind() -> None:
    """In their many spellings."""
    for each in all_rows():
        who, row = each.subject, each.row
        if not isinstance(who, Person):
            continue
        facts = who.on(each.day)
        url = row.get("author", row)["linkedin_profile_url"]
        assert handle_of(url) == facts.handle
        ids = [row[key] for key in ("linkedin_profile_id", "Profile ID") if key in row]
        assert [int(found or 0) for found in ids] in ([], [who.linkedin_profile_id or 0])
        sales_id = who.sales_navigator_profile_id
        assert row.get("sales_navigator_profile_id", sales_id) == sales_id
        if row.get("email") is not None:
            assert row["email"].strip().lower() == who.email.lower()
        names = [row[key] for key in ("full_name", "full name", "name") if key in row]
        assert names in ([], [who.full_name])
        assert row.get("company_name", facts.company.name) == facts.company.name
        if "linkedin_company_id" in row:
            assert int(row["linkedin_company_id"]) == facts.company.linkedin_company_id
            handle = handle_of(row["linkedin_company_url"])
            assert handle in {facts.company.handle, str(facts.company.linkedin_company_id)}
        if row.get("job_title") is not None:
            assert row["job_title"] == facts.job_title


def test_keys_of_a_company_are_the_same_in_every_kind() -> None:
    for each in all_rows():
        what, row = each.subject, each.row
        if not isinstance(what, Company):
            continue
        assert int(row["linkedin_company_id"] or 0) == (what.linkedin_company_id or 0)
        assert handle_of(row["linkedin_company_url"]).lower() == what.handle.lower()
        assert row["domain"] == what.domain
        for key in ("website", "Website"):
            if row.get(key) and what.domain not in PLACEHOLDERS:
                host = urlsplit(row[key]).hostname or ""
                assert host.removeprefix("www.") == what.domain
        assert row["number_employees"] == what.employees_on(each.day)


def test_one_in_three_rows_is_about_somebody_who_comes_back() -> None:
    world = World(7)
    returning = {
        workspace.index: {*people.people, *people.companies}
        for workspace in world.workspaces
        for people in [world.population(workspace)]
    }
    for step in OF_PEOPLE | OF_COMPANIES:
        rows = [each for each in all_rows() if each.step == step]
        back = [each for each in rows if each.subject in returning[each.workspace]]
        assert 0.25 < len(back) / len(rows) < 0.42, step
    steps, jobs = defaultdict(set), defaultdict(set)
    for each in all_rows():
        if each.subject in returning[each.workspace]:
            steps[each.subject].add(each.step)
            jobs[each.subject].add(each.job_uid)
    people = [who for who in steps if isinstance(who, Person)]
    assert sum(len(steps[who]) >= 3 for who in people) > 300
    assert sum(len(jobs[who]) >= 5 for who in people) > 300


def test_workspaces_share_nobody() -> None:
    world = World(7)
    one, other = map(world.population, world.workspaces)
    assert not {*one.people, *one.companies} & {*other.people, *other.companies}
    assert not {p.email for p in one.people} & {p.email for p in other.people}


def test_facts_change_and_the_newest_are_served_in_the_end() -> None:
    titles: dict[Person, dict[float, str]] = defaultdict(dict)
    handles: dict[Person, set[str]] = defaultdict(set)
    for each in all_rows():
        if isinstance(each.subject, Person) and "author" not in each.row:
            if each.row.get("job_title"):
                titles[each.subject][each.day] = each.row["job_title"]
            handles[each.subject].add(handle_of(each.row["linkedin_profile_url"]))
    changed = [who for who, found in titles.items() if len(set(found.values())) > 1]
    assert len(changed) > 50
    for who in changed:
        last = max(titles[who])
        assert titles[who][last] == who.on(last).job_title
    assert sum(len(found) > 1 for found in handles.values()) > 10
    world = World(7)
    later = {facts.since for each in world.population(world.workspaces[0]).people
             for facts in each.facts[1:]}  # fmt: skip
    assert min(later) < -40
    assert max(later) > 5


def test_ids_are_texts_in_one_kind_and_numbers_in_another() -> None:
    types: dict[str, Counter[tuple[str, type]]] = defaultdict(Counter)
    for each in all_rows():
        if each.day > -18:  # after the kinds' own changes of type
            for key in ("linkedin_profile_id", "linkedin_company_id", "connection_degree"):
                if each.row.get(key) is not None:
                    types[key][each.step, type(each.row[key])] += 1
    profile, leads, likers = (
        "linkedin-extract-people-profile",
        "sales-navigator-search-leads",
        "linkedin-extract-post-likers",
    )
    company, enriched = "linkedin-extract-company-profile", "company-enrichment"
    assert set(types["linkedin_profile_id"]) == {(profile, int), (leads, str), (likers, int)}
    assert set(types["linkedin_company_id"]) == {
        (profile, int), (leads, str), (company, int), (enriched, str),
    }  # fmt: skip
    assert set(types["connection_degree"]) == {(profile, str), (leads, int), (likers, str)}


def test_keys_with_capitals() -> None:
    keys = {each.step: set(each.row) for each in all_rows()}
    assert "Published_time" in keys["linkedin-extract-people-posts"]
    assert {"Website", "website"} <= keys["company-enrichment"]


@pytest.mark.parametrize("seed", range(4))
def test_every_planted_pair_comes_in_each_workspace_of_a_small_world(seed: int) -> None:
    world = World(seed, days=20, jobs_per_day=0.4, mean_results=12)
    rows = list(made(world))
    about: set[Subject | None] = set()
    for workspace in world.workspaces:
        planted = world.population(workspace).planted
        pairs: set[Subject | None] = {*chain(*planted.people), *chain(*planted.companies)}
        assert pairs <= {each.subject for each in rows if each.workspace == workspace.index}
        about |= pairs
    assert sum(each.subject in about for each in rows) < 0.2 * len(rows), "few"


def test_what_the_planted_pairs_are() -> None:
    world = World(3)
    for workspace in world.workspaces:
        planted = world.population(workspace).planted
        for pair in (planted.placeholder_handle, planted.same_url, planted.same_mailbox):
            assert len({who.linkedin_profile_id for who in pair}) == 2
            assert len({who.sales_navigator_profile_id for who in pair}) == 2
        handles = {who.on(0).handle for who in planted.placeholder_handle}
        assert handles == {"unknown"}
        assert len({who.on(0).handle for who in planted.same_url}) == 1
        assert len({who.email for who in planted.same_mailbox}) == 1
        assert all(who.email.endswith(f"@{FREE_MAIL}") for who in planted.free_mail)
        assert len({who.email for who in planted.free_mail}) == 2
        assert {who.linkedin_profile_id for who in planted.no_keys} == {None}
        assert {who.email for who in planted.no_keys} == set(PLACEHOLDERS)
        assert len({what.linkedin_company_id for what in planted.companies_same_url}) == 2
        assert len({what.handle for what in planted.companies_same_url}) == 1
        assert {what.domain for what in planted.companies_no_keys} == set(PLACEHOLDERS)


def test_placeholders_are_served_as_they_are() -> None:
    """They are put into no URL, and are texts where the kind has texts."""
    rows = [each for each in all_rows() if getattr(each.subject, "email", None) in PLACEHOLDERS]
    urls = {each.row.get("linkedin_profile_url") for each in rows if "author" not in each.row}
    assert urls == set(PLACEHOLDERS)
    found = {each.row["linkedin_profile_id"] for each in rows if "linkedin_profile_id" in each.row}
    assert found >= {0, ""}


def test_subjects_follow_the_rows_and_the_seed() -> None:
    one, two = (World(5, days=20, jobs_per_day=0.3, mean_results=8) for _ in range(2))
    workspace = one.workspaces[0]
    for job in one.all_jobs(workspace):
        found = one.subjects(workspace, job["uid"])
        assert len(found) == (job["row_count"] or 0)
        assert found == two.subjects(two.workspaces[0], job["uid"])
    assert one.population(workspace) != World(6).population(World(6).workspaces[0])
    with pytest.raises(NotFoundError):
        one.subjects(workspace, "nobody")
