"""How well and how fast numbers are read: inkdigits beside RapidOCR and Tesseract, on the same files.

    python benchmarks/reading.py [--data ../shared/data] [--composed 400] [--rounds 3] [--worst SHEET.png]
        [--weights FILE.onnx] [--write]

Cut-out numbers: the cheque amounts of `--data`, if it is there, and with `--composed N` so many lines
composed as for training (needs the extra `train`). An engine's answer is right when its digits are the true
ones; whatever else it read is dropped. Photos of pages: the sudokus of `--data`; a cell is right when the
digit in it was read, and no other, at its place. Every engine has one thread, gets the files, and has its
turn with every twenty of them in each round, as a folder is read: one engine's code and weights stay in the
caches meanwhile. Times are medians, by the clock and of the processor. `engines.py` says how to install the
others. `--worst` draws the 40 worst cheques. `--write` makes records/reading.{json,md}.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before anything that starts threads
os.environ["OMP_THREAD_LIMIT"] = "1"  # Tesseract's
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import cv2
import numpy as np

import contact_sheet
import reading_page
from engines import Engine, installed, tessdata_folder
from figures import calibration_error, edits, overlaps, right_cells
from inkdigits import Reader
from inkdigits.decode import decode
from inkdigits.images import load_pages
from inkdigits.results import Line
from inkdigits.strip import strip_from_grey
from labelled import Number, Sudoku, cheques, sudokus

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "reading"
MAX_ERRORS = (0.05, 0.01, 0.001)
WORST = 40
TURN = 20  # files that an engine reads before the next one has its turn

Answer = TypeVar("Answer")


def main() -> None:
    arguments = parse()
    cv2.setNumThreads(1)
    reader = Reader.load(line_weights=arguments.weights)
    engines = installed(reader, arguments.tessdata)
    result = reading_page.conditions(engines, reader, arguments.rounds, arguments.composed) | {"turn": TURN}
    with TemporaryDirectory() as folder:
        result["numbers"] = {
            name: of_numbers(engines.all, reader, numbers, arguments.rounds)
            for name, numbers in number_sets(arguments, Path(folder)).items()
        }
    if photos := sudokus(arguments.data / "sudoku-photos")[: arguments.files]:
        result["photos"] = of_photos(engines.all, photos, arguments.rounds)
    page = reading_page.page(result)
    print(page)
    if arguments.worst is not None:
        draw_worst(reader, cheques(arguments.data / "cheque-amounts"), arguments.worst)
    if arguments.write:
        RECORD.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        RECORD.with_suffix(".md").write_text(page, encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--composed", type=int, default=0, metavar="N", help="lines to compose and read")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, help="of each set only so many, for a quick look")
    parser.add_argument("--weights", type=Path, help="of the line network; the shipped ones unless said")
    parser.add_argument("--tessdata", default=tessdata_folder(), help="folder of Tesseract's language data")
    parser.add_argument("--worst", type=Path, metavar="FILE.png", help="draw the worst cheques")
    parser.add_argument("--write", action="store_true", help="make records/reading.{json,md}")
    return parser.parse_args()


def number_sets(arguments: argparse.Namespace, folder: Path) -> dict[str, list[Number]]:
    """Cut-out numbers by the name of their set; `folder` takes pictures that are made."""
    sets = {}
    if (amounts := arguments.data / "cheque-amounts").exists():
        sets["cheque amounts"] = cheques(amounts)[: arguments.files]
    if arguments.composed:
        from composed import composed  # needs the extra `train`

        sets["composed lines"] = composed(arguments.composed, folder)[: arguments.files]
    return sets


# ---- turns and times


@dataclass
class Times:
    """How long something took, each time: milliseconds by the clock, and of the processor."""

    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def of(self, work: Callable[[], Answer]) -> Answer:
        """What `work` answers, timed."""
        began, used = time.perf_counter(), time.process_time()
        answer = work()
        self.clock.append(1000 * (time.perf_counter() - began))
        self.processor.append(1000 * (time.process_time() - used))
        return answer

    def figures(self) -> dict[str, float]:
        """Medians, and what 95% stay below."""
        return {
            "median_ms": float(np.median(self.clock)),
            "p95_ms": float(np.quantile(self.clock, 0.95)),
            "processor_ms": float(np.median(self.processor)),
        }


@dataclass
class Turns:
    """What an engine answered in the first round, a file each, and how long it took in all of them.

    Attributes:
        answers: in the order of the files.
        times: one round after the other.
    """

    answers: list[Any] = field(default_factory=list)
    times: Times = field(default_factory=Times)

    def by_file(self) -> list[float]:
        """Median milliseconds of each file."""
        return [float(m) for m in np.median(np.reshape(self.times.clock, (-1, len(self.answers))), axis=0)]


def in_turns(
    engines: Sequence[Engine], work: Callable[[Engine, Path], Any], paths: Sequence[Path], rounds: int
) -> dict[str, Turns]:
    """Every engine at every file in every round, some files at a time; each is warmed up with the first."""
    turns = {engine.name: Turns() for engine in engines}
    for engine in engines:
        work(engine, paths[0])
    for number in range(rounds):
        for begin in range(0, len(paths), TURN):
            for engine in engines:
                progress(
                    f"round {number + 1} of {rounds}, from file {begin + 1} of {len(paths)}: {engine.name}"
                )
                for path in paths[begin : begin + TURN]:
                    answer = turns[engine.name].times.of(partial(work, engine, path))
                    if number == 0:
                        turns[engine.name].answers.append(answer)
    progress("")
    return turns


def progress(text: str) -> None:
    """Where a terminal shows it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# ---- cut-out numbers


