"""Picture mode in a real browser: pictures in, digits looked at and corrected, numbers out."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

FORM = "form.png"
AMOUNT = "amount.png"


@pytest.fixture(scope="module")
def shared(opening: Any) -> Iterator[Any]:
    """A page for tests that open a file of their own."""
    with opening(permissions=["clipboard-read", "clipboard-write"]) as sheet:
        yield sheet


def test_shows_a_page_with_a_box_a_digit(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / FORM)
    texts = shared.numbers()
    assert "204817" in texts
    assert "62160" in texts
    digits = sum(len(text) for text in texts)
    expect(shared.page.locator("#boxes .box")).to_have_count(digits)
    assert shared.page.evaluate("() => document.getElementById('page-picture').naturalWidth") == 1000


def test_marks_what_is_doubtful_by_more_than_colour(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / "date.png")
    frame = shared.page.locator(".line-frame[data-state=doubtful]")
    expect(frame).to_have_css("border-top-style", "dashed")
    expect(frame.locator(".flag")).to_contain_text("?")
    expect(shared.page.locator("#numbers")).to_contain_text("to check")


def test_takes_what_is_pasted(sheet: Any, examples: Path) -> None:
    _hand_over(sheet, examples / "numbers" / AMOUNT, "paste")
    sheet.expect_page()
    assert sheet.numbers() == ["7795"]


def test_takes_what_is_dropped(sheet: Any, examples: Path) -> None:
    _hand_over(sheet, examples / "numbers" / AMOUNT, "drop")
    sheet.expect_page()
    assert sheet.numbers() == ["7795"]
    expect(sheet.page.locator("#file-name")).to_have_text(AMOUNT)


def test_takes_a_photo_on_a_phone(phone: Any, examples: Path) -> None:
    phone.page.locator("#tab-picture").tap()
    expect(phone.page.get_by_role("button", name="Take a photo")).to_be_visible()
    assert phone.page.locator("#camera-file").get_attribute("capture") == "environment"
    phone.page.locator("#camera-file").set_input_files(examples / "numbers" / "photo.jpg")
    phone.expect_page()
    assert "112308" in phone.numbers()
    assert phone.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    _pinch(phone)
    assert phone.page.locator("#viewer").evaluate("(frame) => frame.classList.contains('zoomed')")


@pytest.mark.parametrize(("name", "says"), [("An amount", "7795"), ("A horse", "Not a digit")])
def test_examples_take_one_click(shared: Any, name: str, says: str) -> None:
    shared.page.get_by_role("button", name=name).click()
    expect(shared.page.locator("#file-name")).to_have_text(f"{name.split()[1].lower()}.png")
    shared.expect_page()
    assert shared.numbers() == [says]


def test_a_single_digit_is_judged_by_its_own_network(shared: Any, examples: Path) -> None:
    shared.open(examples / "digits" / "5-marker.jpg")
    assert shared.numbers() == ["5"]
    shared.open(examples / "digits" / "letter-k.png")
    assert shared.numbers() == ["Not a digit"]
    shared.open(examples / "digits" / "blank-page.jpg")
    expect(shared.page.locator("#numbers-title")).to_have_text("No numbers")


def test_turns_the_pages_of_a_document(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / "scan.pdf")
    expect(shared.page.locator("#page-count")).to_have_text("1 of 2")
    assert "4006381333931" in shared.numbers()
    shared.page.get_by_role("button", name="Next page").click()
    expect(shared.page.locator("#page-count")).to_have_text("2 of 2")
    assert "7350053850019" in shared.numbers()
    shared.page.keyboard.press("PageUp")
    expect(shared.page.locator("#page-count")).to_have_text("1 of 2")


def test_zooms_and_pans(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / FORM)
    whole = _zoom(shared)
    shared.page.get_by_role("button", name="Zoom in").click()
    assert _zoom(shared) == pytest.approx(1.3 * whole, rel=0.01)
    shared.page.locator("#viewer").hover()
    shared.page.keyboard.down("Control")
    shared.page.mouse.wheel(0, -300)
    shared.page.keyboard.up("Control")
    assert _zoom(shared) > 2 * whole
    before = _place(shared)
    box = shared.page.locator("#viewer").bounding_box()
    shared.page.mouse.move(box["x"] + 200, box["y"] + 200)
    shared.page.mouse.down()
    shared.page.mouse.move(box["x"] + 160, box["y"] + 150, steps=4)
    shared.page.mouse.up()
    assert _place(shared) != before
    shared.page.locator(".box[tabindex='0']").focus()
    shared.page.keyboard.press("f")
    assert _zoom(shared) == pytest.approx(whole)


def test_corrects_by_keyboard_and_takes_it_back(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / AMOUNT)
    keys = shared.page.keyboard
    shared.page.locator(".box[tabindex='0']").focus()
    expect(shared.page.locator("#chosen")).to_contain_text("1 of 4")
    keys.press("ArrowRight")
    keys.press("1")
    assert shared.numbers() == ["7195"]
    expect(shared.page.locator(".row-note")).to_have_text("corrected")
    expect(shared.page.locator("#chosen")).to_contain_text("was read as 7")
    keys.press("End")
    keys.press("Delete")
    assert shared.numbers() == ["719"]
    keys.press("Control+z")
    keys.press("Control+z")
    assert shared.numbers() == ["7795"]
    keys.press("Control+Shift+Z")
    assert shared.numbers() == ["7195"]


def test_corrects_by_an_alternative_and_by_the_whole_number(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / "date.png")
    shared.page.locator(".box[data-state=doubtful]").first.click()
    shared.page.locator(".choice").nth(1).click()
    expect(shared.page.locator(".row")).to_have_attribute("data-state", "corrected")
    shared.page.get_by_label("Number", exact=True).fill("6830471")
    shared.page.keyboard.press("Enter")
    assert shared.numbers() == ["6830471"]


def test_confirms_doubtful_numbers_one_after_the_other(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / "photo.jpg")
    doubtful = shared.page.locator(".row[data-state=doubtful]")
    left = doubtful.count()
    assert left > 1
    shared.page.get_by_role("button", name="Check them").click()
    for _ in range(left):
        shared.page.keyboard.press("Enter")
    expect(doubtful).to_have_count(0)
    expect(shared.page.locator(".row[data-state=confirmed]")).to_have_count(left)


def test_downloads_what_was_corrected(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / AMOUNT)
    shared.page.locator(".box").first.click()
    shared.page.keyboard.press("1")
    told = json.loads(_downloaded(shared, "JSON", "amount.json"))
    (line,) = told["results"][0]["pages"][0]["lines"]
    assert (line["text"], line["raw"], line["read"], line["corrected"]) == ("1795", "1.795", "7795", True)
    assert line["digits"][0]["text"] == "1"
    assert told["results"][0]["pages"][0]["text"] == "1795"
    (row,) = csv.DictReader(io.StringIO(_downloaded(shared, "CSV", "amount.csv")))
    assert (row["text"], row["corrected"], row["accepted"]) == ("1795", "true", "true")
    assert _downloaded(shared, "Text", "amount.txt") == "1795  corrected\n"


def test_copies(shared: Any, examples: Path) -> None:
    shared.open(examples / "numbers" / AMOUNT)
    shared.page.get_by_label("Format").select_option("text")
    shared.page.get_by_role("button", name="Copy").click()
    expect(shared.page.locator("#copy-button")).to_contain_text("Copied")
    assert shared.page.evaluate("() => navigator.clipboard.readText()") == "7795\n"


def test_uses_what_is_known_of_the_numbers(sheet: Any, examples: Path) -> None:
    sheet.open(examples / "numbers" / AMOUNT)
    sheet.page.get_by_text("What is known of the numbers").click()
    sheet.page.get_by_label("Digits", exact=True).fill("3")
    sheet.page.get_by_role("button", name="Read again").click()
    expect(sheet.page.locator(".row-text")).to_have_text("Nothing fits")
    sheet.page.locator(".row").click()
    sheet.page.locator(".choice").filter(has_text="7795").click()
    assert sheet.numbers() == ["7795"]
    sheet.page.get_by_label("From", exact=True).fill("9")
    sheet.page.get_by_label("To", exact=True).fill("3")
    sheet.page.get_by_role("button", name="Read again").click()
    expect(sheet.page.locator("#failed")).to_contain_text("range")
    sheet.page.get_by_role("button", name="Reset").click()
    sheet.expect_page()
    assert sheet.numbers() == ["7795"]
    sheet.is_refused = True


def test_says_in_a_sentence_what_cannot_be_read(sheet: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    sheet.page.locator("#tab-picture").click()
    sheet.page.locator("#file").set_input_files(broken)
    expect(sheet.page.get_by_role("alert")).to_contain_text("broken.png: ")
    expect(sheet.page.locator("#drop")).to_be_visible()
    sheet.is_refused = True


def test_what_cannot_be_read_leaves_the_last_picture(sheet: Any, examples: Path, tmp_path: Path) -> None:
    sheet.open(examples / "numbers" / "amount.png")
    sheet.page.locator(".box").first.click()
    sheet.page.keyboard.press("1")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    sheet.page.locator("#file").set_input_files(broken)
    expect(sheet.page.get_by_role("alert")).to_contain_text("broken.png: ")
    sheet.expect_page()
    assert sheet.numbers() == ["1795"]
    sheet.is_refused = True


def test_says_how_large_a_file_may_be(sheet: Any, examples: Path) -> None:
    problem = {"type": "/problems/body-too-large", "status": 413, "limit": 20 * 2**20, "detail": "the body"}
    sheet.page.route(
        "**/v1/read*",
        lambda route: route.fulfill(status=413, json=problem, content_type="application/problem+json"),
    )
    sheet.page.locator("#tab-picture").click()
    sheet.page.locator("#file").set_input_files(examples / "numbers" / "amount.png")
    expect(sheet.page.get_by_role("alert")).to_have_text(
        "amount.png: It has more than the 20 MB that this server takes."
    )
    sheet.is_refused = True


def test_a_document_counts_its_doubts_by_page_and_in_all(sheet: Any, examples: Path) -> None:
    sheet.open(examples / "numbers" / "scan.pdf")
    expect(sheet.page.locator("#numbers-title")).to_contain_text("on this page")
    expect(sheet.page.locator("#chosen")).to_contain_text("on 2 pages")


def test_tips_of_the_viewer_are_not_cut(sheet: Any, examples: Path) -> None:
    sheet.open(examples / "numbers" / "amount.png")
    top = sheet.page.evaluate("() => getComputedStyle(document.getElementById('zoom-in'), '::after').top")
    assert float(top.removesuffix("px")) > 30  # below their button: above, the card would cut them


def test_a_row_far_down_shows_its_digit(phone: Any, examples: Path) -> None:
    phone.open(examples / "numbers" / "form.png")
    phone.page.locator(".row").last.click()
    expect(phone.page.locator(".chosen-head")).to_be_in_viewport()


def _hand_over(sheet: Any, path: Path, how: str) -> None:
    """Pastes or drops a file, as the browser would."""
    sheet.page.evaluate(
        """([content, name, how]) => {
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], name, { type: 'image/png' }));
          const given = { bubbles: true, cancelable: true };
          const { body } = document;
          if (how === 'paste') {
            body.dispatchEvent(new ClipboardEvent('paste', { ...given, clipboardData: data }));
          } else for (const kind of ['dragenter', 'dragover', 'drop']) {
            body.dispatchEvent(new DragEvent(kind, { ...given, dataTransfer: data }));
          }
        }""",
        [b64encode(path.read_bytes()).decode(), path.name, how],
    )


def _downloaded(sheet: Any, form: str, name: str) -> str:
    sheet.page.get_by_label("Format").select_option(label=form)
    with sheet.page.expect_download() as caught:
        sheet.page.get_by_role("button", name="Download").click()
    assert caught.value.suggested_filename == name
    return Path(caught.value.path()).read_bytes().decode()


def _zoom(sheet: Any) -> float:
    return float(sheet.page.locator("#sheet").evaluate("(sheet) => sheet.style.getPropertyValue('--zoom')"))


def _place(sheet: Any) -> str:
    return str(sheet.page.locator("#sheet").evaluate("(sheet) => sheet.style.transform"))


def _pinch(phone: Any) -> None:
    box = phone.page.locator("#viewer").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = phone.page.context.new_cdp_session(phone.page)

    def send(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 30)
    for apart in (45, 60, 80, 100):
        send("touchMove", apart)
    send("touchEnd", 0)
