"""The line network: its training learns, goes on where it was, and exports what PyTorch computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from inkdigits.alphabet import CLASSES
from inkdigits.errors import InvalidWeights, ParityError, UsageError
from inkdigits.training import line_export
from inkdigits.training.handwriting import Shapes
from inkdigits.training.line_batches import Lines, batches, collate
from inkdigits.training.line_loop import (
    LineTraining,
    distance,
    greedy,
    judge,
    load_line_weights,
    predict_lines,
    save_line_weights,
)
from inkdigits.training.line_network import FRAME, LineNetwork, LineShape
from inkdigits.training.line_recipe import LineRecipe, with_options
from inkdigits.training.strings import Composer, TrainingLine
from inkdigits.training.strokes import draw_digits

RECIPE = LineRecipe(
    lines=64, repeats=2, chunk=32, batch_size=8, validation=8, strokes=0.5, pens=0.2, mnist=0.3, fonts=0
)


@pytest.fixture(scope="module")
def lines() -> list[TrainingLine]:
    glyphs, labels = draw_digits(100, seed=2)
    composer = Composer(Shapes(glyphs.numpy(), labels.numpy()), RECIPE.shares, seed=9)
    return [composer.line(index) for index in range(64)]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_answers_stand_along_the_line() -> None:
    logits, boxes = LineNetwork().eval()(torch.full((3, 32, 80), 48, dtype=torch.uint8))
    assert logits.shape == (3, 40, len(CLASSES))
    assert boxes.shape == (3, 40, 4)


def test_targets_are_laid_over_the_frames(lines: list[TrainingLine]) -> None:
    batch = collate(lines[:6])
    assert batch.strips.shape[2] % 8 == 0
    assert batch.classes.shape == (6, batch.strips.shape[2] // FRAME)
    for row, line in enumerate(lines[:6]):
        middles = batch.classes[row][batch.classes[row] > 0]
        assert set(middles.tolist()) <= set(line.targets.tolist())
        owned = batch.boxes[row][batch.owned[row]]
        assert (owned[:, 2] >= owned[:, 0]).all()
    assert sum(batch.lengths.tolist()) == len(batch.targets)


def test_batches_hold_every_line_once(lines: list[TrainingLine]) -> None:
    made = list(batches(lines, 8, np.random.default_rng(0)))
    assert sum(len(batch.strips) for batch in made) == len(lines)
    assert sum(int(batch.lengths.sum()) for batch in made) == sum(len(line.targets) for line in lines)


def test_it_learns_a_few_lines_by_heart(lines: list[TrainingLine]) -> None:
    few = [line for line in lines if line.text and line.pixels.shape[1] < 250][:8]
    recipe = LineRecipe(lines=640, chunk=8, batch_size=8, learning_rate=3e-3, fonts=0, strokes=0.7, mnist=0.3)
    training = LineTraining(recipe, seed=1, precision="float32")
    losses = [training.run_chunk(few, lambda *_: None) for _ in range(80)]
    assert losses[-1] < 0.1 * losses[0]
    exact, errors = judge(training.network, few)
    assert exact >= 0.5
    assert errors < 0.3


def test_it_goes_on_where_it_was(lines: list[TrainingLine], tmp_path: Path) -> None:
    whole = LineTraining(RECIPE, seed=4, precision="float32")
    whole.run_chunk(lines[:32], lambda *_: None)
    whole.save(tmp_path)
    other = LineTraining(RECIPE, seed=4, precision="float32")
    other.restore(tmp_path)
    for training in (whole, other):
        training.run_chunk(lines[32:], lambda *_: None)
    ours, theirs = whole.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(InvalidWeights, match="another recipe or seed"):
        LineTraining(RECIPE, seed=5).restore(tmp_path)


def test_composing_processes_give_the_lines_in_order() -> None:
    glyphs, labels = draw_digits(50, seed=2)
    alone = Composer(Shapes(glyphs.numpy(), labels.numpy()), RECIPE.shares, seed=9)
    with Lines(RECIPE, glyphs.numpy(), labels.numpy(), seed=9, workers=1) as ahead:
        found = [line for piece in ahead.pieces(3, 5) for line in piece]
    assert [line.label for line in found] == [alone.line(index).label for index in range(3, 8)]


def test_reading_and_distance() -> None:
    logits = np.full((7, len(CLASSES)), -9.0, np.float32)
    for frame, character in enumerate(("4", "4", "", "4", ".", "?", "7")):
        logits[frame, CLASSES.index(character)] = 9
    assert greedy(logits) == "447"
    assert distance("1234", "1334") == 1
    assert distance("", "12") == 2
    assert distance("912", "12") == 1


def test_strips_of_any_width_are_predicted_in_order(lines: list[TrainingLine]) -> None:
    network = LineNetwork().eval()
    strips = [line.pixels for line in lines[:5]]
    together = predict_lines(network, strips)
    for strip, (logits, boxes) in zip(strips, together, strict=True):
        assert len(logits) == len(boxes) == -(-strip.shape[1] // 8) * 4


def test_the_exported_file_answers_as_pytorch_does(lines: list[TrainingLine]) -> None:
    network = LineNetwork().eval()
    strips = [line.pixels for line in lines[:6]]
    whole = line_export.to_onnx(network, {"format": "test", "classes": list(CLASSES)})
    assert line_export.check_line_parity(network, whole, strips) < 1e-4
    small = line_export.eight_bits(whole, strips)
    assert len(small) < 0.3 * len(whole)
    session = onnxruntime.InferenceSession(small, providers=["CPUExecutionProvider"])
    logits, boxes = session.run(None, {"strips": np.full((2, 32, 64), 48, np.uint8)})
    assert logits.shape == (2, 32, len(CLASSES))
    assert boxes.shape == (2, 32, 4)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(CLASSES)


def test_a_file_that_answers_otherwise_is_refused(lines: list[TrainingLine]) -> None:
    ours, other = LineNetwork().eval(), LineNetwork().eval()
    with pytest.raises(ParityError, match="nothing was written"):
        line_export.check_line_parity(ours, line_export.to_onnx(other, {}), [lines[0].pixels])


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    network = LineNetwork()
    save_line_weights(tmp_path / "a.safetensors", network, {"seed": 3})
    found, facts, _ = load_line_weights(tmp_path / "a.safetensors")
    assert facts["seed"] == 3
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), found.parameters(), strict=True))


def test_a_training_may_begin_with_a_smaller_network(lines: list[TrainingLine], tmp_path: Path) -> None:
    """It answers as before, until what is new has learned something."""
    smaller = LineNetwork(LineShape(context=2)).eval()
    save_line_weights(tmp_path / "small.safetensors", smaller, {})
    training = LineTraining(RECIPE, seed=4)
    training.begin_with(tmp_path / "small.safetensors")
    strips = torch.from_numpy(np.stack([np.resize(line.pixels, (32, 64)) for line in lines[:4]]))
    with torch.inference_mode():
        ours, theirs = training.average.eval()(strips), smaller(strips)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    training.run_chunk(lines[:32], lambda *_: None)
    assert all(look.norm.weight.abs().max() > 0 for look in training.network.context)


def test_options_of_the_recipe_are_checked() -> None:
    assert with_options(LineRecipe(), ["lines=500", "learning_rate=0.01"]).lines == 500
    for wrong in ("colour=1", "lines=many", "lines=0", "fonts=0.5", "chunk=3", "average=1"):
        with pytest.raises(UsageError):
            with_options(LineRecipe(), [wrong])
