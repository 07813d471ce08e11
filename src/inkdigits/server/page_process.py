"""The process beside the server that reads heavy files: one job after another. Knows pipes, no HTTP.

    standard input: a line of JSON, then the file's bytes ─► `jobs.answer` ─► standard output: likewise

It gives way to the server: lower priority, less memory, first in line when the system runs out of it. When
its input ends it ends too; if that happens in the middle of a job, the server is dead, and whatever was
started for the job (the decoder of a PDF) goes down with it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from inkdigits.errors import ImageTooLarge, InkdigitsError

NICE = 5  # of the system's 19: an idle core is used wholly; beside a busy server, a quarter of a core
FIRST_TO_GO = 500  # of 1000: added to this process's share of memory when the system looks for a victim
INTERNAL = "internal"  # type of an error that is ours

_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate", "insufficient memory", "cannot allocate")


def main(memory: int, line_weights: str | None) -> None:
    """Opens the reader once, says so, and answers jobs until the input ends.

    Args:
        memory: bytes of address space that this process may have, and each that it starts.
        line_weights: as `NumberReader.load`.
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    _give_way(memory)
    jobs: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None] = queue.SimpleQueue()
    at_work = threading.Event()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs, at_work), daemon=True).start()
    numbers = _opened(line_weights)
    with suppress(OSError, AttributeError):
        os.nice(NICE)
    _send(answers, b"", ready=True)
    while (job := jobs.get()) is not None:
        body, header = _answered(numbers, *job)
        at_work.clear()
        _send(answers, body, **header)


def _give_way(memory: int) -> None:
    """Limits, and no word to signals that are meant for the server: it says when to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    with suppress(ImportError):  # Windows has no such limits
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        memory = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))  # for good: also what it starts keeps to it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # ended on purpose: nobody needs its memory on disk


def _listen(file: BinaryIO, jobs: queue.SimpleQueue[Any], at_work: threading.Event) -> None:
    """Takes in jobs; notices, also in the middle of one, that the server is gone."""
    while line := file.readline():
        header = json.loads(line)
        size = header.pop("bytes")
        content = file.read(size)
        if len(content) < size:
            break
        at_work.set()
        jobs.put((header, content))
    if at_work.is_set():
        os.killpg(0, signal.SIGKILL)  # the group is this process and what it started
    jobs.put(None)


def _opened(line_weights: str | None) -> Any:
    import cv2

    from inkdigits.reading import NumberReader

    cv2.setNumThreads(1)  # one core a process, as many processes as the server was told
    return NumberReader.load(line_weights)


def _answered(numbers: Any, header: dict[str, Any], content: bytes) -> tuple[bytes, dict[str, Any]]:
    """The answer or the error to a job, as it goes out."""
    from inkdigits.server.jobs import ReadJob, answer

    try:
        read = answer(numbers, ReadJob(content, **header))
    except InkdigitsError as e:
        return b"", {"error": e.type, "detail": str(e)}
    except Exception as e:
        if isinstance(e, MemoryError) or any(sign in str(e).lower() for sign in _NO_MEMORY):
            name = header.get("name") or "picture"
            return b"", {
                "error": ImageTooLarge.type,
                "detail": f"{name}: needs more memory than a page may take; reduce it first",
            }
        traceback.print_exc()
        return b"", {"error": INTERNAL, "detail": f"{type(e).__name__} while reading; see the server's log"}
    return read.body, {"media_type": read.media_type, "pages": read.pages, "reasons": read.reasons}


def _send(answers: BinaryIO, body: bytes, **header: Any) -> None:
    answers.write(json.dumps({**header, "bytes": len(body)}).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