def of_numbers(
    engines: Sequence[Engine], reader: Reader, numbers: Sequence[Number], rounds: int
) -> dict[str, Any]:
    """All figures of a set of cut-out numbers."""
    turns = in_turns(engines, lambda engine, path: engine.number(path), [n.path for n in numbers], rounds)
    lines = [reader.read(number.path, layout="line").lines[0] for number in numbers]
    right = np.array([line.text == number.text for line, number in zip(lines, numbers, strict=True)])
    confidence = np.array([line.confidence for line in lines])
    return {
        "count": len(numbers),
        "digits": sum(len(number.text) for number in numbers),
        "engines": {
            name: {**of_answers(turn.answers, numbers), **turn.times.figures()}
            for name, turn in turns.items()
        },
        "boxes": of_boxes(lines, numbers),
        "ece": calibration_error(confidence, right),
        "mean_confidence": float(confidence.mean()),
        "accepted": [accepted_at(reader, numbers, right, most) for most in MAX_ERRORS],
        "stages": stages(reader, [number.path for number in numbers], rounds),
    }


def of_answers(answers: Sequence[str], numbers: Sequence[Number]) -> dict[str, Any]:
    """Exact match, character error rate, and exact match by the number of digits."""
    pairs = [(answer, number.text) for answer, number in zip(answers, numbers, strict=True)]
    by_length: dict[int, list[bool]] = {}
    for answer, text in pairs:
        by_length.setdefault(len(text), []).append(answer == text)
    return {
        "exact": float(np.mean([answer == text for answer, text in pairs])),
        "character_errors": sum(edits(answer, text) for answer, text in pairs)
        / sum(len(text) for _, text in pairs),
        "by_digits": {
            count: {"numbers": len(right), "exact": float(np.mean(right))}
            for count, right in sorted(by_length.items())
        },
    }


