"""PDF pages: drawn as they look, within limits; a file that breaks its reader breaks nothing else."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from inkdigits import documents
from inkdigits.cli.inputs import files_of
from inkdigits.errors import ImageTooLarge, InkdigitsError, MissingExtra, TooManyPages, UnreadableImage
from inkdigits.images import MAX_PAGES, load_grey, load_pages
from inkdigits.reader import Reader

EXAMPLES = Path(__file__).parent.parent / "examples" / "digits"
CATALOGUE, ONE_PAGE = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
SQUARE = b"0 g 18 18 36 36 re f"  # black, half an inch from 1/4 inch within the lower left corner


def pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of numbered objects, the first of which is its catalogue."""
    content, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    entries = b"<</Size %d/Root 1 0 R%b>>" % (len(objects) + 1, trailer)
    size, end = len(objects) + 1, b"startxref\n%d\n%%%%EOF" % len(content)
    return content + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n%b\n%b" % (size, table, entries, end)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A PDF's stream object."""
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(content), content)


def page(
    drawing: bytes = SQUARE, box: bytes = b"0 0 72 144", *, entries: bytes = b"", more: tuple[bytes, ...] = ()
) -> bytes:
    """A PDF of one page, one by two inches; further objects are 5, 6 …"""
    catalogue = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]>>>>" if more else CATALOGUE
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 4 0 R%b>>" % (box, entries)
    return pdf([catalogue, ONE_PAGE, leaf, stream(drawing), *more])


def scans(*images: Image.Image, dpi: float = 200) -> bytes:
    """A PDF of scanned pages."""
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:], resolution=dpi)
    return buffer.getvalue()


def expansions(levels: int) -> bytes:
    """A PDF of two kilobytes that draws a square 10^levels times: each form draws the next ten times."""
    forms = [
        stream(
            b"/F Do " * 10 if level < levels - 1 else SQUARE,
            b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</F %d 0 R>>>>" % (level + 6),
        )
        for level in range(levels)
    ]
    return page(b"/F Do", entries=b"/Resources<</XObject<</F 5 0 R>>>>", more=tuple(forms))


# ---- pages as they look


@pytest.mark.parametrize("dpi", [72, 100, 200, 301.5])
def test_a_page_is_drawn_in_grey_at_the_stated_dpi(dpi: float) -> None:
    (grey,) = load_pages(page(SQUARE + b" 1 0 0 rg 18 90 36 36 re f"), dpi=dpi)
    assert grey.dtype == np.uint8
    assert grey.shape == (np.ceil(2 * dpi), np.ceil(dpi))
    inch = dpi
    assert grey[round(1.5 * inch), round(0.5 * inch)] == 0
    assert abs(int(grey[round(0.5 * inch), round(0.5 * inch)]) - 76) <= 1  # the luminance of red
    assert grey[round(inch), round(0.5 * inch)] == 255
    assert (grey < 128).mean() == pytest.approx(0.25, abs=0.02)


def test_a_scan_keeps_its_pixels() -> None:
    lines = Image.fromarray(np.tile((np.arange(1654) % 4 * 80).astype(np.uint8), (233, 1)))
    (grey,) = load_pages(scans(lines))
    assert grey.shape == (233, 1654)
    assert np.abs(grey.astype(int) - np.asarray(lines)).mean() < 8  # Pillow writes JPEG


@pytest.mark.parametrize(("rotation", "turns"), [(90, -1), (180, 2), (270, 1), (-90, 1)])
def test_the_rotation_of_a_page_is_applied(rotation: int, turns: int) -> None:
    upright = load_grey(page())
    turned = load_grey(page(entries=b"/Rotate %d" % rotation))
    assert np.array_equal(turned, np.rot90(upright, turns))


def test_annotations_and_form_fields_are_drawn() -> None:
    look = stream(b"0 g 0 0 36 36 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 36 36]")
    common = b"/Type/Annot/Rect[18 90 54 126]/F 4/AP<</N 6 0 R>>/P 3 0 R"
    for kind in (b"/Subtype/Stamp", b"/Subtype/Widget/FT/Tx/T(amount)/V(1)"):
        file = page(entries=b"/Annots[5 0 R]", more=(b"<<%b%b>>" % (common, kind), look))
        grey = load_grey(file)
        assert grey[100, 100] < 30
        assert grey[300, 100] == 0


