"""The training loop in full view: recipe and data in, a trained network out.

    glyphs = whole data set, one uint8 tensor on the device
    each epoch: shuffle by (seed, epoch) · each step: batch, augment, forward, backward, update, average
                validate · keep the best · write weights, then the state · report

Every random draw of an epoch comes from (seed, epoch), so a training that was killed goes on from its last
whole epoch and ends with the same weights, bit for bit on a CPU with as many threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from inkdigits.errors import TrainingDiverged, UsageError
from inkdigits.training import checkpoint, devices, runs
from inkdigits.training.augment import augment
from inkdigits.training.batches import Batches
from inkdigits.training.datasets import Dataset
from inkdigits.training.losses import distillation_loss, glyph_losses
from inkdigits.training.networks import Network, count_parameters
from inkdigits.training.optimization import Stepper, make_optimizer
from inkdigits.training.recipes import Recipe, from_dict
from inkdigits.training.runs import Epoch
from inkdigits.training.teaching import Teachers

CALM = 1 / 3  # how much of the distortion stays in the calm epochs at the end


class Watch(Protocol):
    """Who wants to know how it goes. May raise to end the training."""

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        """After some steps: `done` of `total` images of the epoch, and its mean loss so far."""

    def epoch(self, epoch: Epoch) -> None:
        """After an epoch, when its state is on disk."""


@dataclass(frozen=True)
class Trained:
    """What a training made.

    Attributes:
        network: on the CPU, in evaluation mode.
        recipe: that made it.
        classes: names, in output order.
        history: one entry an epoch.
        best_epoch: whose weights these are, from 1.
        seconds: of all epochs together.
        facts: what is saved with the weights.
    """

    network: Network
    recipe: Recipe
    classes: tuple[str, ...]
    history: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    facts: dict[str, Any]


def train(
    recipe: Recipe,
    data: Dataset,
    *,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    compiled: bool = False,
    run: Path | None = None,
    start: checkpoint.Weights | None = None,
    teachers: Sequence[checkpoint.Weights] = (),
    resume: bool = False,
    watch: Watch | None = None,
) -> Trained:
    """Trains a recogniser.

    Args:
        recipe: what to do.
        data: labelled glyphs; its last `recipe.validation` samples are held out.
        seed: of the first weights, the order, the augmentation and the dropout.
        device: auto, cpu, cuda, cuda:1, mps.
        precision: auto (bfloat16 where the device multiplies it faster), float32 or bfloat16.
        threads: of the CPU; None leaves PyTorch's setting.
        compiled: let `torch.compile` fuse the network (minutes at first, needs a C++ compiler on a CPU).
        run: the run folder that gets `weights/` and `results.csv` after every epoch; None writes nothing.
        start: weights to begin with (fine-tuning); its last layer is made anew when the classes differ.
        teachers: trained networks whose answers are learned beside the labels (distillation).
        resume: go on from the state in `run`.
        watch: told of steps and epochs.

    Raises:
        InvalidData: no labels, or nothing left to train on.
        TrainingDiverged: the loss is no longer finite; the last good state stays.
        OutputError: the run folder can't be written; the last good state stays.
        UsageError: the recipe or device doesn't fit.
    """
    training = _Training(
        recipe, data, seed, devices.choose(device, precision, threads), compiled, start, teachers
    )
    if resume:
        if run is None:
            raise UsageError("resuming needs a run folder")
        training.restore(run)
    while not training.done():
        epoch = training.run_epoch(watch)
        if run is not None:
            training.save(run)
        if watch is not None:
            watch.epoch(epoch)
    return training.result()


def predict(
    network: nn.Module, images: NDArray[np.uint8], *, device: str = "cpu", batch_size: int = 1000
) -> NDArray[np.float32]:
    """Logits `float32 (N, classes)` of glyphs `uint8 (N, 28, 28)`, in float32 precision."""
    place = torch.device(device)
    network = network.to(place).eval()
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(part).to(place)).float().cpu() for part in _batches(images, batch_size)
        ]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def _batches(images: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    for first in range(0, max(len(images), 1), size):
        yield np.ascontiguousarray(images[first : first + size])


class _Training:
    """A training under way: everything that changes from epoch to epoch, and how to save and restore it."""

    def __init__(
        self,
        recipe: Recipe,
        data: Dataset,
        seed: int,
        compute: devices.Compute,
        compiled: bool,
        start: checkpoint.Weights | None,
        teachers: Sequence[checkpoint.Weights],
    ) -> None:
        self.recipe, self.seed, self.compute = recipe, seed, compute
        self.classes, self.data_name, self.data_sha256 = data.classes, data.name, data.sha256
        self.batches = Batches(recipe, data, seed, compute.device)
        torch.manual_seed(seed)
        self.network = _first_network(recipe, len(data.classes), start).to(compute.device)
        self.averaged = (
            AveragedModel(self.network, multi_avg_fn=_averaging(recipe.ema), use_buffers=True)
            if recipe.ema
            else None
        )
        self.forward: nn.Module = torch.compile(self.network) if compiled else self.network  # type: ignore[assignment]
        self.optimizer = make_optimizer(recipe, self.network, compute.device)
        self.stepper = Stepper(recipe, self.optimizer, self.batches.steps)
        self.history: list[Epoch] = []
        self.best_epoch = 0
        self.best: dict[str, Tensor] = {}
        self.from_sha256 = start.sha256 if start is not None else None
        self.teachers = (
            Teachers(teachers, data.classes, compute, recipe.distillation_temperature) if teachers else None
        )

    # -- one epoch

    def run_epoch(self, watch: Watch | None) -> Epoch:
        began, number = time.perf_counter(), len(self.history) + 1
        loss, accuracy = self._learn(number, watch)
        learned = time.perf_counter() - began
        validation_loss, validation_accuracy = self._validate()
        self._refuse_nonsense(number, validation_loss)
        learning_rate = self.stepper.learning_rate
        self.stepper.after_epoch(validation_loss if validation_loss is not None else loss)
        epoch = Epoch(
            number=number,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=learning_rate,
            images_per_second=len(self.batches) / learned,
            seconds=time.perf_counter() - began,
        )
        self.history.append(epoch)
        if self._is_best(epoch):
            self.best_epoch = number
            self.best = {name: tensor.detach().clone() for name, tensor in self.kept().state_dict().items()}
        return epoch

    def _learn(self, number: int, watch: Watch | None) -> tuple[float, float]:
        """One pass over the images; mean loss and accuracy on the way."""
        generator = torch.Generator(self.compute.device).manual_seed(self._epoch_seed(number))
        torch.manual_seed(self._epoch_seed(number))  # dropout draws from the global generator
        strength = CALM if number > self.recipe.epochs - self.recipe.calm_epochs else 1.0
        self.forward.train()
        wide = torch.float32 if self.compute.device.type == "mps" else torch.float64  # MPS has no float64
        totals = torch.zeros(2, dtype=wide, device=self.compute.device)
        done = 0
        for step, (glyphs, labels, real) in enumerate(self.batches.shuffled(generator), start=1):
            varied = augment(glyphs, self.recipe.augment, generator, strength)
            loss, right = self._update(varied, labels, real)
            totals += torch.stack([loss.detach() * real, right]).to(wide)
            done += real
            if step % self._reporting == 0 or step == self.batches.steps:
                self._tell(number, done, float(totals[0]) / done, watch)
        mean_loss, accuracy = (totals / len(self.batches)).tolist()
        return mean_loss, accuracy

    def _update(self, glyphs: Tensor, labels: Tensor, real: int) -> tuple[Tensor, Tensor]:
        """One step of the optimiser; the batch's loss and how many of its real glyphs were right."""
        with self.compute.autocast():
            logits = self.forward(glyphs).float()
        smoothing, others = self.recipe.label_smoothing, self.recipe.augment.negatives > 0
        losses = glyph_losses(logits, labels, smoothing, others=others)
        if self.teachers is not None:  # they know digits of the data, not drawn ones nor what is no digit
            taught = self.teachers.probabilities(glyphs[:real])
            distilled = distillation_loss(logits[:real], taught, self.recipe.distillation_temperature)
            losses = torch.cat([losses[:real].lerp(distilled, self.recipe.distillation), losses[real:]])
        loss = losses.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.gradient_clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)
        self.optimizer.step()
        self.stepper.after_step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)
        return loss, (logits[:real].argmax(1) == labels[:real]).sum()

    def _validate(self) -> tuple[float | None, float | None]:
        validation = self.batches.validation
        if validation is None or validation.labels is None:
            return None, None
        logits = torch.from_numpy(predict(self.kept(), validation.images, device=str(self.compute.device)))
        labels = torch.from_numpy(validation.labels)
        accuracy = float((logits.argmax(1) == labels).double().mean())
        return float(F.cross_entropy(logits, labels)), accuracy

    def _refuse_nonsense(self, number: int, validation_loss: float | None) -> None:
        """The last step of an epoch may have broken the weights; then its state mustn't be kept."""
        finite = all(bool(torch.isfinite(t).all()) for t in self.kept().state_dict().values())
        if not finite or not math.isfinite(validation_loss or 0.0):
            self._diverged(number, "no longer a number")

    def _diverged(self, number: int, loss: float | str) -> NoReturn:
        raise TrainingDiverged(
            f"the loss is {loss} in epoch {number}: lower learning_rate "
            f"(now {self.stepper.learning_rate:g}); the last whole epoch is kept"
        )

    def _tell(self, number: int, done: int, loss: float, watch: Watch | None) -> None:
        if not math.isfinite(loss):
            self._diverged(number, loss)
        if watch is not None:
            watch.step(number, done, len(self.batches), loss)

    @property
    def _reporting(self) -> int:
        """Steps between reports: about 50 an epoch, since each waits for the device."""
        return max(1, self.batches.steps // 50)

    def _epoch_seed(self, number: int) -> int:
        return self.seed * 1_000_003 + number

    # -- what is kept

    def kept(self) -> Network:
        """The weights that are validated: averaged ones where the recipe averages."""
        kept = self.network if self.averaged is None else self.averaged.module
        assert isinstance(kept, Network)
        return kept

    def _is_best(self, epoch: Epoch) -> bool:
        if self.recipe.keep == "last" or epoch.validation_loss is None:
            return True
        field = f"validation_{self.recipe.keep}"
        sign = -1 if self.recipe.keep == "accuracy" else 1
        return all(sign * getattr(epoch, field) < sign * getattr(e, field) for e in self.history[:-1])

    def done(self) -> bool:
        """All epochs were run, or `stop_after` epochs brought no better validation loss (early stopping)."""
        if len(self.history) >= self.recipe.epochs:
            return True
        losses = [e.validation_loss for e in self.history if e.validation_loss is not None]
        if not self.recipe.stop_after or not losses:
            return False
        return len(losses) - 1 - losses.index(min(losses)) >= self.recipe.stop_after

    def result(self) -> Trained:
        network = Network(self.recipe.layers, classes=len(self.classes))
        network.load_state_dict({name: tensor.cpu() for name, tensor in self.best.items()})
        seconds = sum(epoch.seconds for epoch in self.history)
        return Trained(
            network.eval(),
            self.recipe,
            self.classes,
            tuple(self.history),
            self.best_epoch,
            seconds,
            self.facts(),
        )

    def facts(self) -> dict[str, Any]:
        """What is saved with the weights, beside recipe and classes."""
        best = self.history[self.best_epoch - 1]
        return {
            **self._identity(),
            "epoch": self.best_epoch,
            "validation_accuracy": best.validation_accuracy,
            "parameters": count_parameters(self.network),
            "data": self.data_name,
            "from_sha256": self.from_sha256,
        }

    def _identity(self) -> dict[str, Any]:
        """What a run must share with the state it goes on from, beside its recipe."""
        teachers = self.teachers.sha256 if self.teachers is not None else []
        return {"seed": self.seed, "data_sha256": self.data_sha256, "teachers_sha256": teachers}

    # -- on disk

    def save(self, run: Path) -> None:
        """Weights first, the state last: whoever resumes sees the old state or the new one, never half."""
        weights = run / "weights"
        facts = self.facts()
        if self.best_epoch == len(self.history):
            best = Network(self.recipe.layers, classes=len(self.classes))
            best.load_state_dict(self.best)
            checkpoint.save_weights(weights / "best.safetensors", best, self.recipe, self.classes, facts)
        latest = {
            **facts,
            "epoch": len(self.history),
            "validation_accuracy": self.history[-1].validation_accuracy,
        }
        checkpoint.save_weights(weights / "last.safetensors", self.kept(), self.recipe, self.classes, latest)
        checkpoint.save_state(weights / "state.safetensors", self._tensors(), self._plain())
        runs.write_history(run, self.history)

    def restore(self, run: Path) -> None:
        """Everything as it was after the last whole epoch; a run without one starts from the beginning."""
        path = run / "weights" / "state.safetensors"
        if not path.exists():
            return
        tensors, plain = checkpoint.load_state(path)
        theirs = {"teachers_sha256": [], **plain, "recipe": from_dict(plain["recipe"])}
        for what, value in {"recipe": self.recipe, **self._identity()}.items():
            if theirs[what] != value:
                raise UsageError(f"{run}: its {what} differs from the one given now; start a new run instead")
        self.history = [Epoch(**row) for row in plain["history"]]
        self.best_epoch = plain["best_epoch"]
        self.network.load_state_dict(_within(tensors, "network."))
        if self.averaged is not None:
            self.averaged.load_state_dict(_within(tensors, "averaged."))
        self.best = _within(tensors, "best.")
        self.stepper.load_state(_within(tensors, "optimizer."), plain["stepper"])
        runs.write_history(run, self.history)  # a kill may have come between the state and the table

    def _tensors(self) -> dict[str, Tensor]:
        parts: dict[str, dict[str, Tensor]] = {
            "network.": self.network.state_dict(),
            "averaged.": self.averaged.state_dict() if self.averaged is not None else {},
            "best.": self.best,
            "optimizer.": self.stepper.tensors(),
        }
        return {prefix + name: tensor for prefix, part in parts.items() for name, tensor in part.items()}

    def _plain(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_dict(),
            **self._identity(),
            "threads": self.compute.threads,
            "precision": self.compute.precision,
            "history": [asdict(epoch) for epoch in self.history],
            "best_epoch": self.best_epoch,
            "stepper": self.stepper.plain(),
        }


def _averaging(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential moving average; its memory grows to `decay` with the steps: the start is forgotten."""

    def average(averaged: Any, current: Any, steps: Tensor) -> None:
        reached = min(decay, (1 + int(steps)) / (10 + int(steps)))
        get_ema_multi_avg_fn(reached)(averaged, current, steps)  # type: ignore[no-untyped-call]

    return average


def _first_network(recipe: Recipe, classes: int, start: checkpoint.Weights | None) -> Network:
    """Random weights, or those given wherever shapes fit: with other classes, all but the last layer."""
    network = Network(recipe.layers, classes=classes)
    if start is not None:
        wanted = network.state_dict()
        given = start.network.state_dict()
        fitting = {k: v for k, v in given.items() if k in wanted and v.shape == wanted[k].shape}
        last = {name for name, _ in list(network.named_parameters())[-2:]}
        if missing := set(wanted) - set(fitting) - last:
            raise UsageError(
                f"--from: its network differs from recipe {recipe.name}'s in {sorted(missing)[0]}"
            )
        network.load_state_dict({**wanted, **fitting})
    return network


def _within(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
