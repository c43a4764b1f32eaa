"""Chromium without a window, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

__all__ = ["Opened", "browser", "opened"]

MISSING = "Chromium is not installed: run `make test-integrations` as root, or install it"
TIMEOUT_MS = 60_000


@dataclass
class Opened:
    """A page in the browser, and what it did.

    Args:
        page: The page.
        said: What it wrote to the console, errors included.
        requests: Addresses that it asked for, its own left out.
        dialogs: Dialogs that it opened.
    """

    page: Page
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()


@contextmanager
def opened(browser: Browser, file: Path, **options: Any) -> Iterator[Opened]:
    """Opens a file and waits until its charts are drawn.

    Args:
        browser: Runs.
        file: The page.
        options: Of Playwright's context, such as `color_scheme`.
    """
    address = file.resolve().as_uri()
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    found = Opened(page)

    def console(message: ConsoleMessage) -> None:
        found.said.append(f"{message.type}: {message.text}")

    def request(made: Request) -> None:
        if made.url not in (address, "data:,"):
            found.requests.append(made.url)

    def dialog(made: Dialog) -> None:
        found.dialogs.append(made.message)
        made.dismiss()

    page.on("console", console)
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", request)
    page.on("dialog", dialog)
    try:
        page.goto(address)
        page.wait_for_selector("html[data-drawn]", state="attached")
        yield found
    finally:
        context.close()
