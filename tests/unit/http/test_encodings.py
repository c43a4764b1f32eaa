"""Bodies are read in the encoding that they declare or show; what is loaded is right UTF-8."""

from __future__ import annotations

import codecs
import json

import pytest

from captaindata_source.api import v3
from captaindata_source.api.v4 import explain
from captaindata_source.errors import AuthError, ContractError
from tests.support.http_script import Script, get, make_client, reply

JSON = "application/json"
TEXT = r'{"a":"é€Ω\u00e9 “x”"}'
ACCENT = '{"a":"é"}'
MARKED = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF8 * 2, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
]
WIDE = [encoding for _, encoding in MARKED[2:]]
AS_UTF8 = ["utf-8", "UTF8", "us-ascii", "utf-16", "utf8mb4", "hex", "rot13", "unicode_escape"]
AS_UTF8 += ["utf-7", "idna", "cp037", "", '"', "\x01", "x" * 5000]
"""Of a body in UTF-8: charsets that nobody knows, that are none, or that it plainly is not in."""


@pytest.mark.parametrize(
    ("text", "body", "content_type"),
    [
        (ACCENT, ACCENT.encode("latin-1"), f"{JSON}; charset=iso-8859-1"),
        (ACCENT, ACCENT.encode("latin-1"), f'{JSON}; profile=x; Charset="ISO-8859-1"'),
        (ACCENT, ACCENT.encode("latin-1"), "text/html;charset='latin1'"),
        ('{"a":"€"}', '{"a":"€"}'.encode("iso-8859-15"), f"{JSON}; charset=iso-8859-15"),
        ('{"a":"€ “"}', '{"a":"€ “"}'.encode("cp1252"), f"{JSON}; charset=windows-1252"),
        ('{"a":"日本"}', '{"a":"日本"}'.encode("shift_jis"), f"{JSON}; charset=Shift_JIS"),
        ('{"a":"Я"}', '{"a":"Я"}'.encode("koi8-r"), f"{JSON}; charset=koi8-r"),
        *(
            (TEXT, bom + TEXT.encode(encoding), content_type)
            for bom, encoding in MARKED
            for content_type in (JSON, f"{JSON}; charset=iso-8859-1", f"{JSON}; charset=x-nobody")
        ),
        *(
            (TEXT, TEXT.encode(encoding), f"{JSON}{charset}")
            for encoding in WIDE
            for charset in ("", f"; charset={encoding}", f"; charset={encoding[:6]}")
        ),
        *((TEXT, TEXT.encode(), f"{JSON}; charset={charset}") for charset in AS_UTF8),
    ],
)
def test_a_body_is_read_in_its_own_encoding(text: str, body: bytes, content_type: str) -> None:
    script = Script(reply(body=body, content_type=content_type))
    with make_client(script) as http:
        assert http.get("workspace", decode=bytes.decode).data == text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a":"x\xffy","uid":1}', JSON),
        (b'{"a":"x\xffy","uid":1}', f"{JSON}; charset=x-nobody"),
        (codecs.BOM_UTF8 + b'{"a":"x\xffy","uid":1}', JSON),
        (b'{"a":"x\x81y","uid":1}', f"{JSON}; charset=windows-1252"),
        ('{"a":"x\ud83dy","uid":1}'.encode("utf-16", "surrogatepass"), JSON),
    ],
)
def test_what_its_encoding_does_not_have_is_mended_and_named(
    body: bytes, content_type: str
) -> None:
    with make_client(Script(reply(body=body, content_type=content_type))) as http:
        api = v3.V3Api(http)
        assert api.workspace() == {"a": "x\ufffdy", "uid": 1}
    assert [(issue.kind, issue.action) for issue in api.issues.take()] == [("not_utf8", "mended")]


@pytest.mark.parametrize(("bom", "encoding"), MARKED)
def test_results_are_kept_in_utf8(bom: bytes, encoding: str) -> None:
    page = '{"results":[{"a":"é"},{"b":"日\\u00e9"}]}'
    with make_client(Script(reply(body=bom + page.encode(encoding)))) as http:
        api = v3.V3Api(http)
        assert [*api.result_pages("j")] == [['{"a":"é"}'.encode(), '{"b":"日\\u00e9"}'.encode()]]
        assert not [*api.issues.take()]


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [("utf-8-sig", JSON), ("utf-16", JSON), ("latin-1", f"{JSON}; charset=iso-8859-1")],
)
def test_errors_are_read_in_their_own_encoding(encoding: str, content_type: str) -> None:
    error = {"error_label": "NO", "error_scope": "auth", "message": "clé refusée"}
    body = json.dumps(error, ensure_ascii=False).encode(encoding)
    with pytest.raises(AuthError) as caught:
        get(Script(reply(400, body, content_type=content_type)), explain=explain)
    assert caught.value.problem
    assert caught.value.problem.message == "clé refusée"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_body_that_breaks_off_is_asked_for_again(encoding: str) -> None:
    text = '{"a":"éé"}'
    content_type = f"{JSON}; charset={encoding}"
    for length in range(12, len(text.encode(encoding)) - 1, 3):
        cut = reply(body=text.encode(encoding)[:length], content_type=content_type)
        whole = reply(body=text.encode(encoding), content_type=content_type)
        script = Script(cut, whole)
        with make_client(script) as http:
            assert v3.V3Api(http).workspace() == {"a": "éé"}
        assert len(script.requests) == 2


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", codecs.BOM_UTF8, b"\x00\x00\x00\x01zz"])
def test_bodies_without_any_text_are_no_json(body: bytes) -> None:
    with pytest.raises(ContractError, match="is not JSON"):
        get(Script(reply(body=body)))
