"""Real parts for all tests: MNIST from the ordinary chain of sources, weights trained once in seconds."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: idle threads give their core back

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from inkdigits.training import checkpoint, loop, recipes
from inkdigits.training.datasets import Dataset, load_mnist

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # no time is asserted anywhere: machines are busy at times


@pytest.fixture(scope="session")
def mnist_train() -> Dataset:
    """MNIST's 60,000 training images."""
    return load_mnist("train")


@pytest.fixture(scope="session")
def mnist_test() -> Dataset:
    """MNIST's 10,000 test images."""
    return load_mnist("test")


@pytest.fixture(scope="session")
def small_data(mnist_train: Dataset) -> Dataset:
    """2,400 training images: enough to learn a little from in two seconds."""
    return mnist_train.part("mnist-small", 0, 2400)


@pytest.fixture(scope="session")
def small_recipe() -> recipes.Recipe:
    """Trains on `small_data` in about two seconds, to about 90%."""
    return replace(recipes.FAST, name="small", epochs=2, batch_size=64, validation=400)


@pytest.fixture(scope="session")
def small_run(
    tmp_path_factory: pytest.TempPathFactory, small_data: Dataset, small_recipe: recipes.Recipe
) -> Path:
    """The run folder of a small training, made by the loop itself."""
    from inkdigits.training import runs

    run = runs.new_run(tmp_path_factory.mktemp("runs"), "small")
    runs.write_recipe(run, small_recipe)
    runs.write_environment(run, {"seed": 1})
    loop.train(small_recipe, small_data, seed=1, threads=1, run=run)
    return run


@pytest.fixture(scope="session")
def worse(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with its weights shaken, so that it errs more often."""
    run = tmp_path_factory.mktemp("runs") / "worse"
    shutil.copytree(small_run, run)
    weights = checkpoint.load_weights(run)
    random = np.random.default_rng(0)
    for parameter in weights.network.parameters():
        noise = random.normal(scale=0.08, size=tuple(parameter.shape))
        parameter.data += parameter.new_tensor(noise)
    path = run / "weights" / "best.safetensors"
    checkpoint.save_weights(path, weights.network, weights.recipe, weights.classes, weights.facts)
    return run


@pytest.fixture(scope="session")
def small_weights(small_run: Path) -> checkpoint.Weights:
    """The weights of `small_run`."""
    return checkpoint.load_weights(small_run)


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)
