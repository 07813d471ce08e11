"""What answers requests: networks, the batcher, page processes; from start to stop. Knows no HTTP.

A small picture is decoded and answered in the server's own process; everything heavier goes elsewhere, so
that it delays nobody.

    classify: file ─► glyph: here, by a thread or by page processes ─► batcher ─► Classification
    read:     file ─► JSON: by a thread if it is one small number, else by page processes
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import ImageTooLarge, InkdigitsError
from inkdigits.glyph import SIDE, glyph_from_grey
from inkdigits.images import check_header, load_grey
from inkdigits.model import softmax
from inkdigits.page.layout import is_page
from inkdigits.reader import Reader
from inkdigits.results import Classification
from inkdigits.server.apart import PageProcesses, ReadAnswer, ReadJob
from inkdigits.server.batching import Batcher
from inkdigits.server.jobs import GLYPH, answer
from inkdigits.server.metrics import PageFigures, forget, observe_batch
from inkdigits.server.settings import Settings
from inkdigits.server.shedding import Room
from inkdigits.server.uploads import File

INLINE_PIXELS = 300_000  # of a picture that is decoded between two requests
INLINE_BYTES = 128 * 2**10  # of its file: bytes made to ask for much work get this many for it
THREAD_PIXELS = 1_000_000  # of one that is decoded by a thread
THREAD_BYTES = 512 * 2**10

Glyph = NDArray[np.uint8]


@dataclass(frozen=True)
class Classified:
    """One picture's answer, and what led to it.

    Attributes:
        answer: the classification, or why there is none.
        glyph: `uint8 (28, 28)`, what the network saw; None when blank or unreadable.
    """

    answer: Classification | InkdigitsError
    glyph: Glyph | None = None


class Service:
    """All that answers, opened once for all requests of this process.

    Attributes:
        settings: the server's.
        reader: the networks.
        batcher: runs glyphs.
        room: for requests that are at work at the same time.
        stopping: whether new requests are refused, as the server is about to end.
    """

    def __init__(self, settings: Settings, reader: Reader) -> None:
        """Puts it together; `open` starts the processes."""
        self.settings, self.reader = settings, reader
        self.batcher = Batcher(reader.model, queue=settings.queue, observe=observe_batch)
        self.room = Room(settings.queue)
        self.stopping = False
        self._pages: PageProcesses | None = None
        self._numbers = ThreadPoolExecutor(1, "numbers")
        self._pictures = ThreadPoolExecutor(1, "pictures")

    def open(self) -> None:
        """Starts the page processes, and answers once, so that the first caller needn't wait for imports."""
        settings = self.settings
        cv2.setNumThreads(1)  # small pictures only: threads would cost more than they bring
        self._pages = PageProcesses(
            settings.page_processes,
            seconds=settings.request_seconds,
            memory_mb=settings.page_memory_mb,
            queue=settings.page_queue,
            line_weights=settings.line_weights,
            observe=PageFigures(),
        )
        _warm_up(self.reader)

    async def close(self) -> None:
        """Answers what was begun, then ends threads and processes."""
        self.stopping = True
        await self.batcher.close()
        if self._pages is not None:
            await self._pages.close()
        self._numbers.shutdown()
        self._pictures.shutdown()
        forget(os.getpid())

    @property
    def ready(self) -> bool:
        """Whether requests should come here."""
        return self._pages is not None and not self.stopping

    @property
    def pages(self) -> PageProcesses:
        """The processes beside this one."""
        assert self._pages is not None, "open() comes first"
        return self._pages

    # ---- one digit a picture

    async def classify(self, files: Sequence[File]) -> list[Classified]:
        """Each picture's digit, in order; one that can't be read has its error.

        Raises:
            Overloaded: too much waits already.
        """
        glyphs = [await self._glyph(files[0])]
        for file in files[1:]:
            await asyncio.sleep(0)  # others have their turn between two pictures
            glyphs.append(await self._glyph(file))
        inked = [glyph for glyph in glyphs if isinstance(glyph, np.ndarray)]
        rows: Iterator[NDArray[np.float64]] = iter(())
        if inked:
            logits = await self.batcher.logits(np.stack(inked))
            rows = iter(softmax(logits, self.reader.model.temperature))
        return [self._classified(file, glyph, rows) for file, glyph in zip(files, glyphs, strict=True)]

    async def _glyph(self, file: File) -> Glyph | InkdigitsError | None:
        """What the network will see; None when there is nothing, or why it can't be had."""
        try:
            if _is_light(file.content, INLINE_BYTES):
                with suppress(ImageTooLarge):
                    return _glyph_of(file, min(INLINE_PIXELS, self.settings.max_pixels))
            if _is_light(file.content, THREAD_BYTES):
                with suppress(ImageTooLarge):
                    most = min(THREAD_PIXELS, self.settings.max_pixels)
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(self._pictures, _glyph_of, file, most)
            job = ReadJob(file.content, file.name, format=GLYPH, max_pixels=self.settings.max_pixels)
            pixels = (await self._read_apart(job)).body
            return np.frombuffer(pixels, np.uint8).reshape(SIDE, SIDE).copy() if pixels else None
        except InkdigitsError as e:
            return e

    def _classified(
        self, file: File, glyph: Glyph | InkdigitsError | None, rows: Iterator[NDArray[np.float64]]
    ) -> Classified:
        if isinstance(glyph, InkdigitsError):
            return Classified(glyph)
        row = None if glyph is None else next(rows)
        return Classified(self.reader.answer(row, file.name), glyph)

    # ---- numbers and pages

    async def read(
        self, file: File, options: Mapping[str, Any], form: str = "json", explain: bool = False
    ) -> ReadAnswer:
        """The numbers in a picture or document.

        Args:
            file: the picture or document.
            options: as `reading.Wanted` takes them.
            form: of the answer, one of `formats.WRITERS`.
            explain: whether the answer shows what the network saw.

        Raises:
            InkdigitsError: it can't be read, takes too long, or the options can't be.
            Overloaded: too much waits already.
        """
        limits = {"max_pages": self.settings.max_pages, "max_pixels": self.settings.max_pixels}
        job = ReadJob(file.content, file.name, dict(options), form, explain, **limits)
        if (
            options.get("layout") != "page"
            and _is_light(file.content, INLINE_BYTES)
            and not _has_pages(file.content)
        ):
            loop = asyncio.get_running_loop()
            read = await loop.run_in_executor(self._numbers, self._read_small, job)
            if read is not None:
                return read
        return await self._read_apart(job)

    async def _read_apart(self, job: ReadJob) -> ReadAnswer:
        """In a page process; what its header already rules out needn't wait for one."""
        check_header(job.content, name=job.name, max_pixels=job.max_pixels)
        return await self.pages.read(job)

    def _read_small(self, job: ReadJob) -> ReadAnswer | None:
        """In a thread: a small picture of one number; None of anything else."""
        try:
            grey = load_grey(job.content, name=job.name, max_pixels=INLINE_PIXELS)
        except ImageTooLarge:
            return None
        if job.options.get("layout") != "line" and is_page(grey):
            return None
        return answer(self.reader.numbers, job)


def _warm_up(reader: Reader) -> None:
    stroke = np.full((60, 60), 255, np.uint8)
    stroke[10:50, 28:33] = 0
    for kind in ("PNG", "JPEG", "WEBP"):
        content = io.BytesIO()
        Image.fromarray(stroke).save(content, kind)
        reader.classify(content.getvalue())
        reader.read(content.getvalue(), layout="line")
    is_page(stroke)


def _glyph_of(file: File, max_pixels: int) -> Glyph | None:
    return glyph_from_grey(load_grey(file.content, name=file.name, max_pixels=max_pixels))


def _is_light(content: bytes, most: int) -> bool:
    """Whether a file has few bytes, and is of a kind that is decoded in this process."""
    head = content[:1024]
    return len(content) <= most and head[4:8] != b"ftyp" and b"%PDF-" not in head


def _has_pages(content: bytes) -> bool:
    return content.startswith((b"II", b"MM"))  # TIFF