def test_only_what_the_crop_box_shows_is_drawn() -> None:
    grey = load_grey(page(entries=b"/CropBox[18 18 54 54]"))
    assert grey.shape == (100, 100)
    assert grey[2:-2, 2:-2].max() == 0


def test_pages_come_in_order_from_any_source(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(scans(*(Image.new("L", (60 + number, 40), 40 * number) for number in range(5))))
    with path.open("rb") as file:
        for source in (path, path.read_bytes(), file):
            pages = list(load_pages(source))
            assert [grey.shape[1] for grey in pages] == [60, 61, 62, 63, 64]
            assert [round(grey.mean() / 40) for grey in pages] == [0, 1, 2, 3, 4]


def test_a_pdf_may_begin_with_something_else() -> None:
    assert load_grey(b"\n" * 500 + page()).shape == (400, 200)


def test_the_first_page_is_classified_and_folders_hold_documents(tmp_path: Path) -> None:
    with Image.open(EXAMPLES / "7-blue-pen.jpg") as photo:
        photo.save(tmp_path / "seven.pdf", resolution=200)
        pillow_heif.from_pillow(photo).save(tmp_path / "seven.heic")
    found = files_of(str(tmp_path))
    assert [Path(name).name for name in found] == ["seven.heic", "seven.pdf"]
    reader = Reader.load()
    assert [reader.classify(name).digit for name in found] == [7, 7]


# ---- limits


def test_a_page_too_large_is_refused_before_it_is_drawn() -> None:
    began = time.process_time()
    with pytest.raises(ImageTooLarge) as caught:
        load_grey(page(box=b"0 0 14400 14400"), name="wall.pdf")
    assert time.process_time() - began < 2
    size = "40,000×40,000 pixels at 200 dpi, more than the limit of 64 million; give fewer dpi"
    assert str(caught.value) == f"wall.pdf: {size}"
    assert sum(1 for _ in load_pages(page(), max_pixels=80_000)) == 1
    with pytest.raises(ImageTooLarge):
        next(load_pages(page(), max_pixels=79_999))


def test_a_page_may_be_a_single_pixel() -> None:
    assert load_grey(page(box=b"0 0 0.001 0.001")).shape == (1, 1)


def test_more_pages_than_the_limit_are_refused_before_the_first() -> None:
    leaves = b"3 0 R " * (MAX_PAGES + 1)
    tree = b"<</Type/Pages/Kids[%b]/Count %d>>" % (leaves, MAX_PAGES + 1)
    file = pdf([CATALOGUE, tree, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"])
    with pytest.raises(TooManyPages) as caught:
        next(load_pages(file, name="book.pdf"))
    assert str(caught.value) == "book.pdf: 501 pages, more than the limit of 500; split it first"
    assert load_grey(file).shape == (25, 25)
    assert sum(1 for _ in load_pages(file, max_pages=501)) == 501


def test_a_page_that_takes_too_long_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SECONDS", 1)
    with pytest.raises(ImageTooLarge, match=r"^endless\.pdf: takes longer than the 1 seconds"):
        load_grey(expansions(9), name="endless.pdf")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory isn't limited so")
def test_a_page_that_takes_all_memory_ends_its_own_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MEMORY", 300 * 2**20)
    with pytest.raises(UnreadableImage, match=r"^bomb\.pdf: a PDF that breaks its reader, or needs more"):
        load_grey(expansions(9), name="bomb.pdf")


def test_a_process_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    pages = load_pages(scans(*[Image.new("L", (2000, 2000))] * 3))
    next(pages)
    del pages
    assert [process.poll() is not None for process in started] == [True]


def test_many_threads_read_at_once() -> None:
    files = [scans(*[Image.new("L", (40 + number, 30), 200)] * 3) for number in range(4)]
    widths: dict[int, list[int]] = {}

    def read(number: int) -> None:
        widths[number] = [grey.shape[1] for grey in load_pages(files[number])]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == {number: [40 + number] * 3 for number in range(4)}


def test_modules_in_the_working_folder_are_no_danger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('wrong json')")
    monkeypatch.chdir(tmp_path)
    assert load_grey(page()).shape == (400, 200)


# ---- what can't be read


def refusal(file: bytes) -> str:
    """The one line that says why."""
    with pytest.raises(UnreadableImage) as caught:
        list(load_pages(file, name="it"))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_broken_and_empty_pdfs() -> None:
    whole = page()
    empty = pdf([CATALOGUE, b"<</Type/Pages/Kids[]/Count 0>>"])
    for file in (whole[:60], b"%PDF-1.7\n", b"%PDF-1.7 and no more" * 9, empty):
        assert refusal(file) == "it: a PDF that is broken, cut short or without pages"


def test_a_pdf_that_asks_for_a_password() -> None:
    lock = b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O(%b)/U(%b)>>" % (b"o" * 32, b"u" * 32)
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    file = pdf([CATALOGUE, ONE_PAGE, leaf], lock)
    assert refusal(file) == "it: a PDF that asks for a password; save a copy without one"
    odd = file.replace(b"/Filter/Standard", b"/Filter/Strange!")
    assert refusal(odd) == "it: a PDF with an unknown encryption; save a copy without one"


def test_a_pdf_that_is_encrypted_but_asks_nobody_is_read() -> None:
    assert np.array_equal(load_grey(encrypted(SQUARE)), load_grey(page()))


def encrypted(drawing: bytes) -> bytes:
    """A page that only its owner may print: RC4 with an empty user password (PDF 1.7, 7.6.2 to 7.6.3)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    identity, permissions = b"\0" * 16, -60
    owner = rc4(hashlib.md5((b"owner" + padding)[:32]).digest()[:5], padding)
    key = hashlib.md5(padding + owner + struct.pack("<i", permissions) + identity).digest()[:5]
    of_object_4 = hashlib.md5(key + b"\4\0\0\0\0").digest()[:10]
    lock = b"/ID[<%b><%b>]/Encrypt<</Filter/Standard/V 1/R 2/P %d/O<%b>/U<%b>>>" % (
        *(identity.hex().encode(), identity.hex().encode(), permissions),
        *(owner.hex().encode(), rc4(key, padding).hex().encode()),
    )
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 144]/Contents 4 0 R>>"
    return pdf([CATALOGUE, ONE_PAGE, leaf, stream(rc4(of_object_4, drawing))], lock)


def rc4(key: bytes, content: bytes) -> bytes:
    """The cipher of old PDFs."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    result, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        result.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(result)


def test_pages_before_a_broken_one_are_given() -> None:
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    tree = b"<</Type/Pages/Kids[3 0 R 3 0 R 4 0 R 3 0 R]/Count 4>>"
    for broken in (b"<</Type/Nothing>>", b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 14400 14400]>>"):
        pages = load_pages(pdf([CATALOGUE, tree, leaf, broken]), name="it.pdf")
        assert [next(pages).shape for _ in range(2)] == [(25, 25)] * 2
        with pytest.raises(InkdigitsError, match=r"^it\.pdf, page 3: "):
            next(pages)


def test_a_missing_extra_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda _: None)
    line = r"^it: reading %s needs %s, not installed here: pip install 'inkdigits\[documents\]'$"
    with pytest.raises(MissingExtra, match=line % ("PDF", "pypdfium2")):
        load_grey(page(), name="it")
    with pytest.raises(MissingExtra, match=line % ("HEIC", "pillow-heif")):
        load_grey(b"\0\0\0\x18ftypheic", name="it")


def test_a_reader_that_can_t_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(UnreadableImage, match=r"^it: its reader can't be started \(No such file"):
        load_grey(page(), name="it")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(UnreadableImage, match="breaks its reader"):
        load_grey(page(), name="it")


SEEDS = [page(), scans(Image.new("L", (30, 20), 90), Image.new("1", (9, 9)))]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(SEEDS))
def test_damaged_files_give_pages_or_one_clear_error(data: st.DataObject, seed: bytes) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
    pages, message = pages_of(bytes(content))
    assert all(grey.dtype == np.uint8 and 0 < grey.size <= 10**6 for grey in pages)
    assert bool(pages) or message.startswith("it")
    assert len(message.splitlines()) <= 1


def pages_of(file: bytes) -> tuple[list[NDArray[np.uint8]], str]:
    """All pages that come, and the message of the error that ends them, or an empty one."""
    pages: list[NDArray[np.uint8]] = []
    try:
        pages.extend(load_pages(file, name="it", max_pixels=10**6, max_pages=6))
    except InkdigitsError as e:
        return pages, str(e)
    return pages, ""
