"""What is sent: MNIST's test digits as PNG files, and the requests that carry them. Knows no servers."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from inkdigits.training.datasets import load_data

EXAMPLES = Path(__file__).parents[2] / "examples"
BOUNDARY = b"----inkdigits-serving"


@dataclass(frozen=True)
class File:
    """A picture or document.

    Attributes:
        name: of the file.
        content: its bytes.
    """

    name: str
    content: bytes


def digits(count: int) -> list[File]:
    """The first of MNIST's test images as PNG files: 28×28, grey, light on dark, about 300 bytes each."""
    return [
        File(f"{number}.png", png(glyph))
        for number, glyph in enumerate(load_data("mnist-test").images[:count])
    ]


def png(pixels: object) -> bytes:
    """A grey picture as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")  # type: ignore[arg-type]
    return content.getvalue()


def example(name: str) -> File:
    """One of the pictures in examples/."""
    return File(Path(name).name, (EXAMPLES / name).read_bytes())


def multipart(file: File, path: str = "/v1/classify") -> bytes:
    """A whole HTTP request: one file as a part of multipart/form-data, as browsers and curl send it."""
    head = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: %b\r\n\r\n'
    kind = b"application/pdf" if file.name.endswith(".pdf") else b"image/png"
    body = head % (BOUNDARY, file.name.encode(), kind) + file.content + b"\r\n--%b--\r\n" % BOUNDARY
    return post(path, b"multipart/form-data; boundary=" + BOUNDARY, body)


def in_json(files: list[File], path: str = "/v1/classify") -> bytes:
    """A whole HTTP request: files as base64 in JSON."""
    images = [{"name": file.name, "data": base64.b64encode(file.content).decode()} for file in files]
    return post(path, b"application/json", json.dumps({"images": images}).encode())


def post(path: str, content_type: bytes, body: bytes) -> bytes:
    """A whole HTTP request."""
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (path.encode(), content_type, len(body)) + body
