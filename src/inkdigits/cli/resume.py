"""Answers kept in a file while they are found, so that a run that was stopped goes on. Knows no pictures.

`OUT.jsonl` holds what `--json` prints, one object a line, in the order in which answers were found, and
nothing else. Beside it, `OUT.jsonl.options.json` says with which options they were found, and which documents
may have more pages than are answered. Each line is handed to the system at once, so `kill -9` loses at most
the line that was being written; twice a second they are also forced to the disk, for when the power fails.
"""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from inkdigits.errors import OutputError, UsageError

FORMAT = "inkdigits-resume-1"
SYNC_EVERY = 0.5  # seconds

Answer = dict[str, Any]


class Record(AbstractContextManager["Record"]):
    """The answers in one file: those of earlier runs, and a way to add more.

    Attributes:
        path: the file.
        answered: how many pages earlier runs answered.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        """Opens the file, or begins it. Inputs that failed are forgotten: they are tried again.

        Args:
            path: the JSON Lines.
            options: whatever changes answers, as JSON.

        Raises:
            UsageError: the file is something else, or was found with other options.
            OutputError: it can't be read or written.
        """
        self.path = path
        self._beside = path.with_name(f"{path.name}.options.json")
        self._places: dict[str, array[int]] = {}  # source ─► where its lines begin, in the order of pages
        try:
            unfinished = self._begin(json.loads(json.dumps(options)))
            self._file: BinaryIO = path.open("ab")
            self._reader: BinaryIO = path.open("rb")
        except OSError as e:
            raise _unwritable(path, e) from None
        self.answered = sum(map(len, self._places.values()))
        self._unfinished = unfinished
        self._synced = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        self._reader.close()

    def of(self, source: str) -> Iterator[Answer]:
        """What earlier runs and this one answered for a source, page by page."""
        for place in self._places.get(source, ()):
            self._reader.seek(place)
            yield json.loads(self._reader.readline())

    def is_complete(self, source: str) -> bool:
        """Whether a source needn't be opened again."""
        return source in self._places and source not in self._unfinished

    def add(self, answer: Answer) -> None:
        """Keeps an answer, or an error.

        Raises:
            OutputError: no space, or the disk is gone.
        """
        try:
            place = self._file.tell()
            self._file.write(json.dumps(answer).encode() + b"\n")
            self._file.flush()
            if time.monotonic() - self._synced > SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as e:
            raise _unwritable(self.path, e) from None
        if "error" not in answer:
            self._places.setdefault(answer["source"], array("q")).append(place)

    def _begin(self, options: Any) -> set[str]:
        """Checks the options, mends the file, finds its lines; the sources that may lack pages."""
        from inkdigits.training.files import write_whole

        unfinished: set[str] = set()
        if self.path.exists() and self.path.stat().st_size:
            unfinished = self._checked(options)
            _cut_to_whole_lines(self.path)
            unfinished |= _without_errors(self.path)
            unfinished |= self._find_lines()
        state = {"format": FORMAT, "options": options, "unfinished": sorted(unfinished)}
        write_whole(self._beside, json.dumps(state, indent=2).encode() + b"\n")
        return unfinished

    def _checked(self, options: Any) -> set[str]:
        """What the file beside says is unfinished, if its options are these."""
        try:
            state = json.loads(self._beside.read_bytes())
            before, unfinished = dict(state["options"]), set(state["unfinished"])
            if state["format"] != FORMAT:
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(
                f"{self.path}: there already, and no {self._beside.name} beside it says how it was made; "
                "name another file with --resume"
            ) from None
        for name in (*before, *options):
            if before.get(name) != options.get(name):
                was, now = (json.dumps(known.get(name)) for known in (before, options))
                raise UsageError(
                    f"{self.path}: was begun with {name} {was}, now it is {now}; go on with the same, "
                    "or name another file with --resume"
                )
        return unfinished

    def _find_lines(self) -> set[str]:
        """Notes where each answer begins; the last one's source, which may have more pages."""
        last: set[str] = set()
        for place, answer in _lines(self.path):
            places = self._places.setdefault(answer["source"], array("q"))
            if answer["page"] == len(places) + 1:  # two runs at a time would write a page twice
                places.append(place)
            last = {answer["source"]}
        return last


def _lines(path: Path) -> Iterator[tuple[int, Answer]]:
    """Where each line begins, and what it holds.

    Raises:
        UsageError: a line that isn't an answer of `inkdigits read`.
    """
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                answer = json.loads(line)
                known = isinstance(answer["source"], str) and ("error" in answer or answer["page"] > 0)
            except (ValueError, KeyError, TypeError):
                known = False
            if not known:
                raise UsageError(
                    f"{path}: line {number} isn't an answer of `inkdigits read`; mend it or name another file"
                )
            yield place, answer
            place += len(line)


def _cut_to_whole_lines(path: Path) -> None:
    """Cuts off a last line that was being written at a kill, or lost its bytes when the power failed."""
    with path.open("r+b") as file:
        end, whole = 0, 0
        for line in file:
            end += len(line)
            if line.endswith(b"}\n"):
                whole = end
        file.truncate(whole)


def _without_errors(path: Path) -> set[str]:
    """Takes lines of failed inputs out of a file, in one step; the inputs."""
    failed = {answer["source"] for _, answer in _lines(path) if "error" in answer}
    if failed:
        kept = path.with_name(f".{path.name}.kept")
        with kept.open("wb") as file:
            for _, answer in _lines(path):
                if "error" not in answer:
                    file.write(json.dumps(answer).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        kept.replace(path)
    return failed


def _unwritable(path: Path, error: OSError) -> OutputError:
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"{path}: can't be written ({reason}); free space or name another file with --resume")
