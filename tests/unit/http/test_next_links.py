"""Links to the next page of results: followed however they are written, on our host alone."""

from __future__ import annotations

import json
from typing import Literal

import httpx
import pytest

from captaindata_source.api.v3 import V3Api
from captaindata_source.api.v4 import V4Api
from captaindata_source.errors import ContractError, ForeignHostError
from tests.support.http_script import Script, make_client

Version = Literal["v3", "v4"]
PAGES = {"v3": "jobs/j%2F1/results", "v4": "runs/j%2F1/outputs"}


def asked_for(version: Version, link: str) -> list[str]:
    """The URLs of two pages, of which the first one ends with a link."""

    def answer(request: httpx.Request) -> httpx.Response:
        is_first = len(script.requests) == 1
        if version == "v4":
            headers = {"X-Pagination-Next": link} if is_first else {}
            return httpx.Response(200, content=b'[{"a":1}]', headers=headers)
        page = {"results": [{"a": 1}], "paging": {"next": link if is_first else None}}
        return httpx.Response(200, content=json.dumps(page).encode())

    script = Script(answer)
    with make_client(script, base_url=f"https://api.example/{version}") as http:
        api = V4Api(http) if version == "v4" else V3Api(http)
        assert len([*api.result_pages("j/1")]) == 2
    return script.urls


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("https://api.example/{version}/{page}?cursor=c", "c"),
        ("HTTPS://API.EXAMPLE/{version}/{page}?cursor=c", "c"),
        ("HTTP://api.example/{version}/{page}?cursor=c", "c"),
        ("http://api.example:80/{version}/{page}?cursor=c", "c"),
        ("https://api.example:443/{version}/{page}?cursor=c", "c"),
        ("https://api.example./{version}/{page}?cursor=c", "c"),
        ("//api.example/{version}/{page}?cursor=c", "c"),
        ("api.example/{version}/{page}?cursor=c", "c"),
        ("/{version}/{page}?cursor=c", "c"),
        ("{version}/{page}?cursor=c", "c"),
        ("/{page}?cursor=c", "c"),
        ("{page}?cursor=c", "c"),
        ("./{page}?cursor=c", "c"),
        ("{last}?cursor=c", "c"),
        ("./{last}?cursor=c", "c"),
        ("../j%2F1/{last}?cursor=c", "c"),
        ("../../{page}?cursor=c", "c"),
        ("?cursor=c", "c"),
        ("cursor=c", "c"),
        ("c", "c"),
        ("  https://api.example/{version}/{page}?cursor=c ", "c"),
        (" {last}?cursor=c\t", "c"),
        (" c ", "c"),
        ("{last}?cursor=a b", "a%20b"),
        ("/{version}/{page}?cursor=a%20b", "a%20b"),
        ("https://api.example/{version}/{page}?cursor=a b%2Fc==", "a%20b%2Fc=="),
        ("?cursor=a/{last}", "a/{last}"),
        ("a b", "a+b"),
        ("//8=", "%2F%2F8%3D"),
        ("/+a=", "%2F%2Ba%3D"),
        ("{last}", "{last}"),
    ],
)
def test_links_are_followed_however_they_are_written(
    version: Version, link: str, cursor: str
) -> None:
    page = PAGES[version]
    words = {"version": version, "page": page, "last": page.rsplit("/", 1)[-1]}
    first, second = asked_for(version, link.format_map(words))
    url = f"https://api.example/{version}/{page}"
    assert first == (f"{url}?limit=500" if version == "v4" else url)
    assert second.replace("&limit=500", "") == f"{url}?cursor={cursor.format_map(words)}"


@pytest.mark.parametrize("version", ["v3", "v4"])
@pytest.mark.parametrize(
    "link",
    [
        "//evil.example/{version}/{page}?cursor=c",
        "HTTP://evil.example/{version}/{page}?cursor=c",
        " https://evil.example/x",
        "https://api.example:8443/{version}/{page}",
        "https://api.example.evil.example/{version}/{page}",
        "ftp://api.example/{version}/{page}",
    ],
)
def test_links_to_elsewhere_are_not_followed(version: Version, link: str) -> None:
    with pytest.raises(ForeignHostError, match="it was not followed"):
        asked_for(version, link.format(version=version, page=PAGES[version]))


@pytest.mark.parametrize("link", ["https://api.example:x/results", "http://", "https://[/results"])
def test_links_that_are_no_urls_are_not_followed(link: str) -> None:
    with pytest.raises((ContractError, ForeignHostError), match="not followed"):
        asked_for("v3", link)
