"""What is measured is counted and divided rightly. How long anything takes is nobody's claim here."""

from __future__ import annotations

import pytest

from inkdigits import speed, timing, yardsticks
from inkdigits.model import SHIPPED
from inkdigits.speed import Candidate, Throughput, measure, threads_to_try
from inkdigits.timing import Rate


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches and matrices, so that a round takes no time to speak of."""
    monkeypatch.setattr(speed, "BATCHES", (1, 3))
    monkeypatch.setattr(speed, "CALLS", 2)
    monkeypatch.setattr(timing, "ENOUGH", 1e-9)
    monkeypatch.setattr(speed, "MATRIX", 32)
    monkeypatch.setattr(yardsticks, "MATRIX", 32)


@pytest.mark.usefixtures("cheap")
def test_each_network_has_its_turn_in_every_round() -> None:
    ended: list[int] = []
    candidates = [Candidate.open(SHIPPED, [1, 2]), Candidate.open(SHIPPED, [1, 2])]
    found = measure(candidates, rounds=3, done=lambda: ended.append(len(candidates[1].processes)))
    assert ended == [1, 2, 3]
    assert len(found) == 2
    for one in found:
        assert one.calls == 6
        assert one.multiply_adds > 1_000_000
        assert 0 < one.median_ms <= one.p99_ms
        assert [part.threads for part in one.throughput] == [1, 2]
        assert all(set(part.images) == {1, 3} for part in one.throughput)
        assert one.machine.rounds == 3
        assert set(one.machine.matrix_product) == {1, 2}
        assert one.process.bare_seconds > 0
        assert one.process.peak_bytes is None or one.process.peak_bytes > 20_000_000


def test_shares_are_of_the_product_of_their_round() -> None:
    candidate = Candidate(SHIPPED, {}, multiply_adds=10)
    products = [Rate(100, 200), Rate(10, 100), Rate(1000, 400)]
    rates = [Rate(1, 10), Rate(2, 2), Rate(3, 8)]
    candidate.rates = {(1, batch): rates for batch in speed.BATCHES}
    found = speed._throughput(candidate, speed.Yardsticks(list, {}, rates={1: products}), 1)
    assert found.shares[8] == 0.2  # the median of 100/200, 20/100, 80/400
    assert found.images[8] == Rate(2, 8)


def test_the_best_batch_is_that_of_most_images_a_second() -> None:
    found = Throughput(2, {1: Rate(10, 90), 8: Rate(30, 50), 32: Rate(20, 60)}, {1: 0.1, 8: 0.2, 32: 0.3})
    assert found.batch == 8
    assert found.to_dict()["images_per_second"] == 30
    assert found.to_dict()["share_of_matrix_product"] == 0.2
    assert found.to_dict()["batches"] == {"1": 10, "8": 30, "32": 20}


def test_threads_double_up_to_the_most() -> None:
    assert threads_to_try(1) == [1]
    assert threads_to_try(2) == [1, 2]
    assert threads_to_try(6) == [1, 2, 4, 6]
    assert threads_to_try(16) == [1, 2, 4, 8, 16]
    assert threads_to_try()[-1] == speed.cores()
