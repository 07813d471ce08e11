"""Recipes: everything that decides what a training makes, as values. Knows no PyTorch.

A recipe is a frozen value and a variant is a difference: `replace(FAST, epochs=40)`. `to_dict` and
`from_dict` are its JSON; `with_options` takes `--set name=value`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from inkdigits.errors import UsageError

Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Schedule = Literal["constant", "step", "plateau", "one-cycle", "cosine"]


@dataclass(frozen=True)
class Augment:
    """How training glyphs are varied; 0 turns a kind off. Order: as written here.

    Attributes:
        synthetic: share of each batch that is drawn from stroke skeletons instead (`strokes.py`).
        pens: share of each batch that is drawn as a tablet followed people's pens (`pendigits.py`).
        negatives: share of each batch that is no digit (letters, scribbles), taught as "can't say".
        rotation: degrees, uniform within ±.
        shift: pixels, uniform within ±, both ways.
        zoom: relative size, uniform within 1 ± zoom.
        stretch: width against height, log-uniform within exp(±stretch).
        shear: horizontal slant, tangent, uniform within ±.
        elastic: root mean square of a smooth random displacement, pixels (Simard et al. 2003).
        elastic_scale: how wide its waves are, pixels.
        refit: share of glyphs whose ink is stretched to a box of random proportions, as some scans are.
        thickness: pixels that strokes may grow or shrink, uniform within ±.
        low_resolution: share of glyphs that pass through a coarser grid.
        hard_edges: share of glyphs whose greys are pushed towards black and white.
        contrast: share of the ink's brightness that may be lost.
        blur: share of glyphs out of focus.
        haze: share of glyphs whose ground is lit, unevenly, as if no one had made it black.
        noise: standard deviation of pixel noise, grey levels, uniform from 0.
        speckle: share of glyphs with some pixels black or white at random.
        ruling: share of glyphs with a thin line across, as a form's lines leave it.
        stray: share of glyphs with a piece of another one's ink beside them, as careless cuts leave it.
        erase: probability that a random rectangle is wiped out (Zhong et al. 2017).
        flip: probability of a horizontal flip. It makes wrong digits of right ones: off unless asked for.
    """

    synthetic: float = 0.0
    pens: float = 0.0
    negatives: float = 0.0
    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    elastic_scale: float = 4.0
    refit: float = 0.0
    thickness: float = 0.0
    low_resolution: float = 0.0
    hard_edges: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    haze: float = 0.0
    noise: float = 0.0
    speckle: float = 0.0
    ruling: float = 0.0
    stray: float = 0.0
    erase: float = 0.0
    flip: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What a training does.

    Attributes:
        name: of the recipe, and of the run folder.
        about: one line on where it comes from.
        layers: the network (see `networks.py`).
        epochs: passes over the training images, at most.
        batch_size: glyphs a step.
        steps: batches that an epoch ends after; 0 goes over all images.
        optimizer: sgd (with Nesterov momentum), adam, adamw, rmsprop.
        learning_rate: the highest one.
        momentum: of sgd and rmsprop; first beta of adam and adamw.
        second_beta: of adam and adamw; smoothing of rmsprop.
        weight_decay: of the optimiser; biases and norms are left out.
        schedule: constant, step (×`factor` each `step_epochs`), plateau (×`factor` after `patience` epochs
            without a better validation loss), one-cycle (up for `warmup` of the steps, then down), cosine.
        label_smoothing: 0 to 1.
        ema: decay a step of the averaged weights that are validated and kept; 0 turns averaging off.
        stop_after: early stopping, epochs without a better validation loss; 0 turns it off.
        keep: which epoch's weights are the result: `best` validation loss or accuracy, or `last`.
        gradient_clip: longest gradient, 2-norm; 0 turns it off.
        distillation: how much of a glyph's loss is its teachers' part, where there are teachers
            (`teaching.py`); the label has the rest.
        distillation_temperature: softens answers of teachers and student.
        augment: see `Augment`.
        calm_epochs: the last epochs, trained with a third of the distortion's size.
        validation: how many of the last training images are kept for validation; 0 trains on all.
    """

    name: str
    about: str
    layers: tuple[str, ...]
    epochs: int
    batch_size: int = 128
    steps: int = 0
    optimizer: Optimizer = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    second_beta: float = 0.999
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    step_epochs: int = 1
    factor: float = 0.5
    patience: int = 2
    warmup: float = 0.3
    label_smoothing: float = 0.0
    ema: float = 0.0
    stop_after: int = 0
    keep: Literal["loss", "accuracy", "last"] = "accuracy"
    gradient_clip: float = 0.0
    distillation: float = 0.9
    distillation_temperature: float = 4.0
    augment: Augment = field(default_factory=Augment)
    calm_epochs: int = 0
    validation: int = 10_000

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `recipe.json`."""
        return {**asdict(self), "layers": list(self.layers)}


def from_dict(values: Mapping[str, Any]) -> Recipe:
    """A recipe from its JSON object.

    Raises:
        UsageError: an option that isn't known, one of the wrong type, or one that is missing.
    """
    given = dict(values)
    augment = given.pop("augment", {})
    if not isinstance(augment, Mapping):
        raise UsageError("recipe: 'augment' must be an object of numbers")
    try:
        parts = {name: _coerce(Recipe, name, value) for name, value in given.items()}
        varied = {name: _coerce(Augment, name, value) for name, value in augment.items()}
        return Recipe(**parts, augment=Augment(**varied))
    except TypeError as e:
        raise UsageError(f"recipe: {e}".replace("Recipe.__init__() ", "")) from None


def load_recipe(name: str) -> Recipe:
    """A recipe by its name, or from a JSON file such as a run's `recipe.json`.

    Raises:
        UsageError: neither a known name nor a readable recipe file.
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if path.suffix != ".json":
        raise UsageError(f"recipe {name!r} is unknown; there are {', '.join(RECIPES)}, or name a recipe.json")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise UsageError(f"recipe {name}: {e.strerror}") from None
    except ValueError as e:
        raise UsageError(f"recipe {name}: not JSON ({e})") from None
    if not isinstance(values, dict):
        raise UsageError(f"recipe {name}: expected a JSON object, as in a run's recipe.json")
    return from_dict(values)


