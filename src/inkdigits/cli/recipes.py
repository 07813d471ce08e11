"""`inkdigits recipes`: what can be trained, with parameters, accuracy and time as recorded."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show one recipe whole.", metavar="[RECIPE]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """List the recipes: parameters, accuracy on MNIST's test set, time to train."""
    from inkdigits.training.recipes import RECIPES, load_recipe

    if name is not None:
        print(json.dumps(load_recipe(name).to_dict(), indent=None if as_json else 2))
        return
    rows = [_row(recipe.name, recipe.about) for recipe in RECIPES.values()]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(_line(row))
        print(f"{'':12}{row['about']}")
    print("\naccuracy: MNIST test, mean ± sd over seeds; minutes: of the machine in records/recipes.md")


def _row(name: str, about: str) -> dict[str, Any]:
    from inkdigits.training.recipes import recorded

    known = recorded().get(name, {})
    fields = ("parameters", "accuracy", "accuracy_sd", "seeds", "minutes")
    return {"name": name, "about": about, **{field: known.get(field) for field in fields}}


def _line(row: dict[str, Any]) -> str:
    if row["accuracy"] is None:
        return f"{row['name']:<12}not recorded yet"
    spread = f"± {100 * row['accuracy_sd']:.2f}" if row["seeds"] > 1 else "one seed"
    accuracy = f"{row['accuracy']:.2%} {spread:<8}"
    return f"{row['name']:<12}{row['parameters']:>9,} parameters  {accuracy}  {row['minutes']:>6.1f} minutes"
