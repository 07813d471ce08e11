"""One number or a page: told by how tall the ink is, on pictures of any size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from inkdigits.images import load_grey
from inkdigits.page.layout import is_page

NUMBERS = Path(__file__).parents[2] / "examples" / "numbers"
CUT_OUT = sorted(p for p in NUMBERS.glob("*.[pj]*g") if p.stem not in ("form", "photo"))


@pytest.mark.parametrize("path", CUT_OUT, ids=lambda path: path.stem)
@pytest.mark.parametrize("scale", [1, 3])
def test_a_number_is_no_page(path: Path, scale: int) -> None:
    grey = load_grey(path)
    assert not is_page(np.asarray(cv2.resize(grey, None, fx=scale, fy=scale), np.uint8))


@pytest.mark.parametrize("name", ["form.png", "photo.jpg"])
@pytest.mark.parametrize("scale", [0.6, 1, 2])
def test_a_page_is_one_at_any_size(name: str, scale: float) -> None:
    grey = load_grey(NUMBERS / name)
    assert is_page(
        np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    )


def test_nothing_is_no_page() -> None:
    assert not is_page(np.full((900, 700), 230, np.uint8))
    assert not is_page(np.full((1, 1), 230, np.uint8))
    assert not is_page(np.zeros((50, 3000), np.uint8))
