"""A page in headless Chromium, for tests: skipped, with the reason, where the browser is absent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PHONE, DESK = (390, 800), (1200, 900)
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --force-color-profile=srgb"
)


def skip_without_browser() -> None:
    """Skip the test where Chromium, its driver or selenium is not installed."""
    pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt install chromium-driver)")


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """A selenium driver with a profile of its own in folder, ended at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*_FLAGS.split(), f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Given a driver's place, selenium asks no server for one.
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: Any, page: Path, size: tuple[int, int] = DESK, theme: str = "light") -> None:
    """Open a page at a size (width, height in px) in a theme."""
    width, height = size
    shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get(page.as_uri())


def complaints(driver: Any) -> list[str]:
    """What the browser's console said since it was last asked."""
    return [entry["message"] for entry in driver.get_log("browser")]
