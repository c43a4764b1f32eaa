"""Error answers. The bodies of v4 are documented (API v4, "Errors"), those of v3 are not."""

from __future__ import annotations

import html
import zlib
from collections.abc import Mapping
from typing import Literal

from starlette.responses import JSONResponse, Response

from captaindata_source.sandbox.dialect import Dialect
from captaindata_source.sandbox.world_base import Generation

ErrorScope = Literal["input", "param", "integ", "config", "auth", "server"]

HTML_PAGE = (
    "<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
)
V4_LABELS: dict[int, tuple[str, ErrorScope]] = {
    400: ("BAD_REQUEST", "param"),
    401: ("UNAUTHORIZED", "auth"),
    403: ("FORBIDDEN", "auth"),
    404: ("NOT_FOUND", "input"),
    405: ("METHOD_NOT_ALLOWED", "input"),
    429: ("RATE_LIMITED", "server"),
}
V4_OTHER: tuple[str, ErrorScope] = ("SERVER_ERROR", "server")


class BadRequestError(Exception):
    """A request with wrong parameters; the message goes to the client.

    Attributes:
        scope: The `error_scope` of v4.
    """

    def __init__(self, message: str, *, scope: ErrorScope = "param") -> None:
        super().__init__(message)
        self.scope = scope


def generation_of(path: str) -> Generation:
    """Return the API version of a path."""
    return "v4" if path.startswith("/v4/") else "v3"


def html_page(title: str) -> bytes:
    """Return a small HTML page."""
    return HTML_PAGE.format(title=html.escape(title)).encode()


def error_response(
    dialect: Dialect,
    status: int,
    message: str,
    *,
    generation: Generation = "v3",
    scope: ErrorScope | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error; in v3 its body has the dialect's form, and `scope` does not matter."""
    if generation == "v4":
        return _v4_error(status, message, scope, headers)
    if dialect.error_body == "json":
        return JSONResponse(
            {"message": message, "status_code": status}, status_code=status, headers=headers
        )
    if dialect.error_body == "html":
        return Response(html_page(message), status, headers, "text/html")
    return Response(message, status, headers, "text/plain")


def _v4_error(
    status: int, message: str, scope: ErrorScope | None, headers: Mapping[str, str] | None
) -> Response:
    label, usual_scope = V4_LABELS.get(status, V4_OTHER)
    body = {
        "error_label": label,
        "error_scope": scope or usual_scope,
        "error_ref": f"ERR-{zlib.crc32(f'{status} {message}'.encode()):08X}",
        "message": message,
        "status_code": status,
        "params": {},
    }
    return JSONResponse(body, status_code=status, headers=headers)
