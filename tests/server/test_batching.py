"""Batches of the real network: equal to single answers, formed of what comes together, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from inkdigits.errors import InvalidData
from inkdigits.glyph import SIDE
from inkdigits.model import Model
from inkdigits.server.batching import Batcher
from inkdigits.server.overload import Overloaded, ShuttingDown

Glyphs = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model() -> Model:
    """The shipped network."""
    return Model.load()


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    """What no two are alike of."""
    return np.random.default_rng(1).integers(0, 256, (80, SIDE, SIDE), np.uint8)


@pytest.fixture(scope="module")
def alone(model: Model, glyphs: Glyphs) -> NDArray[np.float32]:
    """Each one's answer when nobody else asks."""
    return np.concatenate([model.logits(glyph[None]) for glyph in glyphs])


def run(use: Callable[[Batcher], Awaitable[Any]], model: Model, **options: Any) -> Any:
    """Uses a batcher on a loop of its own, then closes it."""

    async def main() -> Any:
        batcher = Batcher(model, **options)
        try:
            return await use(batcher)
        finally:
            await batcher.close()

    return asyncio.run(main())


def test_every_size_of_batch_answers_as_single_glyphs_do(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    for size in range(1, 65):
        assert np.array_equal(model.logits(glyphs[:size]), alone[:size]), size


def test_what_comes_together_is_one_batch(model: Model, glyphs: Glyphs, alone: NDArray[np.float32]) -> None:
    sizes: list[int] = []

    async def many(batcher: Batcher) -> list[NDArray[np.float32]]:
        return await asyncio.gather(*(batcher.logits(glyph[None]) for glyph in glyphs[:20]))

    answers = run(many, model, observe=lambda count, _: sizes.append(count))
    assert sizes == [20]
    assert np.array_equal(np.concatenate(answers), alone[:20])


def test_a_lone_glyph_runs_on_the_loops_next_turn(model: Model, glyphs: Glyphs) -> None:
    async def lone(batcher: Batcher) -> bool:
        asked = asyncio.ensure_future(batcher.logits(glyphs[:1]))
        for _ in range(3):  # the task begins, the batch runs, the task ends
            await asyncio.sleep(0)
        return asked.done()

    assert run(lone, model)


def test_requests_of_several_glyphs_each_get_their_own_rows(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    parts = [(0, 3), (3, 4), (4, 4), (4, 9), (9, 16), (16, 17)]
    sizes: list[int] = []

    async def several(batcher: Batcher) -> list[NDArray[np.float32]]:
        return await asyncio.gather(*(batcher.logits(glyphs[a:b]) for a, b in parts))

    answers = run(several, model, max_batch=8, observe=lambda count, _: sizes.append(count))
    for (start, end), answer in zip(parts, answers, strict=True):
        assert np.array_equal(answer, alone[start:end])
    assert sizes == [4, 5, 8]  # 3 + 1, then 5, which leaves no room for 7, then 7 + 1


def test_what_comes_while_a_batch_runs_is_the_next_one(model: Model, glyphs: Glyphs) -> None:
    sizes: list[int] = []

    async def twice(batcher: Batcher) -> None:
        async def client(number: int) -> None:
            await batcher.logits(glyphs[number][None])
            await batcher.logits(glyphs[number][None])

        await asyncio.gather(*(client(number) for number in range(5)))

    run(twice, model, observe=lambda count, _: sizes.append(count))
    assert sizes == [5, 5]


def test_a_full_queue_refuses_and_answers_those_in_it(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    async def crowd(batcher: Batcher) -> list[Any]:
        asked = (batcher.logits(glyph[None]) for glyph in glyphs[:12])
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = run(crowd, model, queue=10)
    assert np.array_equal(np.concatenate(answers[:10]), alone[:10])
    for refused in answers[10:]:
        assert isinstance(refused, Overloaded)
        assert refused.retry_after >= 1


def test_a_request_of_another_shape_fails_alone(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    async def mixed(batcher: Batcher) -> list[Any]:
        wrong = (glyphs[:1].astype(np.float32), glyphs[:1, :27], glyphs[0])
        asked = map(batcher.logits, (glyphs[:2], *wrong, glyphs[2:3]))  # type: ignore[arg-type]
        return await asyncio.gather(*asked, return_exceptions=True)

    first, *wrong, last = run(mixed, model)
    assert np.array_equal(np.concatenate([first, last]), alone[:3])
    assert all(isinstance(error, InvalidData) for error in wrong)


def test_no_glyphs_have_no_rows(model: Model, glyphs: Glyphs) -> None:
    assert run(lambda batcher: batcher.logits(glyphs[:0]), model).shape == (0, 10)


def test_who_went_away_takes_no_room(model: Model, glyphs: Glyphs) -> None:
    sizes: list[int] = []

    async def leaving(batcher: Batcher) -> int:
        asked = [asyncio.ensure_future(batcher.logits(glyph[None])) for glyph in glyphs[:5]]
        await asyncio.sleep(0)
        for one in asked[:3]:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return batcher.waiting

    assert run(leaving, model, observe=lambda count, _: sizes.append(count)) == 0
    assert sum(sizes) <= 5


def test_many_glyphs_of_one_request_leave_the_loop_to_others(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    async def both(batcher: Batcher) -> tuple[NDArray[np.float32], int]:
        large = asyncio.ensure_future(batcher.logits(np.tile(glyphs, (5, 1, 1))))
        small = 0
        while not large.done():
            await batcher.logits(glyphs[:1])
            small += 1
            await asyncio.sleep(0)
        return await large, small

    rows, small = run(both, model)
    assert np.array_equal(rows, np.tile(alone, (5, 1)))
    assert small > 1


def test_too_many_large_requests_are_refused(model: Model, glyphs: Glyphs) -> None:
    async def crowd(batcher: Batcher) -> list[Any]:
        return await asyncio.gather(*(batcher.logits(glyphs) for _ in range(6)), return_exceptions=True)

    answers = run(crowd, model)
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 2


def test_closing_answers_what_waits_then_refuses(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    async def closing(batcher: Batcher) -> NDArray[np.float32]:
        asked = [asyncio.ensure_future(batcher.logits(glyph[None])) for glyph in glyphs[:3]]
        await asyncio.sleep(0)
        await batcher.close()
        with pytest.raises(ShuttingDown):
            await batcher.logits(glyphs[:1])
        return np.concatenate([await one for one in asked])

    assert np.array_equal(run(closing, model), alone[:3])


class Failing:
    """A session that fails when it sees a glyph full of 255."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, outputs: list[str], inputs: dict[str, Glyphs]) -> Any:
        if (inputs["glyphs"] == 255).all(axis=(1, 2)).any():
            raise RuntimeError("broken")
        return self._session.run(outputs, inputs)


def test_a_run_that_fails_leaves_nobody_waiting(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    async def failing(batcher: Batcher) -> tuple[list[Any], NDArray[np.float32]]:
        asked = (batcher.logits(some) for some in (glyphs[:1], np.full((1, SIDE, SIDE), 255, np.uint8)))
        return await asyncio.gather(*asked, return_exceptions=True), await batcher.logits(glyphs[:1])

    both, after = run(failing, replace(model, session=Failing(model.session)))
    assert [str(error) for error in both] == ["broken", "broken"]
    assert np.array_equal(after, alone[:1])


class Wavering:
    """A session whose answers depend on how many glyphs it gets, as some processors' might."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, outputs: list[str], inputs: dict[str, Glyphs]) -> Any:
        (logits,) = self._session.run(outputs, inputs)
        return [logits * np.float32(1 + 1e-6 * (len(logits) > 1))]


def test_where_batches_answer_otherwise_glyphs_run_one_by_one(
    model: Model, glyphs: Glyphs, alone: NDArray[np.float32]
) -> None:
    sizes: list[int] = []

    async def many(batcher: Batcher) -> list[NDArray[np.float32]]:
        return await asyncio.gather(*(batcher.logits(glyph[None]) for glyph in glyphs[:4]))

    wavering = replace(model, session=Wavering(model.session))
    answers = run(many, wavering, observe=lambda count, _: sizes.append(count))
    assert sizes == [1, 1, 1, 1]
    assert np.array_equal(np.concatenate(answers), alone[:4])