def of_boxes(lines: Sequence[Line], numbers: Sequence[Number]) -> dict[str, Any]:
    """Shares of true digits whose box overlaps by half or more: of numbers read right, and of all.

    Of a number read right, a digit's own box counts; of others, any box on the line.
    """
    own, best = [], []
    for line, number in zip(lines, numbers, strict=True):
        found = np.array([digit.box for digit in line.digits]).reshape(-1, 4)
        shares = overlaps(found, number.boxes)
        best += shares.max(axis=0, initial=0).tolist()
        if line.text == number.text and len(found) == len(number.boxes):
            own += np.diag(shares).tolist()
    return {
        "of_numbers_right": {"digits": len(own), "share": float(np.mean(np.array(own) >= 0.5))},
        "of_all": {"digits": len(best), "share": float(np.mean(np.array(best) >= 0.5))},
    }


def accepted_at(
    reader: Reader, numbers: Sequence[Number], right: np.ndarray[Any, Any], max_error: float
) -> dict[str, Any]:
    """What `--max-error` accepts, and how much of it is wrong."""
    readings = (reader.read(number.path, layout="line", max_error=max_error) for number in numbers)
    accepted = np.array([reading.lines[0].accepted for reading in readings])
    count, wrong = int(accepted.sum()), int((accepted & ~right).sum())
    return {
        "max_error": max_error,
        "accepted": count,
        "share_accepted": count / len(numbers),
        "wrong": wrong,
        "share_wrong": wrong / count if count else None,
    }


def stages(reader: Reader, paths: Sequence[Path], rounds: int) -> dict[str, dict[str, float]]:
    """Where the time goes, and how long a whole reading takes when nothing else has its turn in between."""
    model = reader.numbers.model
    took = {name: Times() for name in reading_page.STAGES}
    for path in [*paths] * rounds:
        took["in total"].of(partial(reader.read, path, layout="line"))
        grey = took["opening"].of(partial(next, load_pages(path)))
        strip = took["preprocessing"].of(partial(strip_from_grey, grey))
        if strip is None:
            continue
        ((logits, boxes),) = took["network"].of(partial(model.logits, [strip.pixels]))
        took["decoding"].of(partial(decode, logits, boxes, model.temperature))
    return {name: times.figures() for name, times in took.items()}


# ---- pages


def of_photos(engines: Sequence[Engine], photos: Sequence[Sudoku], rounds: int) -> dict[str, Any]:
    """Cells right and times, of all photos and of each."""
    turns = in_turns(engines, lambda engine, path: engine.page(path), [p.path for p in photos], rounds)
    result: dict[str, Any] = {"cells": int(sum(photo.cells.size for photo in photos)), "engines": {}}
    for name, turn in turns.items():
        right = [
            right_cells(found, photo.cells, photo.corners)
            for found, photo in zip(turn.answers, photos, strict=True)
        ]
        filled, empty = split([photo.cells > 0 for photo in photos], right)
        result["engines"][name] = {
            "filled_right": share(filled),
            "empty_left_empty": share(empty),
            **turn.times.figures(),
            "photos": {
                photo.path.name: {"right": int(cells.sum()), "median_ms": median}
                for photo, cells, median in zip(photos, right, turn.by_file(), strict=True)
            },
        }
    return result


def split(
    filled: Sequence[np.ndarray[Any, Any]], right: Sequence[np.ndarray[Any, Any]]
) -> tuple[list[bool], list[bool]]:
    """Whether each filled cell is right, and each empty one."""
    is_filled, is_right = np.array(filled).ravel(), np.array(right).ravel()
    return is_right[is_filled].tolist(), is_right[~is_filled].tolist()


def share(right: Sequence[bool]) -> float | None:
    """None of nothing."""
    return float(np.mean(right)) if right else None


def draw_worst(reader: Reader, numbers: Sequence[Number], file: Path) -> None:
    """The sheet of the worst."""
    readings = []
    for number in numbers:
        line = reader.read(number.path, layout="line").lines[0]
        readings.append(
            contact_sheet.Read(number.path, number.text, line.raw, line.confidence, line.text == number.text)
        )
    contact_sheet.draw(contact_sheet.worst(readings, WORST)).save(file)
    print(f"the worst cheques: {file} (not to be passed on: the pictures are licensed for evaluation only)")


if __name__ == "__main__":
    main()
