"""Whom the client trusts, and what its failed connections may show."""

from __future__ import annotations

import ssl

import httpx

from captaindata_source.errors import ConfigError, causes

__all__ = ["distrust", "forget_frames", "tls_context"]


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
    return None


def forget_frames(error: BaseException) -> None:
    """httpx's frames hold the headers: what shows a traceback's locals would show the key."""
    for each in causes(error, hidden=True):
        each.__traceback__ = None
