"""Keys that are dropped or hashed: whatever the JSON, they are gone, and all else is as it came."""

from __future__ import annotations

import hashlib
import hmac
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captaindata_source.engine.report import as_text
from captaindata_source.errors import ContractError
from captaindata_source.extract.report import WorkspaceReport
from captaindata_source.extract.results.redaction import SAMPLED_RESULTS, redactor
from captaindata_source.http import Secret

NAMES = ["email", "a", "a/b", 'q"', "back\\n", "tab\t", "ü", "😀", ",", ", a", ":a", " ", "}"]
SALT = "pepper"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def redacted(
    text: str, *, exclude: tuple[str, ...] = (), hashed: tuple[str, ...] = (), salt: str = ""
) -> str:
    redact = redactor(exclude=exclude, hashed=hashed, salt=Secret(salt) if salt else None)
    assert redact is not None
    (result,) = redact([text.encode()])
    msgspec.json.decode(result, type=msgspec.Raw)
    return result.decode()


# -- against an oracle ----------------------------------------------------------------------------


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A JSON string of that text, each character in one of the ways to write it."""
    parts = []
    for char in text:
        ways = [json.dumps(char)[1:-1], json.dumps(char, ensure_ascii=False)[1:-1]]
        if len(char.encode("utf-16-be")) == 2:
            ways.append(f"\\u{ord(char):04X}")
        parts.append(draw(st.sampled_from([*ways, "\\/"] if char == "/" else ways)))
    return f'"{"".join(parts)}"'


TEXTS = st.sampled_from(NAMES) | st.text(st.sampled_from('aemil,:{}[]"\\ ü😀\n'), max_size=6)
STRINGS = TEXTS.flatmap(spelled)
SCALARS = STRINGS | st.sampled_from(
    ["null", "true", "false", "0", "-1.50", "1e400", "1E-9", "1234567890" * 4]
)
SPACES = st.sampled_from(["", "", "", " ", "\n\t "])


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(st.tuples(SPACES, inner, SPACES).map("".join), max_size=4))
    return f"[{','.join(items) or draw(SPACES)}]"


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    member = st.tuples(SPACES, STRINGS, SPACES, st.just(":"), SPACES, inner, SPACES).map("".join)
    return f"{{{','.join(draw(st.lists(member, max_size=4))) or draw(SPACES)}}}"


DOCUMENTS = st.recursive(SCALARS, lambda inner: objects(inner) | arrays(inner), max_leaves=20)
Tree = Any
"""`["string", text]`, `["array", …]`, `["object", (key, tree), …]`, or a number's text."""


class Oracle:
    """Reads JSON a character at a time, drops and hashes as it goes."""

    def __init__(self, text: str, drop: set[str], hide: set[str], digest: Callable[[str], str]):
        self.text = text
        self.place = 0
        self.drop = drop
        self.hide = hide
        self.digest = digest

    def peek(self) -> str:
        while self.text[self.place] in " \n\t":
            self.place += 1
        return self.text[self.place]

    def string(self) -> str:
        start = self.place
        self.place += 1
        while self.text[self.place] != '"':
            self.place += 2 if self.text[self.place] == "\\" else 1
        self.place += 1
        return str(json.loads(self.text[start : self.place]))

    def value(self) -> Tree:
        char = self.peek()
        if char == '"':
            return ["string", self.string()]
        if char == "[":
            return self.items("array", "]", self.value)
        if char == "{":
            return self.items("object", "}", self.member)
        start = self.place
        while self.text[self.place : self.place + 1] not in {"", *" \n\t,]}"}:
            self.place += 1
        return self.text[start : self.place]

    def items(self, kind: str, end: str, item: Callable[[], Tree]) -> Tree:
        found: list[Tree] = [kind]
        self.place += 1
        while self.peek() != end:
            found.append(item())
            if self.peek() == ",":
                self.place += 1
        self.place += 1
        return [each for each in found if each is not None]

    def member(self) -> Tree:
        self.peek()
        key = self.string()
        assert self.peek() == ":"
        self.place += 1
        self.peek()
        start = self.place
        value = self.value()
        if key in self.drop:
            return None
        if key in self.hide and value != "null":
            text = value[1] if value[0] == "string" else self.text[start : self.place]
            value = ["string", self.digest(text)]
        return (key, value)


