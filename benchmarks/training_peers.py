"""How others train on MNIST: in plain PyTorch and in Keras, as their authors wrote it. Measures nothing.

    author's network and schedule ─► fresh(seed) ─► a training, compiled, warmed up, at its first weights
                                      .go_on()   ─► trains until it may be judged; False at its end
                                      .predict() ─► labels

Keras is in no extra of ours. Written with: `pip install keras==3.15.1 jax==0.10.2`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.training.datasets import Dataset

WARM_UP = 20  # steps before those that count, whose weights are thrown away; everybody has as many
Predicted = NDArray[np.int64]


class Training(Protocol):
    """A training that is ready to begin."""

    def go_on(self) -> bool:
        """Trains until the next point where it may be judged; False when that was the last."""

    def predict(self, images: NDArray[np.uint8]) -> Predicted:
        """Labels, as of now."""


Fresh = Callable[[int], Training]


class Missing(Exception):
    """A peer that can't be had here, and what would change it."""


# -- tuomaso/train_mnist_fast: 99% on average after one epoch, 762 ms on a GTX 1660 Ti


class OneEpochNetwork(nn.Module):
    """Two convolutions, pooled before ReLU, and two dense layers: 237,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 24, 5)
        self.conv2 = nn.Conv2d(24, 32, 3)
        self.fc1 = nn.Linear(800, 256)
        self.fc2 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        return F.log_softmax(self.fc2(x), dim=1)


class OneEpoch:
    """Batches of 256 in the order of the file, Adam with short memories, one cycle to 0.01: 235 steps."""

    BATCH = 256

    def __init__(self, images: Tensor, labels: Tensor, seed: int) -> None:
        self.images, self.labels = images, labels
        torch.manual_seed(seed)
        self.network = OneEpochNetwork()

    def go_on(self) -> bool:
        self._learn((len(self.images) - 1) // self.BATCH + 1)
        return False

    def warm_up(self) -> None:
        self._learn(WARM_UP)

    def _learn(self, steps: int) -> None:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01, betas=(0.7, 0.9))
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.01, total_steps=steps, cycle_momentum=False
        )
        self.network.train()
        for step in range(steps):
            batch = slice(self.BATCH * step, self.BATCH * (step + 1))
            optimizer.zero_grad()
            F.nll_loss(self.network(self.images[batch]), self.labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()

    def predict(self, images: NDArray[np.uint8]) -> Predicted:
        self.network.eval()
        with torch.no_grad():
            parts = [self.network(part).argmax(1) for part in _standardised(images).split(2_000)]
        return torch.cat(parts).numpy()


def one_epoch(data: Dataset) -> Fresh:
    """The trainer for this data, which is scaled beforehand, as its author does."""
    assert data.labels is not None
    images, labels = _standardised(data.images), torch.from_numpy(data.labels)
    OneEpoch(images, labels, 0).warm_up()
    return lambda seed: OneEpoch(images, labels, seed)


def _standardised(images: NDArray[np.uint8]) -> Tensor:
    return (torch.from_numpy(images.copy()).unsqueeze(1).float() / 255 - 0.1307) / 0.3081


# -- the recipe `tiny` as its author runs it: Keras, batches of 32, Adam at 0.001


class Tiny:
    """Two small convolutions and two dense layers of 10, for up to five epochs."""

    BATCH, EPOCHS = 32, 5
    JUDGED = 12_000  # images between two judgements: a fifth of an epoch, 375 whole batches

    def __init__(self, images: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> None:
        import keras

        self.images, self.labels = images, labels
        keras.utils.set_random_seed(seed)
        layers = keras.layers
        self.model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(8, 4, padding="same", activation="relu"),
                layers.MaxPooling2D(),
                layers.Conv2D(16, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                layers.Dense(10, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
        self.model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy")
        self._compile()
        self.random = np.random.default_rng(seed)
        self.left: list[NDArray[np.int64]] = []
        self.epochs = 0

    def _compile(self) -> None:
        """Steps that compile it; then everything is as before them."""
        weights = [np.array(value) for value in self.model.get_weights()]
        self.model.optimizer.build(self.model.trainable_variables)
        variables = [np.array(variable) for variable in self.model.optimizer.variables]
        self._fit(np.arange(self.BATCH * WARM_UP))
        self.model.set_weights(weights)
        for variable, value in zip(self.model.optimizer.variables, variables, strict=True):
            variable.assign(value)

    def go_on(self) -> bool:
        if not self.left:
            order = self.random.permutation(len(self.images))
            self.left = np.split(order, range(self.JUDGED, len(order), self.JUDGED))
            self.epochs += 1
        self._fit(self.left.pop(0))
        return bool(self.left) or self.epochs < self.EPOCHS

    def _fit(self, chosen: NDArray[np.int64]) -> None:
        images, labels = self.images[chosen], self.labels[chosen]
        self.model.fit(images, labels, batch_size=self.BATCH, epochs=1, shuffle=False, verbose=0)

    def predict(self, images: NDArray[np.uint8]) -> Predicted:
        said: Any = self.model.predict(_shares(images), batch_size=1_000, verbose=0)
        return np.asarray(np.asarray(said).argmax(axis=1), np.int64)


def tiny(data: Dataset) -> Fresh:
    """The trainer for this data.

    Raises:
        Missing: no Keras here.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras  # noqa: F401
    except ImportError:
        raise Missing("Keras is not installed: pip install keras==3.15.1 jax==0.10.2") from None
    labels = data.labels
    assert labels is not None
    images = _shares(data.images)
    return lambda seed: Tiny(images, labels, seed)


def _shares(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (images[..., None] / np.float32(255)).astype(np.float32)
