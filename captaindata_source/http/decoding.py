"""From bodies to data, and what is wrong with those that can't be read."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

import msgspec

from captaindata_source.errors import ContractError
from captaindata_source.http.retry import TransientError
from captaindata_source.issues import Kind

__all__ = ["as_utf8", "decode_body"]

T = TypeVar("T")

_PLAIN = r" !#$%&'()*+,-/09:;<=>?@AZ[]^_`az{|}~\u0041.xn--9ca"
"""What any charset has as itself, and codecs that are none (of escapes, of host names) have not."""


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


def decode_body(
    body: bytes, decode: Callable[[bytes], T], headers: Mapping[str, str], path: str
) -> T:
    """The data of a body.

    Raises:
        TransientError: It breaks off.
        ContractError: It can't be read, or has another shape.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise ContractError(
            f"The answer has another shape than expected: {error}", path=path
        ) from None
    except msgspec.DecodeError as error:
        if _breaks_off(body, error):
            raise TransientError("The answer breaks off", kind=Kind.ANSWER_CUT_OFF) from None
        kind = headers.get("content-type", "no content type").split(";")[0]
        raise ContractError(
            f"The answer is not JSON ({kind}, {len(body)} bytes): is base_url right?",
            path=path,
            kind=Kind.NOT_JSON if body.strip() else Kind.NO_DATA,
        ) from None
    except (UnicodeDecodeError, RecursionError) as error:
        what = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deep"
        raise ContractError(f"The answer is {what}", path=path) from None


def _breaks_off(body: bytes, error: msgspec.DecodeError) -> bool:
    """Whether a JSON document ends too early; a number cut short is called malformed at its end."""
    if body[:64].lstrip()[:1] not in (b"{", b"["):
        return False
    place = re.search(r"\(byte (\d+)\)$", str(error))
    return "truncated" in str(error) or (place is not None and int(place[1]) >= len(body))