def tree(
    text: str,
    drop: set[str] = frozenset(),  # type: ignore[assignment]
    hide: set[str] = frozenset(),  # type: ignore[assignment]
    digest: Callable[[str], str] = sha,
) -> Tree:
    return Oracle(f"{text} ", drop, hide, digest).value()


@settings(max_examples=60, deadline=None)
@given(
    text=DOCUMENTS,
    drop=st.sets(st.sampled_from(NAMES), max_size=4),
    hide=st.sets(st.sampled_from(NAMES), max_size=4),
    is_salted=st.booleans(),
)
def test_any_json_is_redacted_as_an_oracle_does_it(
    text: str, drop: set[str], hide: set[str], is_salted: bool
) -> None:
    hide -= drop
    if not drop | hide:
        return

    def salted(value: str) -> str:
        return hmac.new(SALT.encode(), value.encode(), "sha256").hexdigest()

    salt = SALT if is_salted else ""
    found = redacted(text, exclude=tuple(drop), hashed=tuple(hide), salt=salt)
    expected = tree(text, drop, hide, salted if is_salted else sha)
    assert tree(found) == expected
    if expected == tree(text):
        assert found == text, "to the byte"


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"email": "x", "a": 1}', '{"a": 1}'),
        ('{"a": 1, "email": "x"}', '{"a": 1}'),
        ('{"a": 1 , "email" : "x" , "b": 2}', '{"a": 1 , "b": 2}'),
        ('{"email":1,"email":{"email":[2]}}', "{}"),
        ('{"a":1,"email":1,"email":2}', '{"a":1}'),
        ('{"\\u0065m\\u0061il":"x","b":{"EMAIL":0,"emails":1}}', '{"b":{"EMAIL":0,"emails":1}}'),
        ('[[{"a":[{"email":["]"]}]}],{"email":null}]', '[[{"a":[{}]}],{}]'),
        ('{"a":"\\"email\\":1","b":["email"]}', '{"a":"\\"email\\":1","b":["email"]}'),
        ('"email"', '"email"'),
    ],
)
def test_drop(text: str, expected: str) -> None:
    assert redacted(text, exclude=("email",)) == expected


def test_hash() -> None:
    text = (
        '{"email":"b\\u00fc\\n","n":{"email": 1.50 },"o":[{"email":{"x": 1}}],"z":{"email":null}}'
    )
    values = ["bü\n", "1.50", '{"x": 1}']
    expected = '{"email":"%s","n":{"email": "%s" },"o":[{"email":"%s"}],"z":{"email":null}}'
    assert redacted(text, hashed=("email",)) == expected % tuple(map(sha, values))
    salted = [hmac.new(b"pepper", each.encode(), "sha256").hexdigest() for each in values]
    assert redacted(text, hashed=("email",), salt=SALT) == expected % tuple(salted)


def test_numbers_keep_their_text() -> None:
    numbers = ["1" * 40, "1e400", "-0", "1.10", "1E+2"]
    text = f'{{"email":0,"n":[{",".join(numbers)}],"m":[{{"email":1,"k":{"9" * 40}}}]}}'
    expected = f'{{"n":[{",".join(numbers)}],"m":[{{"k":{"9" * 40}}}]}}'
    assert redacted(text, exclude=("email",)) == expected