def with_options(recipe: Recipe, options: Iterable[str]) -> Recipe:
    """The recipe with `name=value` options set; those of the augmentation are `augment.name=value`.

    Raises:
        UsageError: an unknown option (the known ones are listed) or a value of the wrong kind.
    """
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise UsageError(f"--set {option}: expected NAME=VALUE")
        if name.startswith("augment."):
            part = name.removeprefix("augment.")
            recipe = replace(recipe, augment=replace(recipe.augment, **{part: _coerce(Augment, part, text)}))
        else:
            recipe = replace(recipe, **{name: _coerce(Recipe, name, text)})
    return recipe


def recorded() -> dict[str, dict[str, Any]]:
    """What each recipe came to on MNIST's test set, by name; `benchmarks/recipes.py` writes it."""
    text = resources.files("inkdigits.training").joinpath("recorded.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _coerce(owner: type, name: str, value: Any) -> Any:
    """`value` as the field's type, from JSON or from text."""
    kinds = get_type_hints(owner)
    prefix = "augment." if owner is Augment else ""
    if name not in kinds or name == "augment":
        known = [f.name for f in fields(Recipe) if f.name != "augment"]
        known += [f"augment.{f.name}" for f in fields(Augment)]
        raise UsageError(f"option {prefix}{name} is unknown; the recipe's options are {', '.join(known)}")
    kind = kinds[name]
    if choices := get_args(kind):
        if kind == tuple[str, ...]:
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts)
        if value not in choices:
            raise UsageError(f"option {prefix}{name}: {value!r} is not one of {', '.join(choices)}")
        return value
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"option {prefix}{name}: {value!r} is not {_KIND_NAMES[kind]}") from None
    if kind is int and not isinstance(value, str) and number != value:
        raise UsageError(f"option {prefix}{name}: {value!r} is not {_KIND_NAMES[kind]}")
    if kind is not str and not 0 <= number < float("inf"):
        raise UsageError(f"option {prefix}{name}: {value!r} is below 0 or not finite")
    if name in _AT_LEAST_ONE and number < 1:
        raise UsageError(f"option {prefix}{name}: must be at least 1")
    if name in _BELOW_ONE and number >= 1:
        raise UsageError(f"option {prefix}{name}: must be below 1")
    if name == "distillation" and number > 1:
        raise UsageError(f"option {prefix}{name}: must be at most 1")
    if name == "distillation_temperature" and number == 0:
        raise UsageError(f"option {prefix}{name}: must be above 0")
    if name == "elastic_scale" and number < 1:
        raise UsageError(f"option {prefix}{name}: must be at least 1 pixel")
    return number


