"""One file to be read, and the answer as JSON: the same in the server and in the processes beside it.

Knows the reader and formats; knows no HTTP and no processes. Answers are bytes of JSON, made where the page
was read, so that whoever passes them on doesn't parse them.
"""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import UsageError
from inkdigits.glyph import glyph_from_grey
from inkdigits.images import MAX_PAGES, MAX_PIXELS, load_grey, load_pages
from inkdigits.reading import NumberReader, Wanted
from inkdigits.recognition import Candidate, PageReader
from inkdigits.results import Line, Reading, as_percent

LONGEST = 2000  # px, the longer side of a page's picture in an explanation
QUALITY = 85  # of that picture as JPEG

GLYPH = "glyph"  # a job's format: the picture is one digit, and nothing is read here

MEDIA_TYPES = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "hocr": "text/html; charset=utf-8",
    "alto": "application/xml",
    "page": "application/xml",
}

Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class ReadJob:
    """A file to be read.

    Attributes:
        content: its bytes.
        name: the answer's `source`, and what errors call it; None for none.
        options: what `reading.Wanted` takes, by name.
        format: one of `formats.WRITERS`; None or "json" for JSON; `GLYPH` for the glyph of a single digit.
        explain: whether to show what the network saw, and why it answered so. JSON only.
        max_pages: of the document.
        max_pixels: of each page.
    """

    content: bytes
    name: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    format: str | None = None
    explain: bool = False
    max_pages: int = MAX_PAGES
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class ReadAnswer:
    """A file that was read.

    Attributes:
        body: of JSON, the array of pages, each `Reading.to_dict()` with explanations if asked for. Of another
            format, all of the document.
        media_type: of the body.
        pages: how many were read.
        reasons: how many numbers were `accepted`, `blank`, `not_a_digit`, `unsure`.
    """

    body: bytes
    media_type: str
    pages: int
    reasons: dict[str, int]


def answer(numbers: NumberReader, job: ReadJob) -> ReadAnswer:
    """Reads a file: pages ─► readings ─► JSON or another format.

    Raises:
        UsageError: options that can't be; several pages in a format that has one a document.
        InputError: as `images.load_pages`, also when only a later page is broken.
    """
    if job.format == GLYPH:
        return _glyph(job)
    # `Wanted` is built here, so that an unknown option is the caller's error and not ours
    wanted = _wanted(job.options)
    reader = numbers.page_reader(wanted)
    pages, reasons = [], Counter[str]()
    for reading, explanation in _pages(reader, wanted, job):
        reasons.update("accepted" if line.reason is None else line.reason for line in reading.lines)
        pages.append((reading, explanation))
    kind = job.format or "json"
    body = _json(pages) if kind == "json" else _written(kind, [reading for reading, _ in pages])
    return ReadAnswer(body, MEDIA_TYPES[kind], len(pages), dict(reasons))


def _glyph(job: ReadJob) -> ReadAnswer:
    """A single digit as the network for digits will see it: its 784 bytes, none of a blank picture."""
    glyph = glyph_from_grey(load_grey(job.content, name=job.name, max_pixels=job.max_pixels))
    return ReadAnswer(b"" if glyph is None else glyph.tobytes(), "application/octet-stream", 1, {})


def _wanted(options: dict[str, Any]) -> Wanted:
    try:
        return Wanted(**options)
    except TypeError:
        unknown = ", ".join(sorted(set(options) - set(Wanted.__dataclass_fields__)))
        raise UsageError(f"option {unknown}: not known") from None


def _pages(reader: PageReader, wanted: Wanted, job: ReadJob) -> Iterator[tuple[Reading, dict[str, Any]]]:
    """Each page's reading, and what explains it; never more than one page in memory."""
    pages = load_pages(
        job.content,
        name=job.name,
        dpi=wanted.dpi,
        max_pixels=job.max_pixels,
        max_pages=job.max_pages,
    )
    with closing(pages):  # type: ignore[type-var]
        for number, grey in enumerate(pages, start=1):
            watched = Watched(reader.model, reader.constraints, reader.rule)
            upright, lines = watched.read(grey, wanted.layout)
            height, width = upright.shape
            reading = Reading(lines, width, height, number, job.name)
            yield reading, _explanation(watched, lines, upright) if job.explain else {}


def _json(pages: list[tuple[Reading, dict[str, Any]]]) -> bytes:
    """The array of pages; explanations go where they belong, into pages and lines."""
    objects = []
    for reading, explanation in pages:
        page = reading.to_dict()
        if explanation:
            page["explanation"] = explanation["page"]
            for line, said in zip(page["lines"], explanation["lines"], strict=True):
                line["explanation"] = said
        objects.append(page)
    return json.dumps(objects, separators=(",", ":")).encode()


def _written(kind: str, readings: list[Reading]) -> bytes:
    from inkdigits.formats import WRITERS

    writer = WRITERS[kind]()
    if writer.documents and len(readings) > 1:
        raise UsageError(f"format {kind} makes a document a page, and this has several; ask for json or csv")
    return "".join([writer.begin(), *map(writer.reading, readings), writer.end()]).encode()


# ---- explanations


@dataclass(frozen=True)
class Watched(PageReader):
    """A page reader that keeps what it judged.

    Attributes:
        judged: one for each line that `read` gave, in the same order.
    """

    judged: list[Candidate] = field(default_factory=list)

    def _judged(self, candidate: Candidate, shape: tuple[int, ...]) -> Line:
        self.judged.append(candidate)
        return super()._judged(candidate, shape)


def _explanation(watched: Watched, lines: tuple[Line, ...], upright: Grey) -> dict[str, Any]:
    """What the network saw of each line, one sentence on its verdict, and the page to draw boxes on."""
    said = [
        {
            "strip": None if candidate.strip is None else _png(candidate.strip.pixels),
            "detail": why(line, candidate, watched.rule.accept_at),
        }
        for line, candidate in zip(lines, watched.judged, strict=True)
    ]
    return {"page": _picture(upright), "lines": said}


def why(line: Line, candidate: Candidate, accept_at: float) -> str:
    """One plain sentence: why a number is accepted, or isn't.

    Args:
        line: the number.
        candidate: what was read there.
        accept_at: least confidence of an accepted number; 1 accepts none.
    """
    sure, enough = as_percent(line.confidence), f"{100 * accept_at:.1f}%"
    decoded = candidate.decoded
    if line.reason == "blank":
        return "Nothing is written here."
    if line.reason == "not_a_digit":
        return "There is ink, but most of it isn't digits."
    if line.accepted:
        return f"Accepted: it is {sure} sure, and {enough} is enough."
    if decoded is not None and not decoded.satisfied:
        alone = decoded.unconstrained.text
        return f"No likely reading fits what is known of the number; by itself the ink looks like {alone}."
    if accept_at >= 1:
        return f"It is {sure} sure, but so small a share of errors can't be promised for any number."
    return f"It is only {sure} sure; a number is accepted from {enough} on."


def _picture(upright: Grey) -> dict[str, Any]:
    """The upright page as JPEG, reduced to what a screen shows."""
    scale = min(1.0, LONGEST / max(upright.shape))
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in upright.shape)
        upright = np.asarray(cv2.resize(upright, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    content = io.BytesIO()
    Image.fromarray(upright).save(content, "JPEG", quality=QUALITY)
    return {"picture": base64.b64encode(content.getvalue()).decode(), "scale": round(scale, 6)}


def _png(pixels: Grey) -> str:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()
