"""The way to the API as the environment says it: certificates to trust, and a proxy.

The proxy's variables are read as curl reads them.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import ssl
import urllib.request
from urllib.parse import unquote

import httpx
from pyreqwest.exceptions import DetailedPyreqwestError

from captaindata_source.errors import ConfigError, causes

__all__ = ["check_proxy", "distrust", "forget_frames", "proxy_for", "tls_context"]

VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""The first that is not empty counts."""
SYSTEM = "The system's proxy"
HTTPS_PORT = 443
MAX_PORT = 65535
SOCKS = ("socks5", "socks5h")
DISTRUST = "invalid peer certificate: "
REASONS = {
    "UnknownIssuer": "unknown issuer",
    "CaUsedAsEndEntity": "self-signed certificate",
    "NotValidForName": "hostname mismatch",
    "not valid for": "hostname mismatch",
    "Expired": "certificate has expired",
    "NotValidYet": "certificate is not yet valid",
    "Revoked": "certificate revoked",
}
SCHEMES = ("http", "https", *SOCKS)


def tls_context(*, is_used: bool = True) -> ssl.SSLContext:
    """Verifies certificates and host names; authorities are certifi's, or those of the environment.

    Args:
        is_used: Whether there will be TLS; if not, the context trusts nobody, for reading all
            authorities takes 50 ms.

    Raises:
        ConfigError: The environment names authorities that can't be read.
    """
    if not is_used:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise ConfigError(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names can't be read: {error}"
        ) from error


def distrust(error: BaseException) -> str | None:
    """What is wrong with the certificate, where that is why a connection failed."""
    for each in causes(error, hidden=True):
        if isinstance(each, ssl.SSLCertVerificationError):
            return each.verify_message
        if isinstance(each, DetailedPyreqwestError):
            texts = [cause["message"] for cause in each.details["causes"] or ()]
            for text in texts:
                if text.startswith(DISTRUST):
                    return _in_words(text.removeprefix(DISTRUST))
    return None


def _in_words(reason: str) -> str:
    """What rustls says of a certificate, in OpenSSL's words where it has some."""
    return next((words for name, words in REASONS.items() if name in reason), reason)


def forget_frames(error: BaseException) -> None:
    """httpx's frames hold the headers: what shows a traceback's locals would show the key."""
    for each in causes(error, hidden=True):
        each.__traceback__ = None


def check_proxy(base_url: str) -> None:
    """Looks at the proxy for a host before anything is sent.

    Raises:
        ConfigError: As `proxy_for`.
    """
    proxy_for(httpx.URL(base_url), tls=None)


def proxy_for(base: httpx.URL, *, tls: ssl.SSLContext | None) -> httpx.Proxy | None:
    """The proxy between us and a host; None for plain http, which is local and has the key in it.

    Args:
        base: Root of the API.
        tls: Whom to trust where the proxy itself is spoken to over TLS.

    Raises:
        ConfigError: What the environment names is no proxy; the message does not show it, for it
            may hold a password.
    """
    if base.scheme != "https":
        return None
    name, value = _named()
    if not value or _is_exempt(base.host, base.port or HTTPS_PORT):
        return None
    if name == SYSTEM and urllib.request.proxy_bypass(base.host):
        return None
    scheme, mark, rest = value.partition("://")
    if not mark:
        scheme, rest = "http", value
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise ConfigError(
            f"{name}: a proxy's address begins with http://, https:// or socks5://, this one does "
            "not: correct the variable"
        )
    if scheme in SOCKS and importlib.util.find_spec("socksio") is None:
        raise ConfigError(
            f"{name} names a SOCKS proxy, which takes one more package: pip install socksio, or "
            "name an http:// proxy"
        )
    place = re.split("[/?#]", rest.rpartition("@")[2])[0]
    login, at, _ = rest.rpartition("@")
    user, _, password = login.partition(":")
    try:
        url = httpx.URL(f"{scheme}://{place}")
        if not url.host or re.search(r"\s", place) or (url.port or 0) > MAX_PORT:
            raise ConfigError(_no_address(name))
        return httpx.Proxy(
            url,
            auth=(unquote(user), unquote(password)) if at else None,
            ssl_context=tls if scheme == "https" else None,
        )
    except (httpx.InvalidURL, ValueError):
        raise ConfigError(_no_address(name)) from None


def _no_address(name: str) -> str:
    return f"{name} is not a proxy's address, such as http://proxy.example:3128: correct it"


def _named() -> tuple[str, str]:
    """The proxy for https, and where it is from."""
    for name in VARIABLES:
        if value := os.environ.get(name, "").strip():
            return name, value
    found = urllib.request.getproxies()
    return SYSTEM, (found.get("https") or found.get("all") or "").strip()


def _is_exempt(host: str, port: int) -> bool:
    """Whether `NO_PROXY` names a host: by name, domain, address or network, perhaps with a port."""
    listed = os.environ.get("no_proxy", "").strip() or os.environ.get("NO_PROXY", "")
    host = host.lower().rstrip(".")
    return any(_names(entry, host, port) for entry in re.split(r"[\s,]+", listed.lower()) if entry)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(\d+)", entry)
    if found:
        entry = found[1]
        if int(found[2]) != port:
            return False
    entry = entry.replace("[", "").replace("]", "")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = entry.removeprefix("*").strip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
