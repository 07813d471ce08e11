"""The page for everybody: axe-core in every state and theme, keyboard, small screens, no stray requests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import inkdigits

STATIC = Path(inkdigits.__file__).parent / "server" / "static"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def test_draw_mode_is_accessible(sheet: Any, axe: str) -> None:
    _hold(sheet, axe, "empty canvas")
    sheet.draw("3")
    sheet.expect_read("3")
    _hold(sheet, axe, "a digit")
    sheet.clear()
    sheet.draw("scribble")
    sheet.expect_state("not_a_digit")
    _hold(sheet, axe, "not a digit")
    sheet.clear()
    sheet.draw("7795", x=0.1, height=0.4)
    sheet.expect_read("7795")
    sheet.page.locator("#answer .digit").first.click()
    _hold(sheet, axe, "a number, one digit looked at")


def test_picture_mode_is_accessible(sheet: Any, axe: str, examples: Path) -> None:
    sheet.page.locator("#tab-picture").click()
    sheet.page.get_by_text("What is known of the numbers").click()
    _hold(sheet, axe, "nothing opened")
    sheet.open(examples / "numbers" / "photo.jpg")
    sheet.page.get_by_role("button", name="Check them").click()
    _hold(sheet, axe, "a doubtful number")
    sheet.page.keyboard.press("4")
    _hold(sheet, axe, "a corrected number")


def test_errors_and_the_key_are_accessible(sheet: Any, axe: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    sheet.page.locator("#tab-picture").click()
    sheet.page.locator("#file").set_input_files(broken)
    expect(sheet.page.get_by_role("alert")).to_be_visible()
    sheet.page.route("**/v1/read*", lambda route: route.fulfill(status=401, json={"title": "no"}))
    sheet.page.locator("#file").set_input_files(broken)
    expect(sheet.page.get_by_label("API key")).to_be_focused()
    sheet.is_refused = True
    _hold(sheet, axe, "a key is asked for")


def test_a_phone_is_accessible(phone: Any, axe: str, examples: Path) -> None:
    _hold(phone, axe, "phone")
    phone.open(examples / "numbers" / "amount.png")
    _hold(phone, axe, "phone, a page")


def test_works_by_keyboard_alone(sheet: Any) -> None:
    keys = sheet.page.keyboard
    keys.press("Tab")
    expect(sheet.page.get_by_text("Skip to the drawing")).to_be_focused()
    for _ in range(2):
        keys.press("Tab")
    expect(sheet.page.locator("#tab-draw")).to_be_focused()
    keys.press("ArrowRight")
    expect(sheet.page.locator("#picture")).to_be_visible()
    expect(sheet.page.locator("#tab-picture")).to_be_focused()
    _tab_to(sheet, ".example")
    keys.press("Enter")
    sheet.expect_page()
    _tab_to(sheet, ".box", "Shift+Tab")
    expect(sheet.page.locator("#chosen")).to_contain_text("1 of 4")
    keys.press("ArrowRight")
    keys.press("2")
    assert sheet.numbers() == ["7295"]
    _tab_to(sheet, "#download-button")
    with sheet.page.expect_download():
        keys.press("Enter")


def test_light_and_dark(opening: Any) -> None:
    with opening(color_scheme="dark") as sheet:
        body = sheet.page.locator("body")
        switch = sheet.page.get_by_role("button", name="Dark colours")
        expect(switch).to_have_attribute("aria-pressed", "true")
        expect(body).to_have_css("background-color", "rgb(15, 17, 20)")
        switch.click()
        expect(body).to_have_css("background-color", "rgb(246, 245, 242)")
        sheet.page.reload()
        expect(body).to_have_css("background-color", "rgb(246, 245, 242)")
        expect(switch).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("width", [320, 390, 820, 1600])
def test_nothing_sticks_out_at_any_width(sheet: Any, width: int) -> None:
    sheet.page.set_viewport_size({"width": width, "height": 800})
    for tab in ("#tab-draw", "#tab-picture"):
        sheet.page.locator(tab).click()
        assert sheet.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_high_contrast_shows_what_is_chosen_and_how_sure(opening: Any) -> None:
    with opening(forced_colors="active") as sheet:
        expect(sheet.page.locator("#tab-draw")).to_have_css("outline-style", "solid")
        expect(sheet.page.locator("#tab-picture")).to_have_css("outline-style", "none")
        sheet.draw("3")
        sheet.expect_read("3")
        bar, card = sheet.page.evaluate(
            """() => [
              getComputedStyle(document.querySelector('.bar.best i'), '::before').backgroundColor,
              getComputedStyle(document.getElementById('result')).backgroundColor,
            ]"""
        )
        assert bar != card


def test_no_page_sticks_out_on_the_narrowest_screen(sheet: Any, examples: Path) -> None:
    sheet.page.set_viewport_size({"width": 320, "height": 640})
    sheet.open(examples / "numbers" / "form.png")
    sheet.page.locator("#options summary").click()
    assert sheet.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_tells_screen_readers_once_at_rest(sheet: Any) -> None:
    sheet.page.evaluate(
        """() => {
          window.said = [];
          const place = document.getElementById('announcer');
          new MutationObserver(() => said.push(place.textContent)).observe(place, { childList: true });
        }"""
    )
    sheet.draw("8")
    sheet.expect_read("8")
    expect(sheet.page.locator("#announcer")).to_contain_text("8, accepted")
    assert len(sheet.page.evaluate("() => said")) <= 2


def test_modules_are_small_and_examples_light() -> None:
    for module in STATIC.glob("js/*.js"):
        assert len(module.read_text("utf-8").splitlines()) < 300, module.name
    assert sum(file.stat().st_size for file in STATIC.rglob("examples/**/*") if file.is_file()) < 400_000


def test_asks_no_other_server_and_has_no_inline_code() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"https?://|\sstyle=|\son\w+=|<style|<script>", page)


def _hold(sheet: Any, axe: str, state: str) -> None:
    """Finds nothing against the page as it is, in light and in dark."""
    for scheme in ("light", "dark"):
        sheet.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        sheet.page.evaluate(f"() => {{ if (!window.axe) {{ {axe} }} }}")
        found = sheet.page.evaluate("(rules) => axe.run(document, rules)", RULES)
        told = [
            (one["id"], one["nodes"][0]["html"][:160], one["nodes"][0]["failureSummary"][:200])
            for one in found["violations"]
        ]
        assert told == [], f"{state}, {scheme}"


def _tab_to(sheet: Any, selector: str, key: str = "Tab") -> None:
    for _ in range(60):
        sheet.page.keyboard.press(key)
        if sheet.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} can't be reached by {key}")
