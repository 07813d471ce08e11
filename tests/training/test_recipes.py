"""Recipes survive JSON, take options, and refuse what they don't know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inkdigits.errors import UsageError
from inkdigits.training.recipes import RECIPES, from_dict, load_recipe, recorded, with_options


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_is_the_same_after_json(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe.to_dict()), encoding="utf-8")
    assert load_recipe(str(path)) == recipe == load_recipe(name)


def test_options_replace_values_of_their_own_kind() -> None:
    options = [
        "learning_rate=2e-3",
        "epochs=7",
        "schedule=cosine",
        "augment.rotation=12",
        "layers=flatten, dense",
    ]
    recipe = with_options(RECIPES["tiny"], options)
    assert (recipe.learning_rate, recipe.epochs, recipe.schedule) == (0.002, 7, "cosine")
    assert recipe.augment.rotation == 12.0
    assert recipe.layers == ("flatten", "dense")
    assert RECIPES["tiny"].epochs == 5


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("learningrate=1", "the recipe's options are name, about, layers, epochs"),
        ("augment.rotate=1", "option augment.rotate is unknown; the recipe's options are"),
        ("augment=1", "is unknown"),
        ("epochs=many", "'many' is not a whole number"),
        ("epochs=0", "must be at least 1"),
        ("learning_rate=nan", "below 0 or not finite"),
        ("learning_rate=-1", "below 0 or not finite"),
        ("optimizer=lion", "not one of sgd, adam, adamw, rmsprop"),
        ("epochs", "expected NAME=VALUE"),
        ("warmup=1.5", "must be below 1"),
        ("momentum=1", "must be below 1"),
        ("augment.elastic_scale=0", "at least 1 pixel"),
    ],
)
def test_wrong_options_say_what_is_known(option: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        with_options(RECIPES["tiny"], [option])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_file_must_be_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is unknown; there are fast, sprint"):
        load_recipe("fastest")
    with pytest.raises(UsageError, match="No such file"):
        load_recipe(str(tmp_path / "none.json"))
    for text, says in (
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "missing"),
        ('{"augment": 1}', "object"),
    ):
        (tmp_path / "r.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=says):
            load_recipe(str(tmp_path / "r.json"))


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(UsageError, match="whole number"):
        from_dict({**RECIPES["tiny"].to_dict(), "epochs": 2.5})


def test_every_published_recipe_reaches_its_figure_in_the_record() -> None:
    reach = {
        "three-conv": 0.9884,
        "lenet5": 0.99,
        "tuned": 0.994,
        "tiny": 0.9815,
        "two-conv": 0.99,
        "fast": 0.99,
        "sprint": 0.9875,
        "brisk": 0.993,
        "steady": 0.995,
    }
    known = recorded()
    assert set(RECIPES) <= set(known), "run benchmarks/recipes.py"
    for name, least in reach.items():
        assert known[name]["accuracy"] >= least, name
        assert known[name]["seeds"] >= 3, name