@pytest.mark.parametrize("depth", [200, 200_000])
def test_no_depth_is_too_deep(depth: int) -> None:
    redact = redactor(exclude=["email"], hashed=["phone"])
    assert redact is not None
    nest = f"{'[' * depth}1{']' * depth}"
    deep = f'{"[" * depth}{{"phone":"+33","email":{nest},"a":{nest}}}{"]" * depth}'
    expected = f'{"[" * depth}{{"phone":"{sha("+33")}","a":{nest}}}{"]" * depth}'
    assert redact([deep.encode()]) == [expected.encode()]


def test_a_long_result_takes_no_longer_than_its_length() -> None:
    member = '"email":"\\u00e9\\"x","text":"' + "\\u00e9" * 20 + '"'
    text = "{" + ",".join([member] * 10_000) + "}"
    found = redacted(text, exclude=("email", ","))
    assert "email" not in found
    assert found.count('"text"') == 10_000


def test_what_holds_no_such_key_is_the_object_that_came() -> None:
    redact = redactor(exclude=["email"], hashed=["phone"])
    assert redact is not None
    page = [b'{ "a": "\\u0065mail" }', b'{"emails":1}', b"null", b'{"a":"\xff"}']
    assert all(new is old for new, old in zip(redact(page), page, strict=True))
    assert redactor(exclude=[], hashed=[], salt=Secret(SALT)) is None


@pytest.mark.parametrize("text", ['{"email":', '{"email":[1', '{"email":]}', '{"\\u0065mail":"x'])
def test_what_is_no_json_is_never_let_through(text: str) -> None:
    redact = redactor(exclude=["email"], hashed=[])
    assert redact is not None
    with pytest.raises(ContractError) as caught:
        redact([text.encode()])
    assert str(caught.value) == ("A result is no JSON, and so can't be redacted [GET results]")


def test_rules_that_matched_no_key_are_known_with_what_was_meant() -> None:
    redact = redactor(exclude=["emial", "Phone", "ssn"], hashed=["name", "full-name"])
    assert redact is not None
    assert redact.unmatched() == {}, "there were no results"
    redact([b'{"email": "x", "phone": [], "b": {"fullName": "y", "na\\u006de": 1}}'])
    assert redact.unmatched() == {
        "Phone": "phone",
        "emial": "email",
        "full-name": "fullName",
        "ssn": None,
    }
    redact([b'{"\\u0065mial": 1, "Phone": null, "a": {"ssn": 1}, "full-name": null}'])
    assert redact.unmatched() == {}


def test_keys_are_looked_at_in_the_first_results_alone() -> None:
    redact = redactor(exclude=["emial"], hashed=[])
    assert redact is not None
    redact([b'{"a":1}'] * SAMPLED_RESULTS)
    redact([b'{"email":1}'])
    assert redact.unmatched() == {"emial": None}


def test_the_summary_names_rules_that_matched_no_key() -> None:
    fields = {"emial": "email", "ssn": None}
    report = WorkspaceReport(name="acme", workspace_uid="w", unmatched_fields=fields)
    assert as_text([report], tables=[]).splitlines()[-2:] == [
        "acme: exclude_fields or hash_fields names 'emial', but no result that was fetched has such"
        " a key; 'email' is the most similar one",
        "acme: exclude_fields or hash_fields names 'ssn', but no result that was fetched has such a"
        " key",
    ]
    assert report.as_dict()["unmatched_fields"] == fields


def test_bytes_that_are_no_text_are_hashed_as_well() -> None:
    redact = redactor(exclude=[], hashed=["email"])
    assert redact is not None
    for value in (b'"\xff"', b'"\xff\\n"'):
        (found,) = redact([b'{"email":' + value + b"}"])
        assert len(json.loads(found)["email"]) == 64


def test_a_string_of_escapes_takes_no_memory_for_each() -> None:
    redact = redactor(exclude=["email"], hashed=[])
    assert redact is not None
    escapes = rb"\n" * 500_000
    result = b'{"email":"%b","list":["%b"],"b":1}' % (escapes, escapes)
    tracemalloc.start()
    (found,) = redact([result])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == b'{"list":["%b"],"b":1}' % escapes
    assert peak < 4 * len(result)
