"""README's picture of what the recipes reach: nothing in it runs into anything, also with more recipes."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def frontier() -> Iterator[ModuleType]:
    """The script that draws it."""
    spec = importlib.util.spec_from_file_location("make_frontier", ROOT / "docs" / "make_frontier.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def peers() -> Any:
    return json.loads((ROOT / "records" / "peers.json").read_text(encoding="utf-8"))


def entry(accuracy: float, parameters: int, minutes: float, threads: int = 1) -> dict[str, Any]:
    """A recipe in the record, with three seeds."""
    results = [
        {"accuracy": accuracy + step, "parameters": parameters, "minutes": minutes, "threads": threads}
        for step in (-3e-4, 0, 3e-4)
    ]
    return {"results": dict(zip("123", results, strict=True))}


def test_every_peer_has_a_source_and_what_a_panel_needs(peers: list[dict[str, Any]]) -> None:
    for peer in peers:
        assert peer["source"].startswith("https://")
        assert 0.9 < peer["accuracy"] < 1
        assert "parameters" in peer or "seconds" in peer
        assert "seconds" not in peer or peer["device"]


@pytest.mark.parametrize("more", [0, 7])
def test_labels_do_not_run_into_each_other(
    frontier: ModuleType, peers: Any, more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads((ROOT / "records" / "recipes.json").read_text(encoding="utf-8"))
    names = ("best", "micro", "nano", "mini", "sprint", "best-all", "mini-all")
    for place, name in enumerate(names[:more]):
        record[name] = entry(0.99 + 0.0011 * place, 600 * 4**place, 0.04 * 3**place)
    found: list[Any] = []
    place_labels = frontier.place_labels

    def placed(*given: Any) -> Any:
        found.append(place_labels(*given))
        return found[-1]

    monkeypatch.setattr(frontier, "place_labels", placed)
    frontier.draw(tmp_path / "picture.png", record, peers, dark=bool(more))
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 1000
    assert len(found) == 2
    for boxes in found:
        for one, other in combinations(boxes, 2):
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, "two labels overlap"


def test_the_line_joins_those_that_none_beats_with_less(frontier: ModuleType) -> None:
    dots = [
        frontier.Dot(name, x, error)
        for name, x, error in [("a", 10, 2), ("b", 30, 1), ("c", 20, 3), ("d", 40, 1.5), ("e", 50, 0.5)]
    ]
    other = frontier.Dot("theirs", 5, 0.1, ours=False)
    assert [dot.name for dot in frontier.frontier([*dots, other])] == ["a", "b", "e"]


def test_only_trainings_on_one_core_are_timed(frontier: ModuleType) -> None:
    record = {"one": entry(0.99, 100, 0.5), "two": entry(0.99, 100, 0.5, threads=2)}
    record["one-flip"] = record["one"]
    (dot,) = frontier.by_time(record, [{"name": "peer", "parameters": 7}])
    assert (dot.name, dot.x) == ("one", 30)
    assert dot.error == pytest.approx(1)
    assert dot.sd == pytest.approx(0.03)
    assert math.isclose(frontier.by_size(record, [])[1].x, 100)
