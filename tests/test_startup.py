"""A fresh process answers, and says how much memory it had itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from inkdigits.model import SHIPPED
from inkdigits.startup import answer_once, bare_python, first_answer


def test_a_process_says_its_own_memory_and_not_that_of_who_started_it() -> None:
    large = np.ones(60_000_000)  # 480 MB here
    took, peak = first_answer(SHIPPED)
    assert took > 0
    if peak is not None:
        assert 30_000_000 < peak < large.nbytes


def test_it_prints_a_number_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    answer_once(str(SHIPPED))
    said = capsys.readouterr().out.strip()
    assert said == "" or int(said) > 30_000_000


def test_a_process_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        first_answer(tmp_path / "missing.onnx")
    assert bare_python() > 0
