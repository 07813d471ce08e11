"""When the server is gone, busy or wants a key: nothing is lost, and it goes on by itself."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

from playwright.sync_api import expect


def test_gone_and_back_without_losing_anything(sheet: Any, server: Any, examples: Path) -> None:
    sheet.open(examples / "numbers" / "amount.png")
    sheet.page.locator(".box").first.click()
    sheet.page.keyboard.press("1")
    sheet.page.locator("#tab-draw").click()
    sheet.draw("3")
    sheet.expect_read("3")
    server.stop(signal.SIGKILL)
    try:
        sheet.clear()
        sheet.draw("88", x=0.2, height=0.4)
        expect(sheet.page.locator("#banner")).to_contain_text("doesn’t answer")
    finally:
        server.start()
    sheet.expect_read("88")
    expect(sheet.page.locator("#banner")).to_be_hidden()
    sheet.page.locator("#tab-picture").click()
    assert sheet.numbers() == ["1795"]
    sheet.is_refused = True  # the browser logs connections that are refused


def test_busy_is_waited_for(sheet: Any, examples: Path) -> None:
    asked = []

    def busy_at_first(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) > 2:
            return route.continue_()
        return route.fulfill(
            status=503,
            headers={"Retry-After": "1"},
            json={"title": "busy"},
            content_type="application/problem+json",
        )

    sheet.page.route("**/v1/read*", busy_at_first)
    sheet.open(examples / "numbers" / "amount.png")
    assert sheet.numbers() == ["7795"]
    assert len(asked) == 3
    sheet.is_refused = True


def test_asks_for_a_key_and_uses_it(sheet: Any, examples: Path) -> None:
    def locked(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer open sesame":
            return route.continue_()
        return route.fulfill(status=401, json={"title": "no key"}, content_type="application/problem+json")

    sheet.page.route("**/v1/read*", locked)
    sheet.page.locator("#tab-picture").click()
    sheet.page.locator("#file").set_input_files(examples / "numbers" / "amount.png")
    field = sheet.page.get_by_label("API key")
    for key in ("wrong", "open sesame"):
        expect(field).to_be_focused()
        field.fill(key)
        sheet.page.keyboard.press("Enter")
    sheet.expect_page()
    assert sheet.numbers() == ["7795"]
    expect(sheet.page.locator("#banner")).to_be_hidden()
    sheet.is_refused = True


def test_one_form_asks_for_all_that_wait_for_a_key(sheet: Any) -> None:
    def locked(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer open sesame":
            return route.continue_()
        return route.fulfill(status=401, json={"title": "no key"}, content_type="application/problem+json")

    sheet.page.route("**/v1/*", locked)
    sheet.page.reload()
    field = sheet.page.get_by_label("API key")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "false")
    with sheet.page.expect_request("**/v1/read*"):
        sheet.draw("3")  # now two things wait
    field.fill("wrong")
    field.press("Enter")
    expect(sheet.page.locator("#banner-text")).to_contain_text("isn’t known")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("open sesame")
    field.press("Enter")
    sheet.expect_read("3")
    expect(sheet.page.locator("#banner")).to_be_hidden()
    expect(sheet.page.locator("#about")).to_contain_text("inkdigits ")
    sheet.is_refused = True


def test_the_canvas_stays_where_it_is_when_the_server_goes(sheet: Any) -> None:
    canvas = sheet.page.locator("#canvas")
    before = canvas.bounding_box()
    sheet.page.route("**/v1/*", lambda route: route.abort())
    sheet.draw("5", lift=False)
    expect(sheet.page.locator("#banner")).to_be_visible()
    assert canvas.bounding_box() == before
    banner = sheet.page.locator("#banner").bounding_box()
    assert banner["y"] + banner["height"] <= before["y"]
    sheet.page.mouse.up()
    sheet.is_refused = True


def test_an_old_reading_does_not_pass_for_the_newest(sheet: Any) -> None:
    sheet.page.route("**/v1/*", lambda route: route.abort())
    sheet.draw("3")
    expect(sheet.page.locator("#answer")).to_contain_text("Not read yet")
    sheet.page.unroute("**/v1/*")
    sheet.page.locator("#try-now").click()
    sheet.expect_read("3")
    sheet.page.route("**/v1/*", lambda route: route.abort())
    sheet.draw("5", x=0.7, height=0.4)
    expect(sheet.page.locator("#answer .badge")).to_have_text("Of an earlier drawing")
    sheet.page.unroute("**/v1/*")
    sheet.page.locator("#try-now").click()
    sheet.expect_read("35")
    sheet.is_refused = True


def test_says_who_is_asked_to_wait(sheet: Any) -> None:
    def too_many(route: Any) -> None:
        route.fulfill(
            status=429, headers={"Retry-After": "9"}, json={}, content_type="application/problem+json"
        )

    sheet.page.route("**/v1/*", too_many)
    sheet.draw("3")
    expect(sheet.page.locator("#banner")).to_have_text(re.compile("no more requests from here.*9 seconds"))
    sheet.is_refused = True
