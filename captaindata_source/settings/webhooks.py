"""`alert_webhooks`: where alerts are sent. Addresses and headers are secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret, check_proxy, require_webhook_url

__all__ = ["Webhook", "read_webhooks"]

OPTION = "sources.captaindata.alert_webhooks"
NAME = "webhook"
"""Of one that is given none."""
JSON, SLACK = "json", "slack"
FORMATS = (JSON, SLACK)
KEYS = ("name", "url", "format", "headers")
KEY = re.compile(r"[a-z_-]{1,20}", re.IGNORECASE)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
MAX_NAME = 100
OWN_HEADERS = frozenset({"content-length", "host", "idempotency-key", "transfer-encoding"})
SHOW = '{ name = "ops", url = "https://…", format = "slack" }'


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where alerts are sent.

    Args:
        url: Its address.
        name: What it is called in messages and in `alert_deliveries`.
        format: What is sent: `slack` or `json`.
        headers: Sent with each message.
    """

    url: Secret
    name: str = NAME
    format: str = JSON
    headers: Mapping[str, Secret] = field(default_factory=dict)


def read_webhooks(value: Any) -> tuple[Webhook, ...]:
    """The webhooks of a list of tables, or of its JSON.

    Raises:
        ConfigError: One can't be used; says which and why, never its address or headers.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ConfigError(f"{OPTION} must be a list of tables, such as [{SHOW}]") from None
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise ConfigError(f"{OPTION} must be a list of tables, such as [{SHOW}]")
    found = tuple(_webhook(each, number) for number, each in enumerate(value, start=1))
    names = [each.name for each in found]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{OPTION}: name {', '.join(map(repr, twins))} is there twice")
    return found


def _webhook(table: Any, number: int) -> Webhook:
    if isinstance(table, Webhook):
        return table
    where = f"{OPTION}, number {number}:"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table, such as {SHOW}")
    if unknown := sorted(map(str, table.keys() - set(KEYS))):
        # one of them may be the address
        named = [repr(key) if KEY.fullmatch(key) else "key" for key in unknown]
        raise ConfigError(f"{where} unknown {', '.join(named)}; there are {', '.join(KEYS)}")
    name = table.get("name", NAME)
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f'{where} name is empty, or can\'t be printed: set one, such as "ops"')
    if "//" in name:  # names are shown
        raise ConfigError(f'{where} name is an address: set one such as "ops"')
    if len(name) > MAX_NAME:
        raise ConfigError(f"{where} name is longer than {MAX_NAME} characters")
    kind = table.get("format", JSON)
    if kind not in FORMATS:
        raise ConfigError(f"{where} format must be {' or '.join(FORMATS)}")
    return Webhook(
        name=name,
        url=_url(table.get("url"), where),
        format=kind,
        headers=_headers(table.get("headers", {}), where),
    )


def _url(value: Any, where: str) -> Secret:
    url = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(url, str) or not url:
        raise ConfigError(f"{where} url is missing or empty")
    try:
        require_webhook_url(url)
    except ValueError as error:
        raise ConfigError(f"{where} url {error}") from None
    check_proxy(url)
    return Secret(url)


def _headers(value: Any, where: str) -> dict[str, Secret]:
    if not isinstance(value, Mapping):
        raise ConfigError(f'{where} headers must be a table, such as {{ authorization = "…" }}')
    found: dict[str, Secret] = {}
    for name, each in value.items():
        text = each.reveal() if isinstance(each, Secret) else each
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise ConfigError(f"{where} headers holds a name that is no header's")
        if name.lower() in OWN_HEADERS:
            raise ConfigError(f"{where} header {name} is set by the connector")
        if not isinstance(text, str) or not HEADER_VALUE.fullmatch(text):
            raise ConfigError(f"{where} header {name} must be a text of printable ASCII")
        found[name] = Secret(text)
    return found
