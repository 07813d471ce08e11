"""The shipped line network on the examples: what a person sees there is what is read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import inkdigits
from inkdigits import Reader

NUMBERS = Path(__file__).parent.parent / "examples" / "numbers"


def rows_of(name: str) -> list[dict[str, str]]:
    with (NUMBERS / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load()


# a date whose two 1s are bare strokes between slashes: read wrongly, and said to be unsure
KNOWN_WRONG = {"date.png"}


@pytest.mark.parametrize("row", rows_of("labels.csv"), ids=lambda row: row["file"])
def test_a_number_is_read_or_said_to_be_unsure(reader: Reader, row: dict[str, str]) -> None:
    (line,) = reader.read(NUMBERS / row["file"], max_error=0.05).lines
    if row["file"] in KNOWN_WRONG:
        assert line.reason == "unsure"
        return
    assert line.text == row["text"]
    if row["text"]:
        assert len(line.digits) == len(line.text)
    else:
        assert line.reason in ("blank", "not_a_digit")
        assert not line.accepted


def test_a_form_is_read_in_order(reader: Reader) -> None:
    wanted = [row["text"] for row in rows_of("lines.csv") if row["file"] == "form.png"]
    found = [line.text for line in reader.read(NUMBERS / "form.png").lines]
    assert len(set(found) & set(wanted)) >= 0.9 * len(set(wanted))
    common = [text for text in wanted if found.count(text) == wanted.count(text) == 1]
    assert common == [text for text in found if text in common]


def test_boxes_lie_on_the_page(reader: Reader) -> None:
    reading = reader.read(NUMBERS / "form.png")
    for line in reading.lines:
        for box in (line.box, *(digit.box for digit in line.digits)):
            assert 0 <= box[0] < box[2] <= reading.width
            assert 0 <= box[1] < box[3] <= reading.height


def test_every_page_of_a_document_is_read() -> None:
    pytest.importorskip("pypdfium2")
    wanted = [(int(row["page"]), row["text"]) for row in rows_of("lines.csv") if row["file"] == "scan.pdf"]
    pages = Reader.load().read_pages(NUMBERS / "scan.pdf", check="ean")
    found = [(page.page, line.text) for page in pages for line in page.lines]
    assert len(set(found) & set(wanted)) >= 0.9 * len(wanted)


def test_what_is_known_of_a_number_helps() -> None:
    (line,) = inkdigits.read(NUMBERS / "card.png", check="luhn", length=16).lines
    assert line.text == "4539148803436467"
    (line,) = inkdigits.read(NUMBERS / "amount.png", length=9).lines
    assert not line.accepted
    assert line.reason == "unsure"
