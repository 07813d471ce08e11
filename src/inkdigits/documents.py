"""PDF pages and HEIC photos to images. Knows pypdfium2 and pillow-heif; knows nothing of digits.

Both formats are programs in disguise: two kilobytes of PDF can ask for a week of drawing or for all memory,
and the C++ that decodes them ends a whole process when it fails. So they are decoded by a process of their
own with limits on time and memory, one page ahead of the caller: a file made to break it breaks nothing
else, and any number of threads may read at once, though neither library is safe to share among them.

    file ─► process: header, size × dpi within limits ─► drawn ─► pipe ─► image, or one clear error
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO

from inkdigits.errors import ImageTooLarge, InkdigitsError, MissingExtra, TooManyPages, UnreadableImage

if TYPE_CHECKING:
    from PIL import Image

SECONDS = 60  # that a page may take; a scan of A4 takes a core 0.1, the largest page in colour 1
MEMORY = 2 * 2**30  # bytes of address space; a page of 64 million pixels from a scan in colour takes 0.5 GiB

_PACKAGES = {"PDF": "pypdfium2", "HEIC": "pillow-heif"}
_ERRORS = {error.type: error for error in (ImageTooLarge, TooManyPages, UnreadableImage)}
_POINTS = 72  # a PDF's units in an inch
_PASSWORD, _SECURITY = 4, 5  # pdfium's FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY


def decoded(
    file: BinaryIO, kind: str, name: str, *, dpi: float, max_pixels: int, max_pages: int | None
) -> Generator[Image.Image, None, None]:
    """The pages of a PDF, or the one picture of a HEIC, in order; a broken page ends them.

    Annotations and form fields are drawn, a page's rotation is applied. Of a HEIC with several pictures the
    primary one counts.

    Args:
        file: the whole file, seekable.
        kind: "PDF" or "HEIC".
        name: what errors call it.
        dpi: pixels for an inch of a PDF's page.
        max_pixels: of a page, checked before it is drawn.
        max_pages: of the document; None for no limit.

    Yields:
        Upright images; a PDF's are in mode "L".

    Raises:
        MissingExtra: what decodes this kind isn't installed.
        UnreadableImage: broken, cut short, without pages, asks for a password, uses up its memory.
        ImageTooLarge: a page with too many pixels, or that takes too long.
        TooManyPages: before the first page is drawn.
    """
    if find_spec(_PACKAGES[kind].replace("-", "_")) is None:
        need = f"reading {kind} needs {_PACKAGES[kind]}, not installed here"
        raise MissingExtra(f"{name}: {need}: pip install 'inkdigits[documents]'")
    limits = {"max_pixels": max_pixels, "max_pages": max_pages, "memory": MEMORY}
    with _started(file, name, json.dumps({"kind": kind, "dpi": float(dpi), **limits})) as process:
        page = name
        for number in count(2):
            image = _received(process, kind, page)
            if image is None:
                return
            yield image
            page = f"{name}, page {number}"


# ---- the caller's side


@contextmanager
def _started(file: BinaryIO, name: str, task: str) -> Iterator[subprocess.Popen[bytes]]:
    """The decoding process, its standard input the file; ended when the caller wants no more pages."""
    # -P: no folder of the caller's may stand in for a library; what the caller could import, it can too
    command = [sys.executable or "python3", "-P", "-m", "inkdigits.documents", task]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    with ExitStack() as stack:
        try:
            if isinstance(file, io.BytesIO):
                on_disk = stack.enter_context(tempfile.TemporaryFile())
                file.seek(0)
                shutil.copyfileobj(file, on_disk)
                on_disk.seek(0)
                file = on_disk
            process = subprocess.Popen(
                command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        except OSError as e:
            raise UnreadableImage(f"{name}: its reader can't be started ({e.strerror or e})") from None
        stack.enter_context(process)
        stack.callback(process.kill)
        yield process


def _received(process: subprocess.Popen[bytes], kind: str, name: str) -> Image.Image | None:
    """The next page; None after the last one."""
    from PIL import Image

    assert process.stdout is not None
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(SECONDS, stop)
    timer.start()
    try:
        line = process.stdout.readline()
        page: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        pixels = process.stdout.read(page.get("bytes", 0))
    finally:
        timer.cancel()
    if page.get("end"):
        return None
    if "error" in page:
        raise _ERRORS[page["error"]](f"{name}: {page['detail']}")
    if late.is_set():
        raise ImageTooLarge(f"{name}: takes longer than the {SECONDS} seconds that a page may take")
    if not page or len(pixels) < page["bytes"]:
        gigabytes = f"{MEMORY / 2**30:g} GiB"
        raise UnreadableImage(f"{name}: a {kind} that breaks its reader, or needs more than {gigabytes}")
    return Image.frombytes(page["mode"], (page["width"], page["height"]), pixels)


# ---- the process's side


def main(kind: str, dpi: float, max_pixels: int, max_pages: int | None, memory: int) -> None:
    """Decodes standard input; for each page, a line of JSON and the pixels go to standard output."""
    _limit_memory(memory)
    try:
        if kind == "PDF":
            _draw_pages(dpi, max_pixels, max_pages)
        else:
            _decode_photo(max_pixels)
        _send(end=True)
    except InkdigitsError as e:
        _send(error=e.type, detail=str(e))
    except MemoryError:
        _send(error=ImageTooLarge.type, detail="needs more memory than a page may take; reduce it first")
    except Exception as e:  # decoders raise anything
        reason = " ".join(str(e).split())[:80] or type(e).__name__
        _send(error=UnreadableImage.type, detail=f"a {kind} that is broken or cut short ({reason})")


def _limit_memory(memory: int) -> None:
    """So that what asks for too much ends this process, and not others."""
    with suppress(ImportError):  # Windows has no such limits
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_AS, (memory, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # ended on purpose: nobody needs its memory on disk


def _send(pixels: bytes = b"", **header: Any) -> None:
    sys.stdout.buffer.write(json.dumps({**header, "bytes": len(pixels)}).encode() + b"\n" + pixels)
    sys.stdout.buffer.flush()


def _draw_pages(dpi: float, max_pixels: int, max_pages: int | None) -> None:
    document = _opened_pdf()
    pages = len(document)
    if max_pages is not None and pages > max_pages:
        raise TooManyPages(f"{pages:,} pages, more than the limit of {max_pages:,}; split it first")
    # page sizes are 32-bit floats: without the last factor, a scan of 1654 pixels may become one of 1655
    scale = dpi / _POINTS * (1 - 1e-6)
    for number in range(pages):
        page = document[number]
        width, height = (math.ceil(points * scale) for points in page.get_size())
        if width * height > max_pixels:
            limit = f"more than the limit of {max_pixels / 1e6:g} million"
            raise ImageTooLarge(f"{width:,}×{height:,} pixels at {dpi:g} dpi, {limit}; give fewer dpi")
        bitmap = page.render(scale=scale, grayscale=True, draw_annots=True, may_draw_forms=True)
        _send(_packed(bitmap), mode="L", width=bitmap.width, height=bitmap.height)
        bitmap.close()
        page.close()


def _opened_pdf() -> Any:
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(sys.stdin.buffer)
        document.init_forms()
    except PdfiumError as e:
        if e.err_code == _PASSWORD:
            raise UnreadableImage("a PDF that asks for a password; save a copy without one") from None
        if e.err_code == _SECURITY:
            raise UnreadableImage("a PDF with an unknown encryption; save a copy without one") from None
        raise UnreadableImage("a PDF that is broken, cut short or without pages") from None
    return document


def _packed(bitmap: Any) -> bytes:
    """A grey bitmap's pixels without the padding that its rows may have."""
    content = memoryview(bitmap.buffer)
    if bitmap.stride == bitmap.width:
        return bytes(content)
    rows = (content[row * bitmap.stride :][: bitmap.width] for row in range(bitmap.height))
    return b"".join(rows)


def _decode_photo(max_pixels: int) -> None:
    from pillow_heif import HeifImageFile

    image: Image.Image = HeifImageFile(sys.stdin.buffer)  # type: ignore[no-untyped-call]
    _check_photo(image.size, max_pixels)
    image.load()  # upright: libheif turns it
    _check_photo(image.size, max_pixels)  # what was decoded may differ from what the header said
    _send(image.tobytes(), mode=image.mode, width=image.width, height=image.height)


def _check_photo(size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        sides, limit = f"{size[0]:,}×{size[1]:,} pixels", f"{max_pixels / 1e6:g} million"
        raise ImageTooLarge(f"{sides}, more than the limit of {limit}; reduce it first")


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
