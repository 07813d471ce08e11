"""Files of every format become upright grey pages, within limits; broken ones are one clear error."""

from __future__ import annotations

import io
import os
import resource
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageTooLarge, UnreadableImage
from inkdigits.images import MAX_BYTES, check_header, load_grey


@pytest.fixture
def drawing() -> NDArray[np.uint8]:
    """An F of 30 by 20 pixels, dark on light: no turn or mirror leaves it as it is."""
    grey = np.full((30, 20), 230, np.uint8)
    grey[4:26, 5:8] = 30
    grey[4:7, 5:16] = 30
    grey[13:16, 5:12] = 30
    return grey


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, *, body: bytes = b"", depth: int = 8, colour: int = 0) -> bytes:
    """A PNG file by hand, whose header may promise what its body doesn't hold."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "GIF"])
def test_lossless_formats_keep_every_pixel(drawing: NDArray[np.uint8], kind: str) -> None:
    assert np.array_equal(load_grey(encoded(Image.fromarray(drawing), kind)), drawing)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_come_near(drawing: NDArray[np.uint8], kind: str) -> None:
    grey = load_grey(encoded(Image.fromarray(drawing), kind, quality=95))
    assert np.abs(grey.astype(int) - drawing).max() < 40


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16])
def test_every_depth_spans_black_to_white(bits: int) -> None:
    levels = np.linspace(0, 2**bits - 1, 32).round().astype(np.uint16)
    pixels = np.tile(levels, (8, 1))
    if bits < 8:  # packed into PNG's own depths
        rows = b"".join(b"\0" + _packed(row, bits) for row in pixels)
        grey = load_grey(png(32, 8, body=rows, depth=bits))
    else:  # 10, 12 and 14 bits as cameras and scanners put them into 16
        grey = load_grey(encoded(Image.fromarray(pixels), "PNG"))
    assert (grey.min(), grey.max()) == (0, 255)
    assert np.all(np.diff(grey[0].astype(int)) >= 0)


def _packed(row: NDArray[np.uint16], bits: int) -> bytes:
    text = "".join(f"{value:0{bits}b}" for value in row)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(drawing: NDArray[np.uint8], orientation: int) -> None:
    # by the standard's words: where the stored picture's row 0 and column 0 lie in the one that is seen
    stored: dict[int, Callable[[Any], Any]] = {
        1: lambda seen: seen,  # top, left
        2: np.fliplr,  # top, right
        3: lambda seen: np.rot90(seen, 2),  # bottom, right
        4: np.flipud,  # bottom, left
        5: np.transpose,  # left, top
        6: np.rot90,  # right, top
        7: lambda seen: np.rot90(seen, 2).T,  # right, bottom
        8: lambda seen: np.rot90(seen, -1),  # left, bottom
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encoded(Image.fromarray(np.ascontiguousarray(stored[orientation](drawing))), "PNG", exif=exif)
    assert np.array_equal(load_grey(file), drawing)


def test_broken_exif_spoils_nothing(drawing: NDArray[np.uint8]) -> None:
    file = encoded(Image.fromarray(drawing), "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff")
    assert load_grey(file).shape == drawing.shape


def test_the_first_frame_of_an_animation_counts(drawing: NDArray[np.uint8]) -> None:
    frames = [Image.fromarray(drawing), Image.fromarray(255 - drawing)]
    for kind in ("GIF", "TIFF", "PNG"):
        file = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.array_equal(load_grey(file), drawing)


def test_all_kinds_of_sources_agree(drawing: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "f.png"
    Image.fromarray(drawing).save(path)
    with path.open("rb") as file, Image.open(path) as image:
        for source in (str(path), path, path.read_bytes(), file, image, drawing, drawing[:, :, None]):
            assert np.array_equal(load_grey(source), drawing)


def test_a_decompression_bomb_is_refused_without_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png(50_000, 50_000, body=bytes(1_000)))
    assert bomb.stat().st_size < 1_000
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(ImageTooLarge, match=r"bomb\.png"):
        load_grey(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss < 20_000  # KiB


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_more_pixels_than_the_limit(kind: str) -> None:
    file = encoded(Image.new("L", (300, 200)), kind)
    assert load_grey(file, max_pixels=60_000).shape == (200, 300)
    check_header(file, max_pixels=60_000)
    for refuses in (load_grey, check_header):
        with pytest.raises(ImageTooLarge, match="300×200 pixels"):
            refuses(file, max_pixels=59_999)


def test_a_header_is_judged_without_its_pixels() -> None:
    file = encoded(Image.effect_noise((90, 90), 50), "PNG")
    check_header(file[: len(file) // 2])
    with pytest.raises(UnreadableImage, match="broken"):
        check_header(file[:20])
    check_header(b"%PDF-1.7 whatever")


def test_limits_hold_for_arrays_and_images() -> None:
    for picture in (np.zeros((200, 300)), Image.new("L", (300, 200))):
        with pytest.raises(ImageTooLarge, match="300×200"):
            load_grey(picture, max_pixels=59_999)
    with pytest.raises(ImageTooLarge, match="MiB"):
        load_grey(Path("/dev/zero"))  # never ends: no more than the limit is read
    with pytest.raises(ImageTooLarge, match="MiB"):
        load_grey(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_file_cut_short_is_one_clear_error(kind: str) -> None:
    file = encoded(Image.effect_noise((90, 90), 50), kind)
    with pytest.raises(UnreadableImage, match="cut short") as caught:
        load_grey(file[: len(file) // 2], name="half")
    assert str(caught.value).startswith("half: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("this is not a picture")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UnreadableImage, match=r"^picture: not an image"):
        load_grey(b"no picture")
    for name, message in {
        "empty.png": "empty",
        "text.png": "not an image we can open",
        "folder.png": "a folder",
        "missing.png": "no such file",
        "nul\0.png": "can't be read",
        "x" * 300 + ".png": "name too long",
    }.items():
        with pytest.raises(UnreadableImage, match=message) as caught:
            load_grey(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_a_file_without_permission(tmp_path: Path, drawing: NDArray[np.uint8]) -> None:
    path = tmp_path / "secret.png"
    Image.fromarray(drawing).save(path)
    path.chmod(0)
    as_root = os.geteuid() == 0
    try:
        if as_root:
            os.seteuid(65534)  # whom permissions bind
        with pytest.raises(UnreadableImage, match="permission denied"):
            load_grey(path)
    finally:
        if as_root:
            os.seteuid(0)


def test_a_file_opened_as_text_or_closed(tmp_path: Path, drawing: NDArray[np.uint8]) -> None:
    path = tmp_path / "f.ppm"
    Image.fromarray(drawing).save(path)
    with pytest.raises(UnreadableImage, match="binary"):
        load_grey(io.StringIO("P1 1 1 0"))  # type: ignore[arg-type]
    with path.open("rb") as file:
        pass
    with pytest.raises(UnreadableImage, match="closed"):
        load_grey(file)
    with pytest.raises(UnreadableImage, match="can't be read"):
        load_grey(42)  # type: ignore[arg-type]


def test_neither_warnings_nor_logs_come_through(tmp_path: Path) -> None:
    """Broken files of all formats, in a process of its own: nothing but our line appears."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8))
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        file = bytearray(encoded(noise, kind))
        for at in range(0, len(file), 7):
            file[at] ^= 0x55
        magic = encoded(noise, kind)[:12]
        (tmp_path / f"broken.{kind.lower()}").write_bytes(magic + bytes(file[12:]))
    pages = encoded(noise, "TIFF", save_all=True, append_images=[noise] * 3, compression="tiff_lzw")
    (tmp_path / "broken.pages.tiff").write_bytes(pages[: len(pages) * 4 // 5])
    (tmp_path / "broken.pdf").write_bytes(encoded(noise, "PDF")[:-300])
    (tmp_path / "broken.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    code = (
        "import sys; from pathlib import Path; from inkdigits.images import load_pages\n"
        "from inkdigits.errors import InputError\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try: list(load_pages(path))\n"
        "    except InputError as e: print(e)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert all("broken." in line for line in ended.stdout.splitlines())
    assert {"broken.pages.tiff,", "broken.heic:"} <= {Path(w).name for w in ended.stdout.split()}


def test_warnings_made_errors_by_the_caller_do_no_harm(drawing: NDArray[np.uint8]) -> None:
    image = Image.fromarray(drawing).convert("P")
    file = encoded(image, "PNG", transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_grey(file).shape == drawing.shape
