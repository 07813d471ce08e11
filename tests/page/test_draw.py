"""Draw mode in a real browser: what a hand draws is read, and what is no digit isn't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def shared(opening: Any) -> Iterator[Any]:
    """A page for many drawings, one after the other."""
    with opening() as sheet:
        yield sheet


@pytest.mark.parametrize("digit", list("0123456789"))
def test_reads_each_digit(shared: Any, digit: str) -> None:
    shared.clear()
    shared.draw(digit)
    # a bare stroke is a 1, but the rule may want it checked; all others are accepted
    shared.page.wait_for_function(
        "(d) => document.querySelector('#answer .glyph')?.textContent === d", arg=digit
    )
    if digit != "1":
        shared.expect_read(digit)
    assert shared.page.locator("#sees canvas").first.get_attribute("width") == "224"


@pytest.mark.parametrize(
    "shape", ["scribble", "zigzag", "star", "house", "heart", "dash", "dot", "A", "K", "M", "W", "E", "X"]
)
def test_says_what_is_no_digit(shared: Any, shape: str) -> None:
    shared.clear()
    shared.draw(shape)
    shared.expect_state("not_a_digit")
    expect(shared.page.locator("#answer .badge")).to_have_text("Not a digit")
    heat = shared.page.locator("#sees figcaption").filter(has_text="Where it looked")
    expect(heat).to_have_count(0)  # there is no answer that it could explain


@pytest.mark.parametrize("shape", ["B", "h", "smiley", "square"])
def test_is_never_sure_of_what_looks_like_a_digit(shared: Any, shape: str) -> None:
    shared.clear()
    shared.draw(shape)
    shared.page.wait_for_function(
        "() => ['unsure', 'not_a_digit'].includes(document.getElementById('answer').dataset.state)"
    )
    shared.page.wait_for_timeout(300)
    assert shared.page.locator("#answer").get_attribute("data-state") != "accepted"


def test_reads_a_number_and_shows_the_strip(sheet: Any) -> None:
    sheet.draw("7795", x=0.1, height=0.4)
    sheet.expect_read("7795")
    expect(sheet.page.locator(".strip-box")).to_have_count(4)
    sheet.page.locator("#answer .digit").nth(2).click()
    expect(sheet.page.locator(".strip-box").nth(2)).to_have_class("strip-box chosen")
    expect(sheet.page.locator(".others h2")).to_have_text("Instead of this 9, it could be")


def test_boxes_on_the_strip_lie_on_its_ink(sheet: Any) -> None:
    sheet.draw("2026", x=0.1, height=0.4)
    sheet.expect_read("2026")
    shares = sheet.page.evaluate(
        """() => {
          const canvas = document.querySelector('.strip-holder canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const holder = canvas.getBoundingClientRect();
          const boxes = Array.from(document.querySelectorAll('.strip-box'), (b) => b.getBoundingClientRect());
          let ink = 0, held = 0;
          for (let y = 0; y < canvas.height; y += 4) for (let x = 0; x < canvas.width; x += 4) {
            if (data[4 * (y * canvas.width + x)] < 150) continue;
            const px = holder.x + (x * holder.width) / canvas.width;
            const py = holder.y + (y * holder.height) / canvas.height;
            ink += 1;
            const across = (b) => b.left - 2 <= px && px <= b.right + 2;
            held += boxes.some((b) => across(b) && b.top - 3 <= py && py <= b.bottom + 3);
          }
          return held / ink;
        }"""
    )
    assert shares > 0.95


def test_reads_while_the_pen_is_down(sheet: Any) -> None:
    sheet.draw("3", lift=False)
    sheet.expect_read("3")
    sheet.page.mouse.up()


def test_asks_for_one_drawing_at_a_time_and_the_newest_last(sheet: Any) -> None:
    under_way, most = 0, 0

    def begun(request: Any) -> None:
        nonlocal under_way, most
        if "v1/read" in request.url:
            under_way += 1
            most = max(most, under_way)

    def ended(request: Any) -> None:
        nonlocal under_way
        under_way -= "v1/read" in request.url

    sheet.page.on("request", begun)
    sheet.page.on("requestfinished", ended)
    sheet.page.on("requestfailed", ended)
    sheet.draw("48157", x=0.06, height=0.3)
    sheet.expect_read("48157")
    assert most == 1


def test_an_empty_canvas_says_so(sheet: Any) -> None:
    expect(sheet.page.locator("#answer")).to_contain_text("Nothing here yet")
    expect(sheet.page.locator("#sees")).to_be_hidden()


def test_undo_redo_clear_by_keys(sheet: Any) -> None:
    sheet.draw("4")
    sheet.expect_read("4")
    for _ in range(2):
        sheet.page.keyboard.press("Control+z")
    sheet.expect_state("empty")
    for _ in range(2):
        sheet.page.keyboard.press("Control+Shift+Z")
    sheet.expect_read("4")
    sheet.page.keyboard.press("Delete")
    sheet.expect_state("empty")
    sheet.page.keyboard.press("Control+z")
    sheet.expect_read("4")


def test_undo_redo_clear_by_buttons(sheet: Any) -> None:
    undo, redo, clear = (
        sheet.page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo", "Clear")
    )
    expect(undo).to_be_disabled()
    sheet.draw("6")
    sheet.expect_read("6")
    undo.click()
    sheet.expect_state("empty")
    redo.click()
    sheet.expect_read("6")
    clear.click()
    sheet.expect_state("empty")
    expect(clear).to_be_focused()  # it isn't taken away from whoever uses the keyboard
    undo.click()
    sheet.expect_read("6")


def test_resizing_keeps_the_drawing(sheet: Any) -> None:
    sheet.draw("779", x=0.1, height=0.4)
    sheet.expect_read("779")
    sheet.page.set_viewport_size({"width": 420, "height": 700})
    assert _ink_at_edges(sheet) == 0
    ink = _ink(sheet)
    assert ink > 500
    sheet.page.set_viewport_size({"width": 1280, "height": 860})
    sheet.page.wait_for_function("() => document.getElementById('canvas').clientWidth > 500")
    sheet.draw("2", x=0.78, height=0.4)
    sheet.expect_read("7792")


def test_pen_width_changes_the_line(sheet: Any) -> None:
    sheet.draw("5")
    thin = _ink(sheet)
    sheet.clear()
    sheet.page.get_by_label("Pen width").fill("32")
    sheet.draw("5")
    assert _ink(sheet) > 1.5 * thin
    sheet.expect_read("5")


def test_a_pen_that_is_pressed_writes_wider(sheet: Any) -> None:
    inks = []
    for force in (0.1, 0.9):
        _pen(sheet, force)
        inks.append(_ink(sheet))
        sheet.clear()
    assert inks[1] > 1.5 * inks[0]


def test_draws_by_touch_on_a_phone(phone: Any) -> None:
    box = phone.page.locator("#canvas").bounding_box()
    touch = phone.page.context.new_cdp_session(phone.page)
    points = [(0.3, 0.2), (0.5, 0.2), (0.62, 0.2), (0.55, 0.45), (0.47, 0.65), (0.42, 0.85)]
    places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": places[:1]})
    for place in places[1:]:
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    phone.page.wait_for_function("() => document.querySelector('#answer .glyph')?.textContent === '7'")
    assert phone.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_draws_by_keyboard_alone(sheet: Any) -> None:
    keys = sheet.page.keyboard
    for _ in range(20):
        keys.press("Tab")
        if sheet.page.evaluate("() => document.activeElement.id") == "canvas":
            break
    for key, times in (("ArrowUp", 10), ("ArrowLeft", 8), ("Space", 1), ("ArrowRight", 15)):
        for _ in range(times):
            keys.press(key)
    for _ in range(9):
        for key in ("ArrowDown", "ArrowLeft", "ArrowDown"):
            keys.press(key)
    keys.press("Space")
    sheet.page.wait_for_function("() => document.querySelector('#answer .glyph')?.textContent === '7'")
    expect(sheet.page.locator("#announcer")).to_contain_text("7")


def test_where_it_looked_is_laid_over_the_glyph(sheet: Any) -> None:
    def with_activation(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        explanation = body["results"][0]["explanation"]
        explanation["activation"] = explanation["activation"] or explanation["glyph"]
        route.fulfill(response=answer, json=body)

    sheet.page.route("**/v1/classify*", with_activation)
    sheet.draw("3")
    sheet.expect_read("3")
    expect(sheet.page.locator("#sees figure")).to_have_count(2)
    colours = sheet.page.evaluate(
        """() => {
          const canvas = document.querySelectorAll('#sees canvas')[1];
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let warm = 0;
          for (let i = 0; i < data.length; i += 4) warm += data[i] > data[i + 2] + 60;
          return warm;
        }"""
    )
    assert colours > 500
    expect(sheet.page.locator(".legend")).to_be_visible()
    sheet.page.unroute_all(behavior="wait")  # one may be under way for a later drawing


def test_says_what_the_server_has_against_it(sheet: Any) -> None:
    problem = {
        "type": "/problems/image-too-large",
        "title": "Too large",
        "status": 413,
        "detail": "more pixels than allowed",
    }
    sheet.page.route(
        "**/v1/read*",
        lambda route: route.fulfill(status=413, json=problem, content_type="application/problem+json"),
    )
    sheet.draw("2")
    expect(sheet.page.get_by_role("alert").filter(has_text="more pixels than allowed")).to_be_visible()
    sheet.is_refused = True


def _ink(sheet: Any) -> int:
    return int(
        sheet.page.evaluate(
            """() => {
              const canvas = document.getElementById('canvas');
              const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              let ink = 0;
              for (let i = 3; i < data.length; i += 4) ink += data[i] > 128;
              return ink;
            }"""
        )
    )


def _ink_at_edges(sheet: Any) -> int:
    return int(
        sheet.page.evaluate(
            """() => {
              const canvas = document.getElementById('canvas');
              const { width, height } = canvas;
              const to = canvas.getContext('2d');
              const column = (x) => to.getImageData(x, 0, 1, height).data;
              const edge = (x) => column(x).filter((v, i) => i % 4 === 3 && v).length;
              return edge(0) + edge(width - 1);
            }"""
        )
    )


def _pen(sheet: Any, force: float) -> None:
    box = sheet.page.locator("#canvas").bounding_box()
    pen = sheet.page.context.new_cdp_session(sheet.page)
    common = {"pointerType": "pen", "force": force, "button": "left", "buttons": 1, "clickCount": 1}
    x = box["x"] + box["width"] / 2
    for step in range(12):
        kind = "mousePressed" if step == 0 else "mouseMoved"
        pen.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": box["y"] + 80 + 20 * step, **common})
    pen.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": x, "y": box["y"] + 300, **common})
