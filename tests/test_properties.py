"""Whatever the bytes, the pixels or the strokes: an answer that keeps its promises, or one clear error."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkdigits.errors import InputError, InvalidWeights
from inkdigits.glyph import FIT, glyph_from_grey
from inkdigits.images import load_grey
from inkdigits.levels import eight_bits
from inkdigits.model import Model
from inkdigits.reader import Reader

EXAMPLES = Path(__file__).parent.parent / "examples" / "digits"
FILES = [path.read_bytes() for path in sorted(EXAMPLES.iterdir()) if path.suffix not in (".py", ".md")]
LIMIT = 4_000_000  # px: fuzzed headers promise a lot
READER = st.shared(st.builds(Reader.load), key="reader")

pytestmark = pytest.mark.filterwarnings("error")
# the same cases in every run: a failure is then about the change, and thousands were tried at random before
relaxed = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def other_formats() -> list[bytes]:
    """The first example in the formats that no example has."""
    with Image.open(io.BytesIO(FILES[0])) as image:
        files = []
        for kind in ("GIF", "BMP", "WEBP", "PPM"):
            buffer = io.BytesIO()
            image.convert("L").save(buffer, kind)
            files.append(buffer.getvalue())
    return files


SEEDS = FILES + other_formats()


def answered_or_refused(content: bytes) -> None:
    """A grey picture, or an error whose message is one line."""
    try:
        grey = load_grey(content, max_pixels=LIMIT)
    except InputError as e:
        message = str(e)
    else:
        assert grey.dtype == np.uint8
        assert grey.ndim == 2
        assert 0 < grey.size <= LIMIT
        return
    assert message.startswith("picture: ")
    assert len(message.splitlines()) == 1


@relaxed
@given(st.binary(max_size=300), st.sampled_from([b"", *(seed[:12] for seed in SEEDS)]))
def test_any_bytes_are_a_picture_or_refused(content: bytes, beginning: bytes) -> None:
    answered_or_refused(beginning + content)


@relaxed
@given(st.data(), st.sampled_from(SEEDS))
def test_damaged_pictures_are_read_or_refused(data: st.DataObject, seed: bytes) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        # headers matter more than pixels
        at = data.draw(st.one_of(st.integers(0, min(200, len(seed)) - 1), st.integers(0, len(seed) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    answered_or_refused(bytes(content[: data.draw(st.integers(1, len(seed)))]))


ANY_ARRAY = hnp.arrays(
    dtype=st.one_of(
        hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes()
    ),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=9),
)


@relaxed
@given(ANY_ARRAY)
@example(np.zeros((3, 3), np.complex128))
@example(np.full((2, 2), np.iinfo(np.uint64).max))
@example(np.array([[-5e-324, 0.0]]))
@example(np.full((2, 2), np.finfo(np.float64).max))
def test_any_array_is_a_picture_or_refused(array: NDArray[Any]) -> None:
    try:
        grey = load_grey(array)
    except InputError:
        assert array.ndim not in (2, 3) or not array.size or array.shape[2:] or array.dtype.kind in "fc"
    else:
        assert grey.dtype == np.uint8
        assert grey.shape == array.shape[:2]


@relaxed
@given(
    hnp.arrays(
        dtype=st.sampled_from([np.uint16, np.int32, np.float32, np.float64]),
        shape=hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements={"min_value": 0, "max_value": 65535},
    )
)
def test_scaling_to_8_bits_keeps_the_order_of_pixels(pixels: NDArray[Any]) -> None:
    order = np.argsort(pixels, axis=None)
    assert np.all(np.diff(eight_bits(pixels).ravel()[order].astype(int)) >= 0)


POINTS = st.tuples(st.floats(0.12, 0.88), st.floats(0.12, 0.88))
STROKES = st.lists(POINTS, min_size=3, max_size=7)


def drawn(points: list[tuple[float, float]], side: int, width: float = 0.06) -> NDArray[np.uint8]:
    """White strokes on black, with soft edges as pens have them."""
    canvas = Image.new("L", (4 * side, 4 * side))
    path = [(x * 4 * side, y * 4 * side) for x, y in points]
    ImageDraw.Draw(canvas).line(path, fill=255, width=int(width * 4 * side), joint="curve")
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def large_enough(points: list[tuple[float, float]]) -> bool:
    return bool(max(np.ptp(points, axis=0)) > 0.35)


def apart(one: NDArray[np.uint8] | None, other: NDArray[np.uint8] | None) -> float:
    """Mean difference of two glyphs, as a share of their ink, where they differ least.

    A centre of mass between two pixels may be rounded to either, so one pixel aside is no difference.
    """
    assert one is not None
    assert other is not None
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    moved = np.stack([np.roll(other, shift, axis=(0, 1)) for shift in shifts]).astype(float)
    return float(np.abs(moved - one).sum(axis=(1, 2)).min() / max(one.sum(), other.sum()))


@relaxed
@given(STROKES, st.integers(40, 300))
def test_glyphs_keep_their_contract(points: list[tuple[float, float]], side: int) -> None:
    assume(large_enough(points))
    glyph = glyph_from_grey(drawn(points, side))
    assert glyph is not None
    assert glyph.dtype == np.uint8
    assert glyph.shape == (28, 28)
    rows, columns = np.flatnonzero(glyph.any(axis=1)), np.flatnonzero(glyph.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 <= FIT
    assert max(np.ptp(rows), np.ptp(columns)) + 1 >= FIT - 2
    assert glyph.max() >= 200


@relaxed
@given(STROKES, st.integers(60, 200))
def test_dark_on_light_and_light_on_dark_are_alike(points: list[tuple[float, float]], side: int) -> None:
    assume(large_enough(points))
    picture = drawn(points, side)
    assert apart(glyph_from_grey(picture), glyph_from_grey(255 - picture)) < 0.1


@relaxed
@given(STROKES, st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_margin_does_not_matter(
    points: list[tuple[float, float]], top: int, bottom: int, left: int, right: int
) -> None:
    assume(large_enough(points))
    picture = drawn(points, 120)
    padded = np.pad(picture, ((top, bottom), (left, right)))
    assert apart(glyph_from_grey(picture), glyph_from_grey(padded)) < 0.25


@relaxed
@given(STROKES, st.integers(60, 200))
def test_fainter_ink_gives_the_same_glyph(points: list[tuple[float, float]], side: int) -> None:
    assume(large_enough(points))
    picture = drawn(points, side)
    faint = (200 - picture * 0.3).astype(np.uint8)
    assert apart(glyph_from_grey(picture), glyph_from_grey(faint)) < 0.15


@relaxed
@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=70)),
    st.integers(0, 255),
    st.integers(0, 255),
)
def test_no_picture_breaks_the_glyph(noise: NDArray[np.uint8], low: int, high: int) -> None:
    picture = np.where(noise > 128, np.uint8(low), np.uint8(high))
    for grey in (noise, picture, np.ascontiguousarray(noise.T)):
        glyph = glyph_from_grey(grey)
        assert glyph is None or (glyph.shape == (28, 28) and glyph.dtype == np.uint8 and glyph.any())


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (28, 28), (300, 300)])
def test_an_even_picture_is_blank(level: int, size: tuple[int, int]) -> None:
    assert glyph_from_grey(np.full(size, level, np.uint8)) is None


@relaxed
@given(READER, st.one_of(ANY_ARRAY, STROKES.map(lambda points: drawn(points, 80))))
def test_every_answer_is_consistent(reader: Reader, picture: NDArray[Any]) -> None:
    try:
        answer = reader.classify(picture)
    except InputError:
        return
    total = sum(answer.probabilities)
    assert total == (0 if answer.reason == "blank" else pytest.approx(1))
    assert answer.accepted == (answer.reason is None)
    assert answer.digit is None or answer.confidence == answer.probabilities[answer.digit]
    assert json.loads(json.dumps(answer.to_dict()))["digit"] == answer.digit


@relaxed
@given(content=st.binary(max_size=200), card=st.binary(max_size=200) | st.from_type(type(None)))
def test_no_bytes_pass_for_weights(tmp_path_factory: Any, content: bytes, card: bytes | None) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.onnx"
    path.write_bytes(content)
    path.with_suffix(".json").unlink(missing_ok=True)
    if card is not None:
        path.with_suffix(".json").write_bytes(card)
    with pytest.raises(InvalidWeights):
        Model.load(path)
