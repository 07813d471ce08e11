"""A grey page to its numbers: composes page, strip, looks and places. Knows no files.

grey ─► a page or one number? ─► lines cut out ─► strips ─► looks (network, decode) ─► boxes ─► Line
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from inkdigits.confidence import LineRule
from inkdigits.constraints import Constraints
from inkdigits.decode import Decoded
from inkdigits.looks import read_strip
from inkdigits.model import LineModel
from inkdigits.page import Page, PageLine, find_lines, is_page, turn
from inkdigits.places import around, as_box, in_picture, on_page, tightened
from inkdigits.results import Digit, Line, Reason
from inkdigits.strip import Strip, strip_from_grey

log = logging.getLogger(__name__)

Layout = Literal["auto", "line", "page"]
Grey = NDArray[np.uint8]

SMALLEST = 48  # px of a page's side; less can't hold more than one line
SLIMMEST = 50  # times as long as it is wide, or the other way round: the same

# Share of a page's characters that are digits, by confidence. On six photos of sudokus, 16 drawn pages, a
# form and a photo of a list it was 0.64 to 0.98 the right way up, at most 0.75 upside down, 0.58 sideways.
UPRIGHT = 0.85  # from here on, a page is taken to be the right way up
LEVEL = 0.6  # from here on, lines are taken to run across, not down
FIRST = 16  # lines, from all over a page, that are read to see whether it is the right way up
SAMPLE = 32  # lines that are read upside down, too, when it may not be
ROUND = 8  # of them at a time, until it is clear which way reads better
SURELY = 3.5  # times better is clear; of 98 such pages none was judged wrongly, and none at half of that
CLEARLY = 1.25  # times better, when they are all read, turns a page: most come the right way up
NEARLY_NOTHING = 0.05  # digits; two ways that have less are alike
GOLDEN = 0.618034  # its multiples leave no gaps, less their whole parts

NOTHING = 0.5  # characters; where fewer are expected, what looked like ink is the paper's own
DOUBTFUL = 0.5  # confidence below which ink on a page that is partly neither digits nor marks is no number


@dataclass(frozen=True)
class Candidate:
    """Ink that may be a number, and what was read there.

    Attributes:
        line: where it is.
        strip: as the network saw it; None when it is blank.
        decoded: what was read; None when it is blank.
    """

    line: PageLine
    strip: Strip | None
    decoded: Decoded | None

    @property
    def characters(self) -> float:
        """How many are expected there."""
        if self.decoded is None:
            return 0.0
        return max(self.decoded.characters, float(len(self.decoded.unconstrained.text)))

    @property
    def digits(self) -> float:
        """How many of them are digits, by confidence, whatever is known of the number."""
        read = None if self.decoded is None else self.decoded.unconstrained
        return 0.0 if read is None else len(read.text) * read.confidence


@dataclass(frozen=True)
class PageReader:
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
        if layout == "line" or _is_strip(grey) or (layout == "auto" and not is_page(grey)):
            (candidate,) = self._candidates([_as_one_line(grey)])
            return grey, (self._judged(candidate, grey.shape),)
        page, candidates = self._upright(grey)
        if page.cut:
            log.warning("a page with more than %s pieces of writing; the rest is left out", len(candidates))
        numbers = (c for c in candidates if not _is_no_number(c))
        return page.grey, tuple(self._judged(number, page.grey.shape) for number in numbers)

    # ---- reading

    def _candidates(self, lines: Sequence[PageLine]) -> list[Candidate]:
        return [self._candidate(line) for line in lines]

    def _candidate(self, line: PageLine) -> Candidate:
        """A line cut out of a page, read: strip ─► decoded."""
        strip = strip_from_grey(line.pixels)
        decoded = None if strip is None else read_strip(strip.pixels, self.model, self.constraints)
        return Candidate(line, strip, decoded)

    def _judged(self, candidate: Candidate, shape: tuple[int, ...]) -> Line:
        """What was read, with boxes on the page and the verdict."""
        line, strip, decoded = candidate.line, candidate.strip, candidate.decoded
        if strip is None or decoded is None:
            return Line("", "", 0.0, False, "blank", line.box)
        reason = self._reason(decoded)
        alternatives = decoded.alternatives
        if not decoded.satisfied:  # nothing fits what is known; this is what the ink looks like by itself
            alternatives = (decoded.unconstrained, *alternatives)
        alternatives = tuple(other for other in alternatives if other.text)
        confidence = decoded.confidence if decoded.text else 0.0
        digits = _placed(decoded.digits, strip, line, shape)
        height, width = shape
        box = as_box(around(np.array([digit.box for digit in digits])), width, height) if digits else line.box
        return Line(decoded.text, decoded.raw, confidence, reason is None, reason, box, digits, alternatives)

    def _reason(self, decoded: Decoded) -> Reason | None:
        """Why a number isn't accepted; None when it is."""
        if not decoded.unconstrained.text and decoded.characters < NOTHING:
            return "blank"
        if not decoded.unconstrained.text or 2 * decoded.others > decoded.characters:
            return "not_a_digit"
        return self.rule.reason(decoded.confidence) if decoded.satisfied else "unsure"

    # ---- which way up

    def _upright(self, grey: Grey) -> tuple[Page, list[Candidate]]:
        """The page the right way up, and all its lines read.

        The ink's geometry leaves open which end of a page is its top, and sometimes whether lines run across.
        If what was read of a sample is doubtful, the same lines are read the other ways round, and what reads
        best wins.
        """
        page, read = find_lines(grey), dict[int, Candidate]()
        best = self._best_way(page, read)
        if best != page.turned:
            page, read = find_lines(grey, best, page.survey), {}
        return page, self._read_at(page, range(len(page.lines)), read)

    def _best_way(self, page: Page, read: dict[int, Candidate]) -> int:
        """By how many degrees clockwise a page must be turned for its lines to be read best.

        Args:
            page: as its ink lies.
            read: takes what was read of its lines on the way, by their places.
        """
        places = _spread(len(page.lines), SAMPLE)
        first = self._read_at(page, places[:FIRST], read)
        if not first or _share(first) >= UPRIGHT:
            return page.turned
        ways: dict[int, list[Candidate]] = {0: [], 180: []}
        for begin in range(0, len(places), ROUND):
            some = self._read_at(page, places[begin : begin + ROUND], read)
            ways[0] += some
            ways[180] += self._turned(some, 180)
            worse, better = sorted(map(_worth, ways.values()))
            if better > SURELY * worse:
                break
        quarter = next((way - page.turned for way in page.doubts if (way - page.turned) % 180), None)
        if quarter is not None and max(map(_share, ways.values())) < LEVEL:
            ways |= {way % 360: self._turned(ways[0], way % 360) for way in (quarter, quarter + 180)}
        best = max(ways, key=lambda way: _worth(ways[way]))
        return (page.turned + best) % 360 if _worth(ways[best]) > CLEARLY * _worth(ways[0]) else page.turned

    def _read_at(self, page: Page, places: Sequence[int], read: dict[int, Candidate]) -> list[Candidate]:
        """A page's lines at some places; what is in `read` isn't read again, and it takes what is new."""
        new = [place for place in places if place not in read]
        read.update(zip(new, self._candidates([page.lines[place] for place in new]), strict=True))
        return [read[place] for place in places]

    def _turned(self, candidates: Sequence[Candidate], degrees: int) -> list[Candidate]:
        """Lines read anew, turned clockwise."""
        lines = (candidate.line for candidate in candidates)
        return self._candidates([replace(line, pixels=turn(line.pixels, degrees)) for line in lines])


