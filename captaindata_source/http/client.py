"""The HTTP client of one workspace: GETs that are throttled, retried and kept on one host."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Generic, Self, TypeVar

import httpx

from captaindata_source.errors import (
    ConfigError,
    ContractError,
    ForeignHostError,
    Problem,
    QuotaError,
)
from captaindata_source.http.connections import Answer, Connections, Secret
from captaindata_source.http.failures import (
    RATE_LIMITED,
    UNREADABLE,
    exhausted,
    failure,
    read_problem,
    unreadable,
)
from captaindata_source.http.retry import RetryPolicy, TransientError
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.issues import Kind

__all__ = ["HttpClient", "Reply", "check_base_url"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

QUOTA_SECONDS = 60.0
"""A wait up to this is one for a rate limit, however little time there is."""

LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

URL = re.compile("https?://", re.IGNORECASE)
PLAIN = re.compile(r"[\w~-]+(/[\w~-]+)*", re.ASCII)
DEFAULT_PORTS = {"https": 443, "http": 80}
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_REDIRECTS = 5
FIRST_CONTACT_SECONDS = 60.0
"""Retries until the host answered for the first time: longer would only hide a wrong address."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A decoded answer and its headers."""

    data: T
    headers: Mapping[str, str]


class HttpClient:
    """Sends GET requests below one base URL; safe to share between threads.

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
        self._key = key
        self.throttle = throttle
        self._clock = clock or Clock()
        self._connections = Connections(
            base=self._base,
            headers=headers,
            key_header=key_header,
            key=key,
            throttle=throttle,
            clock=self._clock,
            transport=transport,
        )
        self._quota: QuotaError | None = None
        self._retry = retry or RetryPolicy()
        self._retrying = self._retry.retrying(clock=self._clock, on_retry=on_retry)
        self._explain = explain
        self._route_of = route_of

    @property
    def calls(self) -> int:
        """Requests sent so far, retries and redirects included."""
        return self._connections.sent

    def get(
        self,
        link: str,
        *,
        decode: Callable[[bytes], T],
        params: Mapping[str, str | int | Sequence[str]] | None = None,
    ) -> Reply[T]:
        """Fetches and decodes one document.

        Args:
            link: A path below the base URL, or a link as the API gave it.
            decode: Turns the body into data; `msgspec.DecodeError` means that it can't.
            params: Query parameters to set; one with several values is set for each.

        Raises:
            ApiError: See the subclasses in `captaindata_source.errors`.
        """
        url = resolve(link, base=self._base, current=self._base)
        if self._quota is not None and self._clock.wall() < self._quota.renews_at.timestamp():
            raise QuotaError(path=url.path, renews_at=self._quota.renews_at)
        if params:
            url = url.copy_merge_params(dict(params))
        started = self._clock.monotonic()
        tries = self._retrying.copy(
            stop=lambda state: self._retry.is_over(
                self._clock.monotonic() - started + state.upcoming_sleep,
                cap=math.inf if self._connections.is_reached else FIRST_CONTACT_SECONDS,
            )
        )
        try:
            for attempt in tries:
                with attempt:
                    return self._get_once(url, decode)
        except TransientError as error:
            wait = error.retry_after or 0
            if error.status == RATE_LIMITED and wait > max(self._retry.deadline, QUOTA_SECONDS):
                raise self._use_up(url.path, wait) from None
            failed = exhausted(error, path=url.path, is_reached=self._connections.is_reached)
            raise failed from error.__cause__
        raise AssertionError("tenacity yields until it returns or raises")

    def _use_up(self, path: str, seconds: float) -> QuotaError:
        """Sends nothing more until the quota renews."""
        moment = min(self._clock.wall() + seconds, LAST_MOMENT)
        self._quota = QuotaError(path=path, renews_at=datetime.fromtimestamp(moment, UTC))
        return self._quota

    def close(self) -> None:
        """Closes the kept-alive connections."""
        self._connections.close()

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
            answer = self._connections.send(url, self._route_of(url.path))
            if 300 <= answer.status < 400 and "location" in answer.headers:
                url = redirect(answer.headers["location"], base=self._base, current=url)
                continue
            if answer.status != 200:
                raise self._failure(answer, url.path)
            try:
                return Reply(decode(answer.body), answer.headers)
            except UNREADABLE as error:
                raise unreadable(error, answer.body, answer.headers, path=url.path) from None
        raise ContractError(
            f"More than {MAX_REDIRECTS} redirects", path=url.path, kind=Kind.ENDLESS_REDIRECTS
        )

    def _failure(self, answer: Answer, path: str) -> Exception:
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


def resolve(link: str, *, base: httpx.URL, current: httpx.URL) -> httpx.URL:
    """A link as an absolute URL on the configured host, or an error before anything is sent.

    A link that names our host with plain http is sent with the base URL's scheme; one that names
    it with a dot at its end, or with the port that the scheme stands for, to the base URL's host.

    Args:
        link: A path below the base URL, or a link as the API gave it.
        base: The base URL.
        current: Where the link was met.

    Raises:
        ForeignHostError: It leads to another host or port.
        ContractError: It is not a URL.
    """
    try:
        if URL.match(link) or link.startswith("//"):
            url = httpx.URL(link if URL.match(link) else f"{base.scheme}:{link}")
            is_ours = url.host.removesuffix(".") == base.host.removesuffix(".")
            if not is_ours or url.port not in (
                None,
                base.port,
                base.port or DEFAULT_PORTS[base.scheme],
            ):
                raise ForeignHostError(
                    f"A link leads to another host ({url.host}); it was not followed",
                    path=current.path,
                )
            return url.copy_with(scheme=base.scheme, host=base.host, port=base.port, userinfo=b"")
        if "://" in link.split("?", 1)[0]:
            raise ForeignHostError(
                "A link leads to another host; it was not followed", path=current.path
            )
        if link.startswith("?"):
            return current.join(link)
        root = base.path.rstrip("/")
        if PLAIN.fullmatch(link):  # most are: a fifth of the time of `join`
            return httpx.URL(f"{base.scheme}://{base.netloc.decode()}{root}/{link}")
        return base.join(link if link.startswith(f"{root}/") else f"{root}/{link.lstrip('/')}")
    except httpx.InvalidURL:
        raise _no_url(current) from None


def redirect(location: str, *, base: httpx.URL, current: httpx.URL) -> httpx.URL:
    """A redirect's target, relative to the page that sent it (RFC 9110, section 10.2.2).

    Raises:
        ForeignHostError, ContractError: As for `resolve`.
    """
    try:
        target = current.join(location)
    except httpx.InvalidURL:
        raise _no_url(current) from None
    return resolve(str(target), base=base, current=current)


def _no_url(current: httpx.URL) -> ContractError:
    return ContractError("A link is not a URL; it was not followed", path=current.path)
