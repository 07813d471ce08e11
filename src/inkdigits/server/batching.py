"""Glyphs of requests that arrive together, answered in one run of the network. Knows no HTTP, no pictures.

    request ─► waiting ─► next turn of the event loop: all that waits, one run ─► each its own rows

There is no timer. A run is due on the loop's next turn, so a lone glyph waits for nothing; while one run is
at work requests come in, and these make the next batch. A lone glyph runs on the loop itself: handing it to a
thread and back takes about as long as the run. Several run in a thread, one batch at a time, and the loop
decodes the next pictures meanwhile: a second core is used, and nobody who comes waits for a batch to end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import SIDE, Model
from inkdigits.server.overload import Overloaded, ShuttingDown

__all__ = ["Batcher", "Overloaded"]

log = logging.getLogger(__name__)

Glyphs = NDArray[np.uint8]
Logits = NDArray[np.float32]
Batch = list[tuple[Glyphs, "asyncio.Future[Logits]"]]

LARGE = 4  # requests waiting or at work that are larger than a batch; each may hold 20 MB
PROBED = (2, 3, 5, 8)  # sizes of batches, besides the largest, that must answer as single glyphs do
SMOOTH = 0.1  # weight of the last run in what a glyph takes


class Batcher:
    """One network, asked by many at once, from one event loop."""

    def __init__(
        self,
        model: Model,
        *,
        max_batch: int = 32,
        queue: int = 256,
        observe: Callable[[int, int], None] | None = None,
    ) -> None:
        """Makes sure that batches answer as single glyphs do; otherwise glyphs run one by one.

        Args:
            model: the network.
            max_batch: glyphs of a run. 64 take 2% less each, but the loop stands still twice as long.
            queue: glyphs that may wait.
            observe: told of each run how many glyphs it has, and how many wait for the next.
        """
        self._model = model
        self._largest = max_batch if _answers_alike(model, max_batch) else 1
        self._queue, self._observe = queue, observe
        self._waiting: deque[tuple[Glyphs, asyncio.Future[Logits]]] = deque()
        self._count = 0  # glyphs in it
        self._due = False  # whether a run is due or at work, after which the next one follows
        self._glyph_seconds = 0.0005
        self._batches = ThreadPoolExecutor(1, "batches")
        self._thread = ThreadPoolExecutor(1, "large-batches")
        self._large = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Glyphs that wait."""
        return self._count

    async def logits(self, glyphs: Glyphs) -> Logits:
        """What `Model.logits` answers for these glyphs, to the bit, run together with whatever else waits.

        Args:
            glyphs: `uint8 (N, 28, 28)`; any N.

        Returns:
            `float32 (N, classes)`.

        Raises:
            InvalidData: of another type or shape; nobody else's glyphs suffer.
            Overloaded: too many wait already.
            ShuttingDown: after `close`.
        """
        if self._closed:
            raise ShuttingDown("the server is shutting down")
        if not len(glyphs) or glyphs.dtype != np.uint8 or glyphs.shape[1:] != (SIDE, SIDE):
            return self._model.logits(glyphs)  # which says what is wrong with them
        if len(glyphs) > self._largest:
            return await self._in_thread(glyphs)
        if self._count + len(glyphs) > self._queue:
            raise self._full(f"{self._count} glyphs wait already")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Logits] = loop.create_future()
        self._waiting.append((glyphs, answer))
        self._count += len(glyphs)
        if not self._due:
            self._due = True
            loop.call_soon(self._run, loop)
        return await answer

    async def close(self) -> None:
        """Answers what waits, then refuses."""
        self._closed = True
        await asyncio.gather(*(answer for _, answer in self._waiting), return_exceptions=True)
        for thread in (self._batches, self._thread):
            await asyncio.to_thread(thread.shutdown)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """All that waits: a lone request's glyphs here, others in the thread, batch by batch."""
        batches = list(iter(self._taken, []))
        if len(batches) > 1 or any(len(batch) > 1 for batch in batches):
            loop.run_in_executor(self._batches, self._in_turn, loop, batches)
            return
        for batch in batches:
            _deliver(batch, self._ran(batch))
        self._next(loop)

    def _in_turn(self, loop: asyncio.AbstractEventLoop, batches: list[Batch]) -> None:
        """In the thread. Nothing waits for the loop between two batches: under load its turns are long."""
        for batch in batches:
            loop.call_soon_threadsafe(_deliver, batch, self._ran(batch))
        loop.call_soon_threadsafe(self._next, loop)

    def _ran(self, batch: Batch) -> Logits | Exception:
        """A batch's rows, or what went wrong, whatever it is: nobody may wait for ever."""
        try:
            return self._answered(np.concatenate([glyphs for glyphs, _ in batch]))
        except Exception as e:
            return e

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = bool(self._waiting)
        if self._due:
            loop.call_soon(self._run, loop)

    def _taken(self) -> Batch:
        """As many as fit into a batch, in order of arrival; those nobody waits for any more are dropped."""
        batch, room = [], self._largest
        while self._waiting and len(self._waiting[0][0]) <= room:
            glyphs, answer = self._waiting.popleft()
            self._count -= len(glyphs)
            if not answer.done():  # cancelled
                batch.append((glyphs, answer))
                room -= len(glyphs)
        return batch

    def _answered(self, glyphs: Glyphs) -> Logits:
        begin = perf_counter()
        rows = self._model.logits(glyphs)
        each = (perf_counter() - begin) / len(glyphs)
        self._glyph_seconds += SMOOTH * (each - self._glyph_seconds)
        if self._observe:
            self._observe(len(glyphs), self._count)
        return rows

    async def _in_thread(self, glyphs: Glyphs) -> Logits:
        """Many glyphs of one request, a batch at a time in a thread: the loop goes on."""
        if self._large >= LARGE:
            raise self._full(f"{self._large} large requests are at work or wait")
        self._large += 1
        try:
            parts = [glyphs[at : at + self._largest] for at in range(0, len(glyphs), self._largest)]
            loop = asyncio.get_running_loop()
            return np.concatenate(
                [await loop.run_in_executor(self._thread, self._answered, part) for part in parts]
            )
        finally:
            self._large -= 1

    def _full(self, detail: str) -> Overloaded:
        return Overloaded(f"{detail}; try again shortly", max(1.0, self._count * self._glyph_seconds))


def _deliver(batch: Batch, rows: Logits | Exception) -> None:
    """To each its rows."""
    start = 0
    for glyphs, answer in batch:
        if answer.done():  # cancelled meanwhile
            pass
        elif isinstance(rows, Exception):
            answer.set_exception(rows)
        else:
            answer.set_result(rows[start : start + len(glyphs)])
        start += len(glyphs)


def _answers_alike(model: Model, max_batch: int) -> bool:
    """Whether glyphs get the same answers in batches as alone, to the bit.

    They do wherever this was tried. But the kernels of matrix products depend on the processor, and may add
    in another order for other numbers of rows.
    """
    glyphs = np.random.default_rng(0).integers(0, 256, (max_batch, SIDE, SIDE), np.uint8)
    alone = np.concatenate([model.logits(glyph[None]) for glyph in glyphs])
    for size in {*PROBED, max_batch}:
        if not np.array_equal(model.logits(glyphs[:size]), alone[:size]):
            log.warning("glyphs get other answers in batches of %s than alone: they run one by one", size)
            return False
    return True
