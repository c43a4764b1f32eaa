"""Links and redirects, as URLs on the one host that may see the key."""

from __future__ import annotations

import re

import httpx

from captaindata_source.errors import ConfigError, ContractError, ForeignHostError

__all__ = ["check_base_url", "redirect", "resolve"]

URL = re.compile("https?://", re.IGNORECASE)
DEFAULT_PORTS = {"https": 443, "http": 80}
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


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
    if URL.match(link) or link.startswith("//"):
        url = _url(link if URL.match(link) else f"{base.scheme}:{link}", current)
        is_ours = url.host.removesuffix(".") == base.host.removesuffix(".")
        if not is_ours or url.port not in (None, base.port, _port(base)):
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
        return _url(link, current)
    root = base.path.rstrip("/")
    path = link if link.startswith(f"{root}/") else f"{root}/{link.lstrip('/')}"
    return base.join(_url(path, current))


def redirect(location: str, *, base: httpx.URL, current: httpx.URL) -> httpx.URL:
    """A redirect's target, relative to the page that sent it (RFC 9110, section 10.2.2).

    Raises:
        ForeignHostError, ContractError: As for `resolve`.
    """
    target = current.join(_url(location, current))
    return resolve(str(target), base=base, current=current)


def _port(base: httpx.URL) -> int:
    return base.port or DEFAULT_PORTS[base.scheme]


def _url(link: str, current: httpx.URL) -> httpx.URL:
    """A link as a URL; one that is only a query belongs to the current path."""
    try:
        return current.join(link) if link.startswith("?") else httpx.URL(link)
    except httpx.InvalidURL:
        raise ContractError("A link is not a URL; it was not followed", path=current.path) from None
