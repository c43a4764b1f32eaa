"""Writes the page: one file of HTML with all that it needs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from captaindata_source import __version__
from captaindata_source.errors import ConfigError
from captaindata_source.report.section import Section

if TYPE_CHECKING:
    import jinja2

__all__ = ["render", "require_extra"]

MISSING = "Reports need the extra 'report': pip install 'captaindata-source[report]'"
NOTICE = (
    "/* Vega, Vega-Lite and Vega-Embed. Copyright University of Washington Interactive Data Lab "
    "and contributors. License: BSD-3-Clause. */\n"
)
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""JSON within HTML."""


def require_extra() -> None:
    """Tells whether the libraries of the page are there.

    Raises:
        ConfigError: They are not.
    """
    try:
        import altair  # noqa: F401, PLC0415 - an extra
        import jinja2  # noqa: F401, PLC0415
        import vl_convert  # noqa: F401, PLC0415
    except ImportError:
        raise ConfigError(MISSING) from None


def render(*, title: str, about: str, times: str, made: str, sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: What it is about.
        about: The days.
        times: Time zone.
        made: When and with what it was made.
        sections: In their order.
    """
    from markupsafe import Markup  # noqa: PLC0415 - an extra

    script, runtime = _read("page.js"), _runtime()
    specs = {chart.name: chart.spec for section in sections for chart in section.charts}
    # these are no text, but files of this package and JSON that is escaped
    return _template().render(
        title=title,
        about=about,
        times=times,
        made=made,
        sections=sections,
        facts=[fact for section in sections for fact in section.facts],
        version=__version__,
        policy=Markup(_policy([runtime, script])),  # noqa: S704
        style=Markup(_read("style.css")),  # noqa: S704
        charts=Markup(_json(specs)),  # noqa: S704
        runtime=Markup(runtime),  # noqa: S704
        script=Markup(script),  # noqa: S704
    )


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is fetched, and no other script runs."""
    hashes = " ".join(f"'sha256-{_sha256(each)}'" for each in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(specs: Mapping[str, Any]) -> str:
    text = json.dumps(specs, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(ESCAPES)


@cache
def _runtime() -> str:
    """Vega, Vega-Lite and Vega-Embed, in one script."""
    import altair  # noqa: PLC0415 - an extra
    import vl_convert  # noqa: PLC0415

    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    bundle: Callable[..., str] = vl_convert.javascript_bundle  # its stub lacks the defaults
    runtime = bundle(vl_version=version)
    return NOTICE + runtime.replace("</script", "<\\/script").replace("<!--", "<\\!--")


@cache
def _template() -> jinja2.Template:
    import jinja2  # noqa: PLC0415 - an extra

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(_read("page.html.jinja"))


def _read(name: str) -> str:
    return (files("captaindata_source.report") / name).read_text(encoding="utf-8")
