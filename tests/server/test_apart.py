"""Page processes: real ones, that read, fail, hang, die, are killed, and leave nothing behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inkdigits.errors import ImageTooLarge, TooManyPages, UnreadableImage, UsageError
from inkdigits.reader import Reader
from inkdigits.server.apart import PageProcesses, ReadJob, WorkTimedOut
from inkdigits.server.overload import Overloaded, ShuttingDown

EXAMPLES = Path(__file__).parents[2] / "examples" / "numbers"
PATIENCE = 30  # seconds that anything here may take on a machine with much else to do


def run(use: Callable[[PageProcesses], Awaitable[Any]], **options: Any) -> Any:
    """Uses processes on a loop of their own, then closes them."""
    chosen: dict[str, Any] = {"seconds": PATIENCE, "memory_mb": 1024, "queue": 8, **options}

    async def main() -> Any:
        pages = PageProcesses(chosen.pop("count", 1), **chosen)
        try:
            return await use(pages)
        finally:
            await pages.close()

    return asyncio.run(main())


def job(name: str, **more: Any) -> ReadJob:
    """One of the examples."""
    return ReadJob((EXAMPLES / name).read_bytes(), name, **more)


def in_groups(groups: list[int]) -> list[int]:
    """Processes of these groups that run; those that died and weren't waited for don't."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) in groups and state not in "ZX":
                found.append(int(folder.name))
    return found


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something that is about to happen."""
    for _ in range(PATIENCE * 50):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it didn't happen")


def pids(pages: PageProcesses) -> list[int]:
    """Of the processes."""
    return [process._popen.pid for process in pages._processes]


def test_a_page_is_read_as_the_reader_reads_it() -> None:
    read = run(lambda pages: pages.read(job("form.png")))
    expected = Reader.load().read(EXAMPLES / "form.png", name="form.png").to_dict()
    assert json.loads(read.body) == [expected]
    assert read.media_type == "application/json"
    assert read.pages == 1
    assert sum(read.reasons.values()) == len(expected["lines"])


def test_errors_come_through_as_they_were_raised() -> None:
    async def all_wrong(pages: PageProcesses) -> list[Any]:
        jobs = [
            ReadJob(b"nothing", "a.png"),
            job("amount.png", max_pixels=1000),
            job("amount.png", options={"length": -1}),
            job("amount.png", options={"colour": "red"}),
            job("scan.pdf", max_pages=0),
        ]
        return [await asyncio.gather(pages.read(one), return_exceptions=True) for one in jobs]

    errors = [error for (error,) in run(all_wrong)]
    kinds = [UnreadableImage, ImageTooLarge, UsageError, UsageError, TooManyPages]
    assert [type(error) for error in errors] == kinds
    assert "a.png" in str(errors[0])


def test_who_only_waited_is_told_to_come_again() -> None:
    async def behind(pages: PageProcesses) -> None:
        await pages.read(job("amount.png"))
        pages._seconds = 0.4
        first = asyncio.create_task(pages.read(ReadJob(_large_page(), "big.png")))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match=r"next\.png: others took the 0\.4 seconds"):
            await pages.read(ReadJob(_large_page(), "next.png"))
        with pytest.raises(WorkTimedOut):
            await first

    run(behind)


def test_what_takes_too_long_is_stopped_and_the_next_job_is_read() -> None:
    async def late(pages: PageProcesses) -> tuple[Any, Any, int]:
        await pages.read(job("amount.png"))
        pages._seconds = 0.2
        with pytest.raises(WorkTimedOut, match=r"big\.png: takes longer than the 0\.2 seconds"):
            await pages.read(ReadJob(_large_page(), "big.png"))
        pages._seconds = PATIENCE
        return await pages.read(job("amount.png")), pages.restarts, pages.busy

    read, restarts, busy = run(late)
    assert json.loads(read.body)[0]["text"]
    assert restarts == 1
    assert busy == 0


def _large_page() -> bytes:
    """A page full of writing, of some seconds' work."""
    with Image.open(EXAMPLES / "form.png") as form:
        page = Image.new("L", (4000, 4200), 255)
        for left in range(0, 4000, 1000):
            for top in range(0, 4200, 1400):
                page.paste(form.convert("L"), (left, top))
    content = io.BytesIO()
    page.save(content, "PNG", compress_level=1)
    return content.getvalue()


