"""Who rows are about, computed in Python: sets of rows that are merged until nothing changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["Grouping", "company_ids", "groups", "person_ids"]

Ids = tuple[str, ...]
Grouping = frozenset[frozenset[int]]
NOTHING = {"", "N/A", "0", "None"}


def groups(rows: Sequence[Ids], immutable: Sequence[int]) -> Grouping:
    """The rows of each person, as sets of their numbers; rows without ids are nobody's.

    Args:
        rows: The values of each kind of id, the best first.
        immutable: Kinds that never change.
    """
    kinds = range(len(rows[0])) if rows else ()
    beside: dict[tuple[int, int, str], set[str]] = defaultdict(set)
    for row in rows:
        for kind in kinds:
            for other in immutable:
                if row[kind] and row[other] and other != kind:
                    beside[other, kind, row[kind]].add(row[other])
    shared = {(kind, value) for (_, kind, value), found in beside.items() if len(found) > 1}
    own = [[(k, row[k]) for k in kinds if row[k] and (k, row[k]) not in shared] for row in rows]
    done: set[frozenset[int]] = set()
    for together in _merged(own):
        if any(len({rows[n][kind] for n in together} - {""}) > 1 for kind in immutable):
            done |= _by(together, lambda n: own[n][0])
        else:
            done.add(frozenset(together))
    left = [n for n, row in enumerate(rows) if any(row) and not own[n]]
    certain = {n: tuple(rows[n][kind] for kind in immutable) for n in left}
    done |= _by(
        left,
        lambda n: (
            certain[n] if any(certain[n]) else next((k, rows[n][k]) for k in kinds if rows[n][k])
        ),
    )
    return frozenset(done)


def _merged(own: Sequence[Sequence[tuple[int, str]]]) -> Iterator[set[int]]:
    """Sets of rows that values link, directly or by way of others."""
    having: dict[tuple[int, str], list[int]] = defaultdict(list)
    for n, values in enumerate(own):
        for value in values:
            having[value].append(n)
    left = {n for n, values in enumerate(own) if values}
    while left:
        found, todo = set[int](), [left.pop()]
        while todo:
            n = todo.pop()
            if n not in found:
                found.add(n)
                todo += [other for value in own[n] for other in having[value]]
        left -= found
        yield found


def _by(numbers: Iterable[int], key: Any) -> set[frozenset[int]]:
    parts = defaultdict(set)
    for n in numbers:
        parts[key(n)].add(n)
    return {frozenset(part) for part in parts.values()}


def person_ids(row: Mapping[str, Any]) -> Ids:
    """The ids of the person that a row of the sandbox is about."""
    url = (row.get("author") or row).get("linkedin_profile_url")
    sales_id = row.get("sales_navigator_profile_id")
    return (
        _text(row.get("linkedin_profile_id", row.get("Profile ID"))),
        _text(sales_id),
        _url(url, "in"),
    )


def company_ids(row: Mapping[str, Any]) -> Ids:
    """The ids of the company that a row of the sandbox names."""
    url = _url(row.get("linkedin_company_url"), "company")
    number = _text(row.get("linkedin_company_id"))
    if url.rpartition("/")[2].isdigit():
        number, url = number or url.rpartition("/")[2], ""
    is_of_person = any(
        key in row for key in ("linkedin_profile_url", "author", "linkedin_profile_id")
    )
    domain = "" if is_of_person else _text(row.get("domain"))
    for website in (row.get("website"), row.get("Website")):
        if not domain and not is_of_person and website:
            domain = (urlsplit(website).hostname or "").removeprefix("www.")
    return number, url, domain


def _text(value: object) -> str:
    return "" if str(value) in NOTHING else str(value)


def _url(value: str | None, kind: str) -> str:
    if value is None or value in NOTHING:
        return ""
    parts = urlsplit(value if "//" in value else f"//{value}")
    _, _, handle = parts.path.strip("/").rpartition("/")
    found = unquote(handle).lower()
    return "" if found == "unknown" else f"linkedin.com/{kind}/{found}"
