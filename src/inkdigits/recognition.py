"""A grey page to its numbers: composes page, strip, the line network, decode and boxes. Knows no files.

grey ─► a page or one number? ─► lines cut out ─► strips ─► line network ─► decode ─► boxes ─► Line
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import log
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from inkdigits.confidence import LineRule
from inkdigits.constraints import Constraints
from inkdigits.decode import Decoded, decode
from inkdigits.model import LineModel
from inkdigits.page import Page, PageLine, find_lines, is_page, turn
from inkdigits.places import around, as_box, in_picture, on_page, tightened
from inkdigits.results import Line, Reason
from inkdigits.strip import HEIGHT, Strip, strip_from_grey

T = TypeVar("T")
Layout = Literal["auto", "line", "page"]
Grey = NDArray[np.uint8]

SMALLEST = 48  # px of a side; less can't hold more than one line
STRIPS = 256  # lines of a page whose logits are held at a time: 30 MB, whatever the page
SAMPLE = 16  # lines that are read both ways to tell which way up a page is
# mean log confidence of a page's lines; on photos of sudokus -0.4 to -1.0 upright, -1.3 to -2.6 upside down
# and below -1.8 sideways (words and print between the numbers count, too)
UPRIGHT = -0.5  # from here on, a page is taken to be the right way up
LEVEL = -1.5  # from here on, lines are taken to run across, not down
AGAINST = 3.0  # nats in all by which another way up must be likelier: most pages come the right way up
UNREADABLE = 0.01  # stands for the confidence of what is no number, when ways up are compared


@dataclass(frozen=True)
class Recogniser:
    """What reads lines, and when it trusts what it read.

    Attributes:
        model: the line network.
        constraints: what is known of the numbers.
        rule: when a number is accepted.
    """

    model: LineModel
    constraints: Constraints
    rule: LineRule

    def read(self, grey: Grey, layout: Layout = "auto") -> tuple[Grey, tuple[Line, ...]]:
        """The upright page and its numbers, in reading order.

        A picture of one number gives one line, whatever is in it. Of a page, candidates that turn out blank,
        or to be words, print or drawings, are left out.

        Args:
            grey: `uint8 (H, W)`.
            layout: `line` or `page`; `auto` decides.
        """
        if layout == "line" or min(grey.shape) < SMALLEST or (layout == "auto" and not is_page(grey)):
            (line,) = self.lines(_as_one_line(grey), grey.shape)
            return grey, (line,)
        page, lines = self._upright(grey)
        return page.grey, tuple(line for line in lines if line.reason not in ("blank", "not_a_digit"))

    def lines(self, cut_out: Sequence[PageLine], shape: tuple[int, ...]) -> list[Line]:
        """Lines cut out of a page of this shape, each read: strips ─► logits ─► decoded ─► Line."""
        read: list[Line] = []
        rest = iter(cut_out)
        while some := list(islice(rest, STRIPS)):
            strips = [None if _is_splinter(line.pixels) else strip_from_grey(line.pixels) for line in some]
            answers = iter(self.model.logits([strip.pixels for strip in strips if strip is not None]))
            for line, strip in zip(some, strips, strict=True):
                if strip is None:
                    read.append(Line("", "", 0.0, False, "blank", line.box))
                    continue
                decoded = decode(*next(answers), self.model.temperature, self.constraints)
                read.append(self._judged(decoded, strip, line, shape))
        return read

    def _judged(self, decoded: Decoded, strip: Strip, line: PageLine, shape: tuple[int, ...]) -> Line:
        """What was decoded, with boxes on the page and the verdict."""
        reason = self._reason(decoded)
        alternatives = decoded.alternatives
        if not decoded.satisfied:  # nothing fits what is known; this is what the ink looks like by itself
            alternatives = (decoded.unconstrained, *alternatives)
        if reason == "not_a_digit" or not decoded.digits:
            confidence = decoded.confidence if decoded.text else 0.0
            return Line(decoded.text, decoded.raw, confidence, False, reason, line.box, (), alternatives)
        height, width = shape
        boxes = np.array([digit.box for digit in decoded.digits])
        boxes = on_page(in_picture(tightened(strip.pixels, boxes), strip), line.to_page)
        digits = tuple(
            replace(digit, box=as_box(box, width, height))
            for digit, box in zip(decoded.digits, boxes, strict=True)
        )
        box = as_box(around(boxes), width, height)
        return Line(
            decoded.text, decoded.raw, decoded.confidence, reason is None, reason, box, digits, alternatives
        )

    def _reason(self, decoded: Decoded) -> Reason | None:
        """Why a number isn't accepted; None when it is."""
        if not decoded.unconstrained.text or 2 * decoded.others > decoded.characters:
            return "not_a_digit"
        return self.rule.reason(decoded.confidence) if decoded.satisfied else "unsure"

    def _upright(self, grey: Grey) -> tuple[Page, list[Line]]:
        """The page the right way up, as far as its numbers tell, and all its lines read.

        The ink's geometry leaves open which end of a page is its top. If what was read is doubtful, some
        lines are read the other ways round, and the likeliest way wins.
        """
        page = find_lines(grey)
        lines = self.lines(page.lines, page.grey.shape)
        evidence = _evidence(lines)
        if not lines or evidence >= UPRIGHT:
            return page, lines
        some = _some(lines)
        best, turned = _evidence(some) + AGAINST / len(some), page.turned
        for other in page.doubts:
            if best >= LEVEL and (other - page.turned) % 180:
                continue
            evidence = _evidence(self._sampled(grey, page, other))
            if evidence > best:
                best, turned = evidence, other
        if turned == page.turned:
            return page, lines
        page = find_lines(grey, turned)
        return page, self.lines(page.lines, page.grey.shape)

    def _sampled(self, grey: Grey, page: Page, turned: int) -> list[Line]:
        """Some lines of the page as they read when it is turned another way."""
        if (turned - page.turned) % 360 == 180:  # upside down, the same lines are found
            lines = [replace(line, pixels=turn(line.pixels, 180)) for line in _some(page.lines)]
        else:
            page = find_lines(grey, turned)
            lines = _some(page.lines)
        return self.lines(lines, page.grey.shape)


def _is_splinter(grey: Grey) -> bool:
    """Whether a picture is so slim that nothing would be left of it at a strip's height."""
    return bool(2 * HEIGHT * grey.shape[1] < grey.shape[0])


def _evidence(lines: Sequence[Line]) -> float:
    """How much lines look like numbers the right way up: their mean log confidence."""
    logs = [log(max(line.confidence, UNREADABLE)) for line in lines]
    return float(np.mean(logs)) if logs else log(UNREADABLE)


def _some(lines: Sequence[T]) -> list[T]:
    """At most `SAMPLE` lines, from all over the page."""
    return list(lines[:: -(-len(lines) // SAMPLE)]) if lines else []


def _as_one_line(grey: Grey) -> tuple[PageLine]:
    """A picture that is one number."""
    height, width = grey.shape
    return (PageLine(grey, np.array([[1.0, 0, 0], [0, 1, 0]]), (0.0, 0.0, float(width), float(height))),)
