"""Reading: what is wanted is checked at once; pages come one at a time, in order, whatever is broken."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkdigits import reading
from inkdigits.errors import UnreadableImage, UsageError
from inkdigits.images import load_pages
from inkdigits.model import LineModel
from inkdigits.reading import NumberReader, Options, Wanted


@pytest.fixture(scope="module")
def reader() -> NumberReader:
    """With the weights that come with the package."""
    return NumberReader.load()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A TIFF of three pages, 60, 70 and 80 pixels wide, with a bar each."""
    pages = []
    for width in (60, 70, 80):
        page = np.full((50, width), 220, np.uint8)
        page[8:42, 25:30] = 30
        pages.append(Image.fromarray(page))
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    return tmp_path / "three.tif"


def test_options_are_what_can_be_wanted() -> None:
    assert list(Options.__annotations__) == [field.name for field in fields(Wanted)]


def test_pages_come_in_order_with_their_numbers(reader: NumberReader, document: Path) -> None:
    sheets = list(reader.sheets(document, Wanted(layout="line")))
    assert [(sheet.reading.page, sheet.reading.width, sheet.reading.height) for sheet in sheets] == [
        (1, 60, 50),
        (2, 70, 50),
        (3, 80, 50),
    ]
    assert all(sheet.grey.shape == (50, sheet.reading.width) for sheet in sheets)
    assert {sheet.reading.source for sheet in sheets} == {str(document)}


def test_pages_that_were_read_before_are_left_out(
    reader: NumberReader, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    real = LineModel.logits
    monkeypatch.setattr(LineModel, "logits", lambda self, strips: read.extend(strips) or real(self, strips))
    sheets = list(reader.sheets(document, Wanted(layout="line"), after=2))
    assert [sheet.reading.page for sheet in sheets] == [3]
    assert len(read) == 1
    assert list(reader.sheets(document, Wanted(), after=3)) == []


def test_no_more_than_a_page_is_in_memory(
    reader: NumberReader, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[Any]] = []

    def watched(*arguments: Any, **options: Any) -> Any:
        for page in load_pages(*arguments, **options):
            assert sum(page() is not None for page in alive) <= 1
            alive.append(weakref.ref(page))
            yield page
            del page

    monkeypatch.setattr(reading, "load_pages", watched)
    assert [sheet.reading.page for sheet in reader.sheets(document, Wanted(layout="line"))] == [1, 2, 3]


def test_names(reader: NumberReader, document: Path) -> None:
    content = document.read_bytes()
    assert next(reader.sheets(content, Wanted())).reading.source is None
    assert next(reader.sheets(content, Wanted(), name="field 3")).reading.source == "field 3"
    with pytest.raises(UnreadableImage, match=r"^field 3: "):
        next(reader.sheets(b"", Wanted(), name="field 3"))


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(layout="table"),  # type: ignore[arg-type]
        Wanted(length=0),
        Wanted(length=3, min_length=4),
        Wanted(low=5, high=4),
        Wanted(check="crc"),
        Wanted(pattern="["),
        Wanted(max_error=1.5),
        Wanted(max_error=0),
        Wanted(dpi=0),
    ],
)
def test_what_can_t_be_is_said_before_anything_is_opened(reader: NumberReader, wanted: Wanted) -> None:
    with pytest.raises(UsageError):
        reader.sheets("nothing.png", wanted)


def _whole_pages(content: bytes) -> Iterator[int]:
    """The numbers of those pages of a document that can be opened."""
    with suppress(UnreadableImage):
        for number, _ in enumerate(load_pages(content), start=1):
            yield number


def test_a_page_before_a_broken_one_is_read(reader: NumberReader, document: Path) -> None:
    content = document.read_bytes()[:-1000]
    whole = len(list(_whole_pages(content)))
    assert whole
    sheets = reader.sheets(content, Wanted(layout="line"), name="cut.tif")
    assert [next(sheets).reading.page for _ in range(whole)] == [1, 2][:whole]
    with pytest.raises(UnreadableImage, match=r"^cut\.tif"):
        next(sheets)