def _spread(count: int, most: int) -> list[int]:
    """At most so many of `count` places, from all over, out of step with words and numbers that alternate."""
    return sorted(range(count), key=lambda place: place * GOLDEN % 1)[:most]


def _share(candidates: Sequence[Candidate]) -> float:
    """How many of the characters that are expected on a page are digits, by confidence."""
    characters = sum(candidate.characters for candidate in candidates)
    return sum(candidate.digits for candidate in candidates) / characters if characters else 0.0


def _worth(candidates: Sequence[Candidate]) -> float:
    """How well lines are read: many digits, and hardly anything else; never quite 0."""
    return _share(candidates) * sum(candidate.digits for candidate in candidates) + NEARLY_NOTHING


def _is_no_number(candidate: Candidate) -> bool:
    """Whether ink on a page turned out to be something else: nothing, words, print, a drawing."""
    decoded = candidate.decoded
    if decoded is None or not decoded.unconstrained.text or 2 * decoded.others > decoded.characters:
        return True
    return decoded.others >= 1 and decoded.unconstrained.confidence < DOUBTFUL


def _placed(
    digits: Sequence[Digit], strip: Strip, line: PageLine, shape: tuple[int, ...]
) -> tuple[Digit, ...]:
    """Digits with their boxes drawn in on the ink and moved from the strip to the page."""
    if not digits:
        return ()
    boxes = tightened(strip.pixels, np.array([digit.box for digit in digits]))
    boxes = on_page(in_picture(boxes, strip), line.to_page)
    height, width = shape
    return tuple(
        replace(digit, box=as_box(box, width, height)) for digit, box in zip(digits, boxes, strict=True)
    )


def _is_strip(grey: Grey) -> bool:
    """Whether a picture can't be a page by its shape alone."""
    short, long = sorted(grey.shape)
    return bool(short < SMALLEST or long > SLIMMEST * short)


def _as_one_line(grey: Grey) -> PageLine:
    """A picture that is one number."""
    height, width = grey.shape
    return PageLine(grey, np.array([[1.0, 0, 0], [0, 1, 0]]), (0.0, 0.0, float(width), float(height)))