_KIND_NAMES = {int: "a whole number", float: "a number", str: "a text"}
_BELOW_ONE = {"momentum", "second_beta", "factor", "warmup", "label_smoothing", "ema"}
_AT_LEAST_ONE = {"epochs", "batch_size", "step_epochs"}


THREE_CONV = Recipe(
    name="three-conv",
    about="three convolutions with batch norm, a dense layer of 256 and dropout; Adam with StepLR",
    layers=(
        *("conv 32 3", "norm", "relu", "pool"),
        *("conv 64 3", "norm", "relu", "pool"),
        *("conv 128 3", "norm", "relu", "pool"),
        *("flatten", "dense 256", "relu", "dropout 0.5", "dense"),
    ),
    epochs=9,
    batch_size=128,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="step",
    step_epochs=3,
    factor=0.3,
    augment=Augment(rotation=10),
)

LENET5 = Recipe(
    name="lenet5",
    about="LeNet-5 (LeCun et al. 1998) with max pooling, ReLU and dropout; RMSprop with ReduceLROnPlateau",
    layers=(
        *("conv 6 5", "relu", "pool", "conv 16 5 valid", "relu", "pool"),
        *("flatten", "dense 120", "relu", "dropout 0.25", "dense 84", "relu", "dropout 0.25", "dense"),
    ),
    epochs=20,
    batch_size=86,
    optimizer="rmsprop",
    learning_rate=1e-3,
    momentum=0.0,
    second_beta=0.9,
    schedule="plateau",
    patience=2,
    factor=0.5,
    augment=Augment(rotation=10, zoom=0.1),
)

TINY = Recipe(
    name="tiny",
    about="two small convolutions and two dense layers of 10: 7,184 parameters; 5 epochs, early stopping",
    layers=(
        *("conv 8 4", "relu", "pool", "conv 16 3 valid", "relu", "pool"),
        *("flatten", "dense 10", "relu", "dense"),
    ),
    epochs=5,
    batch_size=32,
    optimizer="adam",
    learning_rate=5e-3,
    schedule="one-cycle",  # a constant 1e-3 leaves one seed in three at 97.3%
    stop_after=2,
    keep="loss",
)

TWO_CONV = Recipe(
    name="two-conv",
    about="two convolutions, max pools, a dense layer, dropout 0.2; plain Adam",
    layers=(
        *("conv 32 5", "relu", "pool", "conv 64 5", "relu", "pool"),
        *("flatten", "dense 128", "relu", "dropout 0.2", "dense"),
    ),
    epochs=8,
    batch_size=128,
    optimizer="adam",
    learning_rate=1e-3,
)

