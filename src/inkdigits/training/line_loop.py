"""The line network's training in full view: lines composed ahead, in; weights, out.

    each chunk: compose · `repeats` times: shuffle, batch · each step: CTC + middles + boxes, update, average
                validate the averaged weights · save everything

Lines are decided by (seed, index) and their use by (seed, chunk), so a training that was killed goes on from
its last whole chunk and ends with the same weights, on a CPU with as many threads.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from inkdigits.errors import InvalidWeights, TrainingDiverged
from inkdigits.training import checkpoint
from inkdigits.training.line_batches import LineBatch, Lines, batches, collate
from inkdigits.training.line_network import CLASSES, LineNetwork, LineShape
from inkdigits.training.line_recipe import LineRecipe
from inkdigits.training.optimization import as_laid_out
from inkdigits.training.strings import TrainingLine

WEIGHTS_FORMAT = "inkdigits-line-weights-1"
DIGITS = 11  # classes from here on are marks and others


@dataclass(frozen=True)
class ChunkFigures:
    """What is known after a chunk.

    Attributes:
        chunk: from 1.
        loss: mean over the chunk.
        exact: share of validation lines whose digits are all right.
        errors: digits wrong, missing or too many, for each digit of the validation lines.
        seconds: since the training began.
    """

    chunk: int
    loss: float
    exact: float
    errors: float
    seconds: float


class LineTraining:
    """A training under way.

    Args:
        recipe: what to do.
        seed: of weights, lines and order.
        device: cpu, cuda …
        precision: bfloat16 or float32.
    """

    def __init__(
        self, recipe: LineRecipe, seed: int, device: str = "cpu", precision: str = "bfloat16"
    ) -> None:
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, torch.device(device)
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.network = LineNetwork(LineShape()).to(self.device)
        self.average = LineNetwork(LineShape()).to(self.device)
        self.average.load_state_dict(self.network.state_dict())
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": recipe.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.done_chunks, self.step_number, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, float]] = []

    def begin_with(self, weights: Path) -> None:
        """Starts from trained weights instead of random ones: a run folder, or its safetensors file.

        Raises:
            InvalidWeights: missing, cut short, or of another kind.
        """
        network, _, _ = load_line_weights(weights)
        self.network.begin_with(network)
        self.average.load_state_dict(self.network.state_dict())

    def run_chunk(self, lines: list[TrainingLine], told: Callable[[int, int, float], None]) -> float:
        """Learns from a chunk; returns the mean loss.

        Raises:
            TrainingDiverged: the loss is no longer a number.
        """
        rng = np.random.default_rng([self.seed, 7, self.done_chunks])
        torch.manual_seed(self.seed * 100_003 + self.done_chunks)  # dropout
        losses: list[float] = []
        total = self.recipe.repeats * (len(lines) // self.recipe.batch_size)
        for _ in range(self.recipe.repeats):
            for batch in batches(lines, self.recipe.batch_size, rng):
                losses.append(self._step(batch))
                if not math.isfinite(losses[-1]):
                    raise TrainingDiverged(
                        f"the loss became {losses[-1]} in chunk {self.done_chunks + 1}; "
                        "the last state is kept: train again with a lower learning_rate"
                    )
                told(len(losses), total, float(np.mean(losses[-50:])))
        self.done_chunks += 1
        return float(np.mean(losses))

    def _step(self, batch: LineBatch) -> float:
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, boxes = self.network(batch.strips.to(self.device))
        loss = line_loss(logits, boxes, batch, self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step_number += 1
        decay = min(self.recipe.average, (1 + self.step_number) / (10 + self.step_number))
        with torch.no_grad():
            for kept, now in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if kept.dtype.is_floating_point:
                    kept.lerp_(now, 1 - decay)
                else:
                    kept.copy_(now)
        return loss.item()

    def _rate(self) -> float:
        done = self.step_number / max(1, self.recipe.steps)
        if done < self.recipe.warmup:
            return self.recipe.learning_rate * (0.02 + 0.98 * done / self.recipe.warmup)
        fall = (done - self.recipe.warmup) / (1 - self.recipe.warmup)
        return self.recipe.learning_rate * max(0.5 * (1 + math.cos(math.pi * min(1.0, fall))), 1e-3)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes and is a tensor."""
        state = self.optimizer.state_dict()["state"]
        return {
            **{f"network.{k}": v for k, v in self.network.state_dict().items()},
            **{f"average.{k}": v for k, v in self.average.state_dict().items()},
            **{f"optimizer.{i}.{k}": v for i, values in state.items() for k, v in values.items()},
        }

    def save(self, folder: Path) -> None:
        """State to go on from, and the averaged weights."""
        plain = {
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "chunks": self.done_chunks,
            "steps": self.step_number,
            "seconds": self.seconds,
            "history": self.history,
        }
        checkpoint.save_state(folder / "state.safetensors", self.tensors(), plain)
        save_line_weights(folder / "best.safetensors", self.average, plain)

    def restore(self, folder: Path) -> None:
        """Goes on from what `save` wrote.

        Raises:
            InvalidWeights: missing, cut short, or of another recipe or seed.
        """
        tensors, plain = checkpoint.load_state(folder / "state.safetensors")
        if plain["recipe"] != self.recipe.to_dict() or plain["seed"] != self.seed:
            raise InvalidWeights(f"{folder}: the state of another recipe or seed")
        self.network.load_state_dict(_part(tensors, "network."))
        self.average.load_state_dict(_part(tensors, "average."))
        state: dict[int, dict[str, Tensor]] = {}
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for key, value in _part(tensors, "optimizer.").items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = as_laid_out(value, parameters[int(index)])
        self.optimizer.load_state_dict(
            {"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]}
        )
        self.done_chunks, self.step_number = plain["chunks"], plain["steps"]
        self.seconds, self.history = plain["seconds"], plain["history"]


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(name): tensor for key, tensor in tensors.items() if key.startswith(name)}


