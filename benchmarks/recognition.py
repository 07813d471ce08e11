"""How fast glyphs are recognised on one thread: the same network in several runtimes, in the same run.

    python benchmarks/recognition.py [--weights FILE.onnx] [--rounds 5] [--write]

`inkdigits bench` measures our own on any machine; this sets others beside it (`peers.py` says which, and how
to install them; what is missing is left out with a line). One glyph at a time, and batches of 32, 128 and
512, of which each keeps its best; medians of rounds in which each has its turn, in one process. Accuracy is
that on MNIST's validation images, since one could choose int8 by it. `--write` makes
records/recognition-speed.md.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before anything that starts threads
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import platform
import statistics
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from textwrap import fill

import numpy as np

from inkdigits import Reader
from inkdigits.model import SHIPPED
from inkdigits.timing import Rate, median_of, rate_of, seconds
from inkdigits.training.datasets import Dataset, load_data, load_training_data
from measured import commit, installed, processor  # beside this file
from peers import CALIBRATION, NETWORKS, Missing, Predict, read_network, scikit_learn  # beside this file

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "records" / "recognition-speed.md"
PICTURE = ROOT / "examples" / "digits" / "7-blue-pen.jpg"
BATCHES = (32, 128, 512)
CALLS = 50  # of one glyph a round
PACKAGES = ("onnxruntime", "openvino", "torch", "keras", "jax", "scikit-learn")


@dataclass
class Contender:
    """Something that reads glyphs, and how long it took.

    Attributes:
        name: for the table.
        predict: glyphs to logits.
        accuracy: on the validation images.
        one: seconds for one glyph, each time.
        rates: of glyphs by batch, each round.
    """

    name: str
    predict: Predict
    accuracy: float
    one: list[float] = field(default_factory=list)
    rates: dict[int, list[Rate]] = field(default_factory=dict)

    def best(self) -> tuple[int, Rate]:
        """The batch that brought most, and what."""
        medians = {batch: median_of(rates) for batch, rates in self.rates.items()}
        return max(medians.items(), key=lambda pair: pair[1].a_processor_second)


def main() -> None:
    arguments = parse()
    validation = load_data("mnist-validation").part("mnist-validation", 0, arguments.images)
    contenders, left_out = enter(arguments.weights, validation, arguments.trained_on)
    measure(contenders, validation, arguments.rounds)
    text = "\n\n".join([table(contenders, len(validation)), *left_out, pipeline_line(arguments.rounds)])
    print(text)
    if arguments.write:
        RECORD.write_text(record(text, arguments), encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", type=Path, default=SHIPPED, help="an ONNX file; the shipped one unless said"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=10_000, help="validation images for the accuracy")
    parser.add_argument("--trained-on", type=int, default=5_000, help="images for scikit-learn's classifier")
    parser.add_argument("--write", action="store_true", help="make records/recognition-speed.md")
    return parser.parse_args()


def enter(weights: Path, validation: Dataset, trained_on: int) -> tuple[list[Contender], list[str]]:
    """All that can be had here, warmed up on the validation images; and a line for each that can't."""
    training = load_training_data("mnist-train").part("training", 0, 50_000)
    assert training.labels is not None
    network = read_network(weights)
    contenders, left_out = [], []
    for name, build in NETWORKS.items():
        try:
            contenders.append(judged(name, build(network, training.images), validation))
        except Missing as reason:
            left_out.append(f"Left out: {name}: {reason}.")
            print(left_out[-1], flush=True)
    try:
        called, predict = scikit_learn(training.images[:trained_on], training.labels[:trained_on])
        contenders.append(judged(f"scikit-learn {called}", predict, validation))
    except Missing as reason:
        left_out.append(f"Left out: scikit-learn: {reason}.")
    return contenders, left_out


def judged(name: str, predict: Predict, validation: Dataset) -> Contender:
    parts = [predict(validation.images[i : i + 500]) for i in range(0, len(validation), 500)]
    accuracy = float(np.mean(np.concatenate(parts).argmax(axis=1) == validation.labels))
    for batch in (1, *BATCHES):  # some compile for each size
        predict(validation.images[:batch])
    print(f"{name}: {accuracy:.2%}", flush=True)
    return Contender(name, predict, accuracy)


def measure(contenders: list[Contender], validation: Dataset, rounds: int) -> None:
    """A round: single glyphs, then batches, for each contender in turn."""
    for _ in range(rounds):
        for contender in contenders:
            for i in range(CALLS):
                contender.one.append(seconds(partial(contender.predict, validation.images[i : i + 1])))
            for batch in BATCHES:
                rate = rate_of(partial(contender.predict, validation.images[:batch])).times(batch)
                contender.rates.setdefault(batch, []).append(rate)


def table(contenders: list[Contender], count: int) -> str:
    lines = [
        "| | one glyph, ms | glyphs a second of the processor | at a time | times ours (one, many) "
        f"| accuracy, {count:,} validation images |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    our_one, our_rate = statistics.median(contenders[0].one), contenders[0].best()[1].a_processor_second
    for contender in contenders:
        one, (batch, rate) = statistics.median(contender.one), contender.best()
        times = f"{one / our_one:.1f}, {our_rate / rate.a_processor_second:.1f}"
        cells = [f"{1000 * one:.3f}", f"{rate.a_processor_second:,.0f}", f"{batch}", times]
        lines.append(f"| {contender.name} | {' | '.join(cells)} | {contender.accuracy:.2%} |")
    return "\n".join(lines)


def pipeline_line(rounds: int) -> str:
    """How long a whole picture takes, from the bytes of a file to the answer."""
    reader, content = Reader.load(), PICTURE.read_bytes()
    took = [1000 * seconds(lambda: reader.classify(content)) for _ in range(20 * rounds)]
    return (
        f"A whole picture, {PICTURE.name} (240×260), from the bytes of its file to the answer: "
        f"{statistics.median(took):.1f} ms, median of {len(took)}."
    )


def record(text: str, arguments: argparse.Namespace) -> str:
    """The whole record."""
    packages = ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name)))
    conditions = (
        f"{date.today()}, commit {commit()}, {processor()} ({os.cpu_count()} cores, shared; load average "
        f"{os.getloadavg()[0]:.1f} meanwhile), Python {platform.python_version()}, {packages}. "
        f"One thread each, one process, medians of {arguments.rounds} rounds in turns ({CALLS} single glyphs "
        "a round). All networks have the weights of the ONNX file, batch norm folded in; int8's ranges come "
        f"from {CALIBRATION:,} training glyphs. Rates are by the second of the processor, which "
        "neighbours on a shared machine don't lower; of 32, 128 and 512 at a time, each contender's best."
    )
    call = f"python benchmarks/recognition.py --rounds {arguments.rounds} --images {arguments.images}"
    parts = ["# How fast glyphs are recognised", f"    {call} --write", fill(conditions, 120), text]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
