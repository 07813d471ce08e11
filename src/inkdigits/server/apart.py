"""Heavy files read beside the server, by processes of their own. Knows processes and pipes, no pixels.

    read(job) ─► a thread that waits for it ─► pipe ─► process: `jobs.answer` ─► pipe ─► answer, or its error

A page takes a core for half a second, a document for minutes, and a file made to break its reader may take
all memory. So such files are read by processes with lower priority and limits on memory and time
(`page_process`). One that takes too long is killed, one that died is started anew. Bytes go through pipes
from threads: the event loop never waits for a process, and no time is spent in the interpreter on large ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from time import monotonic
from typing import IO, Any, Literal

from inkdigits import errors
from inkdigits.errors import InkdigitsError, UnreadableImage
from inkdigits.server.jobs import ReadAnswer, ReadJob
from inkdigits.server.overload import Overloaded, ShuttingDown

__all__ = ["Overloaded", "PageProcesses", "ReadAnswer", "ReadJob", "WorkTimedOut"]

START_SECONDS = 60.0  # that a process may take until it is ready; on an idle core it takes half a second
LOOK_EVERY = 1.0  # seconds between looks whether idle processes are alive
GRACE = 0.25  # seconds for ending a process, after which whoever waits for its job is told
SMOOTH = 0.2  # weight of the last job in what a job takes
PIPE = 2**20  # bytes of a pipe, the most that is allowed without privileges

_ERRORS = {
    kind.type: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, InkdigitsError)
}


class WorkTimedOut(InkdigitsError):
    """A file took longer than it may; nothing of it is answered."""

    type = "timed-out"


class PageProcesses:
    """Processes that read heavy files, asked from one event loop."""

    def __init__(
        self,
        count: int,
        *,
        seconds: float,
        memory_mb: int,
        queue: int,
        line_weights: str | os.PathLike[str] | None = None,
        observe: Callable[[PageProcesses], None] | None = None,
    ) -> None:
        """Starts the processes; each opens its reader meanwhile, which takes half a second.

        Args:
            count: of processes.
            seconds: that a job may take, with its waiting.
            memory_mb: MiB of address space of a process, and of the decoder that it starts for a PDF. Pages
                of 60 million pixels take 1 GiB, with transparency 1.6.
            queue: jobs that may wait for a process.
            line_weights: as `NumberReader.load`.
            observe: told whenever `busy`, `waiting` or `restarts` has changed; from any thread.
        """
        self._seconds, self._queue, self._observe = seconds, queue, observe
        task = {"memory": memory_mb * 2**20, "line_weights": line_weights and os.fspath(line_weights)}
        self._processes = [_Process(json.dumps(task)) for _ in range(count)]
        self._idle = _queue_of(self._processes)
        self._threads = ThreadPoolExecutor(count, "pages")
        self._jobs, self._job_seconds = 0, 1.0
        self._closing = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="pages-watch", daemon=True)
        self._watcher.start()

    @property
    def busy(self) -> int:
        """Processes at work."""
        return min(self._jobs, len(self._processes))

    @property
    def waiting(self) -> int:
        """Jobs that wait for a process."""
        return max(0, self._jobs - len(self._processes))

    @property
    def restarts(self) -> int:
        """How often a process was started anew."""
        return sum(process.starts - 1 for process in self._processes)

    async def read(self, job: ReadJob) -> ReadAnswer:
        """Reads a file in one of the processes.

        A caller who is cancelled ends the work, too.

        Raises:
            InkdigitsError: as `jobs.answer`; UnreadableImage also when the file ended its process twice.
            WorkTimedOut: it took too long.
            Overloaded: too many jobs wait, or those before it took too long.
            ShuttingDown: after `close`.
        """
        if self._closing.is_set():
            raise ShuttingDown("the server is shutting down")
        if self.waiting >= self._queue:
            wait = self._job_seconds * self._jobs / len(self._processes)
            raise Overloaded(f"{self.waiting} files wait to be read; try again later", max(1.0, wait))
        work = _Work(job)
        self._jobs += 1
        self._tell()
        try:
            async with asyncio.timeout(self._seconds + GRACE):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)
        except TimeoutError:  # it waits still
            work.end("late")
            raise self._too_late(work) from None
        except asyncio.CancelledError:
            work.end("cancelled")
            raise
        finally:
            self._jobs -= 1
            self._tell()

    def _too_late(self, work: _Work) -> Exception:
        """Whose fault it was: the file's, if it had most of the time, else that of those before it."""
        name = work.job.name or "picture"
        if work.worked() > self._seconds / 2:
            return WorkTimedOut(
                f"{name}: takes longer than the {self._seconds:g} seconds that a file may take"
            )
        told = f"{name}: others took the {self._seconds:g} seconds that it may take; try again later"
        return Overloaded(told, max(1.0, self._job_seconds))

    async def close(self) -> None:
        """Finishes what was begun, then ends the processes; new jobs are refused at once."""
        self._closing.set()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown()
        self._watcher.join()
        for process in self._processes:
            process.end()

    # ---- in threads

    def _run(self, work: _Work) -> ReadAnswer:
        """One job, on the next idle process; once more if that process dies of something else."""
        process = self._idle.get()
        begin = monotonic()
        try:
            for _ in range(2):
                answer = process.ask(work, self._seconds)
                if answer is not None:
                    return answer
                if work.ended:
                    raise self._too_late(work)
            if not process.is_ready():
                raise RuntimeError("the process that reads pages can't be started; see the server's log")
            memory = "or needs more memory than it may take"
            raise UnreadableImage(f"{work.job.name or 'picture'}: breaks its reader, {memory}")
        finally:
            self._job_seconds += SMOOTH * (monotonic() - begin - self._job_seconds)
            self._idle.put(process)
            self._tell()

    def _watch(self) -> None:
        """Idle processes that died, killed by somebody or something, are there again for the next job."""
        while not self._closing.wait(LOOK_EVERY):
            for _ in self._processes:
                with suppress(queue.Empty):
                    process = self._idle.get_nowait()
                    try:
                        if process.revive():
                            self._tell()
                    finally:
                        self._idle.put(process)

    def _tell(self) -> None:
        if self._observe:
            self._observe(self)


