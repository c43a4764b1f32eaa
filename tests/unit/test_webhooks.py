"""`alert_webhooks`: what is taken, and that no refusal shows an address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from captaindata_source.errors import ConfigError
from captaindata_source.settings.config import load_options
from captaindata_source.settings.sync_options import SyncOptions
from captaindata_source.settings.webhooks import Webhook, read_webhooks

MARK = "s3cr3t"
URL = f"https://hooks.example.com/{MARK}"
VARIABLE = "SOURCES__CAPTAINDATA__ALERT_WEBHOOKS"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project of dlt."""
    (tmp_path / ".dlt").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    yield tmp_path / ".dlt"
    monkeypatch.undo()
    Container()[PluggableRunContext].reload_providers()


def configured() -> Any:
    Container()[PluggableRunContext].reload_providers()
    return SyncOptions(**load_options())


def plain(webhooks: Any) -> list[tuple[str, str, str, dict[str, str]]]:
    return [
        (w.name, w.url.reveal(), w.format, {n: v.reveal() for n, v in w.headers.items()})
        for w in webhooks
    ]


def test_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured().wants_alerts is False
    headers = {"Authorization": f"Bearer {MARK}"}
    tables = [{"name": "ops", "url": URL, "format": "slack", "headers": headers}, {"url": URL}]
    monkeypatch.setenv(VARIABLE, json.dumps(tables))
    options = configured()
    assert options.wants_alerts is True
    assert plain(options.alert_webhooks) == [
        ("ops", URL, "slack", headers),
        ("webhook", URL, "json", {}),
    ]
    assert MARK not in repr(options)
    monkeypatch.setenv(VARIABLE, "[]")
    assert configured().wants_alerts is False


def test_from_files(folder: Path) -> None:
    table = f'[[sources.captaindata.alert_webhooks]]\nname = "a"\nurl = "{URL}"\n'
    (folder / "secrets.toml").write_text(table * 2)
    with pytest.raises(ConfigError, match="alert_webhooks: name 'a' is there twice"):
        configured()
    (folder / "secrets.toml").write_text(table)
    assert plain(configured().alert_webhooks) == [("a", URL, "json", {})]
    (folder / "secrets.toml").unlink()
    (folder / "config.toml").write_text(table)
    with pytest.raises(ConfigError, match="move it to secrets") as caught:
        configured()
    assert MARK not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{not json", "must be a list of tables"),
        (7, "must be a list of tables"),
        ({"url": URL}, "must be a list of tables"),
        ([URL], "number 1: must be a table"),
        ([{"url": URL, "kind": MARK}], "number 1: unknown 'kind'; there are name, url"),
        ([{URL: "slack"}], "number 1: unknown key; there are name, url"),
        ([{"name": "a"}], "number 1: url is missing or empty"),
        ([{"url": 7}], "number 1: url is missing or empty"),
        ([{"url": URL}, {"url": URL.replace("s:", ":")}], "number 2: url must start with https"),
        ([{"url": f"https://u:{MARK}@h/"}], "url must have no user, password"),
        ([{"url": f"https://[{MARK}"}], "url is not a URL"),
        ([{"url": URL, "name": ""}], "name is empty"),
        ([{"url": URL, "name": "a\nb"}], "can't be printed"),
        ([{"url": URL, "name": URL}], "name is an address"),
        ([{"url": URL, "name": "a" * 101}], "longer than 100"),
        ([{"url": URL, "format": MARK}], "format must be json or slack"),
        ([{"url": URL, "headers": MARK}], "headers must be a table"),
        ([{"url": URL, "headers": {"a b": MARK}}], "a name that is no header's"),
        ([{"url": URL, "headers": {"Host": MARK}}], "header Host is set by the connector"),
        ([{"url": URL, "headers": {"x": f"{MARK}\r\n"}}], "header x must be a text of printable"),
        ([{"url": URL, "headers": {"x": 1}}], "header x must be a text of printable"),
    ],
)
def test_what_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_webhooks(given)
    assert said in str(caught.value)
    assert MARK not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_webhook_is_taken_as_it_is() -> None:
    (webhook,) = read_webhooks([{"url": "http://localhost:1/x"}])
    assert read_webhooks((webhook,)) == (webhook,)
    assert isinstance(webhook, Webhook)
    with pytest.raises(ConfigError, match="alert_webhooks"):
        SyncOptions(alert_webhooks=[{"url": URL}])  # type: ignore[list-item]
