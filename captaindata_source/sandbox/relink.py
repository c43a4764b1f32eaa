"""Pages whose link to the next page leads astray: in v3's body, in v4's header."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.errors import generation_of
from captaindata_source.sandbox.paging import ResultsLinks, encode_cursor
from captaindata_source.sandbox.paging_v4 import NEXT_HEADER, OutputsLinks
from captaindata_source.sandbox.results import dumps


def relinked(
    dialect: Dialect, scope: Scope, headers: MutableHeaders, body: bytes, link: str | None
) -> bytes:
    """Return the body of a page with another `next`; for v4 the headers are changed instead.

    Args:
        dialect: The dialect.
        scope: The request. Only pages of results and of outputs are changed.
        headers: Headers of the answer.
        body: Its body.
        link: Where `next` shall point to; None: to the page itself.
    """
    if generation_of(scope["path"]) == "v4":
        if scope["path"].endswith("/outputs"):
            headers[NEXT_HEADER] = link or own_link(dialect, scope)
        return body
    try:
        page = json.loads(body)
    except ValueError:
        return body
    if not isinstance(page, dict) or "results" not in page:
        return body
    astray = {"next": link or own_link(dialect, scope), "have_next_page": True}
    page["paging"] = {**page.get("paging", {}), **astray}
    return dumps(page, ascii_json=dialect.ascii_json)


def own_link(dialect: Dialect, scope: Scope) -> str:
    """Return the link to the page that a request is for, in the dialect's style."""
    path: str = scope["path"]
    uid = path.split("/")[-2]
    query = scope["query_string"].decode()
    cursors = parse_qs(query).get("cursor")
    cursor = cursors[0] if cursors else encode_cursor(uid, 0)
    host = f"{scope['scheme']}://{dict(scope['headers']).get(b'host', b'').decode()}"
    if generation_of(path) == "v4":
        return OutputsLinks(dialect, uid, host, path, parse_qsl(query)).link(cursor)
    return ResultsLinks(dialect, uid, host, path).link(cursor)
