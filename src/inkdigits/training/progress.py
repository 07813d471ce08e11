"""Shows how a training goes: a live line on a terminal, TensorBoard files. Knows epochs, not the loop."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inkdigits.errors import MissingExtra
from inkdigits.training.recipes import Recipe
from inkdigits.training.runs import Epoch


class Display(AbstractContextManager["Display"]):
    """Epoch, loss, accuracy, images a second and time left, on stderr; silent unless that is a terminal."""

    def __init__(self, recipe: Recipe, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TextColumn("{task.fields[speed]:,.0f} images/s"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._epochs = recipe.epochs
        self._task: TaskID | None = None
        self._done_before = 0
        self._began = (time.perf_counter(), 0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        """Moves the bar, which spans all epochs."""
        if self._task is None:
            self._task = self._progress.add_task(
                "", total=total * self._epochs, epoch="", loss=loss, speed=0.0
            )
            self._began = (time.perf_counter(), (epoch - 1) * total + done)
        seen = (epoch - 1) * total + done
        seconds = time.perf_counter() - self._began[0]
        speed = (seen - self._began[1]) / seconds if seconds > 0.1 else 0.0
        where = f"{epoch}/{self._epochs}"
        self._progress.update(self._task, completed=seen, epoch=where, loss=loss, speed=speed)

    def epoch(self, epoch: Epoch) -> None:
        """Leaves a line for the epoch above the bar."""
        held_out = (
            "" if epoch.validation_accuracy is None else f"  validation {epoch.validation_accuracy:.2%}"
        )
        self._console.print(
            f"epoch {epoch.number:>3}/{self._epochs}  loss {epoch.train_loss:.4f}{held_out}"
            f"  {epoch.images_per_second:,.0f} images/s  {epoch.seconds:.1f} s",
            highlight=False,
        )


class TensorBoard:
    """Scalars for TensorBoard, in `folder`.

    Raises:
        MissingExtra: the extra isn't installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtra("--tensorboard: pip install 'inkdigits[tensorboard]'") from None
        self._writer = SummaryWriter(str(folder))

    def step(self, epoch: int, done: int, total: int, loss: float) -> None:
        """Writes the mean loss so far, by images seen."""
        self._write("loss/step", loss, (epoch - 1) * total + done)

    def epoch(self, epoch: Epoch) -> None:
        """Writes the epoch's figures, by epoch."""
        figures = {
            "loss/train": epoch.train_loss,
            "loss/validation": epoch.validation_loss,
            "accuracy/train": epoch.train_accuracy,
            "accuracy/validation": epoch.validation_accuracy,
            "learning_rate": epoch.learning_rate,
            "images_per_second": epoch.images_per_second,
        }
        for name, value in figures.items():
            if value is not None:
                self._write(name, value, epoch.number)
        self._writer.flush()

    def _write(self, name: str, value: float, place: int) -> None:
        self._writer.add_scalar(name, value, place)