def line_loss(logits: Tensor, boxes: Tensor, batch: LineBatch, recipe: LineRecipe) -> Tensor:
    """CTC for each character, plus the character at its middle, plus where its ink lies.

    Args:
        logits: `(B, T, 16)`.
        boxes: `(B, T, 4)`, strip pixels.
        batch: what is true.
        recipe: weights of the parts.
    """
    logs = logits.log_softmax(-1)
    frames = torch.full((len(logits),), logits.shape[1])
    ctc = F.ctc_loss(
        logs.transpose(0, 1),
        batch.targets.to(logs.device),
        frames,
        batch.lengths,
        reduction="none",
        zero_infinity=True,
    )
    characters = batch.lengths.sum() + len(logits)  # an empty line counts as one
    loss = ctc.sum() / characters
    classes = batch.classes.to(logs.device)
    middles = F.nll_loss(logs.reshape(-1, CLASSES), classes.reshape(-1), ignore_index=-1, reduction="none")
    at_middle = classes.reshape(-1) > 0
    loss = loss + recipe.anchor_weight * (middles * at_middle).sum() / characters
    owned = batch.owned.to(logs.device)
    if owned.any():
        away = F.smooth_l1_loss(boxes[owned] / 8, batch.boxes.to(logs.device)[owned] / 8, beta=0.25)
        loss = loss + recipe.box_weight * away
    return loss


def greedy(logits: NDArray[np.float32]) -> str:
    """Digits on the best path, marks left out. `logits (T, 16)`."""
    best = logits.argmax(1)
    best = np.where(best >= DIGITS, 0, best)
    kept = best[np.flatnonzero(np.diff(best, prepend=0) != 0)]
    return "".join(str(c - 1) for c in kept if c > 0)


@torch.inference_mode()
def predict_lines(network: LineNetwork, strips: list[NDArray[np.uint8]], batch_size: int = 64) -> list[Any]:
    """`(logits (T, 16), boxes (T, 4))` of each strip, in float32."""
    network.eval()
    device = next(network.parameters()).device
    order = sorted(range(len(strips)), key=lambda i: strips[i].shape[1])
    answers: list[Any] = [None] * len(strips)
    nothing = np.zeros((0, 4), np.float32)
    for first in range(0, len(order), batch_size):
        group = order[first : first + batch_size]
        batch = collate([TrainingLine(strips[i], np.zeros(0, np.int64), nothing, strips[i]) for i in group])
        logits, boxes = network(batch.strips.to(device))
        for row, i in enumerate(group):
            frames = -(-strips[i].shape[1] // 8) * 4
            answers[i] = (logits[row, :frames].cpu().numpy(), boxes[row, :frames].cpu().numpy())
    return answers


def judge(network: LineNetwork, lines: list[TrainingLine]) -> tuple[float, float]:
    """Share of lines read exactly, and wrong digits for each digit."""
    answers = predict_lines(network, [line.pixels for line in lines])
    right, wrong, digits = 0, 0, 0
    for line, (logits, _boxes) in zip(lines, answers, strict=True):
        truth = "".join(c for c in line.label if c.isdigit())
        read = greedy(logits)
        right += read == truth
        wrong += distance(read, truth)
        digits += len(truth)
    return right / len(lines), wrong / max(1, digits)


def distance(read: str, truth: str) -> int:
    """Levenshtein's: insertions, deletions and substitutions."""
    row = list(range(len(truth) + 1))
    for i, a in enumerate(read, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(truth, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def save_line_weights(path: Path, network: LineNetwork, facts: dict[str, Any]) -> None:
    """Weights with all that is known of them.

    Raises:
        OutputError: the file can't be written.
    """
    checkpoint.save_tensor_file(path, network.state_dict(), {**facts, "format": WEIGHTS_FORMAT})


def load_line_weights(path: Path) -> tuple[LineNetwork, dict[str, Any], str]:
    """A trained line network, its facts and its file's SHA-256.

    Raises:
        InvalidWeights: missing, cut short, or of another kind.
    """
    if path.is_dir():
        path = path / "weights" / "best.safetensors"
    tensors, facts, sha256 = checkpoint.load_tensor_file(path)
    if facts.pop("format", None) != WEIGHTS_FORMAT:
        raise InvalidWeights(f"{path}: not weights of a line network; `inkdigits train line` makes them")
    looks = sum(name.startswith("context.") and name.endswith("conv.weight") for name in tensors)
    network = LineNetwork(LineShape(context=looks))
    network.load_state_dict(tensors)
    return network.eval(), facts, sha256


def is_line_weights(path: Path) -> bool:
    """Whether a run folder or safetensors file holds a line network."""
    if path.is_dir():
        path = path / "weights" / "best.safetensors"
    try:
        return bool(checkpoint.load_tensor_file(path)[1].get("format") == WEIGHTS_FORMAT)
    except InvalidWeights:
        return False  # who opens it says what is wrong


def train_lines(
    training: LineTraining,
    lines: Lines,
    validation: list[TrainingLine],
    folder: Path,
    told: Callable[[int, int, float], None],
    after: Callable[[ChunkFigures], None],
) -> None:
    """Runs what is left of a training, saving after each chunk."""
    begun = time.monotonic() - training.seconds
    for chunk in lines.chunks(training.done_chunks):
        loss = training.run_chunk(chunk, told)
        exact, errors = judge(training.average, validation)
        training.seconds = time.monotonic() - begun
        figures = ChunkFigures(training.done_chunks, loss, exact, errors, training.seconds)
        training.history.append(json.loads(json.dumps(figures.__dict__)))
        training.save(folder)
        after(figures)
