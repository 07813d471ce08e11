"""Pictures to uploads: bytes as they are, arrays as a reader here would see them, errors before sending."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkdigits.client.pictures import FILES, Upload, batches, upload_of, uploads_of
from inkdigits.errors import InputError, UnreadableImage
from inkdigits.images import load_grey

EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"


def test_files_go_as_they_are() -> None:
    path = EXAMPLES / "5-marker.jpg"
    content = path.read_bytes()
    with path.open("rb") as file:
        uploads = [upload_of(path), upload_of(str(path)), upload_of(content, "a.jpg"), upload_of(file)]
    assert {upload.content for upload in uploads} == {content}
    assert [upload.source for upload in uploads] == [str(path), str(path), "a.jpg", None]
    assert [upload.filename for upload in uploads] == [
        "5-marker.jpg",
        "5-marker.jpg",
        "a.jpg",
        "5-marker.jpg",
    ]


@pytest.mark.parametrize(
    "picture",
    [
        np.random.default_rng(1).integers(0, 256, (40, 30), dtype=np.uint8),
        np.random.default_rng(2).random((40, 30, 3)),
        np.eye(28, dtype=bool),
        Image.open(EXAMPLES / "8-sideways.jpg"),
        Image.open(EXAMPLES / "6-white-on-clear.png"),
        Image.open(EXAMPLES / "1-scan-16-bit.png"),
    ],
    ids=["grey", "colour", "bools", "exif", "transparent", "deep"],
)
def test_pixels_arrive_as_a_reader_here_has_them(picture: Any) -> None:
    upload = upload_of(picture)
    assert upload.content.startswith(b"\x89PNG")
    assert np.array_equal(load_grey(upload.content), load_grey(picture))
    assert upload.source is None


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("missing.png", "missing.png: no such file or directory"),
        (str(EXAMPLES), f"{EXAMPLES}: is a directory"),
        ("a\0b", "a\0b: can't be read (embedded null byte)"),
        (b"", "picture: empty, it has no bytes"),
        (io.StringIO("text"), "picture: opened as text; open it in binary mode"),
        (np.zeros((0, 5)), "array: has no pixels"),
        (np.zeros(5), "array: is 5; a picture is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"),
    ],
)
def test_what_can_t_be_sent_is_one_clear_error(picture: Any, message: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        upload_of(picture)
    assert str(caught.value) == message


def test_closed_files_and_things_that_are_no_picture_are_errors_too() -> None:
    closed = io.BytesIO(b"x")
    closed.close()
    nothing: Any = (None, 7, {"a": 1}, closed)
    assert all(isinstance(upload, InputError) for upload in uploads_of(nothing))


def test_names_that_are_no_utf_8_can_be_sent(tmp_path: Path) -> None:
    path = tmp_path / "b\udcffild.png"
    path.write_bytes(b"x")
    assert upload_of(path).filename == "b\\udcffild.png"


def test_batches_keep_to_a_number_of_files_and_of_bytes() -> None:
    small, large = Upload(None, "s", bytes(10)), Upload(None, "l", bytes(95))
    assert [len(batch) for batch in batches([small] * (FILES + 1), 10**6)] == [FILES, 1]
    assert [len(batch) for batch in batches([small, large, small, small, large, large], 100)] == [
        1,
        1,
        2,
        1,
        1,
    ]
    failed = UnreadableImage("x")
    assert list(batches([failed, large, failed], 100)) == [[failed, large, failed]]
    assert list(batches([], 100)) == []
