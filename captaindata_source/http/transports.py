"""How single GET requests reach the API: by reqwest, or by an httpx transport.

reqwest (`pyreqwest`) does HTTP, TLS and decompression outside of Python's lock, at a fifth of
httpx's CPU. Requests go by httpx where the environment names a proxy, or authorities of its own
(OpenSSL takes a server's certificate as its own authority, rustls does not), and in tests. Errors
are httpx's in either case.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import certifi
import httpx
from pyreqwest import exceptions
from pyreqwest.client import SyncClient, SyncClientBuilder

from captaindata_source.http.keys import Secret
from captaindata_source.http.network import proxy_for, tls_context

__all__ = ["Received", "Transport", "open_transport"]

AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
ERRORS: tuple[tuple[type[exceptions.PyreqwestError], type[httpx.RequestError]], ...] = (
    (exceptions.ConnectTimeoutError, httpx.ConnectTimeout),
    (exceptions.ReadTimeoutError, httpx.ReadTimeout),
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


class Transport(Protocol):
    """Sends requests; safe to share between threads."""

    def get(
        self, url: httpx.URL, headers: Mapping[str, str], key_header: str, key: Secret
    ) -> AbstractContextManager[Received]:
        """Sends a request; no redirect is followed.

        Args:
            url: Of the document.
            headers: What is sent beside the key.
            key_header: Name of the header that carries the key.
            key: Never in a variable of its own, which a traceback's locals would show.

        Raises:
            httpx.TransportError, httpx.DecodingError: No whole answer came; also while it is read.
        """

    def close(self) -> None:
        """Closes the connections; later requests open others."""


def open_transport(base: httpx.URL, *, instead: httpx.BaseTransport | None) -> Transport:
    """The way to a host.

    Args:
        base: The base URL.
        instead: Replaces the network, for tests.

    Raises:
        ConfigError: `SSL_CERT_FILE` can't be read, or the environment names a proxy that is none.
    """
    is_tls = base.scheme == "https"
    is_usual = not (is_tls and any(os.environ.get(name) for name in AUTHORITIES))
    if instead is None and is_usual and proxy_for(base, tls=None) is None:
        return _Reqwest(is_tls=is_tls)
    tls = tls_context(is_used=is_tls)
    proxy = None if instead else proxy_for(base, tls=tls)
    return _Httpx(
        lambda: httpx.Client(
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            transport=instead,
            follow_redirects=False,
            verify=tls,
            proxy=proxy,
            trust_env=False,  # of it, certificates and proxies are read here
        )
    )


class _Reqwest:
    """One pool of connections for all threads, without cookies, redirects or proxies.

    Authorities are the system's and certifi's.
    """

    def __init__(self, *, is_tls: bool) -> None:
        self._is_tls = is_tls
        self._lock = threading.Lock()
        self._client: SyncClient | None = None

    @property
    def client(self) -> SyncClient:
        """The client; made at first use, and anew after `close`."""
        with self._lock:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> SyncClient:
        builder = (
            SyncClientBuilder()
            .connect_timeout(timedelta(seconds=CONNECT_SECONDS))
            .read_timeout(timedelta(seconds=READ_SECONDS))
            .follow_redirects(False)
            .no_proxy()
        )
        if self._is_tls:
            builder = builder.add_root_certificate_pem(Path(certifi.where()).read_bytes())
        return builder.build()

    @contextmanager
    def get(
        self, url: httpx.URL, headers: Mapping[str, str], key_header: str, key: Secret
    ) -> Iterator[Received]:
        try:
            request = self.client.get(str(url)).headers(dict(headers))
            request = request.header(key_header, key.reveal(), is_sensitive=True)
            with request.build_streamed() as response:
                found: dict[str, str] = {}
                for name, value in response.headers.items():
                    found[name] = f"{found[name]}, {value}" if name in found else value
                charset = _charset(found.get("content-type", ""))
                read = response.body_reader.read_chunk
                chunks = (bytes(chunk) for chunk in iter(read, None) if chunk is not None)
                yield Received(response.status, found, charset, chunks)
        except exceptions.PyreqwestError as error:
            raise _as_httpx(error) from error

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()


class _Httpx:
    """A client for each thread: threads that share one mostly wait for its pool's lock."""

    def __init__(self, make: Callable[[], httpx.Client]) -> None:
        self._make = make
        self._local = threading.local()
        self._clients: list[httpx.Client] = []

    @contextmanager
    def get(
        self, url: httpx.URL, headers: Mapping[str, str], key_header: str, key: Secret
    ) -> Iterator[Received]:
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None or client.is_closed:
            client = self._local.client = self._make()
            self._clients.append(client)
        with client.stream("GET", url, headers={**headers, key_header: key.reveal()}) as response:
            yield Received(
                response.status_code,
                response.headers,
                response.charset_encoding,
                response.iter_bytes(),
            )

    def close(self) -> None:
        while self._clients:
            self._clients.pop().close()


def _as_httpx(error: exceptions.PyreqwestError) -> httpx.RequestError:
    kind = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
    if isinstance(error, exceptions.DetailedPyreqwestError):
        causes = [cause["message"] for cause in error.details["causes"] or ()]
        if any(text in cause for text in BROKEN_OFF for cause in causes):
            kind = httpx.RemoteProtocolError
    return kind(error.message)


@lru_cache(maxsize=64)
def _charset(content_type: str) -> str | None:
    if "charset" not in content_type.lower():
        return None
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset(failobj=None)
