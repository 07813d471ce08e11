"""What gets installed: pinned versions, a core without PyTorch, a wheel with weights; what make repeats."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import inkdigits

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NAMED = [Requirement(r) for group in (PROJECT["dependencies"], *EXTRAS.values()) for r in group]
OTHERS = [r for r in NAMED if r.name != "inkdigits"]
WEIGHTS = ("digit.onnx", "digit.json", "line.onnx", "line.json")


def pinned() -> dict[str, str]:
    """Names and versions in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==(\d[\w.]*)", line) for line in lines if not line.startswith("#")]
    assert all(pins), "constraints.txt holds something else than NAME==VERSION"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


@pytest.mark.parametrize("requirement", OTHERS, ids=str)
def test_every_requirement_has_a_pin_that_it_allows(requirement: Requirement) -> None:
    version = pinned().get(canonicalize_name(requirement.name))
    assert version is not None, "not in constraints.txt: `make constraints`"
    assert requirement.specifier.contains(version)


def test_the_core_is_small_and_without_pytorch() -> None:
    core = {Requirement(r).name for r in PROJECT["dependencies"]}
    assert core.isdisjoint({Requirement(r).name for group in EXTRAS.values() for r in group})
    assert core == {
        *("numpy", "pillow", "opencv-python-headless", "onnxruntime"),
        *("typer", "rich", "platformdirs"),
    }


def test_the_version_is_told_once_and_the_changelog_knows_it() -> None:
    assert PROJECT["version"] == inkdigits.__version__
    assert f"## {inkdigits.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_types_weights_and_licence_and_stays_small(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {"inkdigits/py.typed", *(f"inkdigits/weights/{name}" for name in WEIGHTS)} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert all(name.startswith(("inkdigits/", "inkdigits-")) for name in names), (
        "something beside the package"
    )
    assert sum(item.compress_size for item in wheel.infolist()) < 4_000_000


def test_the_weights_in_the_wheel_are_those_of_their_card(wheel: zipfile.ZipFile) -> None:
    card = json.loads(wheel.read("inkdigits/weights/digit.json"))
    weights = wheel.read("inkdigits/weights/digit.onnx")
    assert hashlib.sha256(weights).hexdigest() == card["sha256"]
    assert len(weights) == card["size_bytes"] <= 1_000_000


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as make looks at, with everything installed and trained."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in (".venv/made", ".venv/train", ".venv/dev", "runs/demo/trained", "runs/demo/evaluated"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def would_run(folder: Path, target: str) -> str:
    """What `make TARGET` would do there."""
    make = ["make", "--dry-run", target]
    return subprocess.run(make, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_second_call_of_make_installs_and_trains_nothing_twice(checkout: Path) -> None:
    for target in ("test", "demo"):
        assert "install --quiet" not in would_run(checkout, target)
    assert "train" not in would_run(checkout, "demo").replace("Its training", "")


def test_changed_pins_are_installed_but_train_nothing_again(checkout: Path) -> None:
    later = (checkout / ".venv/dev").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))
    assert "install --quiet" in would_run(checkout, "test")
    assert "inkdigits train" not in would_run(checkout, "demo")
