"""How fast glyphs are recognised on one thread: ONNX Runtime, PyTorch, and scikit-learn's best classifier.

    python benchmarks/recognition.py --safetensors runs/train/NAME/weights/best.safetensors [--write]

One glyph, and MNIST's 10,000 test images; medians of rounds in which each contender has its turn, in one
process. PyTorch runs the shipped network eagerly in inference mode, in the fastest of three batch sizes;
without `--safetensors` it has the same layers with random weights, which take as long. scikit-learn's
classifiers are trained on a subset, and the best of them on validation images is timed. `--write` makes
records/recognition-speed.md.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before anything that starts threads
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import onnxruntime
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from inkdigits import Reader
from inkdigits.model import BATCH, SHIPPED, Model
from inkdigits.training.checkpoint import load_weights
from inkdigits.training.datasets import Dataset, load_data
from inkdigits.training.networks import Network
from inkdigits.training.recipes import from_dict

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "recognition-speed.md"
PICTURE = ROOT / "examples" / "digits" / "7-blue-pen.jpg"
Glyphs = NDArray[np.uint8]
Predict = Callable[[Glyphs], NDArray[Any]]

# as scikit-learn's users set them up for MNIST; others of its classifiers are far behind these
CLASSIFIERS: dict[str, Any] = {
    "SVC, RBF kernel, C=10": SVC(C=10, gamma="scale", cache_size=500),
    "KNeighbors, k=3": KNeighborsClassifier(3, n_jobs=1),
    "MLP, 256 hidden": MLPClassifier((256,), early_stopping=True, max_iter=40, random_state=0),
    "HistGradientBoosting": HistGradientBoostingClassifier(
        max_iter=60, max_bins=32, max_features=0.1, random_state=0
    ),
}


@dataclass
class Contender:
    """Something that reads glyphs, and how long it took.

    Attributes:
        name: for the table.
        predict: glyphs to classes.
        one: milliseconds for one glyph, each time.
        many: seconds for all test images, each time.
        accuracy: on the test images.
    """

    name: str
    predict: Predict
    one: list[float]
    many: list[float]
    accuracy: float = 0.0


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    test = load_data("mnist-test").part("mnist-test", 0, arguments.images)
    best, trials = best_of_scikit_learn(arguments.trained_on)
    network = "same layers, random weights" if arguments.safetensors is None else "the same network"
    contenders = [
        Contender("inkdigits: ONNX Runtime", lambda glyphs: model.logits(glyphs).argmax(axis=1), [], []),
        Contender(f"{network}, PyTorch eager", torch_predict(arguments.safetensors), [], []),
        Contender(f"scikit-learn {best}", scikit_predict(best), [], []),
    ]
    model = Model.load(SHIPPED)
    time_all(contenders, test, arguments.rounds)
    text = "\n\n".join([table(contenders, len(test)), pipeline_line(arguments.rounds), trials])
    print(text)
    if arguments.write:
        RECORD.write_text(record(contenders, text, arguments), encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--safetensors", type=Path, help="the shipped network before its export")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument(
        "--trained-on", type=int, default=20_000, help="images for scikit-learn's classifiers"
    )
    parser.add_argument("--write", action="store_true", help="make records/recognition-speed.md")
    return parser.parse_args()


def rows(glyphs: Glyphs) -> NDArray[np.float32]:
    """What scikit-learn takes: floats from 0 to 1, a row a glyph."""
    return glyphs.reshape(len(glyphs), -1).astype(np.float32) / np.float32(255)


def best_of_scikit_learn(count: int) -> tuple[str, str]:
    """Trains all classifiers on `count` images; the best on 2,000 validation images, and a table of all."""
    train, validation = load_data("mnist-train"), load_data("mnist-validation").part("some", 0, 2_000)
    assert train.labels is not None
    assert validation.labels is not None
    lines = ["| scikit-learn | trained in, s | validation accuracy |", "| --- | --- | --- |"]
    scores: dict[str, float] = {}
    for name, classifier in CLASSIFIERS.items():
        began = time.perf_counter()
        classifier.fit(rows(train.images[:count]), train.labels[:count])
        took = time.perf_counter() - began
        scores[name] = float(classifier.score(rows(validation.images), validation.labels))
        lines.append(f"| {name} | {took:.0f} | {scores[name]:.2%} |")
        print(lines[-1], flush=True)
    return max(scores, key=lambda name: scores[name]), "\n".join(lines)


def scikit_predict(name: str) -> Predict:
    return lambda glyphs: np.asarray(CLASSIFIERS[name].predict(rows(glyphs)))


def torch_predict(safetensors: Path | None) -> Predict:
    """PyTorch's eager network, with the fastest of three batch sizes."""
    card = Model.load(SHIPPED).card
    if safetensors is None:
        network = Network(from_dict(card["recipe"]).layers, classes=len(card["classes"])).eval()
    else:
        network = load_weights(safetensors).network

    def predict(glyphs: Glyphs, batch: int) -> NDArray[Any]:
        with torch.inference_mode():
            parts = [network(torch.from_numpy(glyphs[i : i + batch])) for i in range(0, len(glyphs), batch)]
        return np.asarray(torch.cat(parts).numpy().argmax(axis=1))

    some = np.random.default_rng(0).integers(0, 256, (2_000, 28, 28)).astype(np.uint8)
    batches = [BATCH, 500, 1_000]
    took = {batch: min(seconds(partial(predict, some, batch)) for _ in range(3)) for batch in batches}
    fastest = min(batches, key=lambda batch: took[batch])
    return lambda glyphs: predict(glyphs, fastest)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def time_all(contenders: list[Contender], test: Dataset, rounds: int) -> None:
    """Fills in times and accuracies. A round: 20 single glyphs, then all of them, for each in turn."""
    for contender in contenders:
        contender.accuracy = float(np.mean(contender.predict(test.images) == test.labels))  # and warms up
    for number in range(rounds):
        for contender in contenders:
            for i in range(20):
                glyph = test.images[20 * number + i : 20 * number + i + 1]
                contender.one.append(1000 * seconds(partial(contender.predict, glyph)))
            contender.many.append(seconds(partial(contender.predict, test.images)))