def _queue_of(processes: list[_Process]) -> queue.SimpleQueue[_Process]:
    idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
    for process in processes:
        idle.put(process)
    return idle


class _Work:
    """A job, and what ends it early."""

    def __init__(self, job: ReadJob) -> None:
        self.job = job
        self.ended: Literal["late", "cancelled"] | None = None
        self._process: _Process | None = None
        self._came, self._begun = monotonic(), inf
        self._lock = threading.Lock()

    def give_to(self, process: _Process | None) -> None:
        """From now on, `end` kills this process."""
        with self._lock:
            self._process = process
            self._begun = min(self._begun, monotonic())

    def age(self) -> float:
        """Seconds since it came."""
        return monotonic() - self._came

    def worked(self) -> float:
        """Seconds since a process had it first; less than nothing when none had."""
        return monotonic() - self._begun

    def end(self, why: Literal["late", "cancelled"]) -> None:
        """It took too long, or nobody waits for it any more."""
        with self._lock:  # so that no process is killed that has gone on to another job
            self.ended = self.ended or why
            if self._process is not None:
                self._process.kill()


class _Process:
    """One process, started anew whenever it is needed and not there. Used by one thread at a time."""

    def __init__(self, task: str) -> None:
        self._task = task
        self.starts = 0
        self._ready = self._killed = False
        self._popen = self._started()

    def ask(self, work: _Work, seconds: float) -> ReadAnswer | None:
        """The answer to a job; None when the process died of it, or of something else, or it was ended.

        Args:
            work: the job.
            seconds: that it may take, with its waiting.

        Raises:
            InkdigitsError: as in the answer.
        """
        if not self.is_ready():
            return None
        if work.ended:  # before it began: the process is as good as new
            return None
        timer = threading.Timer(max(0.0, seconds - work.age()), work.end, ["late"])
        timer.start()
        work.give_to(self)
        header: dict[str, Any] = {}
        body = b""
        # OSError: a pipe that broke; ValueError: a line that is no JSON, as it was cut short
        with suppress(OSError, ValueError):
            if not work.ended:
                header, body = self._exchange(work.job)
        timer.cancel()
        work.give_to(None)
        if "media_type" in header:
            return ReadAnswer(body, **header)
        if "error" in header:
            raise _error(header)
        self.kill()
        self.revive()
        return None

    def is_ready(self) -> bool:
        """Waits until its reader is open; False when it died before that."""
        self.revive()
        if not self._ready:
            timer = threading.Timer(START_SECONDS, self.kill)
            timer.start()
            self._ready = bool(self._pipes()[1].readline())
            timer.cancel()
            if not self._ready:
                self.kill()  # or what is left of it
        return self._ready

    def _exchange(self, job: ReadJob) -> tuple[dict[str, Any], bytes]:
        """Sends the job, waits for its answer. One write for all bytes: no turns of the interpreter."""
        header = {field: value for field, value in vars(job).items() if field != "content"}
        stdin, stdout = self._pipes()
        stdin.write(json.dumps({**header, "bytes": len(job.content)}).encode() + b"\n")
        stdin.write(job.content)
        stdin.flush()
        answer = json.loads(stdout.readline())
        size = answer.pop("bytes")
        body = stdout.read(size)
        if len(body) < size:
            raise OSError("the answer is cut short")
        return answer, body

    def revive(self) -> bool:
        """Starts it anew if it is dead or dying; whether that was needed."""
        if self._popen.poll() is None and not self._killed:
            return False
        self._close_pipes()
        self._popen.wait()
        self._ready = self._killed = False
        self._popen = self._started()
        return True

    def kill(self) -> None:
        """Ends it at once, with all it started (the decoder of a PDF). From any thread; doesn't wait."""
        self._killed = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def end(self) -> None:
        """Lets it go: it ends when its input does."""
        self._close_pipes()
        try:
            self._popen.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
            self._popen.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        # -P: no folder of the caller's may stand in for a library; what the caller could import, it can too
        command = [sys.executable, "-P", "-m", "inkdigits.server.page_process", self._task]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            process_group=0,  # Ctrl-C is for the server, which finishes what it has
            pipesize=PIPE,
        )

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        return self._popen.stdin, self._popen.stdout

    def _close_pipes(self) -> None:
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()


def _error(header: dict[str, Any]) -> Exception:
    """What the process raised."""
    kind = _ERRORS.get(header["error"])
    return RuntimeError(header["detail"]) if kind is None else kind(header["detail"])
