"""What a search may choose, and the recipe that a choice makes. Knows recipes and Optuna's distributions.

    choice = {"stages": 3, "convs": 2, "size": 4.2, "growth": 1.5, …}  ─►  recipe_of(choice, …)  ─►  Recipe

Widths are searched as `size` and `growth`: how many multiplications a glyph may cost, and how they spread
over the stages. So each proposal can be trained in a known time, and a deep network competes with a wide one
of the same cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from inkdigits.errors import UsageError
from inkdigits.glyph import SIDE
from inkdigits.training.recipes import Augment, Recipe

Choice = Mapping[str, Any]

HEADS = ("global", "flatten", "dense 64", "dense 128")
STEP = 4  # filters: widths are its multiples
WIDEST = 256


@dataclass(frozen=True)
class Usual:
    """Where an optimiser usually does well; the search varies the rate around it."""

    learning_rate: float
    weight_decay: float = 0.0
    second_beta: float = 0.999


# the adaptive ones: up to four times their usual default of 1e-3, which short trainings with a schedule bear
USUAL = {
    "sgd": Usual(0.1, weight_decay=5e-4),
    "adam": Usual(3e-3),
    "adamw": Usual(4e-3, weight_decay=0.02),
    "rmsprop": Usual(1e-3, second_beta=0.99),
}


@dataclass(frozen=True)
class Limits:
    """The largest network that may be proposed.

    Attributes:
        parameters: numbers that training changes.
        multiplications: to answer one glyph; training costs three times as many.
        classes: outputs.
    """

    parameters: int
    multiplications: int
    classes: int = 10


@dataclass(frozen=True)
class Cost:
    """What a network costs: parameters, and multiplications a glyph."""

    parameters: int
    multiplications: int

    def within(self, parameters: int, multiplications: float) -> bool:
        """Whether it costs no more than that."""
        return self.parameters <= parameters and self.multiplications <= multiplications


def search_space(limits: Limits) -> dict[str, BaseDistribution]:
    """Each thing that is chosen, with its range.

    Raises:
        UsageError: not even the smallest network stays within the limits.
    """
    largest = limits.multiplications / 1e6
    return {
        "stages": IntDistribution(2, 3),
        "convs": IntDistribution(1, 2),
        "size": FloatDistribution(largest / 8, largest, log=True),
        "growth": FloatDistribution(1.0, 2.0, step=0.25),
        "head": CategoricalDistribution(_affordable_heads(limits)),
        "dropout": FloatDistribution(0.0, 0.5, step=0.05),
        "optimizer": CategoricalDistribution(tuple(USUAL)),
        "rate": FloatDistribution(0.2, 5.0, log=True),
        "batch_size": CategoricalDistribution((64, 128, 256)),
        "schedule": CategoricalDistribution(("one-cycle", "cosine")),
        "ema": CategoricalDistribution((0.0, 0.99, 0.998)),
        "label_smoothing": FloatDistribution(0.0, 0.1, step=0.02),
        "rotation": FloatDistribution(0.0, 15.0, step=1.0),
        "shift": FloatDistribution(0.0, 2.0, step=0.25),
        "zoom": FloatDistribution(0.0, 0.15, step=0.01),
        "shear": FloatDistribution(0.0, 0.2, step=0.02),
        "elastic": FloatDistribution(0.0, 0.8, step=0.1),
    }


def starting_point(limits: Limits) -> dict[str, Any]:
    """A choice that a practitioner would begin with, so that the search starts above the ground."""
    heads = _affordable_heads(limits)
    return {
        "stages": 3,
        "convs": 2,
        "size": limits.multiplications / 1e6 / 2,
        "growth": 1.5,
        "head": "flatten" if "flatten" in heads else heads[0],
        "dropout": 0.2,
        "optimizer": "adamw",
        "rate": 1.0,
        "batch_size": 128,
        "schedule": "one-cycle",
        "ema": 0.99,
        "label_smoothing": 0.0,
        "rotation": 8.0,
        "shift": 1.0,
        "zoom": 0.08,
        "shear": 0.1,
        "elastic": 0.4,
    }


def recipe_of(
    choice: Choice, limits: Limits, *, epochs: int, validation: int, name: str = "trial", about: str = ""
) -> Recipe:
    """The recipe that a choice stands for."""
    usual = USUAL[choice["optimizer"]]
    return Recipe(
        name=name,
        about=about,
        layers=layers_of(choice, limits),
        epochs=epochs,
        batch_size=choice["batch_size"],
        optimizer=choice["optimizer"],
        learning_rate=float(f"{usual.learning_rate * choice['rate']:.3g}"),
        momentum=0.0 if choice["optimizer"] == "rmsprop" else 0.9,
        second_beta=usual.second_beta,
        weight_decay=usual.weight_decay,
        schedule=choice["schedule"],
        label_smoothing=_rounded(choice["label_smoothing"]),
        ema=choice["ema"],
        # the schedule ends near 0, so the last weights are the best ones; picking an epoch by its validation
        # accuracy would flatter those trials whose accuracy jumps about
        keep="last",
        augment=Augment(
            **{kind: _rounded(choice[kind]) for kind in ("rotation", "shift", "zoom", "shear", "elastic")}
        ),
        validation=validation,
    )


def layers_of(choice: Choice, limits: Limits) -> tuple[str, ...]:
    """The widest network of the chosen form that stays within the chosen size and the limits."""
    for width in range(WIDEST, STEP, -STEP):
        layers = _layers(choice, width)
        if cost_of(layers, limits.classes).within(limits.parameters, choice["size"] * 1e6):
            return layers
    return _layers(choice, STEP)


def widths_of(layers: tuple[str, ...]) -> list[int]:
    """Filters of each convolution, in order."""
    return [int(layer.split()[1]) for layer in layers if layer.startswith("conv")]


def describe(choice: Choice, recipe: Recipe) -> str:
    """A choice in a few words, for a line of progress."""
    widths = "-".join(str(width) for width in widths_of(recipe.layers)[:: choice["convs"]])
    each = " ×2" if choice["convs"] == 2 else ""
    rate = f"{recipe.optimizer} {recipe.learning_rate:g}"
    return f"conv {widths}{each}, {choice['head']}, {rate}, batch {recipe.batch_size}, {recipe.schedule}"


def cost_of(layers: tuple[str, ...], classes: int) -> Cost:
    """Parameters and multiplications of a layer list that `layers_of` can make (norms count as free)."""
    channels, side, parameters, multiplications = 1, SIDE, 0, 0
    for layer in layers:
        kind, *words = layer.split()
        if kind == "conv":
            width, kernel = int(words[0]), int(words[1])
            weights = channels * width * kernel**2
            parameters, multiplications = parameters + weights, multiplications + weights * side**2
            channels = width
        elif kind == "norm":
            parameters += 2 * channels
        elif kind == "pool":
            side //= 2
        elif kind == "global":
            side = 1
        elif kind == "flatten":
            channels, side = channels * side**2, 1
        elif kind == "dense":
            width = int(words[0]) if words else classes
            parameters, multiplications = (
                parameters + (channels + 1) * width,
                multiplications + channels * width,
            )
            channels = width
    return Cost(parameters, multiplications)


def _layers(choice: Choice, width: int) -> tuple[str, ...]:
    layers: list[str] = []
    for stage in range(choice["stages"]):
        filters = max(STEP, STEP * round(width * choice["growth"] ** stage / STEP))
        layers += [f"conv {filters} 3", "norm", "relu"] * choice["convs"] + ["pool"]
    head, *hidden = choice["head"].split()
    layers += ["global"] if head == "global" else ["flatten"]
    if hidden:
        layers += [f"dense {hidden[0]}", "relu"]
    if choice["dropout"]:
        layers.append(f"dropout {_rounded(choice['dropout'])}")
    return (*layers, "dense")


def _affordable_heads(limits: Limits) -> tuple[str, ...]:
    """Heads that every form of network can have within the limits, at the smallest width."""
    forms = [
        {"stages": stages, "convs": convs, "growth": 2.0, "dropout": 0.0}
        for stages in (2, 3)
        for convs in (1, 2)
    ]
    smallest = {
        head: [cost_of(_layers({**form, "head": head}, STEP), limits.classes) for form in forms]
        for head in HEADS
    }
    fitting = tuple(
        head
        for head, costs in smallest.items()
        if all(cost.within(limits.parameters, limits.multiplications) for cost in costs)
    )
    if not fitting:
        least = Cost(
            max(cost.parameters for cost in smallest[HEADS[0]]),
            max(cost.multiplications for cost in smallest[HEADS[0]]),
        )
        raise UsageError(
            f"no network is that small: allow --max-parameters {least.parameters} or more and "
            f"--max-multiplications {least.multiplications / 1e6:.2g} or more"
        )
    return fitting


def _rounded(value: float) -> float:
    """Without the dust of adding steps: 0.30000000000000004 is 0.3."""
    return round(value, 4)
