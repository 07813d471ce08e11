"""Files to answers in JSON and other formats, and what explains them; with the real reader."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import ImageTooLarge, TooManyPages, UsageError
from inkdigits.formats import WRITERS
from inkdigits.reading import NumberReader
from inkdigits.server.jobs import ReadJob, answer
from inkdigits.strip import HEIGHT

EXAMPLES = Path(__file__).parents[2] / "examples" / "numbers"


@pytest.fixture(scope="module")
def numbers() -> NumberReader:
    """The shipped network."""
    return NumberReader.load()


def job(name: str, **more: Any) -> ReadJob:
    """One of the examples."""
    return ReadJob((EXAMPLES / name).read_bytes(), name, **more)


def picture(coded: str) -> Image.Image:
    """A picture in base64."""
    return Image.open(io.BytesIO(base64.b64decode(coded)))


def two_pages() -> bytes:
    """A TIFF."""
    content = io.BytesIO()
    with Image.open(EXAMPLES / "amount.png") as first, Image.open(EXAMPLES / "date.png") as second:
        first.convert("L").save(content, "TIFF", save_all=True, append_images=[second.convert("L")])
    return content.getvalue()


def test_every_page_is_read(numbers: NumberReader) -> None:
    read = answer(numbers, ReadJob(two_pages(), "a.tif", {"layout": "line"}))
    pages = json.loads(read.body)
    assert [(page["page"], page["source"]) for page in pages] == [(1, "a.tif"), (2, "a.tif")]
    assert pages[0]["text"] == "7795"
    assert read.pages == 2
    assert sum(read.reasons.values()) == 2


@pytest.mark.parametrize("form", [form for form in WRITERS if form != "json"])
def test_formats_are_those_of_the_writers(numbers: NumberReader, form: str) -> None:
    read = answer(numbers, job("amount.png", format=form))
    reading = next(numbers.sheets(EXAMPLES / "amount.png", _wanted(), name="amount.png")).reading
    writer = WRITERS[form]()
    expected = (writer.begin() + writer.reading(reading) + writer.end()).encode()
    assert len(read.body) == len(expected)  # but for the time of writing that some hold
    assert b"7795" in read.body or form == "hocr"
    assert not read.media_type.startswith("application/json")


def _wanted() -> Any:
    from inkdigits.reading import Wanted

    return Wanted()


def test_a_format_of_one_page_refuses_several(numbers: NumberReader) -> None:
    with pytest.raises(UsageError, match="format alto makes a document a page"):
        answer(numbers, ReadJob(two_pages(), "a.tif", format="alto"))


def test_limits_are_kept(numbers: NumberReader) -> None:
    with pytest.raises(TooManyPages):
        answer(numbers, ReadJob(two_pages(), "a.tif", max_pages=1))
    with pytest.raises(ImageTooLarge):
        answer(numbers, job("form.png", max_pixels=1_000_000))


def test_an_unknown_option_is_the_callers_error(numbers: NumberReader) -> None:
    with pytest.raises(UsageError, match="colour: not known"):
        answer(numbers, job("amount.png", options={"colour": "red"}))


def test_explanations_show_what_the_network_saw(numbers: NumberReader) -> None:
    (plain,) = json.loads(answer(numbers, job("form.png")).body)
    (page,) = json.loads(answer(numbers, job("form.png", explain=True)).body)
    shown = page.pop("explanation")
    assert picture(shown["picture"]).size == (page["width"] * shown["scale"], page["height"] * shown["scale"])
    for line in page["lines"]:
        explanation = line.pop("explanation")
        strip = picture(explanation["strip"])
        assert (strip.mode, strip.height) == ("L", HEIGHT)
        assert explanation["detail"].endswith(".")
    assert page == plain  # explaining changes nothing


def test_a_large_page_is_shown_reduced(numbers: NumberReader) -> None:
    content = io.BytesIO()
    with Image.open(EXAMPLES / "form.png") as form:
        form.convert("L").resize((2000, 2800)).save(content, "PNG")
    (page,) = json.loads(answer(numbers, ReadJob(content.getvalue(), explain=True)).body)
    assert max(picture(page["explanation"]["picture"]).size) == 2000
    assert page["explanation"]["scale"] == pytest.approx(2000 / 2800, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("amount.png", {}, "% is enough."),
        ("blank.png", {}, "Nothing is written here."),
        ("word.png", {}, "most of it isn't digits"),
        ("amount.png", {"max_error": 1e-9}, "so small a share of errors can't be promised"),
        ("amount.png", {"length": 9}, "by itself the ink looks like 7795."),
    ],
)
def test_one_sentence_says_why(numbers: NumberReader, name: str, options: dict[str, Any], told: str) -> None:
    chosen = {"layout": "line", **options}
    (page,) = json.loads(answer(numbers, job(name, options=chosen, explain=True)).body)
    (line,) = page["lines"]
    assert told in line["explanation"]["detail"]


def test_a_blank_line_has_no_strip(numbers: NumberReader) -> None:
    content = io.BytesIO()
    Image.fromarray(np.full((60, 200), 255, np.uint8)).save(content, "PNG")
    (page,) = json.loads(answer(numbers, ReadJob(content.getvalue(), explain=True)).body)
    assert page["lines"][0]["explanation"]["strip"] is None
