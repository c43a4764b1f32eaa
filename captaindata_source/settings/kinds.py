"""Types of options: how each is read from configuration, and which values it takes."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from captaindata_source.errors import ConfigError

__all__ = [
    "ANY",
    "FLAG",
    "NUMBER",
    "SECTION",
    "TABLE",
    "TEXT",
    "TEXTS",
    "WHOLE",
    "Kind",
    "Option",
    "are_names",
    "is_number_of_days",
    "is_positive",
    "is_whole_from",
    "option",
    "option_of",
]

SECTION = "sources.captaindata"
MAX_WHOLE = 2**63 - 1
TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
METADATA = "captaindata_option"
"""Where a field of a dataclass keeps its `Option`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A type of option.

    Args:
        name: What it is called in a message.
        read: The value from what was configured, a text where it comes from the environment;
            raises `ValueError` where it is none.
        allows: Whether a value is of the type, where an option does not say more.
    """

    name: str
    read: Callable[[Any], Any]
    allows: Callable[[Any], bool] = lambda _: True


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """An option.

    Args:
        kind: Its type.
        example: A right value, as it stands in a file.
        must: What a value must be, for the message that refuses another.
        allows: Whether a value can work; None: as its type says.
        default: Its value where it is left out.
        is_secret: Whether it is read from `secrets.toml` and the environment alone.
    """

    kind: Kind
    example: str
    must: str = ""
    allows: Callable[[Any], bool] | None = None
    default: Any = None
    is_secret: bool = False

    def objection(self, value: object) -> str | None:
        """Why a value can't work, to follow the option's name; None where it can."""
        if (self.allows or self.kind.allows)(value):
            return None
        return self.must or f"must be {self.kind.name}"

    def read(self, name: str, value: object) -> Any:
        """The value of this option.

        Args:
            name: Of the option.
            value: What was configured; None: nothing was.

        Raises:
            ConfigError: It is of another type; says what it takes, never the value.
        """
        if value is None:
            return copy.copy(self.default)
        unwrap = getattr(value, "unwrap", None)
        try:
            return self.kind.read(unwrap() if callable(unwrap) else value)
        except (ValueError, InvalidOperation, OverflowError):
            raise ConfigError(
                f"{SECTION}.{name} must be {self.kind.name}, such as {self.example}"
            ) from None


def _whole(value: Any) -> int:
    number = Decimal(_number_text(value))
    if not number.is_finite() or number % 1 or abs(number) > MAX_WHOLE:
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    return float(_number_text(value))


def _number_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise ValueError  # noqa: TRY004 - one error for all that is wrong
    return str(value).strip()


def _flag(value: Any) -> bool:
    text = str(value).strip().lower() if isinstance(value, (str, bool, int)) else ""
    if text not in TRUE | FALSE:
        raise ValueError
    return text in TRUE


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError  # noqa: TRY004 - as above
    return str(value)


def _texts(value: Any) -> list[str]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise ValueError  # noqa: TRY004 - as above
    return found


def _table(value: Any) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError  # noqa: TRY004 - as above
    return dict(found)


WHOLE = Kind("a whole number", _whole)
NUMBER = Kind("a number", _number)
FLAG = Kind("true or false", _flag, lambda value: isinstance(value, bool))
TEXT = Kind("a text", _text)
TEXTS = Kind("a list of texts", _texts)
TABLE = Kind("a table", _table)
ANY = Kind("a list of tables", lambda value: value)


def option(
    kind: Kind,
    example: str,
    *,
    must: str = "",
    allows: Callable[[Any], bool] | None = None,
    is_secret: bool = False,
) -> Mapping[str, Option]:
    """Metadata of a dataclass field that can be configured; the arguments are those of `Option`."""
    return {METADATA: Option(kind, example, must=must, allows=allows, is_secret=is_secret)}


def option_of(field: dataclasses.Field[Any]) -> Option | None:
    """What `option` said of a field; None where it can't be configured."""
    found = field.metadata.get(METADATA)
    return found if isinstance(found, Option) else None


def are_names(value: object) -> bool:
    """Whether it is a list of texts, none of them empty."""
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(name, str) and name for name in value)
    )


def is_number_of_days(value: object) -> bool:
    """Whether it is a number from 0 to what a time span can hold."""
    return _is_number(value) and 0 <= value <= timedelta.max.days  # type: ignore[operator]


def is_positive(value: object) -> bool:
    """Whether it is a number above 0."""
    return _is_number(value) and value > 0  # type: ignore[operator]


def is_whole_from(value: object, least: int, most: int = MAX_WHOLE) -> bool:
    """Whether it is a whole number of a range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
