"""A strip to its number: the line network, decode, and further looks where the first leaves doubt.

    strip ─► logits, boxes ─► decode ─► sure? ─► Decoded
                 ▲                       │ no
                 └── pressed together ◄──┘

How closely digits are written differs, and one stretch can't suit all. A number of which the first look is
unsure is looked at again, pressed together, and the mean of all looks decides. Knows strips, no pages.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.constraints import Constraints
from inkdigits.decode import Decoded, View, decode, decode_views
from inkdigits.model import LineModel

SURE = 0.9  # confidence from which on one look is enough: for more than half of the cheques it is
PRESSED = (0.83, 0.7)  # widths of the further looks; the first is at 1 (records/lines.md)

Grey = NDArray[np.uint8]


def read_strip(strip: Grey, model: LineModel, constraints: Constraints) -> Decoded:
    """Reads a strip.

    Args:
        strip: `uint8 (32, W)`, as `strip.strip_from_grey` makes it.
        model: the line network.
        constraints: what is known of the number.
    """
    (first,) = model.logits([strip])
    decoded = decode(*first, model.temperature, constraints)
    if decoded.confidence >= SURE or not _is_number(decoded):
        return decoded
    return decode_views([first, *_further(strip, model)], model.temperature, constraints)


def _is_number(decoded: Decoded) -> bool:
    """Whether it may be a number: words and empty paper aren't worth a second look."""
    return bool(decoded.unconstrained.text) and 2 * decoded.others <= decoded.characters


def _further(strip: Grey, model: LineModel) -> list[View]:
    """What the network answers when the strip is narrower, with boxes in pixels of the strip itself."""
    views: list[View] = []
    for share in PRESSED:
        narrow = _pressed(strip, share)
        ((logits, boxes),) = model.logits([narrow])
        across = strip.shape[1] / narrow.shape[1]
        views.append((logits, boxes * np.array([across, 1, across, 1], np.float32)))
    return views


def _pressed(strip: Grey, share: float) -> NDArray[Any]:
    size = (max(1, round(strip.shape[1] * share)), strip.shape[0])
    return cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
