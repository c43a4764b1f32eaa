"""The hosts of the API: the one of another product is refused, and `edges` is v4 at its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from captaindata_source import captaindata, sync
from captaindata_source.api import VERSIONS, sibling_url
from captaindata_source.cli.main import main
from captaindata_source.errors import ConfigError
from captaindata_source.http import Secret
from captaindata_source.settings.workspace import Settings

EDGES = "https://api.edges.run/v1"
OTHER = "https://api.captaindata.com/v1"
SPELLINGS = (
    OTHER,
    f"{OTHER}/",
    f"{OTHER}//",
    "HTTPS://API.CaptainData.COM/v1",
    "https://api.captaindata.com/V1",
    "https://api.captaindata.com./v1",
    "https://api.captaindata.com:443/v1",
    "http://api.captaindata.com/v1",
    "http://api.captaindata.com:80/v1/",
    "https://api.captaindata.com//v1",
    "https://api.captaindata.com/./v1",
    "https://api.captaindata.com/v4/../v1",
    "https://api.captaindata.com/%761",
    f"{OTHER}/people",
    f"{OTHER}/companies/enrich?x=1",
    " https://api.captaindata.com/v1 ",
    "api.captaindata.com/v1",
    "//api.captaindata.com/v1",
    "https://user:pw@api.captaindata.com/v1",
)
OTHERS = (
    "https://api.captaindata.com/v4",
    "https://api.captaindata.com/v10",
    "https://api.captaindata.com",
    "https://eu.api.captaindata.com/v1",
    "https://api.captaindata.com.example.com/v1",
    "https://api.captaindata.com:8443/v4",
    "https://example.com/api.captaindata.com/v1",
    EDGES,
)


def settings(*, api_version: str = "v3", base_url: str | None = None) -> Settings:
    key = Secret("k")
    return Settings(api_key=key, project_uid="p", api_version=api_version, base_url=base_url)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("url", SPELLINGS)
def test_the_other_product_is_refused_however_it_is_written(url: str, version: str) -> None:
    with pytest.raises(ConfigError, match=r"^Workspace 'default': base_url") as error:
        settings(base_url=url, api_version=version)
    assert f"is at {EDGES} " in str(error.value)


@pytest.mark.parametrize("url", OTHERS)
def test_other_addresses_are_not(url: str) -> None:
    assert settings(base_url=url, api_version="v4").url == url


@pytest.mark.parametrize("command", ["sync", "check"])
def test_every_command_refuses_it_before_a_call(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(tmp_path, monkeypatch)
    assert main([command]) == 2
    assert EDGES in capsys.readouterr().err


def test_python_calls_refuse_it_before_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, monkeypatch)
    for call in (sync, captaindata):
        with pytest.raises(ConfigError, match="another product"):
            call()
    monkeypatch.delenv("SOURCES__CAPTAINDATA__BASE_URL")
    wrong = {"api_key": "k", "project_uid": "p", "api_version": "v4", "base_url": OTHER}
    with pytest.raises(ConfigError, match="another product"):
        sync(workspaces=[wrong])
    with pytest.raises(ConfigError, match="another product"):
        captaindata(api_key="k", project_uid="p", api_version="v4", base_url=OTHER)


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    values = {"API_KEY": "k", "PROJECT_UID": "p", "API_VERSION": "v4", "BASE_URL": OTHER}
    for name, value in values.items():
        monkeypatch.setenv(f"SOURCES__CAPTAINDATA__{name}", value)


def test_edges_is_v4_at_its_own_host() -> None:
    edges, v4 = settings(api_version="edges"), settings(api_version="v4", base_url=EDGES)
    assert edges.url == v4.url == EDGES
    assert edges.stored_version == v4.stored_version == "v4"
    assert edges.missing_tables == v4.missing_tables
    local = settings(api_version="edges", base_url="http://localhost:8765/v4")
    assert local.url == "http://localhost:8765/v4"


@pytest.mark.parametrize(
    ("version", "url", "owner"),
    [
        ("v3", EDGES, "edges"),
        ("v3", f"{EDGES}/", "edges"),
        ("v3", "https://api.edges.run:443/v1", "edges"),
        ("edges", "https://api.captaindata.com/v4", "v4"),
        ("edges", "https://api.captaindata.co/v3", "v3"),
        ("v4", "https://API.captaindata.co/v3/", "v3"),
    ],
)
def test_a_base_url_of_another_version_is_refused(version: str, url: str, owner: str) -> None:
    message = f"base_url is that of {owner}, api_version says {version}: leave base_url out"
    with pytest.raises(ConfigError, match=message):
        settings(api_version=version, base_url=url)


def test_where_check_looks_for_another_version() -> None:
    v3, v4 = VERSIONS["v3"].base_url, VERSIONS["v4"].base_url
    assert sibling_url(v3, "v3", "edges") == EDGES
    assert sibling_url(EDGES, "edges", "v3") == v3
    assert sibling_url(f"{v4}/", "v4", "v3") == v3
    assert sibling_url("http://localhost/v3", "v3", "v4") == "http://localhost/v4"
    assert sibling_url("http://localhost/v3", "v3", "edges") is None
    assert sibling_url(EDGES, "v4", "v3") is None