def test_a_killed_process_is_there_again() -> None:
    async def killed(pages: PageProcesses) -> tuple[Any, int]:
        (first,) = pids(pages)
        os.killpg(first, signal.SIGKILL)  # while it starts
        before = await pages.read(job("amount.png"))
        (second,) = pids(pages)
        os.killpg(second, signal.SIGKILL)  # while it has nothing to do
        await until(lambda: pids(pages) != [second])
        return [before, await pages.read(job("amount.png"))], pages.restarts

    reads, restarts = run(killed)
    assert [json.loads(read.body)[0]["text"] for read in reads] == ["7795", "7795"]
    assert restarts == 2


def test_a_job_whose_process_is_killed_is_read_by_the_next() -> None:
    async def killed(pages: PageProcesses) -> Any:
        await pages.read(job("amount.png"))
        asked = asyncio.ensure_future(pages.read(job("form.png")))
        await asyncio.sleep(0.1)
        os.killpg(pids(pages)[0], signal.SIGKILL)
        return await asked

    assert len(json.loads(run(killed).body)[0]["lines"]) > 5


def test_a_page_that_ends_its_process_every_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from inkdigits.server import apart

    exchange = apart._Process._exchange

    def fatal(self: Any, job: ReadJob) -> Any:
        if job.name == "fatal.png":
            os.killpg(self._popen.pid, signal.SIGKILL)
        return exchange(self, job)

    monkeypatch.setattr(apart._Process, "_exchange", fatal)

    async def both(pages: PageProcesses) -> Any:
        with pytest.raises(UnreadableImage, match=r"fatal\.png: breaks its reader"):
            await pages.read(ReadJob(b"x", "fatal.png"))
        return await pages.read(job("amount.png"))

    assert json.loads(run(both).body)[0]["text"] == "7795"


def test_too_much_memory_is_an_error_of_the_page_and_no_more() -> None:
    async def both(pages: PageProcesses) -> Any:
        content = io.BytesIO()
        Image.new("RGB", (8000, 7500), "white").save(content, "PNG")
        with pytest.raises((ImageTooLarge, UnreadableImage), match=r"huge\.png: .*memory"):
            await pages.read(ReadJob(content.getvalue(), "huge.png", {"layout": "page"}))
        return await pages.read(job("amount.png"))

    assert json.loads(run(both, memory_mb=768).body)[0]["text"] == "7795"


def test_a_full_queue_refuses() -> None:
    async def crowd(pages: PageProcesses) -> list[Any]:
        return await asyncio.gather(
            *(pages.read(job("amount.png")) for _ in range(5)), return_exceptions=True
        )

    answers = run(crowd, queue=2)
    refused = [answer for answer in answers if isinstance(answer, Overloaded)]
    assert len(refused) == 2
    assert refused[0].retry_after >= 1


def test_a_document_that_ends_its_decoder_is_refused() -> None:
    # each form draws the one before ten times: a billion in all
    forms = [b"1 0 0 rg 0 0 1 1 re f", *(b"/X Do " * 10 for _ in range(9))]
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    objects.append(
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</XObject<</X 14 0 R>>>>>>"
    )
    objects.append(b"<</Length 5>>stream\n/X Do\nendstream")
    for number, content in enumerate(forms, start=5):
        inner = b"/Resources<</XObject<</X %d 0 R>>>>" % (number - 1) if number > 5 else b""
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]%s/Length %d>>" % (inner, len(content))
        objects.append(head + b"stream\n" + content + b"\nendstream")
    body = b"%PDF-1.7\n" + b"".join(
        b"%d 0 obj%s endobj\n" % (number, content) for number, content in enumerate(objects, start=1)
    )
    content = body + b"trailer<</Root 1 0 R>>"

    async def both(pages: PageProcesses) -> Any:
        await pages.read(job("amount.png"))
        pages._seconds = 1.0
        with pytest.raises((WorkTimedOut, UnreadableImage), match=r"bomb\.pdf"):
            await pages.read(ReadJob(content, "bomb.pdf"))
        pages._seconds = PATIENCE
        left = in_groups(pids(pages))
        return left, await pages.read(job("amount.png")), pids(pages)

    left, read, alive = run(both)
    assert left == alive  # the decoder is gone
    assert json.loads(read.body)[0]["text"] == "7795"


