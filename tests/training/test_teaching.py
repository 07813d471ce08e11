"""Teachers are heard: what they answer is learned, whatever the labels say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inkdigits.errors import UsageError
from inkdigits.training import checkpoint, loop, runs
from inkdigits.training.datasets import Dataset
from inkdigits.training.devices import choose
from inkdigits.training.loop import predict, train
from inkdigits.training.losses import distillation_loss
from inkdigits.training.recipes import Recipe
from inkdigits.training.teaching import Teachers


@pytest.fixture(scope="module")
def mislabelled(small_data: Dataset) -> Dataset:
    """Every label is one too high: who learns from labels is always wrong."""
    assert small_data.labels is not None
    return replace(small_data, labels=(small_data.labels + 1) % 10)


def test_a_student_learns_what_its_teacher_says_not_what_wrong_labels_say(
    small_recipe: Recipe,
    small_weights: checkpoint.Weights,
    mislabelled: Dataset,
    mnist_test: Dataset,
) -> None:
    recipe = replace(small_recipe, distillation=1.0)
    student = train(recipe, mislabelled, seed=5, threads=1, teachers=[small_weights])
    images = mnist_test.images[:1000]
    answers, taught = (
        predict(network, images).argmax(1) for network in (student.network, small_weights.network)
    )
    assert np.mean(answers == taught) > 0.8
    assert student.facts["teachers_sha256"] == [small_weights.sha256]


def test_without_its_share_a_teacher_changes_nothing(
    small_recipe: Recipe, small_weights: checkpoint.Weights, small_data: Dataset
) -> None:
    recipe = replace(small_recipe, epochs=1, distillation=0.0)
    alone = train(recipe, small_data, seed=1, threads=1)
    heard = train(recipe, small_data, seed=1, threads=1, teachers=[small_weights])
    ours, theirs = alone.network.state_dict(), heard.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_stopped_student_ends_with_the_same_weights(
    small_recipe: Recipe, small_weights: checkpoint.Weights, small_data: Dataset, tmp_path: Path
) -> None:
    class Stop:
        def step(self, *_: object) -> None: ...
        def epoch(self, epoch: runs.Epoch) -> None:
            if epoch.number == 1:
                raise KeyboardInterrupt

    teachers, run = [small_weights], runs.new_run(tmp_path, "student")
    whole = train(small_recipe, small_data, seed=2, threads=1, teachers=teachers)
    with pytest.raises(KeyboardInterrupt):
        train(small_recipe, small_data, seed=2, threads=1, teachers=teachers, run=run, watch=Stop())
    resumed = train(small_recipe, small_data, seed=2, threads=1, teachers=teachers, run=run, resume=True)
    ours, theirs = whole.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(UsageError, match="its teachers_sha256 differs"):
        loop.train(small_recipe, small_data, seed=2, threads=1, run=run, resume=True)


def test_several_are_averaged_and_softened(small_weights: checkpoint.Weights, small_data: Dataset) -> None:
    glyphs = torch.from_numpy(small_data.images[:50])
    compute = choose("cpu", "float32")
    sharp = Teachers([small_weights], small_weights.classes, compute, 1.0).probabilities(glyphs)
    soft = Teachers([small_weights], small_weights.classes, compute, 4.0).probabilities(glyphs)
    twice = Teachers([small_weights] * 2, small_weights.classes, compute, 1.0).probabilities(glyphs)
    assert torch.allclose(sharp.sum(1), torch.ones(50))
    assert (soft.amax(1) <= sharp.amax(1)).all()
    assert torch.allclose(twice, sharp)


def test_a_teacher_of_other_classes_is_refused(small_weights: checkpoint.Weights) -> None:
    with pytest.raises(UsageError, match=r"--teacher: recipe small answers 0, 1.*; the data has a, b"):
        Teachers([small_weights], ("a", "b"), choose("cpu"), 1.0)


def test_the_loss_is_none_where_both_agree_and_grows_with_the_difference() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [2.0, 0.0, -1.0]])
    same = torch.softmax(logits / 3, 1)
    assert distillation_loss(logits, same, 3.0).abs().max() < 1e-6
    assert (distillation_loss(logits, same.flip(1), 3.0) > 1).all()
