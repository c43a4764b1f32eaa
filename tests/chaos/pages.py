"""Random pages of results as bytes: JSON of all kinds, nearly JSON, and none at all."""

from __future__ import annotations

from hypothesis import strategies as st

ODD_PIECES = [
    b"\\u0000",
    b"\\ud83d",
    b"\\ude00",
    b"\\uD83D\\uDE00",
    b"\\ud83d\\ud83d\\ude00",
    b"\\\\u0000",
    b"\\\\\\ud83d",
    b"\\u0041",
    b'\\"',
    b"\\/",
    b"\\n",
    b"\x00",
    b"\x01",
    b"\n",
    b"\t",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xa8",
    b"\xef\xbf\xbd",
    b"\xef\xbb\xbf",
    b"NaN",
    b"{}",
    b"\\x",
    b"\\u12",
]
"""In strings: escapes, halves of pairs, control characters, bytes that are not UTF-8; the last two
are no JSON."""
ODD_NUMBERS = [
    b"0",
    b"-0",
    b"-0.0",
    b"1e400",
    b"-1E+400",
    b"1e-400",
    b"0.1",
    b"1.0",
    b"1E5",
    b"123456789012345678901234567890",
    b"0.1234567890123456789012345678901234567890",
    b"18446744073709551616",
    b"9" * 400,
    b"NaN",
    b"Infinity",
    b"-Infinity",
]
NO_NUMBERS = [b"01", b"+1", b".5", b"1.", b"-", b"0x10", b"nan", b"undefined", b"'a'", b"1_000"]
DEPTHS = (50, 500, 900, 20_000)
"""Python's own limit, which is the connector's too, is a thousand."""
LONG = 10_000
SPACES = st.sampled_from([b"", b"", b"", b"", b"", b" ", b"\n", b"\t\r\n "])
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"\\'), max_size=8)


def _plain(text: str) -> bytes:
    return "".join(c for c in text if c >= " ").encode()


def _quoted(pieces: list[bytes]) -> bytes:
    return b'"' + b"".join(pieces) + b'"'


def _listed(items: list[bytes], space: bytes) -> bytes:
    return b"[" + (space + b"," + space).join(items) + b"]"


def _object(items: list[tuple[bytes, bytes]], space: bytes) -> bytes:
    fields = [key + space + b":" + space + value for key, value in items]
    return b"{" + (b"," + space).join(fields) + space + b"}"


def _deep(depth: int, what: bytes) -> bytes:
    if what == b"[":
        return b"[" * depth + b"]" * depth
    return b'{"a":' * depth + b"1" + b"}" * depth


def _rarely(
    common: st.SearchStrategy[bytes], rare: st.SearchStrategy[bytes], one_in: int
) -> st.SearchStrategy[bytes]:
    return st.integers(1, one_in).flatmap(lambda n: rare if n == one_in else common)


CALM_STRINGS = PLAIN.map(lambda text: b'"' + _plain(text) + b'"')
ODD_STRINGS = st.lists(st.sampled_from(ODD_PIECES) | PLAIN.map(_plain), max_size=5).map(_quoted)
LONG_STRINGS = st.sampled_from([b"k", b"\xc3\xa9", b"\\u00e9"]).map(
    lambda piece: _quoted([piece * LONG])
)
STRINGS = _rarely(_rarely(CALM_STRINGS, ODD_STRINGS, 6), LONG_STRINGS, 60)
NUMBERS = st.integers().map(lambda n: str(n).encode()) | st.floats(
    allow_nan=False, allow_infinity=False
).map(lambda n: repr(n).encode())
SCALARS = (
    st.sampled_from([b"null", b"true", b"false"])
    | NUMBERS
    | STRINGS
    | _rarely(NUMBERS, st.sampled_from(ODD_NUMBERS), 2)
)
KEYS = _rarely(STRINGS, st.sampled_from([b'""', b'"a"', b'"a"', b'"extracted_at"']), 2)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.builds(_listed, st.lists(inner, max_size=4), SPACES)
        | st.builds(_object, st.lists(st.tuples(KEYS, inner), max_size=4), SPACES)
    ),
    max_leaves=12,
)
OBJECTS = st.builds(_object, st.lists(st.tuples(KEYS, VALUES), max_size=6), SPACES)
RECORDS = _rarely(
    OBJECTS,
    VALUES
    | st.sampled_from(NO_NUMBERS)
    | st.builds(_deep, st.sampled_from(DEPTHS), st.sampled_from([b"[", b"{"])),
    12,
)
RESULTS = _rarely(st.builds(_listed, st.lists(RECORDS, max_size=5), SPACES), VALUES, 40)
PAGES = st.builds(
    lambda results, paging, space: (
        space + b'{"results":' + space + results + paging + space + b"}" + space
    ),
    RESULTS,
    st.sampled_from(
        [b"", b',"paging":null', b',"paging":{"next":null,"have_next_page":false}', b',"more":[{}]']
    ),
    SPACES,
)


def _spoil(page: bytes, place: float, how: str) -> bytes:
    if how == "cut":
        return page[: int(len(page) * place)]
    if how == "byte":
        at = int(len(page) * place)
        return page[:at] + b"\xff" + page[at + 1 :]
    return {
        "twice": page + page,
        "mark": b"\xef\xbb\xbf" + page,
        "utf-16": page.decode("utf-8", "replace").encode("utf-16"),
        "rest": page + b"}",
        "list": b"[" + page + b"]",
        "none": b"",
        "null": b"null",
        "html": b"<!doctype html><html><body>Welcome</body></html>",
        "unnamed": page.replace(b'"results"', b'"Results"', 1),
        "comma": page.replace(b"]", b",]", 1),
    }[how]


SPOILED = st.builds(
    _spoil,
    PAGES,
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(
        ["cut", "cut", "byte", "byte", "twice", "mark", "utf-16", "rest", "list", "none", "null",
         "html", "unnamed", "comma"]
    ),
)  # fmt: skip
ANY_PAGES = _rarely(PAGES, SPOILED, 15)
