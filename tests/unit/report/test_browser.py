"""Reports in a real browser: charts, keyboard, colours, narrow screens, print, hostile names."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from captaindata_source.report.reports import write_reports
from tests.support import browser as chromium
from tests.support import report_world
from tests.support.databases import DuckDb
from tests.support.marks import INTEGRATION
from tests.support.page import Page
from tests.support.results import Warehouse

pytestmark = INTEGRATION
ENOUGH = 4.5
"""Contrast that WCAG 2 asks of text (AA)."""
PAPER = 703
"""Pixels between the margins of A4."""
CONTRASTS = """() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    probe.clearRect(0, 0, 1, 1);
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (rgb(colour)[3] > 0) return colour;
    }
    return "white";
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script, noscript, style"))
      continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(colour), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${element.tagName}.${element.getAttribute("class") ?? ""} ${colour}`;
    found[name] = Math.min(found[name] ?? 99, ratio);
  }
  return found;
}"""
COLUMN = """([table, column]) => [...document.getElementById(table).tBodies[0].rows]
  .map((row) => row.cells[column].dataset.sort ?? row.cells[column].textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """`full.html` of both clients, and `empty.html` of an empty warehouse."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("full", "empty"):
            (folder / kind).mkdir()
            where = DuckDb(folder / kind)
            warehouse = Warehouse(where)
            if kind == "full":
                report_world.fill(warehouse)
            where.release()
            pipeline = dlt.pipeline(
                f"browser_{kind}",
                pipelines_dir=str(folder / "dlt"),
                destination=where.destination(),
                dataset_name=where.dataset,
            )
            write_reports(pipeline, output=folder / f"{kind}.html", zone="UTC")
        yield folder


def test_a_page_in_the_light(browser: Browser, folder: Path) -> None:
    """Its charts are drawn from the figures, it asks for nothing, and names that are code do
    nothing."""
    written = Page.read(folder / "full.html")
    with chromium.opened(browser, folder / "full.html") as found:
        names = found.page.eval_on_selector_all(".chart", "all => all.map((each) => each.id)")
        assert sorted(names) == sorted(written.charts)
        for name in ("runs-by-day", "failures-by-workflow", "records-by-month"):
            bars = found.page.locator(f"#{name} .mark-rect path").count()
            assert bars == len(written.charts[name]), name
        for name in ("success-rate", "runs-by-day", "failures-by-workflow", "quota-by-day"):
            days = found.page.locator(f"#{name} .role-axis-label text").all_text_contents()
            assert [day for day in days if day.endswith((" Jan", " Nov"))], name
            assert len(days) == len({*days}) > 5, "each label once"
        for name in names:
            size = found.page.locator(f"#{name} svg").bounding_box()
            assert size is not None
            assert size["width"] > 500
            assert size["height"] > 80
            title = found.page.locator(f"#{name}").get_attribute("aria-labelledby")
            assert found.page.locator(f"#{title}").inner_text()
        assert Page(found.page.content()).tables == written.tables
        hovered = found.page.locator("#runs-by-day .mark-rect path").first
        hovered.hover()
        tip = found.page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert "2025-11-20" in tip.inner_text()
        assert found.page.locator("img").count() == 0
        assert found.page.locator("script").count() == 3
        assert "<script>alert(1)" in found.page.locator("#failing").inner_text()
        assert "<img src" in found.page.locator(".legend").all_inner_texts()[1]
        found.page.locator("#failures-by-workflow .mark-rect path").first.hover()
        assert_contrast(found.page, is_light=True)
        assert (found.said, found.requests, found.dialogs) == ([], [], [])


def test_charts_do_not_depend_on_the_zone_of_the_reader(browser: Browser, folder: Path) -> None:
    drawn = []
    for zone in ("America/Los_Angeles", "Pacific/Kiritimati"):
        with chromium.opened(browser, folder / "full.html", timezone_id=zone) as found:
            charts = [
                found.page.locator(f"#{name} svg").inner_html()
                for name in ("success-rate", "runs-by-day", "quota-by-day")
            ]
            drawn.append([re.sub(r"clip\d+", "", each) for each in charts])
    assert drawn[0] == drawn[1]


def test_tables_are_sorted_by_keyboard(browser: Browser, folder: Path) -> None:
    with chromium.opened(browser, folder / "full.html") as found:
        page = found.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        headings = page.locator("#workflows-table th").all_inner_texts()
        column = next(n for n, text in enumerate(headings) if text.startswith("Records"))
        button = page.locator("#workflows-table th button").nth(column)
        button.focus()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        for key, order in (("Enter", "ascending"), ("Space", "descending")):
            page.keyboard.press(key)
            heading = page.locator("#workflows-table th").nth(column)
            assert heading.get_attribute("aria-sort") == order
            values = [float(each) for each in page.evaluate(COLUMN, ["workflows-table", column])]
            assert values == sorted(values, reverse=order == "descending")
            assert len({*values}) > 3
        rates = next(n for n, text in enumerate(headings) if text.startswith("Success"))
        page.evaluate(
            "(n) => { document.querySelector('#workflows-table tbody').rows[0].cells[n]"
            ".dataset.sort = ''; }",
            rates,
        )
        for _ in range(2):  # what has no value is last in both orders
            page.locator("#workflows-table th button").nth(rates).press("Enter")
            assert page.evaluate(COLUMN, ["workflows-table", rates])[-1] == ""


def assert_contrast(page: Tab, *, is_light: bool) -> None:
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is is_light
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 5
    assert {name: ratio for name, ratio in contrasts.items() if ratio < ENOUGH} == {}
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = false")


def assert_narrow(page: Tab, width: int) -> None:
    """There is no sideways scroll."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("scrollTo(500, 0), scrollX") == 0


def test_a_narrow_screen_has_no_sideways_scroll(browser: Browser, folder: Path) -> None:
    size = {"width": 320, "height": 800}
    with chromium.opened(browser, folder / "full.html", viewport=size) as found:
        assert_narrow(found.page, 320)
        found.page.set_viewport_size({"width": 400, "height": 800})
        assert_narrow(found.page, 400)


def test_a_page_in_the_dark_is_light_and_whole_in_print(browser: Browser, folder: Path) -> None:
    with chromium.opened(browser, folder / "full.html", color_scheme="dark") as found:
        assert_contrast(found.page, is_light=False)
        pdf = found.page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        found.page.emulate_media(media="print")
        found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        ground = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(255, 255, 255)"
        assert found.page.locator("#days tbody tr").last.is_visible()
        assert not found.page.locator("nav").is_visible()
        cut = found.page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter((each) => "
            "getComputedStyle(each).overflowX !== 'visible').length"
        )
        assert cut == 0
        found.page.set_viewport_size({"width": PAPER, "height": 1000})
        assert found.page.evaluate("document.documentElement.scrollWidth") <= PAPER
        contrasts = found.page.evaluate(CONTRASTS)
        assert min(contrasts.values()) >= ENOUGH
        found.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert found.page.locator("details[open]").count() == 0
        assert found.said == []


def test_an_empty_warehouse(browser: Browser, folder: Path) -> None:
    with chromium.opened(browser, folder / "empty.html", color_scheme="light") as found:
        page = found.page
        assert page.locator("section p").count() == page.locator("section").count()
        assert page.locator("table, .chart").count() == 0
        assert_contrast(page, is_light=True)
        page.emulate_media(color_scheme="dark")
        assert_contrast(page, is_light=False)
        for width in (400, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert_narrow(page, width)
        assert (found.said, found.requests, found.dialogs) == ([], [], [])
