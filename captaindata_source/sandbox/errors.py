"""Error answers, whose bodies the v3 documentation does not describe."""

from __future__ import annotations

import html
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from captaindata_source.sandbox.dialect import Dialect

HTML_PAGE = (
    "<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
)


class BadRequestError(Exception):
    """A parameter that the API cannot read; the message is for the client."""


def html_page(title: str) -> bytes:
    """Return a small HTML page."""
    return HTML_PAGE.format(title=html.escape(title)).encode()


def error_response(
    dialect: Dialect, status: int, message: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error whose body has the dialect's form."""
    if dialect.error_body == "json":
        return JSONResponse(
            {"message": message, "status_code": status}, status_code=status, headers=headers
        )
    if dialect.error_body == "html":
        return Response(html_page(message), status, headers, "text/html")
    return Response(message, status, headers, "text/plain")
