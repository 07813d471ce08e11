"""Comparing: the tests against published and independent values, and the page of real runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from inkdigits.errors import InvalidData, InvalidWeights, UsageError
from inkdigits.training import checkpoint, contrasts
from inkdigits.training.candidates import cautions, evaluate_weights, open_candidate, with_classes
from inkdigits.training.captions import CAPTIONS
from inkdigits.training.compare import Comparison, compare, compare_pairs, fresh_folder, holm, mcnemar
from inkdigits.training.contrasts import p_text, table_rows, verdict, write_comparison
from inkdigits.training.datasets import Dataset
from inkdigits.training.drawing import Tile
from inkdigits.training.export import export_onnx


@pytest.fixture(scope="module")
def data(mnist_test: Dataset) -> Dataset:
    return mnist_test.part("few", 0, 500)


@pytest.fixture(scope="module")
def comparison(small_run: Path, worse: Path, data: Dataset) -> Comparison:
    return compare([small_run, worse, small_run], data)


def test_mcnemar_against_published_values() -> None:
    # the exact test of R's exact2x2 on Agresti's approval ratings (150 and 86 changed their minds)
    assert mcnemar(86, 150) == pytest.approx(3.716e-05, rel=1e-3)
    assert mcnemar(1, 8) == pytest.approx(0.0390625)  # 2 (1 + 9) / 512
    assert mcnemar(0, 6) == pytest.approx(2 / 64)


def test_mcnemar_of_equals_is_certain_to_find_nothing() -> None:
    assert mcnemar(0, 0) == mcnemar(5, 5) == mcnemar(0, 1) == 1.0


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_binomial_test_of_scipy(first: int, second: int) -> None:
    expected = binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_holm_against_a_case_worked_out_by_hand() -> None:
    # smallest × 3, middle × 2, largest × 1, never less than the one before
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    assert [corrected[i] for i in np.argsort(p_values, kind="stable")] == sorted(corrected)


def test_pairs_count_discordant_images() -> None:
    right = {"A": np.array([1, 1, 1, 0, 0], bool), "B": np.array([1, 0, 0, 1, 0], bool)}
    (pair,) = compare_pairs(right)
    assert (pair.only_first, pair.only_second, pair.both_wrong) == (2, 1, 1)
    assert pair.p == pair.p_holm == 1.0
    assert pair.better is None
    assert verdict(pair) == "A and B: no clear difference (p = 1.000)"


def test_a_clear_difference_names_the_better_one() -> None:
    first, second = np.zeros(40, bool), np.zeros(40, bool)
    second[:30] = True
    (pair,) = compare_pairs({"A": first, "B": second})
    assert pair.better == "B"
    assert verdict(pair) == "B is better than A (p < 0.001)"
    assert p_text(0.0123) == "0.012"


def test_real_runs_side_by_side(comparison: Comparison, worse: Path) -> None:
    good, bad, again = comparison.contenders
    assert good.candidate.name == "small"
    assert bad.candidate.name == "worse"
    assert good.metrics == again.metrics
    assert bad.metrics.errors > good.metrics.errors
    assert len(good.candidate.history) == 2
    first_second, first_third, _ = comparison.pairs
    assert first_third.p == 1.0
    right = [c.answers.predicted == comparison.data.labels for c in (good, bad)]
    assert first_second.only_first == (right[0] & ~right[1]).sum()
    assert len(comparison.differing) == (good.answers.predicted != bad.answers.predicted).sum()
    head, *rows = table_rows(comparison)
    assert all(len(row) == len(head) for row in rows)
    assert rows[0][:2] == ("A · small", "small")
    assert worse.name in rows[1][0]


def test_the_page_and_json_of_a_comparison(comparison: Comparison, tmp_path: Path) -> None:
    write_comparison(tmp_path / "page", comparison)
    page = (tmp_path / "page" / "compare.html").read_text(encoding="utf-8")
    for name in ("accuracies", "differences", "all-curves"):
        assert (tmp_path / "page" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert CAPTIONS[name].replace("'", "&#x27;") in page
    assert "http" not in page.replace('http-equiv="Content', "")
    assert page.count("<details>") == 3
    found = json.loads((tmp_path / "page" / "compare.json").read_text(encoding="utf-8"))
    assert [run["letter"] for run in found["runs"]] == ["A", "B", "C"]
    assert len(found["pairs"]) == 3
    assert len(found["differing"]) == len(comparison.differing)
    assert set(found["differing"][0]["answers"]) == {"A", "B", "C"}


def test_recipes_that_are_the_same_have_no_differing_options(comparison: Comparison, tmp_path: Path) -> None:
    first = comparison.contenders[0]
    facts = {**first.candidate.facts, "recipe": {**first.candidate.facts["recipe"], "batch_size": 77}}
    other = replace(first, letter="B", candidate=replace(first.candidate, facts=facts))
    pair = compare_pairs({"A": np.ones(1, bool), "B": np.ones(1, bool)})
    write_comparison(tmp_path, replace(comparison, contenders=(first, other), pairs=pair))
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    table = page[page.index("Options of the recipes") :]
    table = table[: table.index("</table>")]
    assert "batch_size" in table
    assert "77" in table
    assert "learning_rate" not in table


def test_weights_without_a_run_compare_too(small_run: Path, data: Dataset, tmp_path: Path) -> None:
    """Also ONNX, whose answers must be those of the weights it was made of."""
    lone = tmp_path / "lone.safetensors"
    shutil.copy(small_run / "weights" / "best.safetensors", lone)
    export_onnx(checkpoint.load_weights(lone), tmp_path / "lone.onnx", check_images=data.images)
    found = compare([lone, tmp_path / "lone.onnx"], data)
    assert [c.candidate.run for c in found.contenders] == [None, None]
    assert len(found.differing) == 0
    assert found.contenders[1].to_dict()["recipe"] == "small"
    write_comparison(tmp_path / "page", found)
    assert not (tmp_path / "page" / "all-curves.png").exists()


def test_names_of_folders_are_new_each_time(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [fresh_folder(comparison) for _ in range(2)]
    assert [str(f) for f in folders] == [
        "runs/compare/small-vs-worse-vs-small", "runs/compare/small-vs-worse-vs-small2",
    ]  # fmt: skip


def test_one_run_is_nothing_to_compare(small_run: Path, data: Dataset) -> None:
    with pytest.raises(UsageError, match="2 to 26"):
        compare([small_run], data)


def test_runs_of_other_classes_do_not_compare(small_run: Path, tmp_path: Path, data: Dataset) -> None:
    weights = checkpoint.load_weights(small_run)
    letters = tmp_path / "letters.safetensors"
    checkpoint.save_weights(letters, weights.network, weights.recipe, tuple("abcdefghij"), {})
    with pytest.raises(InvalidData, match="they can't be compared"):
        compare([small_run, letters], data)
    with pytest.raises(InvalidData, match="has a class '0', but letters knows only a, b"):
        compare([letters, small_run], data)


def test_data_with_some_of_the_classes_is_fitted_by_name(data: Dataset) -> None:
    some = Dataset("some", data.images[:3], np.array([0, 1, 1]), ("7", "2"))
    fitted = with_classes(some, data.classes, "it")
    assert fitted.labels is not None
    assert fitted.labels.tolist() == [7, 2, 2]
    assert fitted.classes == data.classes


def test_figures_on_images_that_were_trained_on_carry_a_caution(
    small_run: Path, small_data: Dataset, data: Dataset, tmp_path: Path
) -> None:
    candidate = open_candidate(small_run)
    assert cautions(candidate, data) == []
    assert "trained on" in cautions(candidate, small_data)[0]
    learned = replace(candidate, facts={"data": "mnist-train", "recipe": {"validation": 0}})
    validation = replace(data, name="mnist-validation")
    assert cautions(learned, validation)
    assert cautions(learned, replace(data, name="mnist-validation:fog")), "the same digits, corrupted"
    held = replace(candidate, facts={"data": "mnist-train", "recipe": {"validation": 10_000}})
    assert cautions(held, validation) == []
    assert evaluate_weights(small_run, small_data, tmp_path).to_dict()["cautions"]


def test_the_temperature_that_export_fitted_is_used(small_run: Path, data: Dataset, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    weights = checkpoint.load_weights(run)
    assert open_candidate(run).temperature == 1.0
    export_onnx(weights, run / "weights" / "best.onnx", temperature=1.7, check_images=data.images)
    assert open_candidate(run).temperature == 1.7
    assert open_candidate(run / "weights" / "best.onnx").temperature == 1.7
    assert open_candidate(run / "weights" / "last.safetensors").temperature == 1.0


@pytest.mark.parametrize("name", ["missing", "missing.onnx", "missing.safetensors"])
def test_what_is_not_there_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidWeights, match=name):
        open_candidate(tmp_path / name)


def test_images_that_differ_come_with_truth_and_coloured_mistakes(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tile] = []
    monkeypatch.setattr(contrasts, "draw_sheet", lambda _p, _t, _d, tiles, **_k: drawn.extend(tiles))
    contrasts.draw_differences(Path("unused"), comparison)
    assert len(drawn) == min(len(comparison.differing), contrasts.SHOWN)
    for tile in drawn:
        (truth, _), *answers = tile.lines
        assert [text[:2] for text, _ in answers] == ["A:", "B:", "C:"]
        assert len({text[3:] for text, _ in answers}) > 1
        for text, style in answers:
            assert style == ("quiet" if text[3:] == truth.removeprefix("is ") else "alarming")
