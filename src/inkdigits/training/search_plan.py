"""What a search, a call and a worker each have to know: settings, plan and job. Values only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from optuna.trial import Trial

from inkdigits.training.recipes import Recipe
from inkdigits.training.search_space import Limits


@dataclass(frozen=True)
class Settings:
    """What makes the trials of a search comparable; fixed when it begins.

    Attributes:
        data: as `load_data` takes it.
        data_sha256: of the data's images and labels.
        samples: how many.
        classes: how many.
        validation: how many of the last samples validate, in the recipe that comes out.
        epochs: of a trial.
        fraction: of the training samples that a trial trains on.
        seed: of the proposals, and of every trial.
        max_parameters: of a network.
        max_multiplications: of a network, millions a glyph.
    """

    data: str
    data_sha256: str
    samples: int
    classes: int
    validation: int
    epochs: int = 4
    fraction: float = 1.0
    seed: int = 0
    max_parameters: int = 500_000
    max_multiplications: float = 12.0

    @property
    def learning(self) -> int:
        """Samples that a trial learns from."""
        return max(1, math.ceil((self.samples - self.validation) * self.fraction))

    @property
    def held_out(self) -> int:
        """Samples that judge a trial: no more than it learns from."""
        return min(self.validation, self.learning)

    @property
    def limits(self) -> Limits:
        """The largest network."""
        return Limits(self.max_parameters, round(self.max_multiplications * 1e6), self.classes)


@dataclass(frozen=True)
class Plan:
    """How far this call goes.

    Attributes:
        trials: that the search shall have in all; None sets no limit.
        deadline: when to be done, confirmations included, `time.time()`; None sets no limit.
        workers: that share the work.
        confirm: how many of the best trials are trained with further seeds before one is chosen.
    """

    trials: int | None
    deadline: float | None
    workers: int
    confirm: int


@dataclass(frozen=True)
class Job:
    """One training to do.

    Attributes:
        study: `search` or `confirm`.
        trial: that waits for its result.
        recipe: to train.
        seed: to train it with.
    """

    study: Literal["search", "confirm"]
    trial: Trial
    recipe: Recipe
    seed: int