ROBUST = Recipe(
    name="robust",
    about="the recogniser that ships: other people's hands and pens, and what is no digit",
    layers=(
        *("conv 32 3", "norm", "relu", "conv 32 3", "norm", "relu", "pool"),
        *("conv 64 3", "norm", "relu", "conv 64 3", "norm", "relu", "pool", "dropout 0.1"),
        *("conv 96 3", "norm", "relu", "conv 96 3", "norm", "relu", "global", "dropout 0.1", "dense"),
    ),
    epochs=28,
    batch_size=256,
    optimizer="adamw",
    learning_rate=4e-3,
    weight_decay=0.02,
    schedule="one-cycle",
    ema=0.998,
    keep="last",
    augment=Augment(
        synthetic=0.2,
        negatives=0.12,
        rotation=14,
        shift=1.2,
        zoom=0.1,
        stretch=0.45,
        shear=0.3,
        elastic=1.0,
        elastic_scale=5,
        refit=0.2,
        thickness=1.3,
        low_resolution=0.2,
        hard_edges=0.3,
        contrast=0.3,
        stray=0.1,
        erase=0.1,
    ),
    calm_epochs=6,
)

FAST = Recipe(
    name="fast",
    about="99% in seconds: a small network with batch norm, one epoch of one-cycle",
    layers=(
        # pooled before norm and relu: those then have a quarter of the work
        *("conv 16 5 valid", "pool", "norm", "relu", "conv 32 3 valid", "norm", "relu"),
        *("conv 32 3 valid", "pool", "norm", "relu", "flatten", "dense 64", "norm", "relu", "dense"),
    ),
    epochs=1,
    batch_size=128,
    optimizer="adamw",
    learning_rate=0.02,
    weight_decay=0.05,
    schedule="one-cycle",
    augment=Augment(shift=1),
)

SPRINT = replace(
    FAST,
    name="sprint",
    about="99% in the fewest seconds: two convolutions, the first with a stride of 2; 390 steps",
    layers=(
        *("conv 24 5 valid stride 2", "norm", "relu", "conv 32 3 valid", "pool", "norm", "relu"),
        *("flatten", "dense 64", "norm", "relu", "dense"),
    ),
    steps=390,
    momentum=0.8,
    second_beta=0.95,
    warmup=0.15,
    augment=Augment(),  # no glyph is seen twice
)

BRISK = replace(
    FAST,
    name="brisk",
    about="99.4% in a quarter of a minute: `fast` for two epochs, with more distortion",
    epochs=2,
    augment=Augment(rotation=8, shift=1, zoom=0.08, shear=0.08),
)

STEADY = replace(
    BRISK,
    name="steady",
    about="towards 99.6% in a minute or two: `brisk`, wider, for fourteen epochs",
    layers=(
        *("conv 24 5 valid", "pool", "norm", "relu", "conv 48 3 valid", "norm", "relu"),
        *("conv 48 3 valid", "pool", "norm", "relu", "flatten", "dense 64", "norm", "relu", "dense"),
    ),
    epochs=14,
)

TUNED = Recipe(
    name="tuned",
    about="found by `inkdigits tune`: 37 trials of 4 epochs on a third of MNIST (records/tuned)",
    layers=(
        *("conv 16 3", "norm", "relu", "conv 16 3", "norm", "relu", "pool"),
        *("conv 24 3", "norm", "relu", "conv 24 3", "norm", "relu", "pool"),
        *("conv 36 3", "norm", "relu", "conv 36 3", "norm", "relu", "pool"),
        *("flatten", "dropout 0.25", "dense"),
    ),
    epochs=20,
    batch_size=128,
    optimizer="adamw",
    learning_rate=0.0126,
    weight_decay=0.02,
    schedule="one-cycle",
    label_smoothing=0.02,
    ema=0.998,
    keep="last",
    augment=Augment(rotation=1, shift=0.25, zoom=0.11, shear=0.06, elastic=0.4),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (FAST, SPRINT, BRISK, STEADY, TINY, TWO_CONV, LENET5, THREE_CONV, TUNED, ROBUST)
}
DEFAULT = FAST.name
