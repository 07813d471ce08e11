"""How the line network is trained, as a value. Knows no PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from inkdigits.errors import UsageError

Source = Literal["strokes", "pens", "mnist", "font"]


@dataclass(frozen=True)
class LineRecipe:
    """What a training of the line network does.

    Attributes:
        lines: composed in all; each is used `repeats` times.
        repeats: how often a line is used, stretched, moved and shaded a little differently each time.
        chunk: lines composed together and shuffled; the state is saved after each.
        batch_size: lines a step, alike in width.
        learning_rate: the highest.
        warmup: share of the steps in which the rate rises; then it falls along a cosine.
        weight_decay: of AdamW, on matrices.
        average: decay of the running mean of weights that is kept, a step.
        validation: lines, of MNIST's validation digits and of other seeds.
        strokes: share of the lines written in stroke skeletons.
        pens: share written as people in Turkey did on a tablet.
        mnist: share written in MNIST's digits.
        fonts: share written in fonts.
        box_weight: of the boxes' loss.
        anchor_weight: of the loss that asks for a character's answer at its middle.
    """

    lines: int = 307_200
    repeats: int = 3
    chunk: int = 12_800
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup: float = 0.03
    weight_decay: float = 0.02
    average: float = 0.9995
    validation: int = 2_000
    strokes: float = 0.4
    pens: float = 0.26
    mnist: float = 0.22
    fonts: float = 0.12
    box_weight: float = 0.5
    anchor_weight: float = 0.3

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `recipe.json`."""
        return asdict(self)

    @property
    def shares(self) -> dict[Source, float]:
        """How often a line is written in each kind of shapes; kinds without a share are left out."""
        shares: dict[Source, float] = {"strokes": self.strokes, "pens": self.pens}
        shares |= {"mnist": self.mnist, "font": self.fonts}
        return {source: share for source, share in shares.items() if share}

    @property
    def chunks(self) -> int:
        """How many chunks a training has; the last one is whole, too."""
        return max(1, round(self.lines / self.chunk))

    @property
    def steps(self) -> int:
        """Updates of the weights in all."""
        return self.chunks * self.repeats * (self.chunk // self.batch_size)


def with_options(recipe: LineRecipe, options: Iterable[str]) -> LineRecipe:
    """The recipe with `NAME=VALUE` applied.

    Raises:
        UsageError: an unknown name, or a value that is no number or out of range.
    """
    known = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
    for option in options:
        name, _, value = option.partition("=")
        if name not in known:
            raise UsageError(
                f"--set {option}: the line recipe has no option {name}; it has {', '.join(known)}"
            )
        try:
            recipe = replace(recipe, **{name: known[name](value)})
        except ValueError:
            raise UsageError(
                f"--set {option}: expected a number like {name}={getattr(recipe, name)}"
            ) from None
    _check(recipe)
    return recipe


def _check(recipe: LineRecipe) -> None:
    for name in ("lines", "repeats", "chunk", "batch_size", "learning_rate", "validation"):
        if getattr(recipe, name) <= 0:
            raise UsageError(f"--set {name}={getattr(recipe, name)}: expected more than 0")
    if recipe.chunk < recipe.batch_size:
        raise UsageError(f"--set chunk={recipe.chunk}: holds no batch of {recipe.batch_size} lines")
    shares = (recipe.strokes, recipe.pens, recipe.mnist, recipe.fonts)
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise UsageError("strokes, pens, mnist and fonts are shares: expected four numbers that add up to 1")
    if not 0 <= recipe.average < 1 or not 0 <= recipe.warmup < 1:
        raise UsageError("average and warmup: expected numbers from 0 to under 1")
