"""The loop learns, repeats with its seed, goes on from its state, and keeps the last good one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inkdigits.errors import InvalidData, OutputError, TrainingDiverged, UsageError
from inkdigits.training import checkpoint, runs
from inkdigits.training.datasets import Dataset
from inkdigits.training.loop import Trained, predict, train
from inkdigits.training.losses import glyph_losses
from inkdigits.training.recipes import Augment, Recipe
from inkdigits.training.runs import Epoch


class Recorder:
    """A watch that remembers, and may raise after an epoch."""

    def __init__(self, raises_after: int = 0) -> None:
        self.steps: list[tuple[int, int, int, float]] = []
        self.epochs: list[Epoch] = []
        self.raises_after = raises_after

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        self.steps.append((epoch, done, total, loss))

    def epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        if epoch.number == self.raises_after:
            raise KeyboardInterrupt


def same(left: Trained, right: Trained) -> bool:
    tensors = left.network.state_dict(), right.network.state_dict()
    return all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


@pytest.fixture(scope="module")
def learned(small_recipe: Recipe, small_data: Dataset) -> Trained:
    return train(small_recipe, small_data, seed=1, threads=1)


def test_it_learns(learned: Trained, mnist_test: Dataset) -> None:
    logits = predict(learned.network, mnist_test.images[:1000])
    assert logits.dtype == np.float32
    assert np.mean(logits.argmax(1) == mnist_test.labels[:1000]) > 0.8
    assert learned.history[-1].train_loss < learned.history[0].train_loss
    assert learned.facts["data"] == "mnist-small"


def test_the_same_seed_gives_the_same_weights(
    learned: Trained, small_recipe: Recipe, small_data: Dataset
) -> None:
    assert same(learned, train(small_recipe, small_data, seed=1, threads=1))
    assert not same(learned, train(replace(small_recipe, epochs=1), small_data, seed=2, threads=1))


def test_validation_images_train_nothing(small_recipe: Recipe, small_data: Dataset) -> None:
    changed = small_data.images.copy()
    changed[-400:] = 0
    other = replace(small_data, images=changed)
    last = replace(small_recipe, keep="last")
    assert same(train(last, small_data, seed=1, threads=1), train(last, other, seed=1, threads=1))


EVERYTHING = {
    "sgd with one-cycle": {"optimizer": "sgd", "schedule": "one-cycle", "learning_rate": 0.05},
    "rmsprop with plateau": {"optimizer": "rmsprop", "schedule": "plateau", "patience": 0, "momentum": 0.5},
    "adam with step": {"optimizer": "adam", "schedule": "step", "factor": 0.1},
    "adamw with cosine, averaging, clipping": {
        "optimizer": "adamw", "schedule": "cosine", "ema": 0.95, "gradient_clip": 1.0, "weight_decay": 0.1,
        "label_smoothing": 0.1,
        "augment": Augment(synthetic=0.2, pens=0.1, negatives=0.1, rotation=10, elastic=0.5),
    },
}  # fmt: skip


@pytest.mark.parametrize("what", list(EVERYTHING))
def test_a_training_that_was_cut_ends_as_an_undisturbed_one(
    what: str, small_recipe: Recipe, small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inkdigits.training.batches.DRAWN", 500)
    recipe = replace(small_recipe, epochs=3, **EVERYTHING[what])
    layers = (*recipe.layers[:-1], "dropout 0.2", recipe.layers[-1])
    recipe = replace(recipe, layers=layers)
    whole, cut = runs.new_run(tmp_path, "whole"), runs.new_run(tmp_path, "cut")
    expected = train(recipe, small_data, seed=5, threads=1, run=whole)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, small_data, seed=5, threads=1, run=cut, watch=Recorder(raises_after=1))
    torch.manual_seed(99)  # nothing of the process's own state may matter
    resumed = train(recipe, small_data, seed=5, threads=1, run=cut, resume=True)
    assert same(expected, resumed)
    for name in ("best", "last"):
        file = f"weights/{name}.safetensors"
        assert (whole / file).read_bytes() == (cut / file).read_bytes()
    assert [e.train_loss for e in runs.read_history(cut)] == [e.train_loss for e in expected.history]


def test_resuming_refuses_another_recipe_seed_or_data(
    small_run: Path, small_recipe: Recipe, small_data: Dataset
) -> None:
    others = (
        ({"recipe": replace(small_recipe, epochs=9)}, "recipe"),
        ({"seed": 2}, "seed"),
        ({"data": small_data.part("less", 0, 2000)}, "data_sha256"),
    )
    for change, what in others:
        given = {"recipe": small_recipe, "data": small_data, "seed": 1, **change}
        with pytest.raises(UsageError, match=f"its {what} differs"):
            train(**given, run=small_run, resume=True)


def test_a_run_that_began_before_an_option_existed_goes_on(
    small_run: Path, small_recipe: Recipe, small_data: Dataset, tmp_path: Path
) -> None:
    run = tmp_path / "old"
    shutil.copytree(small_run, run)
    tensors, plain = checkpoint.load_state(run / "weights/state.safetensors")
    del plain["recipe"]["steps"]
    checkpoint.save_state(run / "weights/state.safetensors", tensors, plain)
    trained = train(small_recipe, small_data, seed=1, threads=1, run=run, resume=True)
    assert len(trained.history) == small_recipe.epochs


def test_early_stopping_and_keeping_the_best(small_recipe: Recipe, small_data: Dataset) -> None:
    hopeless = replace(
        small_recipe,
        epochs=20,
        optimizer="sgd",
        learning_rate=0.0,
        schedule="constant",
        stop_after=2,
        keep="loss",
    )  # with a rate of 0 only batch norm's averages move
    trained = train(hopeless, small_data, seed=1, threads=1)
    assert len(trained.history) < 20
    losses = [e.validation_loss for e in trained.history]
    assert trained.best_epoch == 1 + losses.index(min(losses))


def test_a_watch_sees_every_epoch_whole(small_recipe: Recipe, small_data: Dataset) -> None:
    watch = Recorder()
    train(replace(small_recipe, epochs=1), small_data, seed=1, threads=1, watch=watch)
    assert [e.number for e in watch.epochs] == [1]
    assert watch.steps[-1][:3] == (1, 2000, 2000)
    assert all(0 < done <= total for _, done, total, _ in watch.steps)


def test_an_epoch_may_end_after_some_steps(small_recipe: Recipe, small_data: Dataset) -> None:
    watch = Recorder()
    short = replace(small_recipe, batch_size=100, steps=7)
    trained = train(short, small_data, seed=1, threads=1, watch=watch)
    assert watch.steps[-1][:3] == (2, 700, 700)
    assert trained.history[-1].learning_rate < 1e-3 * short.learning_rate, "the cycle ends with the steps"
    more = train(replace(short, steps=99), small_data, seed=1, threads=1)
    assert same(more, train(replace(short, steps=0), small_data, seed=1, threads=1))


def test_all_data_can_be_trained_on(small_recipe: Recipe, small_data: Dataset) -> None:
    trained = train(replace(small_recipe, validation=0, epochs=1), small_data, seed=1, threads=1)
    assert trained.history[0].validation_accuracy is None
    assert trained.best_epoch == 1


def test_fine_tuning_to_other_classes_keeps_all_but_the_last_layer(
    small_weights: checkpoint.Weights, small_recipe: Recipe, small_data: Dataset
) -> None:
    odd = Dataset("odd", small_data.images, small_data.labels % 2, ("even", "odd"))
    frozen = replace(small_recipe, epochs=1, optimizer="sgd", learning_rate=0.0, schedule="constant")
    tuned = train(frozen, odd, seed=1, threads=1, start=small_weights)
    before, after = small_weights.network.state_dict(), tuned.network.state_dict()
    assert torch.equal(before["body.0.weight"], after["body.0.weight"])
    assert predict(tuned.network, odd.images[:5]).shape == (5, 2)
    wider = replace(frozen, layers=("conv 24 3", *small_recipe.layers[1:]))
    with pytest.raises(UsageError, match="its network differs"):
        train(wider, odd, seed=1, start=small_weights)


def test_a_diverging_loss_leaves_the_last_good_state(
    small_recipe: Recipe, small_data: Dataset, tmp_path: Path
) -> None:
    run = runs.new_run(tmp_path, "run")
    wild = replace(small_recipe, epochs=3, optimizer="sgd", schedule="constant", learning_rate=1e-3)
    with pytest.raises(KeyboardInterrupt):
        train(wild, small_data, seed=1, threads=1, run=run, watch=Recorder(raises_after=1))
    poisoned = small_data.images.astype(np.float32)
    poisoned[:] = np.nan
    state = (run / "weights/state.safetensors").read_bytes()
    worse = Dataset("nan", poisoned, small_data.labels, small_data.classes)
    with pytest.raises(TrainingDiverged, match="lower learning_rate"):
        train(replace(wild, validation=0), worse, seed=1, threads=1, run=run)
    assert (run / "weights/state.safetensors").read_bytes() == state
    checkpoint.load_weights(run)


def test_weights_that_break_in_the_last_step_are_not_kept(
    small_recipe: Recipe, small_data: Dataset, tmp_path: Path
) -> None:
    run = runs.new_run(tmp_path, "run")
    wild = replace(
        small_recipe, layers=("flatten", "dense"), optimizer="sgd", learning_rate=1e38, batch_size=3000
    )
    with pytest.raises(TrainingDiverged, match="lower learning_rate"):
        train(replace(wild, schedule="constant", epochs=3), small_data, seed=1, threads=1, run=run)
    assert not (run / "weights/state.safetensors").exists()


def test_a_last_batch_of_one_glyph_joins_the_one_before(small_recipe: Recipe, small_data: Dataset) -> None:
    odd = small_data.part("odd", 0, 129)
    trained = train(replace(small_recipe, validation=0, epochs=1), odd, seed=1, threads=1)
    assert np.isfinite(trained.history[0].train_loss)


def test_a_run_folder_that_is_gone_is_a_clear_error(
    small_recipe: Recipe, small_data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="can't be written"):
        train(replace(small_recipe, epochs=1), small_data, seed=1, threads=1, run=tmp_path / "none")


def test_data_that_can_t_be_learned_from_is_refused(small_recipe: Recipe, small_data: Dataset) -> None:
    with pytest.raises(InvalidData, match="no labels"):
        train(small_recipe, replace(small_data, labels=None), seed=1)
    with pytest.raises(InvalidData, match="--set validation=83"):
        train(small_recipe, small_data.part("few", 0, 500), seed=1)
    letters = replace(small_data, classes=tuple("abcdefghij"))
    with pytest.raises(UsageError, match="draws digits, not a, b"):
        train(replace(small_recipe, augment=Augment(synthetic=0.5)), letters, seed=1)


def test_devices_and_precisions_that_are_not_here_are_refused(
    small_recipe: Recipe, small_data: Dataset
) -> None:
    with pytest.raises(UsageError, match="--device cuda:77"):
        train(small_recipe, small_data, device="cuda:77")
    with pytest.raises(UsageError, match="--device toaster"):
        train(small_recipe, small_data, device="toaster")
    with pytest.raises(UsageError, match="--precision int8"):
        train(small_recipe, small_data, precision="int8")


def test_both_precisions_learn(small_recipe: Recipe, small_data: Dataset) -> None:
    for precision in ("float32", "bfloat16"):
        trained = train(small_recipe, small_data, seed=1, threads=1, precision=precision)
        assert trained.history[-1].validation_accuracy > 0.8


def test_what_is_no_digit_pulls_towards_all_classes_alike() -> None:
    logits = torch.zeros(3, 10)
    logits[:2, 3] = 20
    losses = glyph_losses(logits, torch.tensor([3, -1, -1]))
    assert losses[0] < 1e-3
    assert losses[1] > 5
    assert losses[2].item() == pytest.approx(0.5 * np.log(10))
