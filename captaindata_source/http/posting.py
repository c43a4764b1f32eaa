"""One POST to a webhook, and how far it came: whoever retries must know what may have arrived.

The address is a secret. httpx's own client would log it, so the request goes to its transport.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from captaindata_source.http.connections import Secret
from captaindata_source.http.network import distrust, proxy_for, tls_context
from captaindata_source.http.ratelimit import http_date, parse_retry_after
from captaindata_source.http.retry import RETRIED_STATUSES

__all__ = ["Posted", "Verdict", "Webhooks", "require_webhook_url"]

TIMEOUT = httpx.Timeout(15.0, connect=10.0)
DEADLINE_SECONDS = 30.0
"""For one whole request; the timeouts are per read, so a slow drip would never end."""
HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MESSAGE_STATUSES = frozenset({400, 413, 415, 422})
"""These are about the message; other refusals are about the webhook."""


class Verdict(StrEnum):
    """What became of a POST."""

    DELIVERED = "delivered"
    TRY_LATER = "try_later"
    """It did not arrive, or the server says that it failed for now."""
    REFUSED = "refused"
    """The server does not take this message."""
    MISCONFIGURED = "misconfigured"
    """It did not arrive, and the next message would not either."""
    UNKNOWN = "unknown"
    """It was sent, and no answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The end of a POST.

    Args:
        verdict: What became of it.
        said: The same for people; holds neither the address nor what the server wrote.
        retry_after: Seconds that the server asked to wait.
    """

    verdict: Verdict
    said: str
    retry_after: float | None = None


def require_webhook_url(url: str) -> None:
    """Refuses addresses over which a secret would travel in clear.

    Raises:
        ValueError: Why it can't be used; never the address.
    """
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise ValueError("is not a URL") from None
    if found.userinfo or found.fragment:
        raise ValueError("must have no user, password or fragment: use headers")
    is_local = found.scheme == "http" and found.host in LOCAL_HOSTS
    if found.host and not HOST.fullmatch(found.raw_host):
        raise ValueError("is not a URL")
    if not found.host or not (found.scheme == "https" or is_local):
        raise ValueError("must start with https:// (plain http is taken for localhost only)")


class Webhooks:
    """Sends POSTs, each on a connection of its own; follows no redirect.

    Args:
        timeout: Of connecting, and of each read.
        deadline: Seconds for one request.
    """

    def __init__(
        self, *, timeout: httpx.Timeout = TIMEOUT, deadline: float = DEADLINE_SECONDS
    ) -> None:
        self._timeout = timeout
        self._deadline = deadline

    def post(self, url: Secret, body: bytes, headers: Mapping[str, str | Secret]) -> Posted:
        """Sends one request. What fails is in the result, not raised.

        Args:
            url: The address.
            body: What is sent.
            headers: What is sent with it.

        Raises:
            ConfigError: `SSL_CERT_FILE` can't be read, or the environment names a proxy that is
                none.
        """
        place = httpx.URL(url.reveal())
        tls = tls_context(is_used=place.scheme == "https")
        transport = httpx.HTTPTransport(
            verify=tls,
            trust_env=False,
            proxy=proxy_for(place, tls=tls),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
        )
        found: list[Posted] = []
        request = _Request(place, body, headers, self._timeout)
        thread = threading.Thread(
            target=lambda: found.append(request.send(transport)), daemon=True, name="webhook"
        )
        thread.start()
        thread.join(self._deadline)
        if found:
            return found[0]
        return Posted(verdict=Verdict.UNKNOWN, said=f"no answer within {self._deadline:.0f} s")


class _Request:
    def __init__(
        self,
        url: httpx.URL,
        body: bytes,
        headers: Mapping[str, str | Secret],
        timeout: httpx.Timeout,
    ) -> None:
        self._sending = b""
        self._is_sent = False
        self._request = httpx.Request(
            "POST",
            url,
            headers={
                name: value.reveal() if isinstance(value, Secret) else value
                for name, value in headers.items()
            },
            content=body,
            extensions={"timeout": timeout.as_dict(), "trace": self._trace},
        )

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Notes that the whole body has left; requests to a proxy are told of, too."""
        if event.endswith("send_request_headers.started"):
            self._sending = info["request"].method
        elif event.endswith("send_request_body.complete"):
            self._is_sent = self._is_sent or self._sending == b"POST"

    def send(self, transport: httpx.HTTPTransport) -> Posted:
        try:
            with transport:
                response = transport.handle_request(self._request)
                try:
                    return _judged(response.status_code, response.headers)
                finally:
                    response.close()
        except Exception as error:  # noqa: BLE001 - errors hold the address
            return self._failed(error)

    def _failed(self, error: Exception) -> Posted:
        name = type(error).__name__
        if self._is_sent:
            return Posted(verdict=Verdict.UNKNOWN, said=f"sent, but no answer came ({name})")
        if reason := distrust(error):
            return Posted(
                verdict=Verdict.MISCONFIGURED,
                said=f"its certificate is not trusted ({reason}), so nothing was sent",
            )
        return Posted(verdict=Verdict.TRY_LATER, said=f"the connection failed ({name})")


def _judged(status: int, headers: Mapping[str, str]) -> Posted:
    said = f"answered {status}"
    if 200 <= status < 300:
        return Posted(verdict=Verdict.DELIVERED, said=said)
    if status in RETRIED_STATUSES or status >= 500:
        now = http_date(headers.get("date"), default=time.time())
        wait = parse_retry_after(headers.get("retry-after"), now=now)
        return Posted(verdict=Verdict.TRY_LATER, said=said, retry_after=wait)
    if status in MESSAGE_STATUSES:
        return Posted(verdict=Verdict.REFUSED, said=said)
    if 300 <= status < 400:
        said += ", a redirect, which is not followed"
    return Posted(verdict=Verdict.MISCONFIGURED, said=said)