def table(contenders: list[Contender], count: int) -> str:
    ours = contenders[0]
    lines = [
        f"| | one, ms | {count:,}, s | glyphs a second | times ours (one, {count:,}) | test accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for contender in contenders:
        one, many = statistics.median(contender.one), statistics.median(contender.many)
        times = f"{one / statistics.median(ours.one):.1f}, {many / statistics.median(ours.many):.1f}"
        cells = [f"{one:.3f}", f"{many:.2f}", f"{count / many:,.0f}", times, f"{contender.accuracy:.2%}"]
        lines.append(f"| {contender.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def pipeline_line(rounds: int) -> str:
    """How long a whole picture takes, from the bytes of a file to the answer."""
    reader, content = Reader.load(), PICTURE.read_bytes()
    took = sorted(1000 * seconds(lambda: reader.classify(content)) for _ in range(20 * rounds))
    return (
        f"A whole picture, {PICTURE.name} (240×260), from the bytes of its file to the answer: "
        f"{statistics.median(took):.1f} ms, median of {len(took)}."
    )


def record(contenders: list[Contender], text: str, arguments: argparse.Namespace) -> str:
    """The whole record."""
    ours, eager = contenders[:2]
    one = statistics.median(eager.one) / statistics.median(ours.one)
    many = statistics.median(eager.many) / statistics.median(ours.many)
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
    conditions = (
        f"{date.today()}, commit {commit}, {processor()} ({os.cpu_count()} cores, shared; load average "
        f"{os.getloadavg()[0]:.1f} meanwhile), Python {platform.python_version()}, "
        f"ONNX Runtime {onnxruntime.__version__}, PyTorch {torch.__version__}, scikit-learn "
        f"{sklearn.__version__}. One thread each, one process, medians of {arguments.rounds} rounds in turns "
        f"(20 single glyphs a round). ONNX Runtime is asked {BATCH} glyphs at a time, PyTorch (with "
        f"{'random' if arguments.safetensors is None else 'the same'} weights) in the fastest of three batch "
        "sizes, scikit-learn all at once. scikit-learn's classifiers were trained on "
        f"{arguments.trained_on:,} images; the best of them on 2,000 validation images was timed."
    )
    call = f"python benchmarks/recognition.py --rounds {arguments.rounds} --trained-on {arguments.trained_on}"
    parts = [
        "# How fast glyphs are recognised",
        f"On one thread, ONNX Runtime is {one:.1f} times as fast as PyTorch eager for one glyph, and "
        f"{many:.1f} times for {arguments.images:,}.",
        f"    {call} --write",
        fill(conditions, 120),
        text,
    ]
    return "\n\n".join(parts) + "\n"


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())


if __name__ == "__main__":
    main()
