"""The options of `sources.captaindata`: what each takes, and an example of it."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from captaindata_source.errors import ConfigError

__all__ = ["OPTIONS", "SECTION", "Kind", "Option"]

SECTION = "sources.captaindata"
MAX_WHOLE = 2**63 - 1
TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A type of option.

    Args:
        name: What it is called in a message.
        read: The value from what was configured, a text where it comes from the environment;
            raises `ValueError` where it is none.
    """

    name: str
    read: Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """An option.

    Args:
        kind: Its type.
        example: A right value, as it stands in a file.
        default: Its value where it is left out.
        is_secret: Whether it is read from `secrets.toml` and the environment alone.
    """

    kind: Kind
    example: str
    default: Any = None
    is_secret: bool = False

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


WHOLE = Kind("a whole number", _whole)
NUMBER = Kind("a number", _number)
FLAG = Kind("true or false", _flag)
TEXT = Kind("a text", _text)
TEXTS = Kind("a list of texts", _texts)
ANY = Kind("a list of tables", lambda value: value)

OPTIONS = {
    "api_key": Option(TEXT, '"…", copied from My Account > General', is_secret=True),
    "project_uid": Option(TEXT, '"0b4f2f4e-…"'),
    "workspace_name": Option(TEXT, '"growth"'),
    "api_version": Option(TEXT, '"v3"'),
    "base_url": Option(TEXT, '"https://api.captaindata.co/v3"'),
    "result_statuses": Option(TEXTS, '["finished", "completed"]'),
    "max_parallel_requests": Option(WHOLE, "8"),
    "requests_per_minute": Option(WHOLE, "150"),
    "details_max_age_days": Option(NUMBER, "7"),
    "lookback_days": Option(NUMBER, "3"),
    "exclude_fields": Option(TEXTS, '["phone"]'),
    "hash_fields": Option(TEXTS, '["email"]'),
    "hash_salt": Option(TEXT, '"…", long and random', is_secret=True),
    "keep_secrets": Option(FLAG, "false"),
    "extra_tables": Option(TEXTS, '["identities"]'),
    "package_max_results": Option(WHOLE, "200000", default=200_000),
    "package_max_minutes": Option(NUMBER, "5", default=5.0),
    "create_views": Option(FLAG, "true", default=True),
    "materialize_results": Option(FLAG, "false", default=False),
    "publish_copy": Option(TEXT, '"bi/captaindata_bi.duckdb"'),
    "workspaces": Option(ANY, "", is_secret=True),
}
"""By name; whatever else is configured is refused."""
