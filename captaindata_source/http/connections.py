"""Single requests to the API: the key, a connection for each thread, and bodies in UTF-8."""

from __future__ import annotations

import codecs
import json
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from captaindata_source.errors import ContractError, UnavailableError
from captaindata_source.http.network import distrust, forget_frames, proxy_for, tls_context
from captaindata_source.http.retry import TransientError
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.issues import Kind

__all__ = ["Answer", "Connections", "Secret", "as_utf8"]

MAX_BODY_BYTES = 256 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 300.0
"""For one whole answer; httpx's own timeout is per read, so a slow drip would never end."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)

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
    """Sends single GET requests to one host; each thread keeps a connection alive of its own.

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
        self._transport = transport
        self._tls = tls_context(is_used=base.scheme == "https")
        self._proxy = proxy_for(base, tls=self._tls)
        self.sent = 0
        """Requests so far."""
        self.is_reached = False
        """Whether the host ever answered."""
        self._local = threading.local()
        self._clients: list[httpx.Client] = []
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
            with self._own_client().stream(
                "GET", url, headers={self._key_header: self._key.reveal()}
            ) as response:
                headers = response.headers
                self.is_reached = True
                body = as_utf8(self._read(response), response.charset_encoding)
                return Answer(response.status_code, headers, body)
        except (httpx.TransportError, httpx.DecodingError) as error:
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
        """Closes the kept-alive connections."""
        _close_all(self._clients)

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


def _close_all(clients: list[httpx.Client]) -> None:
    while clients:
        clients.pop().close()
