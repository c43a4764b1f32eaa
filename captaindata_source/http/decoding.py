"""From bodies to data, and what is wrong with those that can't be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from captaindata_source.errors import ContractError
from captaindata_source.http.retry import TransientError

__all__ = ["decode_body"]

T = TypeVar("T")


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
            raise TransientError("The answer breaks off", kind="answer_cut_off") from None
        kind = headers.get("content-type", "no content type").split(";")[0]
        raise ContractError(
            f"The answer is not JSON ({kind}, {len(body)} bytes): is base_url right?",
            path=path,
            kind="not_json" if body.strip() else "no_data",
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