def test_what_nobody_waits_for_any_more_is_stopped() -> None:
    async def leaving(pages: PageProcesses) -> Any:
        await pages.read(job("amount.png"))
        asked = [asyncio.ensure_future(pages.read(ReadJob(_large_page(), "big.png"))) for _ in range(3)]
        await asyncio.sleep(0.1)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert (pages.busy, pages.waiting) == (0, 0)
        return await pages.read(job("amount.png"))

    assert json.loads(run(leaving).body)[0]["text"] == "7795"


def test_closing_finishes_what_was_begun_and_leaves_no_process() -> None:
    async def closing() -> tuple[list[Any], list[int]]:
        pages = PageProcesses(2, seconds=PATIENCE, memory_mb=1024, queue=8)
        asked = [asyncio.ensure_future(pages.read(job("amount.png"))) for _ in range(4)]
        await asyncio.sleep(0)
        alive = pids(pages)
        closing = asyncio.ensure_future(pages.close())
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            await pages.read(job("amount.png"))
        await closing
        return [json.loads((await one).body)[0]["text"] for one in asked], alive

    texts, alive = asyncio.run(closing())
    assert texts == ["7795"] * 4
    assert not in_groups(alive)


def test_the_loop_goes_on_while_pages_are_read() -> None:
    async def ticking(pages: PageProcesses) -> int:
        asked, ticks = asyncio.ensure_future(pages.read(job("form.png"))), 0
        while not asked.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return ticks

    assert run(ticking) > 10


def test_changes_are_told() -> None:
    told: list[tuple[int, int]] = []

    async def two(pages: PageProcesses) -> Any:
        return await asyncio.gather(pages.read(job("amount.png")), pages.read(job("date.png")))

    run(two, observe=lambda pages: told.append((pages.busy, pages.waiting)))
    assert (1, 1) in told
    assert told[-1] == (0, 0)


ORPHANS = """
import asyncio, sys
from pathlib import Path
from inkdigits.server.apart import PageProcesses, ReadJob

async def main():
    pages = PageProcesses(2, seconds=60, memory_mb=1024, queue=8)
    await pages.read(ReadJob(Path(sys.argv[1]).read_bytes()))
    print(*(process._popen.pid for process in pages._processes), flush=True)
    jobs = [ReadJob(Path(page).read_bytes(), options={"dpi": 600}) for page in sys.argv[2:]]
    await asyncio.gather(*(pages.read(job) for job in jobs))

asyncio.run(main())
"""


def test_no_process_outlives_a_killed_server(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(_large_page())
    files = [EXAMPLES / "amount.png", tmp_path / "page.png", EXAMPLES / "scan.pdf"]
    server = subprocess.Popen([sys.executable, "-c", ORPHANS, *map(str, files)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    with server.stdout:
        alive = [int(pid) for pid in server.stdout.readline().split()]
    assert len(alive) == 2
    asyncio.run(until(lambda: len(in_groups(alive)) == 3))  # one reads, one waits for its decoder of PDF
    server.kill()
    server.wait()
    asyncio.run(until(lambda: not in_groups(alive)))


def test_processes_give_way() -> None:
    async def niceness(pages: PageProcesses) -> int:
        await pages.read(job("amount.png"))
        return os.getpriority(os.PRIO_PROCESS, pids(pages)[0])

    assert run(niceness) > os.getpriority(os.PRIO_PROCESS, 0)
