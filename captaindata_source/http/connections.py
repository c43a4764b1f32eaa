"""Single requests to the API: the key, the deadline, and bodies in UTF-8."""

from __future__ import annotations

import codecs
import json
import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import httpx
from pyreqwest.client import SyncClient
from pyreqwest.exceptions import PyreqwestError

from captaindata_source.errors import ContractError, UnavailableError
from captaindata_source.http.network import distrust, forget_frames
from captaindata_source.http.retry import TransientError
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.http.transports import (
    Received,
    as_httpx,
    charset_of,
    httpx_clients,
    reqwest_client,
    takes_reqwest,
)
from captaindata_source.issues import Kind

__all__ = ["Answer", "Connections", "Secret", "as_utf8"]

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 300.0
"""For one whole answer; the transport's own timeout is per read, so a slow drip would never end."""

MakeHttpx = Callable[[], httpx.Client]

_PLAIN = r" !#$%&'()*+,-/09:;<=>?@AZ[]^_`az{|}~\u0041.xn--9ca"
"""What any charset has as itself, and codecs that are none (of escapes, of host names) have not."""


class Secret:
    """Holds a key so that `repr`, `str`, formatting, pickling and logs can't show it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Returns the key. Call it only where the key is put on the wire."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret can't be pickled")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    """In UTF-8. Tracebacks may show locals, so it does not print itself."""


class Connections:
    """Sends single GET requests to one host; connections are kept alive.

    Args:
        base: The base URL.
        headers: Sent with every request, beside the key.
        key_header: Name of the header that carries the key.
        key: The header's value.
        throttle: Asked before every request.
        clock: Time.
        transport: Replaces the network, for tests.

    Raises:
        ConfigError: `SSL_CERT_FILE` can't be read, or the environment names a proxy that is none.
    """

    def __init__(
        self,
        *,
        base: httpx.URL,
        headers: Mapping[str, str],
        key_header: str,
        key: Secret,
        throttle: Throttle,
        clock: Clock,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._headers = {"accept": "application/json", **headers}
        self._key_header = key_header
        self._key = key
        self._throttle = throttle
        self._clock = clock
        self._is_tls = base.scheme == "https"
        self._make_httpx: MakeHttpx | None = None
        if transport is not None or not takes_reqwest(base):
            self._make_httpx = httpx_clients(base, instead=transport)
        self.sent = 0
        """Requests so far."""
        self.is_reached = False
        """Whether the host ever answered."""
        self._lock = threading.Lock()
        self._local = threading.local()
        self._clients: list[httpx.Client | SyncClient] = []
        # a dlt resource is not told when the last one of its source has ended
        weakref.finalize(self, _close_all, self._clients)

    def send(self, url: httpx.URL, route: str) -> Answer:
        """Sends one request, once the throttle lets it leave.

        Args:
            url: On the host of the base URL.
            route: The class of calls that the API counts it to.

        Raises:
            TransientError: No whole answer came.
            UnavailableError: The host's certificate is not trusted.
            ContractError: The answer is too large.
        """
        self._throttle.acquire(route)
        headers: Mapping[str, str] | None = None
        try:
            self.sent += 1
            stream = self._by_httpx if self._make_httpx else self._by_reqwest
            with stream(url) as received:
                headers = received.headers
                self.is_reached = True
                body = as_utf8(self._read(received, url.path), received.charset)
                logger.debug("GET %s: %d, %d bytes", url.path, received.status, len(body))
                return Answer(received.status, headers, body)
        except (httpx.TransportError, httpx.DecodingError) as error:
            logger.debug("GET %s: %s", url.path, type(error).__name__)
            forget_frames(error)
            if not self.is_reached and (reason := distrust(error)):
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
            self._throttle.release(headers, route)

    def close(self) -> None:
        """Closes the kept-alive connections; later requests open others."""
        with self._lock:
            _close_all(self._clients)

    @contextmanager
    def _by_reqwest(self, url: httpx.URL) -> Iterator[Received]:
        with self._lock:
            if not self._clients:
                self._clients.append(reqwest_client(is_tls=self._is_tls))
            client = cast("SyncClient", self._clients[0])
        try:
            request = client.get(str(url)).headers(self._headers)
            # never in a variable of its own: a traceback's locals would show the key
            request = request.header(self._key_header, self._key.reveal(), is_sensitive=True)
            with request.build_streamed() as response:
                headers: dict[str, str] = {}
                for name, value in response.headers.items():
                    headers[name] = f"{headers[name]}, {value}" if name in headers else value
                chunks = map(bytes, iter(response.body_reader.read_chunk, None))
                charset = charset_of(headers.get("content-type", ""))
                yield Received(response.status, headers, charset, chunks)
        except PyreqwestError as error:
            raise as_httpx(error) from error

    @contextmanager
    def _by_httpx(self, url: httpx.URL) -> Iterator[Received]:
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None or client.is_closed:
            # threads that share one mostly wait for its pool's lock
            client = self._local.client = cast("MakeHttpx", self._make_httpx)()
            self._clients.append(client)
        with client.stream(
            "GET", url, headers={**self._headers, self._key_header: self._key.reveal()}
        ) as response:
            body, charset = response.iter_bytes(), response.charset_encoding
            yield Received(response.status_code, response.headers, charset, body)

    def _read(self, received: Received, path: str) -> bytes:
        ends = self._clock.monotonic() + RESPONSE_DEADLINE_SECONDS
        chunks = []
        size = 0
        for chunk in received.chunks:
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ContractError(
                    f"The answer is larger than {MAX_BODY_BYTES} bytes",
                    path=path,
                    kind=Kind.ANSWER_TOO_LARGE,
                )
            self._clock.check()
            if self._clock.monotonic() > ends:
                raise TransientError(
                    f"The answer took over {RESPONSE_DEADLINE_SECONDS:.0f} s",
                    kind=Kind.ANSWER_TOO_SLOW,
                )
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def as_utf8(body: bytes, charset: str | None) -> bytes:
    """The same text in UTF-8 and without a byte order mark; mostly the same object.

    A byte order mark, or the zeros of UTF-16 and UTF-32, outweigh what is declared. What can't be
    read in its encoding becomes a byte that is not UTF-8, for whoever reads the text to mend.

    Args:
        body: As the server sent it.
        charset: As `Content-Type` declares it; one that is not known counts as UTF-8.
    """
    encoding: str = json.detect_encoding(body[:4])
    if encoding == "utf-8-sig":
        while body.startswith(codecs.BOM_UTF8):
            body = body[len(codecs.BOM_UTF8) :]
        return body
    if encoding == "utf-8":
        encoding = _codec(charset) if charset else ""
        if not encoding:
            return body
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        text = decoder.decode(body).replace("\ufffd", "\udcff")  # half a character ends a cut body
    return text.lstrip("\ufeff").encode("utf-8", "surrogateescape")


@lru_cache(maxsize=16)
def _codec(charset: str) -> str:
    """Python's name of a charset whose ASCII is ASCII; empty for others, and for UTF-8."""
    try:
        name = codecs.lookup(charset.strip("' ")).name
        is_usable = _PLAIN.encode().decode(name) == _PLAIN
    except (LookupError, ValueError):
        return ""
    return name if is_usable and name not in ("utf-8", "ascii") else ""


def _close_all(clients: list[httpx.Client | SyncClient]) -> None:
    while clients:
        clients.pop().close()
