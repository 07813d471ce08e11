"""Pictures to answers: composes all that a recogniser is made of. Knows no command line, no training.

One digit: images ─► glyph ─► model ─► confidence ─► Classification. Numbers and pages: see `reading`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from inkdigits.confidence import Rule, rule_from_card
from inkdigits.glyph import glyph_from_grey
from inkdigits.images import Picture, load_grey
from inkdigits.model import BATCH, SHIPPED, SIDE, Model
from inkdigits.results import Classification

if TYPE_CHECKING:
    from inkdigits.reading import NumberReader, Options
    from inkdigits.results import Reading

Glyphs = NDArray[np.uint8]


class Reader:
    """A recogniser: built once, in a tenth of a second, and asked as often as you like, from any thread.

    Attributes:
        model: the network for single digits, and its card.
        rule: when a single digit is accepted; taken from the card.
    """

    def __init__(
        self, model: Model, rule: Rule | None = None, numbers: NumberReader | None = None, threads: int = 1
    ) -> None:
        """Puts a reader together; `Reader.load` is the usual way.

        Args:
            model: the network for single digits.
            rule: None takes the card's.
            numbers: reads numbers; None opens the shipped weights when a number is first asked for.
            threads: that networks which are opened later may use.
        """
        self.model = model
        self.rule = rule_from_card(model.card) if rule is None else rule
        self._numbers, self._threads, self._opening = numbers, threads, Lock()

    @classmethod
    def load(
        cls,
        weights: str | os.PathLike[str] | None = None,
        threads: int = 1,
        line_weights: str | os.PathLike[str] | None = None,
    ) -> Reader:
        """A reader with the weights that came with the package, or with others.

        Args:
            weights: of the network for single digits: an ONNX file that `inkdigits export` wrote, its card
                beside it; None for the shipped one.
            threads: that a network may use. One is the fastest for single pictures.
            line_weights: of the network for numbers, likewise; the shipped one is only opened when needed.

        Raises:
            InvalidWeights: not such a file, cut short or changed.
        """
        numbers = None
        if line_weights is not None:
            from inkdigits.reading import NumberReader

            numbers = NumberReader.load(line_weights, threads=threads)
        model = Model.load(SHIPPED if weights is None else Path(weights), threads=threads)
        return cls(model, numbers=numbers, threads=threads)

    @property
    def numbers(self) -> NumberReader:
        """What reads numbers; opened at the first call, so that who only classifies doesn't pay for it.

        Raises:
            InvalidWeights: the shipped weights are damaged.
        """
        with self._opening:
            if self._numbers is None:
                from inkdigits.reading import NumberReader

                self._numbers = NumberReader.load(threads=self._threads)
            return self._numbers

    def read(self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]) -> Reading:
        """Reads a number, or the numbers on a page; of a document, on its first page.

        Args:
            picture: a path, bytes, an open file, an array or a PIL image; `images.load_pages` says all of it.
            name: the answer's `source`, and what errors call it; the path, if there is one.
            options: `layout`, `length`, `min_length`, `max_length`, `low`, `high`, `check`, `pattern`,
                `max_error`, `dpi`; `reading.Wanted` says what each means.

        Returns:
            The numbers. A picture of one number has one line, whatever is in it; a page may have none.

        Raises:
            UsageError: an option that can't be, or options that contradict each other.
            UnreadableImage: not a picture, cut short, missing.
            ImageTooLarge: beyond the limits.
            MissingExtra: a PDF or HEIC without the packages that decode it.
        """
        return next(self.read_pages(picture, name=name, **options))

    def read_pages(
        self, picture: Picture, *, name: str | None = None, **options: Unpack[Options]
    ) -> Iterator[Reading]:
        """As `read`, all pages of a document, one at a time and never more than one in memory.

        Raises:
            UsageError: at once. The other errors: after the pages before a broken one.
            TooManyPages: a document beyond the limit.
        """
        from inkdigits.reading import Wanted

        sheets = self.numbers.sheets(picture, Wanted(**options), name=name)
        return (sheet.reading for sheet in sheets)

    def classify(self, picture: Picture, *, name: str | None = None) -> Classification:
        """Classifies a picture of one digit.

        Args:
            picture: a path, bytes, an open file, an array or a PIL image; any size, dark on light or light on
                dark, with margin or none (`images.load_grey` says all of it).
            name: the answer's `source`, and what errors call it; the path, if there is one.

        Returns:
            The answer; `blank` is one of its reasons, no error.

        Raises:
            UnreadableImage: not a picture, cut short, missing.
            ImageTooLarge: beyond the limits.
        """
        return next(self._classify([picture], name))

    def classify_many(self, pictures: Iterable[Picture]) -> list[Classification]:
        """As `classify`, for many pictures, in order; faster than one by one. The first bad one raises."""
        rest = iter(pictures)
        answers: list[Classification] = []
        while some := list(islice(rest, BATCH)):
            answers += self._classify(some)
        return answers

    def classify_glyphs(self, glyphs: Glyphs, *, name: str | None = None) -> list[Classification]:
        """Classifies what are glyphs already, such as the rows of a data set, in order.

        Args:
            glyphs: `uint8 (N, 28, 28)`, ink bright on 0, as in MNIST. One without any ink is blank.
            name: of the data set; sources become `NAME#1`, `NAME#2` …

        Raises:
            InvalidData: of another type or shape.
        """
        probabilities = self.model.probabilities(glyphs)
        inked = glyphs.reshape(len(glyphs), SIDE * SIDE).max(axis=1) > 0
        sources = (None if name is None else f"{name}#{row}" for row in range(1, len(glyphs) + 1))
        return [
            self.answer(row if has_ink else None, source)
            for row, has_ink, source in zip(probabilities, inked, sources, strict=True)
        ]

    def _classify(self, pictures: list[Picture], name: str | None = None) -> Iterator[Classification]:
        """One batch: pictures ─► grey ─► glyphs, or None where blank ─► probabilities ─► answers."""
        glyphs = [glyph_from_grey(load_grey(picture, name=name)) for picture in pictures]
        inked = [glyph for glyph in glyphs if glyph is not None]
        probabilities = iter(self.model.probabilities(np.stack(inked)) if inked else ())
        for picture, glyph in zip(pictures, glyphs, strict=True):
            yield self.answer(None if glyph is None else next(probabilities), name or _source_of(picture))

    def answer(self, probabilities: NDArray[np.float64] | None, source: str | None) -> Classification:
        """Applies the rule to what the network says of one glyph.

        Args:
            probabilities: `(classes,)`, calibrated; None for a blank picture.
            source: of the answer.
        """
        if probabilities is None:
            return Classification(None, 0.0, False, "blank", (0.0,) * len(self.model.classes), source)
        best = int(probabilities.argmax())
        top, label = float(probabilities[best]), self.model.classes[best]
        reason = self.rule.reason(top)
        digit = int(label) if label in tuple("0123456789") else None
        return Classification(
            digit, top, reason is None, reason, tuple(probabilities.tolist()), source, label
        )


def _source_of(picture: Any) -> str | None:
    return os.fspath(picture) if isinstance(picture, str | os.PathLike) else None


@cache
def _shipped() -> Reader:
    return Reader.load()


def read(picture: Picture, *, name: str | None = None, **options: Unpack[Options]) -> Reading:
    """Reads a number, or the numbers on a page, with the weights that came with the package.

    Args and errors are those of `Reader.read`; the reader is built at the first call and kept.
    """
    return _shipped().read(picture, name=name, **options)


def classify(picture: Picture) -> Classification:
    """Classifies a picture of one digit with the weights that came with the package.

    Args and errors are those of `Reader.classify`; the reader is built at the first call and kept.
    """
    return _shipped().classify(picture)
