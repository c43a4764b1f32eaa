"""The HTTP client of one workspace: GETs that are throttled, retried and kept on one host."""

from __future__ import annotations

import logging
import math
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

import httpx

from captaindata_source.errors import ContractError, Problem, UnavailableError
from captaindata_source.http.decoding import as_utf8, decode_body
from captaindata_source.http.failures import RATE_LIMITED, exhausted, failure, read_problem
from captaindata_source.http.links import check_base_url, redirect, resolve
from captaindata_source.http.network import distrust, forget_frames, proxy_for, tls_context
from captaindata_source.http.retry import RetryPolicy, TransientError
from captaindata_source.http.secret import Secret
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.issues import Kind

__all__ = ["HttpClient", "Reply", "check_base_url"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_REDIRECTS = 5
MAX_BODY_BYTES = 256 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 300.0
"""For one whole answer; httpx's own timeout is per read, so a slow drip would never end."""
FIRST_CONTACT_SECONDS = 60.0
"""Retries until the host answered for the first time: longer would only hide a wrong address."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A decoded answer and its headers."""

    data: T
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)  # in UTF-8; tracebacks may show locals


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
        explain: Reads the body of an answer that is a failure; None, or an error of the kind that
            decoders raise, where it says nothing. Not asked about bodies over 64 kB.
        route_of: From the path of a URL to the class of calls that the API counts it to.

    Raises:
        ConfigError: The base URL is not https (and not local), or not a URL; `SSL_CERT_FILE` can't
            be read; or the environment names a proxy that is none.
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
        explain: Callable[[bytes], Problem | None] | None = None,
        route_of: Callable[[str], str] = lambda _path: "",
    ) -> None:
        self._base = check_base_url(base_url)
        self._key_header = key_header
        self._key = key
        self.throttle = throttle
        self._retry = retry or RetryPolicy()
        self._clock = clock or Clock()
        self._on_retry = on_retry
        self._explain = explain
        self._route_of = route_of
        self._is_reached = False
        self.calls = 0
        """Requests sent so far, retries and redirects included."""
        self._headers = {"accept": "application/json", **headers}
        self._transport = transport
        self._tls = tls_context(is_used=self._base.scheme == "https")
        self._proxy = proxy_for(self._base, tls=self._tls)
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
        url = resolve(link, base=self._base, current=self._base)
        if params:
            url = url.copy_merge_params({name: str(value) for name, value in params.items()})
        try:
            for attempt in self._retry.attempts(
                clock=self._clock, cap=self._contact_seconds, on_retry=self._on_retry
            ):
                with attempt:
                    return self._get_once(url, decode)
        except TransientError as error:
            failed = exhausted(error, path=url.path, is_reached=self._is_reached)
            raise failed from error.__cause__
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
            answer = self._send(url)
            if 300 <= answer.status < 400 and "location" in answer.headers:
                url = redirect(answer.headers["location"], base=self._base, current=url)
                continue
            if answer.status != 200:
                raise self._failure(answer, url.path)
            return Reply(decode_body(answer.body, decode, answer.headers, url.path), answer.headers)
        raise ContractError(
            f"More than {MAX_REDIRECTS} redirects", path=url.path, kind=Kind.ENDLESS_REDIRECTS
        )

    def _send(self, url: httpx.URL) -> _Answer:
        route = self._route_of(url.path)
        self.throttle.acquire(route)
        headers: Mapping[str, str] | None = None
        try:
            self.calls += 1
            with self._own_client().stream(
                "GET", url, headers={self._key_header: self._key.reveal()}
            ) as response:
                headers = response.headers
                self._is_reached = True
                body = as_utf8(self._read(response), response.charset_encoding)
                return _Answer(response.status_code, headers, body)
        except (httpx.TransportError, httpx.DecodingError) as error:
            forget_frames(error)
            if not self._is_reached and (reason := distrust(error)):
                raise UnavailableError(
                    f"The certificate of {url.host} is not trusted ({reason}), so nothing was sent "
                    "there. Check base_url; if your network inspects TLS, set SSL_CERT_FILE to a "
                    "file with the certificate of its authority",
                    path=url.path,
                    kind=Kind.UNTRUSTED_CERTIFICATE,
                ) from error
            raise TransientError(
                f"The connection to {url.host} failed ({type(error).__name__})",
                kind=Kind.CONNECTION_FAILED,
            ) from error
        finally:
            self.throttle.release(headers, route)

    def _failure(self, answer: _Answer, path: str) -> Exception:
        error = failure(
            answer.status,
            answer.headers,
            path=path,
            problem=read_problem(answer.body, explain=self._explain, key=self._key),
            now=self._clock.wall(),
        )
        if isinstance(error, TransientError):
            retry_after = error.retry_after or 0.0
            if answer.status == RATE_LIMITED and retry_after <= self._retry.deadline:
                self.throttle.pause(
                    retry_after or self._retry.first_wait, self._route_of(path), answer.headers
                )
            logger.info("HTTP %d for %s, will be retried", answer.status, path)
        return error

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
                proxy=None if self._transport else self._proxy,
                trust_env=False,  # of it, certificates and proxies are read here
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
                    kind=Kind.ANSWER_TOO_LARGE,
                )
            self._clock.check()
            if self._clock.monotonic() > ends:
                raise TransientError(
                    f"The answer took over {RESPONSE_DEADLINE_SECONDS:.0f} s",
                    kind=Kind.ANSWER_TOO_SLOW,
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _close_all(clients: list[httpx.Client]) -> None:
    while clients:
        clients.pop().close()
