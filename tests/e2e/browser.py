"""Chromium without a window, with a profile of its own and nothing that phones home."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def open_page(*, width: int = 1600, height: int = 1000) -> Iterator[Page]:
    """A fresh page."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path="/usr/bin/chromium",
            args=list(FLAGS),
            headless=True,
            viewport={"width": width, "height": height},
        )
        context.set_default_timeout(60_000)
        yield context.pages[0]
        context.close()


def visit(page: Page, url: str) -> None:
    """Go to a page of the Dagster UI and put its greeting aside."""
    page.goto(url)
    page.get_by_text("Materialize").first.wait_for()
    page.wait_for_timeout(1500)
    if page.get_by_role("button", name="Skip").is_visible():
        page.get_by_role("button", name="Skip").click()
