"""A real server in its own process, a real browser for each file of tests, and a hand that draws in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import pairwise
from math import ceil, dist
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser's tests need the extra [dev]")
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STROKES: dict[str, Any] = json.loads(Path(__file__).with_name("strokes.json").read_text())
PATIENCE_MS = 180_000  # the cores may be busy
STEP_PX = 12  # a hand gives a point about as often
SPACE = 0.25  # between two digits, of their height


class Server:
    """`inkdigits serve` at a port of its own."""

    def __init__(self) -> None:
        """Finds a port; `start` starts."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts, and waits until it answers."""
        command = [sys.executable, "-m", "inkdigits", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(1800):
            try:
                urlopen(f"{self.url}v1/info", timeout=5).close()
                return
            except (URLError, TimeoutError, ConnectionError):
                assert self._process.poll() is None, "inkdigits serve ended at once"
                time.sleep(0.1)
        raise AssertionError("inkdigits serve doesn't answer")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(30)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One for all tests; who stops it starts it again."""
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window; while it lives, nothing else can run an event loop here."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; name one by CHROMIUM")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield browser
        browser.close()


class Sheet:
    """The page in the browser, and a hand to draw on it."""

    def __init__(self, page: Any) -> None:
        """Wraps a page."""
        self.page = page
        self.is_refused = False  # whether a test has answers that aren't 2xx: the browser logs them

    def draw(
        self, name: str, x: float = 0.35, y: float = 0.2, height: float = 0.55, lift: bool = True
    ) -> None:
        """Draws a shape of strokes.json, or several digits, stroke by stroke.

        Args:
            name: of the shape, or digits.
            x: where it begins, of the canvas's width.
            y: its top, of the canvas's height.
            height: of the canvas's.
            lift: whether the pen is lifted in the end.
        """
        box = self.page.locator("#canvas").bounding_box()
        tall = height * box["height"]
        strokes = _shape(name)
        for stroke in strokes:
            points = [
                (box["x"] + x * box["width"] + px * tall, box["y"] + y * box["height"] + py * tall)
                for px, py in stroke
            ]
            self.page.mouse.move(*points[0])
            self.page.mouse.down()
            for before, point in pairwise(points):
                self.page.mouse.move(*point, steps=ceil(dist(before, point) / STEP_PX))
            if lift or stroke is not strokes[-1]:
                self.page.mouse.up()

    def clear(self) -> None:
        """An empty canvas."""
        self.page.keyboard.press("Delete")
        self.expect_state("empty")

    def read(self) -> str:
        """The digits that are shown."""
        return "".join(self.page.locator("#answer .glyph").all_inner_texts())

    def expect_read(self, text: str, state: str = "accepted") -> None:
        """Waits until this is read."""
        self.page.wait_for_function(
            "([text, state]) =>"
            " Array.from(document.querySelectorAll('#answer .glyph'), (g) => g.textContent).join('') === text"
            " && document.getElementById('answer').dataset.state === state",
            arg=[text, state],
        )

    def expect_state(self, state: str) -> None:
        """Waits until a verdict of this kind is shown."""
        playwright.expect(self.page.locator("#answer")).to_have_attribute("data-state", state)

    def open(self, path: Path | str) -> None:
        """Uploads a picture and waits for its page."""
        self.page.locator("#tab-picture").click()
        self.page.locator("#file").set_input_files(path)
        self.expect_page()

    def expect_page(self) -> None:
        """Waits until a picture has been read."""
        playwright.expect(self.page.locator("#busy")).to_be_hidden()
        playwright.expect(self.page.locator("#page-grid")).to_be_visible()

    def numbers(self) -> list[str]:
        """The list of numbers beside the page."""
        return [str(text) for text in self.page.locator(".row-text").all_inner_texts()]


def _shape(name: str) -> list[list[tuple[float, float]]]:
    if name in STROKES:
        return STROKES[name]  # type: ignore[no-any-return]
    strokes: list[list[tuple[float, float]]] = []
    at = 0.0
    for digit in name:
        xs = [x for stroke in STROKES[digit] for x, _ in stroke]
        strokes += [[(x - min(xs) + at, y) for x, y in stroke] for stroke in STROKES[digit]]
        at += max(xs) - min(xs) + SPACE
    return strokes


Opening = Callable[..., Any]


@pytest.fixture(scope="module")
def opening(browser: Any, server: Server) -> Opening:
    """Opens the page in a fresh context; in the end, the browser must have had nothing to complain of."""

    @contextmanager
    def opened(**options: Any) -> Iterator[Sheet]:
        settings = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce", **options}
        context = browser.new_context(**settings)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: complaints.append(asked.url) if _is_foreign(asked.url, server.url) else None,
        )
        page.goto(server.url)
        page.locator("#answer[data-state]").wait_for()
        sheet = Sheet(page)
        yield sheet
        context.close()
        ours = "Failed to load resource"
        assert [said for said in complaints if not (sheet.is_refused and said.startswith(ours))] == []

    playwright.expect.set_options(timeout=PATIENCE_MS)
    return opened


def _is_foreign(url: str, own: str) -> bool:
    return not url.startswith((own, "data:", f"blob:{own}"))


@pytest.fixture
def sheet(opening: Opening) -> Iterator[Sheet]:
    """The page on a desk, in light colours."""
    with opening() as sheet:
        yield sheet


@pytest.fixture
def phone(opening: Opening) -> Iterator[Sheet]:
    """The page on a phone."""
    with opening(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as sheet:
        yield sheet


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def examples() -> Path:
    """The project's pictures of digits and numbers."""
    return Path(__file__).parents[2] / "examples"
