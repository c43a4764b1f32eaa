"""The HTTP client of one workspace: GETs that are throttled, retried and kept on one host."""

from __future__ import annotations

import logging
import math
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

import httpx
import msgspec

from captaindata_source.errors import (
    ApiError,
    AuthError,
    ConfigError,
    ContractError,
    ForeignHostError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)
from captaindata_source.http.dates import server_time
from captaindata_source.http.retry import (
    RETRIED_STATUSES,
    RetryPolicy,
    TransientError,
    parse_retry_after,
)
from captaindata_source.http.secret import Secret
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.http.trust import distrust, forget_frames, tls_context

__all__ = ["HttpClient", "Reply", "check_base_url"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_REDIRECTS = 5
MAX_BODY_BYTES = 256 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 300.0
"""For one whole answer; httpx's own timeout is per read, so a slow drip would never end."""
FIRST_CONTACT_SECONDS = 60.0
"""Retries until the host answered for the first time: longer would only hide a wrong address."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)

REMEDIES = {
    401: "The API key is not accepted: copy it again from My Account > General",
    403: "The key may not see this: check that project_uid is the workspace the key belongs to",
    404: "Captain Data does not know this object, or no longer",
    429: "The rate limit did not clear: set requests_per_minute to what your plan allows",
}

_KINDS = {401: "unauthorized"}
_VERDICTS = {
    2: "The API answered without data",
    3: "The API answered without data",
    4: "The API refused the call",
    5: "The API failed",
}


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A decoded answer and its headers."""

    data: T
    headers: Mapping[str, str]


class HttpClient:
    """Sends GET requests below one base URL; safe to share between threads.

    Each thread keeps a connection alive of its own.

    Args:
        base_url: Root of the API, https unless the host is local.
        headers: Sent with every request, beside the key.
        key_header: Name of the header that carries the key.
        key: The header's value.
        throttle: Asked before every request.
        retry: What to do about failures that may pass.
        transport: Replaces the network, for tests.
        clock: Replaces time, for tests.
        on_retry: Told of each failure that is tried again.

    Raises:
        ConfigError: The base URL is not https (and not local), or not a URL; or `SSL_CERT_FILE`
            can't be read.
    """

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        key_header: str,
        key: Secret,
        throttle: Throttle,
        retry: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
        on_retry: Callable[[TransientError], None] | None = None,
    ) -> None:
        self._base = check_base_url(base_url)
        self._key_header = key_header
        self._key = key
        self.throttle = throttle
        self._retry = retry or RetryPolicy()
        self._clock = clock or Clock()
        self._on_retry = on_retry
        self._is_reached = False
        self.calls = 0
        """Requests sent so far, retries and redirects included."""
        self._headers = {"accept": "application/json", **headers}
        self._transport = transport
        self._tls = tls_context(is_used=self._base.scheme == "https")
        self._local = threading.local()
        self._clients: list[httpx.Client] = []
        # a dlt resource is not told when the last one of its source has ended
        weakref.finalize(self, _close_all, self._clients)

    def get(
        self,
        link: str,
        *,
        decode: Callable[[bytes], T],
        params: Mapping[str, str | int] | None = None,
    ) -> Reply[T]:
        """Fetches and decodes one document.

        Args:
            link: A path below the base URL, or a link as the API gave it.
            decode: Turns the body into data; `msgspec.DecodeError` means that it can't.
            params: Query parameters to set.

        Raises:
            ApiError: See the subclasses in `captaindata_source.errors`.
        """
        url = self._resolve(link, self._base)
        if params:
            url = url.copy_merge_params({name: str(value) for name, value in params.items()})
        try:
            for attempt in self._retry.attempts(
                clock=self._clock, cap=self._contact_seconds, on_retry=self._on_retry
            ):
                with attempt:
                    return self._get_once(url, decode)
        except TransientError as error:
            remedy = REMEDIES.get(error.status or 0, "Check base_url and the network, or try later")
            failure = UnavailableError if self._is_reached else UnreachableError
            raise failure(
                f"{error}, also after retries. {remedy}",
                path=url.path,
                status=error.status,
                kind=error.kind,
            ) from error.__cause__
        raise AssertionError("tenacity yields until it returns or raises")

    def close(self) -> None:
        """Closes the kept-alive connections."""
        _close_all(self._clients)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _get_once(self, url: httpx.URL, decode: Callable[[bytes], T]) -> Reply[T]:
        for _ in range(MAX_REDIRECTS + 1):
            status, headers, body = self._send(url)
            if 300 <= status < 400 and "location" in headers:
                url = self._resolve(_absolute(headers["location"], url), url)
                continue
            if status != 200:
                raise self._failure(status, headers, url.path)
            return Reply(_decode(body, decode, headers, url.path), headers)
        raise ContractError(
            f"More than {MAX_REDIRECTS} redirects", path=url.path, kind="endless_redirects"
        )

    def _send(self, url: httpx.URL) -> tuple[int, Mapping[str, str], bytes]:
        self.throttle.acquire()
        headers: Mapping[str, str] | None = None
        try:
            self.calls += 1
            with self._own_client().stream(
                "GET", url, headers={self._key_header: self._key.reveal()}
            ) as response:
                headers = response.headers
                self._is_reached = True
                return response.status_code, headers, self._read(response)
        except (httpx.TransportError, httpx.DecodingError) as error:
            forget_frames(error)
            if not self._is_reached and (reason := distrust(error)):
                raise UnavailableError(
                    f"The certificate of {url.host} is not trusted ({reason}), so nothing was sent "
                    "there. Check base_url; if your network inspects TLS, set SSL_CERT_FILE to a "
                    "file with the certificate of its authority",
                    path=url.path,
                    kind="untrusted_certificate",
                ) from error
            raise TransientError(
                f"The connection to {url.host} failed ({type(error).__name__})",
                kind="connection_failed",
            ) from error
        finally:
            self.throttle.release(headers)

    def _contact_seconds(self) -> float:
        return math.inf if self._is_reached else FIRST_CONTACT_SECONDS

    def _own_client(self) -> httpx.Client:
        """The calling thread's client: threads that share one mostly wait for its pool's lock."""
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None or client.is_closed:
            client = httpx.Client(
                headers=self._headers,
                timeout=TIMEOUT,
                transport=self._transport,
                follow_redirects=False,
                verify=self._tls,
                # proxies see https as an opaque tunnel, plain http (localhost) with the key in it
                trust_env=self._base.scheme == "https",
            )
            self._local.client = client
            self._clients.append(client)
        return client

    def _read(self, response: httpx.Response) -> bytes:
        ends = self._clock.monotonic() + RESPONSE_DEADLINE_SECONDS
        chunks = []
        size = 0
        for chunk in response.iter_bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ContractError(
                    f"The answer is larger than {MAX_BODY_BYTES} bytes",
                    path=response.url.path,
                    kind="answer_too_large",
                )
            self._clock.check()
            if self._clock.monotonic() > ends:
                raise TransientError(
                    f"The answer took over {RESPONSE_DEADLINE_SECONDS:.0f} s",
                    kind="answer_too_slow",
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _failure(self, status: int, headers: Mapping[str, str], path: str) -> Exception:
        if status in RETRIED_STATUSES:
            now = server_time(headers, default=self._clock.wall())
            retry_after = parse_retry_after(headers.get("retry-after"), now=now)
            if status == 429 and (retry_after or 0.0) <= self._retry.deadline:
                self.throttle.pause(retry_after or self._retry.first_wait)
            logger.info("HTTP %d for %s, will be retried", status, path)
            return TransientError(
                f"The API answered {status}",
                status=status,
                retry_after=retry_after,
                kind="rate_limited" if status == 429 else "server_error",
            )
        kinds: dict[int, type[ApiError]] = {401: AuthError, 403: AuthError, 404: NotFoundError}
        kind = kinds.get(status, RefusedError if 400 <= status < 500 else ContractError)
        return kind(
            REMEDIES.get(status, _VERDICTS[min(max(status // 100, 2), 5)]),
            path=path,
            status=status,
            kind=_KINDS.get(status) or ("no_data" if 200 <= status < 400 else None),
        )

    def _resolve(self, link: str, current: httpx.URL) -> httpx.URL:
        """A link as an absolute URL on the configured host, or an error before anything is sent.

        A link that names our host with plain http is sent with the base URL's scheme.
        """
        if link.startswith(("http://", "https://")):
            url = _url(link, current)
            if url.host != self._base.host or (
                url.port != self._base.port and url.port is not None
            ):
                raise ForeignHostError(
                    f"A link leads to another host ({url.host}); it was not followed",
                    path=current.path,
                )
            return url.copy_with(scheme=self._base.scheme, port=self._base.port, userinfo=b"")
        if link.startswith("//") or "://" in link.split("?", 1)[0]:
            raise ForeignHostError(
                "A link leads to another host; it was not followed", path=current.path
            )
        if link.startswith("?"):
            return _url(link, current)
        root = self._base.path.rstrip("/")
        path = link if link.startswith(f"{root}/") else f"{root}/{link.lstrip('/')}"
        return self._base.join(_url(path, current))


def _close_all(clients: list[httpx.Client]) -> None:
    while clients:
        clients.pop().close()


def check_base_url(base_url: str) -> httpx.URL:
    """Parses a base URL and refuses one over which a key would travel in clear.

    Raises:
        ConfigError: Not a URL, or plain http to a host that is not this machine.
    """
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ConfigError(f"base_url {base_url!r} is not a URL") from error
    if url.userinfo or url.query or url.fragment:
        raise ConfigError("base_url takes scheme, host and path only")
    if not url.host or (
        url.scheme != "https" and not (url.scheme == "http" and url.host in LOCAL_HOSTS)
    ):
        raise ConfigError(
            f"base_url {base_url!r} must start with https:// "
            "(plain http is taken for localhost only), so that the key never travels in clear"
        )
    return url


def _url(link: str, current: httpx.URL) -> httpx.URL:
    """A link as a URL; one that is only a query belongs to the current path."""
    try:
        return current.join(link) if link.startswith("?") else httpx.URL(link)
    except httpx.InvalidURL:
        raise ContractError("A link is not a URL; it was not followed", path=current.path) from None


def _absolute(location: str, current: httpx.URL) -> str:
    """A redirect's target, relative to the page that sent it (RFC 9110, section 10.2.2)."""
    return str(current.join(_url(location, current)))


def _breaks_off(body: bytes, error: msgspec.DecodeError) -> bool:
    """Whether a JSON document ends too early; a number cut short is called malformed at its end."""
    if body[:64].lstrip()[:1] not in (b"{", b"["):
        return False
    place = re.search(r"\(byte (\d+)\)$", str(error))
    return "truncated" in str(error) or (place is not None and int(place[1]) >= len(body))


def _decode(body: bytes, decode: Callable[[bytes], T], headers: Mapping[str, str], path: str) -> T:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise ContractError(
            f"The answer has another shape than expected: {error}", path=path
        ) from None
    except msgspec.DecodeError as error:
        if _breaks_off(body, error):
            raise TransientError("The answer breaks off", kind="answer_cut_off") from None
        kind = headers.get("content-type", "no content type").split(";")[0]
        raise ContractError(
            f"The answer is not JSON ({kind}, {len(body)} bytes): is base_url right?",
            path=path,
            kind="not_json" if body.strip() else "no_data",
        ) from None
    except (UnicodeDecodeError, RecursionError) as error:
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deep"
        raise ContractError(f"The answer is {what}", path=path) from None
