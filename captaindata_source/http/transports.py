"""Clients for the API: reqwest, or httpx where reqwest can't do what the environment asks for.

reqwest (`pyreqwest`) does HTTP, TLS and decompression outside of Python's lock, at a fifth of
httpx's CPU. Requests go by httpx where the environment names a proxy, or authorities of its own
(OpenSSL takes a server's certificate as its own authority, rustls does not), and in tests. Errors
are httpx's in either case.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from functools import lru_cache
from pathlib import Path

import certifi
import httpx
from pyreqwest import exceptions
from pyreqwest.client import SyncClient, SyncClientBuilder

from captaindata_source.http.network import proxy_for, tls_context

__all__ = ["Received", "as_httpx", "charset_of", "httpx_clients", "reqwest_client", "takes_reqwest"]

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
ERRORS: tuple[tuple[type[exceptions.PyreqwestError], type[httpx.RequestError]], ...] = (
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.RequestTimeoutError, httpx.ReadTimeout),
    (exceptions.ConnectError, httpx.ConnectError),
    (exceptions.ReadError, httpx.ReadError),
    (exceptions.WriteError, httpx.WriteError),
    (exceptions.NetworkError, httpx.NetworkError),
    (exceptions.DecodeError, httpx.DecodingError),
    (exceptions.PyreqwestError, httpx.RemoteProtocolError),
)
"""The first that fits counts."""
BROKEN_OFF = ("before message length reached", "closed before message completed")
"""An answer that broke off is an error of decoding, or of connecting, to reqwest."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer whose body is yet to be read.

    Args:
        status: Of the answer.
        headers: By names in lower case.
        charset: As `Content-Type` declares it.
        chunks: The body as it arrives, decompressed.
    """

    status: int
    headers: Mapping[str, str]
    charset: str | None
    chunks: Iterator[bytes]


def takes_reqwest(base: httpx.URL) -> bool:
    """Whether reqwest can reach a host as the environment asks for.

    Raises:
        ConfigError: The environment names a proxy that is none.
    """
    is_usual = base.scheme != "https" or not any(os.environ.get(name) for name in AUTHORITIES)
    return proxy_for(base, tls=None) is None and is_usual


def reqwest_client(*, is_tls: bool) -> SyncClient:
    """A client with a pool of connections for all threads, without cookies, redirects or proxies.

    Args:
        is_tls: Whether there will be TLS, with the authorities of the system and of certifi.
    """
    builder = (
        SyncClientBuilder()
        .connect_timeout(timedelta(seconds=CONNECT_SECONDS))
        .read_timeout(timedelta(seconds=READ_SECONDS))
        .follow_redirects(False)
        .no_proxy()
    )
    if is_tls:
        builder = builder.add_root_certificate_pem(Path(certifi.where()).read_bytes())
    return builder.build()


def httpx_clients(
    base: httpx.URL, *, instead: httpx.BaseTransport | None
) -> Callable[[], httpx.Client]:
    """Makes clients of one connection each.

    Args:
        base: The base URL.
        instead: Replaces the network, for tests.

    Raises:
        ConfigError: `SSL_CERT_FILE` can't be read, or the environment names a proxy that is none.
    """
    tls = tls_context(is_used=base.scheme == "https")
    proxy = None if instead else proxy_for(base, tls=tls)
    return lambda: httpx.Client(
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        transport=instead,
        follow_redirects=False,
        verify=tls,
        proxy=proxy,
        trust_env=False,  # of it, certificates and proxies are read here
    )


def as_httpx(error: exceptions.PyreqwestError) -> httpx.RequestError:
    """The error that httpx would have raised."""
    kind = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
    if isinstance(error, exceptions.DetailedPyreqwestError):
        causes = [cause["message"] for cause in error.details["causes"] or ()]
        if any(text in cause for text in BROKEN_OFF for cause in causes):
            kind = httpx.RemoteProtocolError
    return kind(error.message)


@lru_cache(maxsize=64)
def charset_of(content_type: str) -> str | None:
    """The charset that a `Content-Type` declares."""
    if "charset" not in content_type.lower():
        return None
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset(failobj=None)
