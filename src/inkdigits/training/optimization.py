"""Optimisers and learning rate schedules, as a recipe names them, with a state that fits in JSON and tensors.

Knows PyTorch's own; knows nothing of data or loops.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, ReduceLROnPlateau, StepLR

from inkdigits.training.recipes import Recipe


def make_optimizer(recipe: Recipe, network: nn.Module, device: torch.device) -> Optimizer:
    """The recipe's optimiser; weight decay spares biases and norms."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    rate, betas = recipe.learning_rate, (recipe.momentum, recipe.second_beta)
    if recipe.optimizer == "sgd":
        return SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    if recipe.optimizer == "rmsprop":
        return RMSprop(groups, lr=rate, momentum=recipe.momentum, alpha=recipe.second_beta)
    kind = Adam if recipe.optimizer == "adam" else AdamW
    fused = device.type in (
        "cpu",
        "cuda",
    )  # one kernel for all tensors: small networks step up to twice as fast
    return kind(groups, lr=rate, betas=betas, fused=fused)


class Stepper:
    """Moves the learning rate as the recipe's schedule says, and carries the optimiser's state."""

    def __init__(self, recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> None:
        self.optimizer = optimizer
        self.per_step: LRScheduler | None = None
        self.per_epoch: LRScheduler | None = None
        self.plateau: ReduceLROnPlateau | None = None
        steps = recipe.epochs * steps_per_epoch
        if recipe.schedule == "one-cycle":
            self.per_step = OneCycleLR(
                optimizer,
                max_lr=recipe.learning_rate,
                total_steps=steps + 1,  # the scheduler counts the rate before the first step, too
                pct_start=recipe.warmup,
                cycle_momentum=False,
            )
        elif recipe.schedule == "cosine":
            self.per_step = CosineAnnealingLR(optimizer, T_max=steps)
        elif recipe.schedule == "step":
            self.per_epoch = StepLR(optimizer, recipe.step_epochs, recipe.factor)
        elif recipe.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(optimizer, factor=recipe.factor, patience=recipe.patience)

    @property
    def learning_rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def after_step(self) -> None:
        if self.per_step is not None:
            self.per_step.step()

    def after_epoch(self, loss: float) -> None:
        if self.per_epoch is not None:
            self.per_epoch.step()
        if self.plateau is not None:
            self.plateau.step(loss)

    def tensors(self) -> dict[str, Tensor]:
        """The optimiser's tensors, named `INDEX.NAME`."""
        state = self.optimizer.state_dict()["state"]
        return {
            f"{index}.{name}": value
            for index, values in state.items()
            for name, value in values.items()
            if isinstance(value, Tensor)
        }

    def plain(self) -> dict[str, Any]:
        """Everything that isn't a tensor: rates, counters of the schedule."""
        scheduler = self._scheduler()
        return {
            "groups": [
                {k: v for k, v in group.items() if k != "params"}
                for group in self.optimizer.state_dict()["param_groups"]
            ],
            "schedule": {} if scheduler is None else _plain(scheduler.state_dict()),
        }

    def load_state(self, tensors: dict[str, Tensor], plain: dict[str, Any]) -> None:
        """The inverse of `tensors` and `plain`."""
        current = self.optimizer.state_dict()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = as_laid_out(value, parameters[int(index)])
        groups = [
            {**values, "params": group["params"]}
            for values, group in zip(plain["groups"], current["param_groups"], strict=True)
        ]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        if (scheduler := self._scheduler()) is not None:
            scheduler.load_state_dict(plain["schedule"])

    def _scheduler(self) -> LRScheduler | None:
        return self.per_step or self.per_epoch or self.plateau


def as_laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's memory format, which fused optimisers take for granted and files don't keep."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """What of a scheduler's state is a value; its functions are made anew."""
    values = (bool, int, float, str, list, type(None))
    return {key: value for key, value in state.items() if isinstance(value, values)}
