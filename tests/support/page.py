"""Reads a page of a report as a browser would, without one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.support.databases import Row

__all__ = ["Page"]

WITHIN = ("td", "th", "script", "p", "title", "h1")


class Page(HTMLParser):
    """What a page holds.

    Args:
        html: The page.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[Row]] = {}
        """By id: rows by heading; values are as they are sorted."""
        self.shown: dict[str, list[list[str]]] = {}
        """By id: rows as they are shown."""
        self.texts: dict[str, list[str]] = {}
        """By tag."""
        self._headings: list[str] = []
        self._row: list[tuple[str | None, str]] = []
        self._sort: str | None = None
        self._buffer: list[str] = []
        self._table = ""
        self.feed(html)

    @classmethod
    def read(cls, path: Path) -> Page:
        return cls(path.read_text(encoding="utf-8"))

    @property
    def charts(self) -> dict[str, list[Row]]:
        """Rows of each chart, by its name."""
        specs: dict[str, Any] = json.loads(self.texts["script"][0])
        return {name: next(iter(spec["datasets"].values())) for name, spec in specs.items()}

    @property
    def own_text(self) -> str:
        """The page without the runtime of the charts and our style and scripts."""
        parts = re.split(r"(?s)<style>.*?</style>|<script>.*?</script>", self.html)
        return "".join(parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self._table = str(found["id"])
            self.tables[self._table], self.shown[self._table], self._headings = [], [], []
        elif tag == "tr":
            self._row = []
        if tag in WITHIN:
            self._buffer, self._sort = [], found.get("data-sort")

    def handle_data(self, data: str) -> None:
        self._buffer.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._buffer).strip()
        if tag == "th":
            self._headings.append(text)
        elif tag == "td":
            self._row.append((self._sort, text))
        elif tag == "tr" and self._row:
            values = [text if sort is None else sort or None for sort, text in self._row]
            self.tables[self._table].append(dict(zip(self._headings, values, strict=True)))
            self.shown[self._table].append([text for _, text in self._row])
        if tag in WITHIN:
            self.texts.setdefault(tag, []).append(text)
