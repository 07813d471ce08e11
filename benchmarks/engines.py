"""Three systems that read numbers, behind one face: inkdigits, RapidOCR, Tesseract. Knows no truth, no times.

Each runs in this process, on one thread, and is given the file as its users give it. RapidOCR comes in two
generations, which ship their models in their wheels: `rapidocr` (PP-OCRv6) and the older
`rapidocr-onnxruntime` (PP-OCRv4). Tesseract is called as a library, so that no start of a process counts; its
language data are those of the system. What isn't installed is left out:

    pip install rapidocr tesserocr
    pip install --no-deps rapidocr-onnxruntime    # it asks for another build of OpenCV
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from figures import DIGITS, only_digits  # beside this file
from inkdigits import Reader

if TYPE_CHECKING:
    from inkdigits.recognition import Layout

Character = tuple[str, float, float]
"""A digit and the middle of its box, as shares of the page's width and height."""


class Engine(Protocol):
    """What reads.

    Attributes:
        name: for tables.
        version: of the package, and of what it loads.
    """

    name: str
    version: str

    def number(self, path: Path) -> str:
        """The digits in a picture of one number; everything else that was read is dropped."""

    def page(self, path: Path) -> list[Character]:
        """All digits on a page, on the page as this engine turns it."""


class Inkdigits:
    """This project.

    Args:
        reader: with its weights.
        auto: finds out by itself whether a picture is a number or a page; else it is told.
    """

    def __init__(self, reader: Reader, *, auto: bool = False) -> None:
        self.reader, self.auto = reader, auto
        self.name = "inkdigits, `--layout auto`" if auto else "inkdigits"
        self.version = f"inkdigits {version('inkdigits')}"

    def number(self, path: Path) -> str:
        lines = self.reader.read(path, layout=self._layout("line")).lines
        return "".join(line.text for line in lines)

    def page(self, path: Path) -> list[Character]:
        reading = self.reader.read(path, layout=self._layout("page"))
        digits = (digit for line in reading.lines for digit in line.digits)
        return [
            (d.text, (d.box[0] + d.box[2]) / 2 / reading.width, (d.box[1] + d.box[3]) / 2 / reading.height)
            for d in digits
        ]

    def _layout(self, told: Layout) -> Layout:
        return "auto" if self.auto else told


class RapidV6:
    """RapidOCR 3; for a number its recogniser alone, for a page the whole pipeline."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # type: ignore[import-not-found,unused-ignore]

        threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
        self._engine: Any = RapidOCR(params=threads)
        self.name = "RapidOCR, PP-OCRv6 small"
        self.version = f"rapidocr {version('rapidocr')}"

    def number(self, path: Path) -> str:
        return only_digits((self._engine(path, use_det=False, use_cls=False, use_rec=True).txts or ("",))[0])

    def page(self, path: Path) -> list[Character]:
        found = self._engine(
            path, use_det=True, use_cls=True, use_rec=True, return_word_box=True, return_single_char_box=True
        )
        if found.img is None:
            return []
        height, width = found.img.shape[:2]
        words = (word for line in found.word_results for word in line)
        return [c for text, _, corners in words for c in _spread(text, _box(corners), width, height)]


class RapidV4:
    """RapidOCR 1.4, likewise."""

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR  # type: ignore[import-not-found,unused-ignore]

        self._engine: Any = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)
        self.name = "RapidOCR, PP-OCRv4 mobile"
        self.version = f"rapidocr-onnxruntime {version('rapidocr-onnxruntime')}"

    def number(self, path: Path) -> str:
        lines, _ = self._engine(path, use_det=False, use_cls=False, use_rec=True)
        return only_digits(lines[0][0]) if lines else ""

    def page(self, path: Path) -> list[Character]:
        lines, _ = self._engine(path, use_det=True, use_cls=True, use_rec=True, return_word_box=True)
        height, width = self._engine.load_img(path).shape[:2]
        words = ((text, box) for line in lines or () for box, text in zip(line[3], line[4], strict=True))
        return [c for text, corners in words for c in _spread(text, _box(corners), width, height)]


class Tesseract:
    """Tesseract's LSTM, told that there are only digits.

    Of its modes `--psm 7` (a line) and `--psm 11` (sparse text) read the cheques and the photos best.

    Args:
        data: the folder of `eng.traineddata`.
    """

    def __init__(self, data: str) -> None:
        import tesserocr  # type: ignore[import-not-found,unused-ignore]

        self._symbols = tesserocr.RIL.SYMBOL
        self._iterate: Callable[..., Iterator[Any]] = tesserocr.iterate_level
        self._line, self._sparse = (
            tesserocr.PyTessBaseAPI(path=data, lang="eng", psm=mode, oem=tesserocr.OEM.LSTM_ONLY)
            for mode in (tesserocr.PSM.SINGLE_LINE, tesserocr.PSM.SPARSE_TEXT)
        )
        for api in (self._line, self._sparse):
            api.SetVariable("tessedit_char_whitelist", DIGITS)
            api.SetVariable("debug_file", os.devnull)  # it guesses a resolution and says so each time
        self.name = "Tesseract"
        self.version = tesserocr.tesseract_version().splitlines()[0]

    def number(self, path: Path) -> str:
        self._line.SetImageFile(str(path))
        return only_digits(self._line.GetUTF8Text())

    def page(self, path: Path) -> list[Character]:
        self._sparse.SetImageFile(str(path))
        if not self._sparse.Recognize() or not self._sparse.GetUTF8Text().strip():
            return []
        width, height = self._sparse.GetThresholdedImage().size
        symbols = (
            (symbol.GetUTF8Text(self._symbols), symbol.BoundingBox(self._symbols))
            for symbol in self._iterate(self._sparse.GetIterator(), self._symbols)
        )
        return [c for text, box in symbols for c in _spread(text, box, width, height)]


@dataclass(frozen=True)
class Engines:
    """What is here.

    Attributes:
        all: inkdigits first.
        missing: why others aren't.
    """

    all: list[Engine]
    missing: list[str]


def installed(reader: Reader, tessdata: str) -> Engines:
    """Every engine that can be had."""
    engines: list[Engine] = [Inkdigits(reader), Inkdigits(reader, auto=True)]
    missing = []
    others: list[Callable[[], Engine]] = [RapidV6, RapidV4, lambda: Tesseract(tessdata)]
    for make in others:
        try:
            engines.append(make())
        except (ImportError, RuntimeError) as e:  # RuntimeError: Tesseract without its data
            missing.append(f"left out: {e}")
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)  # of both; it tells which models it opens
    return Engines(engines, missing)


def tessdata_folder() -> str:
    """Where Debian keeps Tesseract's language data, or where the environment says."""
    folders = sorted(Path("/usr/share/tesseract-ocr").glob("*/tessdata"))
    return os.environ.get("TESSDATA_PREFIX") or str(folders[-1] if folders else "/usr/share/tessdata")


def _box(corners: Any) -> tuple[float, float, float, float]:
    xs, ys = [point[0] for point in corners], [point[1] for point in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _spread(
    text: str, box: tuple[float, float, float, float], width: int, height: int
) -> Iterator[Character]:
    """Digits of a word, spread evenly over its box: engines that box words say no more."""
    x0, y0, x1, y1 = box
    for place, character in enumerate(text):
        if character in DIGITS:
            x = x0 + (x1 - x0) * (place + 0.5) / len(text)
            yield character, x / width, (y0 + y1) / 2 / height
