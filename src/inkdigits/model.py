"""Glyphs and strips to what networks answer: the only import of ONNX Runtime. Knows weights and their cards.

A network is two files: `NAME.onnx` and its card, `NAME.json`, which says what it answers and holds the
SHA-256 of the first. A file that isn't the card's is refused before it is opened. There are two kinds:
`Model` answers for glyphs, one digit each, and `LineModel` for strips, a line each.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# ONNX Runtime's wheel keeps a device's id and notes of what ran in the home folder, to send; we work offline
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when it is imported

import onnxruntime
from numpy.typing import NDArray

from inkdigits.alphabet import CLASSES
from inkdigits.errors import InvalidData, InvalidWeights
from inkdigits.strip import HEIGHT, PAPER

FORMAT = "inkdigits-onnx-1"
LINE_FORMAT = "inkdigits-line-1"
SIDE = 28  # px, a glyph
BATCH = (
    100  # glyphs a run: the fastest of 100 to 1,000 on one thread (they stay in its cache), and little memory
)
WIDTHS = 8  # px; the line network takes strips whose width is a multiple of this
SHIPPED = Path(__file__).with_name("weights") / "digit.onnx"
SHIPPED_LINE = SHIPPED.with_name("line.onnx")

_PICKLES = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # a torch file is a zip of pickles
_CUT_OR_CHANGED = "of another kind, cut short, or with a changed byte"
_WRITERS = {FORMAT: "`inkdigits export`", LINE_FORMAT: "`inkdigits train line`"}


@dataclass(frozen=True)
class Model:
    """A network ready to answer. May be used from several threads at once.

    Attributes:
        card: what is known of the network, from the file beside it: accuracy, recipe, licence, hashes …
        classes: names of the classes, in output order.
        temperature: divides the logits, so that confidences are calibrated (Guo et al. 2017).
        session: ONNX Runtime's.
    """

    card: dict[str, Any]
    classes: tuple[str, ...]
    temperature: float
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, path: Path = SHIPPED, *, threads: int = 1) -> Model:
        """Opens a network after checking it against its card.

        Args:
            path: the ONNX file; its card lies beside it, with the ending `.json`.
            threads: that one run may use.

        Raises:
            InvalidWeights: missing, without a card, not the file of the card, or not a network for glyphs.
        """
        card, session = _load(path, FORMAT, threads)
        classes = tuple(str(name) for name in card["classes"])
        _check_glyphs(session, len(classes), path)
        return cls(card, classes, float(card["temperature"]), session)

    def logits(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network answers, before any calibration.

        Args:
            glyphs: `uint8 (N, 28, 28)`, ink bright on 0; any N, also 0.

        Returns:
            `float32 (N, classes)`.

        Raises:
            InvalidData: of another type or shape.
        """
        _check_type(glyphs)
        answers = np.empty((len(glyphs), len(self.classes)), np.float32)
        for start in range(0, len(glyphs), BATCH):
            part = np.ascontiguousarray(glyphs[start : start + BATCH])
            answers[start : start + BATCH] = self.session.run(["logits"], {"glyphs": part})[0]
        return answers

    @property
    def has_activation(self) -> bool:
        """Whether the network also says where it looked."""
        return len(self.session.get_outputs()) > 1

    def activation(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        """How much each place of a glyph speaks for each class: class activation maps.

        The mean over all places, plus one number a class, is the class's logit (Zhou et al., CVPR 2016).

        Args:
            glyphs: as for `logits`.

        Returns:
            `float32 (N, classes, h, w)`, a coarse raster over the glyph: 7×7 of the shipped network.

        Raises:
            InvalidData: of another type or shape.
            InvalidWeights: the network doesn't end in a global mean, so it has no such maps.
        """
        if not self.has_activation:
            raise InvalidWeights("this network has no output `activation`: it doesn't end in a global mean")
        _check_type(glyphs)
        return np.asarray(self.session.run(["activation"], {"glyphs": glyphs})[0], np.float32)

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities, `float64 (N, classes)`; argument and errors as for `logits`."""
        return softmax(self.logits(glyphs), self.temperature)


@dataclass(frozen=True)
class LineModel:
    """A network that reads strips, ready to answer. May be used from several threads at once.

    Attributes:
        card: what is known of the network, from the file beside it.
        classes: `alphabet.CLASSES`.
        temperature: divides the logits, so that confidences are calibrated.
        session: ONNX Runtime's.
    """

    card: dict[str, Any]
    classes: tuple[str, ...]
    temperature: float
    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, path: Path = SHIPPED_LINE, *, threads: int = 1) -> LineModel:
        """Opens a network after checking it against its card.

        Args:
            path: the ONNX file; its card lies beside it, with the ending `.json`.
            threads: that one run may use.

        Raises:
            InvalidWeights: missing, without a card, not the file of the card, or not a network for strips.
        """
        card, session = _load(path, LINE_FORMAT, threads)
        if tuple(card["classes"]) != CLASSES:
            raise InvalidWeights(f"{path}: its classes aren't the blank, 0 to 9, the marks . , - / and ?")
        _check_strips(session, path)
        return cls(card, CLASSES, float(card["temperature"]), session)

    def logits(self, strips: Iterable[NDArray[np.uint8]]) -> list[LineAnswer]:
        """What the network answers along each strip, before any calibration.

        Each strip runs by itself, so that its answer doesn't depend on its neighbours.

        Args:
            strips: `uint8 (32, W)` each, as `strip.strip_from_grey` makes them, of any width.

        Returns:
            For each `logits float32 (T, 16)` and `boxes float32 (T, 4)`: the box of the character that each
            frame belongs to, in pixels of the strip. T is half the width, made up to a multiple of 8.

        Raises:
            InvalidData: of another type or shape.
        """
        return [self._along(strip) for strip in strips]

    def _along(self, strip: NDArray[np.uint8]) -> LineAnswer:
        if strip.dtype != np.uint8 or strip.ndim != 2 or strip.shape[0] != HEIGHT or strip.shape[1] < 1:
            raise InvalidData(f"strip: expected uint8 ({HEIGHT}, W), got {strip.dtype} {strip.shape}")
        lacking = -strip.shape[1] % WIDTHS
        padded = np.pad(strip, ((0, 0), (0, lacking)), constant_values=PAPER)
        logits, boxes = self.session.run(["logits", "boxes"], {"strips": padded[None]})
        return logits[0], boxes[0]


LineAnswer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Logits `(T, 16)` and boxes `(T, 4)` along a strip."""


def softmax(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of logits divided by a temperature (Guo et al., ICML 2017).

    Args:
        logits: `(N, classes)`.
        temperature: above 1 makes answers less sure; it changes no prediction.

    Returns:
        `float64 (N, classes)`; rows sum to 1.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def read_card(path: Path, expected: str = FORMAT) -> dict[str, Any]:
    """The card beside an ONNX file.

    Args:
        path: the ONNX file.
        expected: the card's format, which tells the kinds of networks apart.

    Raises:
        InvalidWeights: missing, not JSON, or without what a reader needs.
    """
    place = path.with_suffix(".json")
    try:
        card = json.loads(place.read_bytes())
    except OSError as e:
        reason = (e.strerror or "unreadable").lower()
        raise InvalidWeights(f"{path}: its card, {place.name}, must lie beside it ({reason})") from None
    except ValueError:
        raise InvalidWeights(f"{place}: not JSON; it should be the card of {path.name}") from None
    if not isinstance(card, dict) or card.get("format") != expected:
        raise InvalidWeights(f"{place}: not a card of format {expected}, which {_WRITERS[expected]} writes")
    try:
        usable = (
            0 < float(card["temperature"]) < np.inf
            and len(card["classes"]) >= 2
            and len(card["sha256"]) == 64
        )
    except (KeyError, TypeError, ValueError):
        usable = False
    if not usable:
        raise InvalidWeights(
            f"{place}: its classes, temperature or sha256 are missing or can't be; export again"
        )
    return card


def _load(path: Path, expected: str, threads: int) -> tuple[dict[str, Any], onnxruntime.InferenceSession]:
    """The card and the network, opened once it is known to be the card's and of the format."""
    content = _read(path, _WRITERS[expected])
    card = read_card(path, expected)
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise InvalidWeights(
            f"{path}: weights {_CUT_OR_CHANGED}: the SHA-256 isn't that in its card; fetch both again"
        )
    session = open_session(content, path, threads)
    if session.get_modelmeta().custom_metadata_map.get("format") != expected:
        raise InvalidWeights(
            f"{path}: its metadata lack format {expected}, which {_WRITERS[expected]} writes"
        )
    return card, session


def _read(path: Path, writer: str) -> bytes:
    """The bytes of what may be an ONNX file, with a clear word to those who bring something else."""
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise InvalidWeights(f"{path}: a folder; name the .onnx file in it") from None
    except (OSError, ValueError) as e:
        reason = (getattr(e, "strerror", None) or str(e)).lower()
        raise InvalidWeights(f"{path}: {reason}; name an .onnx file that {writer} wrote") from None
    if content.startswith(_PICKLES):
        raise InvalidWeights(f"{path}: a pickle, which can run code when opened; it is never loaded")
    if content[8:9] == b"{":
        raise InvalidWeights(f"{path}: safetensors; make an ONNX file of it with `inkdigits export {path}`")
    return content


def open_session(
    content: bytes, path: Path, threads: int, *, profile: Path | None = None
) -> onnxruntime.InferenceSession:
    """A network ready to run on so many threads; `path` is what an InvalidWeights calls it.

    With `profile`, how a file's name begins, it runs as the graph stands and notes every operation there.
    """
    options = onnxruntime.SessionOptions()
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights lose their shape
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal: what goes wrong is raised, and said once
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # idle threads leave the cores alone
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:  # the runtime's own classes, one for each stage of loading, without a common base
        raise InvalidWeights(
            f"{path}: weights {_CUT_OR_CHANGED}: not an ONNX network that can be run"
        ) from None


def _check_type(glyphs: NDArray[np.uint8]) -> None:
    if glyphs.dtype != np.uint8 or glyphs.ndim != 3 or glyphs.shape[1:] != (SIDE, SIDE):
        raise InvalidData(f"glyphs: expected uint8 (N, {SIDE}, {SIDE}), got {glyphs.dtype} {glyphs.shape}")


def _check_glyphs(session: onnxruntime.InferenceSession, classes: int, path: Path) -> None:
    """One input `glyphs`, uint8 (N, 28, 28); output `logits`, float32 (N, classes), maybe `activation`."""
    takes, gives = _contract(session)
    if takes != [("glyphs", "tensor(uint8)", [SIDE, SIDE])]:
        raise InvalidWeights(
            f"{path}: a network of another kind: it takes {takes}, not uint8 glyphs of 28×28"
        )
    maps = [(name, kind, shape[:1]) for name, kind, shape in gives[1:]]
    if gives[:1] != [("logits", "tensor(float)", [classes])] or maps not in (
        [],
        [("activation", "tensor(float)", [classes])],
    ):
        raise InvalidWeights(f"{path}: a network of another kind: it gives {gives}, not {classes} logits")
    if isinstance(session.get_inputs()[0].shape[0], int):
        raise InvalidWeights(f"{path}: a network for a fixed number of glyphs; export it with any N")


def _check_strips(session: onnxruntime.InferenceSession, path: Path) -> None:
    """One input `strips`, uint8 (N, 32, W); outputs `logits` (N, T, 16) and `boxes` (N, T, 4), float32."""
    takes, gives = _contract(session)
    if [(name, kind, shape[:1]) for name, kind, shape in takes] != [("strips", "tensor(uint8)", [HEIGHT])]:
        raise InvalidWeights(f"{path}: a network of another kind: it takes {takes}, not uint8 strips of 32×W")
    expected = [("logits", "tensor(float)", [len(CLASSES)]), ("boxes", "tensor(float)", [4])]
    if [(name, kind, shape[1:]) for name, kind, shape in gives] != expected:
        raise InvalidWeights(f"{path}: a network of another kind: it gives {gives}, not 16 logits and a box")
    if any(isinstance(session.get_inputs()[0].shape[axis], int) for axis in (0, 2)):
        raise InvalidWeights(f"{path}: a network for a fixed number or width of strips; export it with any")


def _contract(session: onnxruntime.InferenceSession) -> tuple[list[Any], list[Any]]:
    """Name, type and shape without N of what a network takes and gives."""
    takes = [(i.name, i.type, list(i.shape)[1:]) for i in session.get_inputs()]
    return takes, [(o.name, o.type, list(o.shape)[1:]) for o in session.get_outputs()]
