"""Photographs the web page for README and docs: `make docs` runs it, or `python docs/make_page_pictures.py`.

Starts a server and a browser (Debian's Chromium, or what CHROMIUM names), draws as the tests do, and writes
docs/images/page-*.png: draw and picture mode, desktop and phone, light and dark.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
STROKES: dict[str, Any] = json.loads((ROOT / "tests" / "page" / "strokes.json").read_text())
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PORT = 8790
DESK = {"viewport": {"width": 1280, "height": 880}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}
SLANT = 0.16  # of a digit's height
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SPACE = 0.22  # between two digits, of their height
COLOURS = 128  # of a picture: shades of text stay smooth


def main() -> None:
    """All pictures."""
    with _server() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for scheme in SCHEMES:
            _photograph(browser, url, f"page-draw-{scheme}", _number, scheme, DESK)
            _photograph(browser, url, f"page-digit-{scheme}", _digit, scheme, DESK)
            _photograph(browser, url, f"page-picture-{scheme}", _picture, scheme, DESK)
            _photograph(browser, url, f"page-phone-{scheme}", _phone, scheme, PHONE)
        browser.close()


def _photograph(
    browser: Browser, url: str, name: str, pose: Any, scheme: Scheme, device: dict[str, Any]
) -> None:
    context = browser.new_context(**device, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    pose(page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # pictures of the strip are in
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / f"{name}.png", optimize=True)
    context.close()


def _number(page: Page) -> None:
    _write(page, "48257", x=0.045, y=0.27, height=0.34)


def _digit(page: Page) -> None:
    _write(page, "3", x=0.36, y=0.17, height=0.64)


def _phone(page: Page) -> None:
    _write(page, "2026", x=0.03, y=0.27, height=0.32)


def _picture(page: Page) -> None:
    page.get_by_role("button", name="A photo").click()
    page.get_by_role("button", name="Check them").click()
    page.get_by_role("button", name="Next doubtful").click()
    page.evaluate("() => scrollTo(0, 0)")


def _write(page: Page, digits: str, x: float, y: float, height: float) -> None:
    """Draws digits and waits until they are read; lengths are shares of the canvas's."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    tall, at = height * box["height"], x * box["width"]
    for digit in digits:
        strokes = [[(px + SLANT * (1 - py), py) for px, py in stroke] for stroke in STROKES[digit]]
        xs = [px for stroke in strokes for px, _ in stroke]
        for stroke in strokes:
            places = [
                (box["x"] + at + (px - min(xs)) * tall, box["y"] + y * box["height"] + py * tall)
                for px, py in stroke
            ]
            page.mouse.move(*places[0])
            page.mouse.down()
            for place in places[1:]:
                page.mouse.move(*place)
            page.mouse.up()
        at += (max(xs) - min(xs) + SPACE) * tall
    page.wait_for_function(
        "(digits) => Array.from(document.querySelectorAll('#answer .glyph'), (g) => g.textContent).join('')"
        " === digits",
        arg=digits,
    )
    page.keyboard.press("Control+z")  # and back: read once more, at rest
    page.keyboard.press("Control+Shift+Z")
    page.wait_for_timeout(1000)


@contextmanager
def _server() -> Iterator[str]:
    url = f"http://127.0.0.1:{PORT}/"
    process = subprocess.Popen([sys.executable, "-m", "inkdigits", "serve", "--port", str(PORT)])
    try:
        for _ in range(600):
            try:
                urlopen(f"{url}v1/info", timeout=5).close()
                break
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
