"""Names for columns and views, made from any text: legal and distinct on DuckDB and Postgres.

A name, once given, is kept in the catalogue; only new texts are named, around those that are taken.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Hashable, Iterable, Sequence
from itertools import count
from typing import TypeVar

from captaindata_source.sqltext import MAX_IDENTIFIER

__all__ = ["assign_names"]

T = TypeVar("T", bound=Hashable)

DIGEST_LENGTH = 6
FALLBACK = "field"
RESERVED = frozenset(
    """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column columns concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp
    current_user default deferrable desc describe distinct do else end except false fetch for
    foreign freeze from full generated glob grant group having ilike in initially inner intersect
    into is isnull join lambda lateral leading left like limit localtime localtimestamp map
    natural not notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider
    placing positional primary qualify references returning right select semi session_user show
    similar some struct summarize symmetric system_user table tablesample then to trailing true
    try_cast tuple union unique unpack unpivot user using variadic verbose when where window with
    cmax cmin ctid oid rowid tableoid xmax xmin
    """.split()  # noqa: SIM905 - a list of words
)
"""Words that need quotes on either database, and its system columns."""


def _words(text: str) -> str:
    """Lower-case ASCII letters, digits and underscores; may be empty."""
    if re.match(r"[a-z]+[A-Z]\w*$", text):  # camelCase is words, LinkedIn is one
        text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _legal(name: str) -> str:
    """Never empty or reserved, and no digit first."""
    name = name or FALLBACK
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in RESERVED else name


def assign_names(
    texts: Iterable[tuple[T, Sequence[Sequence[str]]]],
    *,
    taken: Collection[str],
    prefix: str = "",
) -> dict[T, str]:
    """Names what is new.

    Args:
        texts: What is to be named, with texts to make its name of, each in parts, the best first.
        taken: Names that are given already.
        prefix: Every name begins with it.

    Returns:
        A name for each, whatever order they came in: the first text, cleaned, that nobody else has.
        Else the first with a number behind, such as `company_name_2`; with a prefix, with some
        digits of a hash of what is named.
    """
    used = set(taken)
    names: dict[T, str] = {}

    def rank(wanted: tuple[T, Sequence[Sequence[str]]]) -> tuple[bool, Sequence[str], str]:
        key, (parts, *_) = wanted
        is_changed = _cleaned(parts, prefix, key) != prefix + "_".join(parts)
        return is_changed, tuple(parts), repr(key)  # a text that is its own name keeps it

    for key, choices in sorted(texts, key=rank):
        candidates = [_cleaned(parts, prefix, key) for parts in choices]
        name = next((name for name in candidates if name not in used), "")
        if not name and not prefix:
            name = _with_number(candidates[0], used)
        length = DIGEST_LENGTH
        while not name or name in used:
            name = _with_digest(candidates[0], key, length)
            length += 1
        used.add(name)
        names[key] = name
    return names


def _cleaned(parts: Sequence[str], prefix: str, key: Hashable) -> str:
    """The parts as one name; a long one ends with a hash, for long beginnings are often equal."""
    if prefix or len(parts) > 1:
        name = "_".join(_words(part) or FALLBACK for part in parts)
        name = _legal(prefix + name)
    else:
        name = _legal(_words(parts[0]))
    return name if len(name) < MAX_IDENTIFIER else _with_digest(name, key, DIGEST_LENGTH)


def _with_number(name: str, used: Collection[str]) -> str:
    """The first name with a number behind that is free; empty: it would be too long."""
    numbered = (f"{name.rstrip('_')}_{number}" for number in count(2))
    free = next(each for each in numbered if each not in used)
    return free if len(free) <= MAX_IDENTIFIER else ""


def _with_digest(name: str, key: Hashable, length: int) -> str:
    text = repr(key).encode("utf-8", "backslashreplace")
    digest = hashlib.blake2b(text, digest_size=32).hexdigest()[:length]
    return f"{name[: MAX_IDENTIFIER - length - 1].rstrip('_')}_{digest}"
