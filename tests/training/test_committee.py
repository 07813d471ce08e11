"""Committees: the mean of calibrated log-probabilities, worked out by hand and on real networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.errors import InvalidData
from inkdigits.model import softmax
from inkdigits.training import checkpoint
from inkdigits.training.candidates import cautions, evaluate_weights, open_candidate, open_committee
from inkdigits.training.committee import check_classes, together
from inkdigits.training.datasets import Dataset
from inkdigits.training.evaluate import judge
from inkdigits.training.recogniser import Recogniser

ROWS = st.lists(st.lists(st.floats(-40, 40), min_size=3, max_size=3), min_size=4, max_size=4)


@pytest.fixture(scope="module")
def data(mnist_test: Dataset) -> Dataset:
    return mnist_test.part("few", 0, 300)


def test_two_members_worked_out_by_hand() -> None:
    sure, unsure = np.log([[0.9, 0.1]]), np.log([[0.5, 0.5]])
    # √(0.9 · 0.5) : √(0.1 · 0.5) = 3 : 1
    assert softmax(together([sure, unsure], [1, 1])) == pytest.approx(np.array([[0.75, 0.25]]))


def test_a_member_that_is_too_sure_is_calibrated_first() -> None:
    right, loud = np.log([[0.8, 0.2]]), 10 * np.log([[0.2, 0.8]])
    assert softmax(together([right, loud], [1, 10])) == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-6)
    assert softmax(together([right, loud], [1, 1]))[0, 1] > 0.99


def test_one_member_answers_as_alone() -> None:
    logits = np.array([[2.0, -1.0, 0.5]], np.float32)
    assert softmax(together([logits], [1.5])) == pytest.approx(softmax(logits, 1.5))


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_no_worse_than_its_members_on_average_whatever_their_order(answers: list[list[list[float]]]) -> None:
    members = [np.array(rows) for rows in answers]
    temperatures = [1.0 + place / 2 for place in range(len(members))]
    found = together(members, temperatures)
    turned = together(members[::-1], temperatures[::-1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(softmax(found), softmax(turned), atol=1e-6)
    truth, classes = np.array([0, 1, 2, 0]), ("a", "b", "c")
    losses = [judge(one, truth, classes, t).loss for one, t in zip(members, temperatures, strict=True)]
    assert judge(found, truth, classes).loss <= np.mean(losses) + 1e-4


def test_other_classes_or_another_order_are_no_committee() -> None:
    assert check_classes([("A", ("0", "1")), ("B", ("0", "1"))]) == ("0", "1")
    for other in (("1", "0"), ("0", "1", "2")):
        with pytest.raises(InvalidData, match=r"A answers 0, 1, but B .*: they can't be a committee"):
            check_classes([("A", ("0", "1")), ("B", other)])


def test_real_networks_together(small_run: Path, worse: Path, data: Dataset) -> None:
    one, other = (Recogniser.load(path) for path in (small_run, worse))
    committee = Recogniser.load_together([small_run, worse])
    expected = softmax(one.logits(data.images) / 2 + other.logits(data.images) / 2)
    assert softmax(committee.logits(data.images), committee.temperature) == pytest.approx(expected, abs=1e-5)
    assert committee.classes == data.classes
    assert Recogniser.load_together([small_run]).network is not None, "one alone stays itself"


def test_the_evaluation_of_a_committee_knows_its_members(
    small_run: Path, worse: Path, data: Dataset, tmp_path: Path
) -> None:
    judged = evaluate_weights([small_run, worse], data, tmp_path)
    assert judged.candidate.name == "committee of 2"
    assert [member.name for member, _ in judged.members] == ["small", "worse"]
    alone = [evaluate_weights(path, data, tmp_path / path.name).metrics for path in (small_run, worse)]
    assert [figures for _, figures in judged.members] == alone
    assert judged.metrics.loss <= np.mean([one.loss for one in alone])
    committee = open_committee([small_run, worse])
    assert judge(committee.logits(data.images), data.labels, data.classes) == judged.metrics
    assert judged.candidate.facts["parameters"] == 2 * open_candidate(small_run).facts["parameters"]


def test_what_one_member_was_trained_on_is_a_caution_once(
    small_run: Path, small_data: Dataset, data: Dataset
) -> None:
    committee = open_committee([small_run, small_run])
    assert cautions(committee, data) == []
    assert len(cautions(committee, small_data)) == 1


def test_members_of_other_classes_are_refused(small_run: Path, tmp_path: Path) -> None:
    weights = checkpoint.load_weights(small_run)
    letters = tmp_path / "letters.safetensors"
    checkpoint.save_weights(letters, weights.network, weights.recipe, tuple("abcdefghij"), {})
    for opened in (open_committee, Recogniser.load_together):
        with pytest.raises(InvalidData, match=r"letters.* a, b.*: they can't be a committee"):
            opened([small_run, letters])
