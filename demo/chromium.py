"""A real Chromium, for whoever looks at the screens: tests, screenshots, measurements."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, ViewportSize, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    *("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *(
        "--autoplay-policy=user-gesture-required",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
    ),
)

TABLET = ViewportSize(width=1280, height=800)
SMALL_TABLET = ViewportSize(width=1024, height=768)
PHONE = ViewportSize(width=390, height=844)
TELEVISION = ViewportSize(width=1920, height=1080)


def where() -> str | None:
    """Where Chromium is: what PLAYWRIGHT_CHROMIUM names, or one on the path; None where there is none."""
    named = os.environ.get("PLAYWRIGHT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Start it without a window, and without anything it would ask of the outside by itself.

    Raises RuntimeError where there is none.
    """
    path = where()
    if path is None:
        raise RuntimeError("There is no Chromium here; install one, or name it in PLAYWRIGHT_CHROMIUM.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()
