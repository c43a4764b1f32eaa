"""Single requests to the API: the key, the deadline, and bodies in UTF-8."""

from __future__ import annotations

import codecs
import json
import logging
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx

from captaindata_source.errors import ContractError, UnavailableError
from captaindata_source.http.keys import Secret
from captaindata_source.http.network import distrust, forget_frames
from captaindata_source.http.retry import TransientError
from captaindata_source.http.throttle import Clock, Throttle
from captaindata_source.http.transports import Received, open_transport
from captaindata_source.issues import Kind

__all__ = ["Answer", "Connections", "as_utf8"]

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024 * 1024
RESPONSE_DEADLINE_SECONDS = 300.0
"""For one whole answer; the transport's own timeout is per read, so a slow drip would never end."""

_PLAIN = r" !#$%&'()*+,-/09:;<=>?@AZ[]^_`az{|}~\u0041.xn--9ca"
"""What any charset has as itself, and codecs that are none (of escapes, of host names) have not."""


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
        self._transport = open_transport(base, instead=transport)
        self.sent = 0
        """Requests so far."""
        self.is_reached = False
        """Whether the host ever answered."""
        # a dlt resource is not told when the last one of its source has ended
        weakref.finalize(self, self._transport.close)

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
            with self._transport.get(url, self._headers, self._key_header, self._key) as received:
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
        """Closes the kept-alive connections."""
        self._transport.close()

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
