"""How fast, and in how much memory, Kaggle's train.csv becomes an array; ours beside other libraries'.

    python benchmarks/csv_loading.py [--csv train.csv] [--runs 5]

Without `--csv` it makes a file of the same size and kind: 42,000 rows of MNIST's training images. Each reader
runs in processes of its own; seconds are the median of the runs, memory is the largest growth of the resident
set over what it was after the imports, the array included (Linux). Readers not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.training.datasets import load_data, load_mnist
from inkdigits.training.kaggle import LABELLED, encode_kaggle_csv

ROWS = 42_000
ARRAY_MB = ROWS * 784 / 1e6
Table = NDArray[np.uint8]


def inkdigits(path: Path) -> Table:
    """`load_data`: NumPy's loadtxt, rows compacted in place, everything checked."""
    return load_data(str(path)).images


def pyarrow_stream(path: Path) -> Table:
    """A megabyte at a time, one thread."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import csv

    types = {name: pa.uint8() for name in LABELLED}
    batches = csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=1 << 20, use_threads=False),
        convert_options=csv.ConvertOptions(column_types=types),
    )
    return np.concatenate([batch.to_tensor(row_major=True).to_numpy()[:, 1:] for batch in batches])


def polars(path: Path) -> Table:
    """`read_csv` with its types given."""
    import polars as pl

    frame = pl.read_csv(path, schema_overrides=dict.fromkeys(LABELLED, pl.UInt8), low_memory=True)
    return frame.to_numpy()[:, 1:]


READERS: dict[str, tuple[str, Callable[[Path], Table]]] = {
    "inkdigits": ("numpy", inkdigits),
    "pyarrow, streaming": ("pyarrow.csv", pyarrow_stream),
    "polars": ("polars", polars),
}


def memory_mb(field: str) -> float:
    """`VmRSS` (now) or `VmHWM` (the most so far) of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(field))


def measure(name: str, path: Path) -> None:
    """Reads the file once, in a process that does nothing else, and prints what it took."""
    module, read = READERS[name]
    importlib.import_module(module)
    before = memory_mb("VmRSS")
    start = time.perf_counter()
    shape = len(read(path))
    seconds = time.perf_counter() - start
    print(json.dumps({"rows": shape, "seconds": seconds, "memory_mb": memory_mb("VmHWM") - before}))


def compare(path: Path, runs: int) -> None:
    """Prints a Markdown table of all readers."""
    size = path.stat().st_size / 1e6
    print(f"{path.name}: {size:.1f} MB, its array {ARRAY_MB:.1f} MB")
    print(f"Python {platform.python_version()}, {runs} runs\n")
    print("| reader | seconds, median (least to most) | memory, MB | times the array |")
    print("| --- | --- | --- | --- |")
    for name, (module, _) in READERS.items():
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            continue
        command = [sys.executable, __file__, "--csv", str(path), "--reader", name]
        found = [json.loads(subprocess.check_output(command)) for _ in range(runs)]
        assert all(one["rows"] == ROWS for one in found)
        seconds = [one["seconds"] for one in found]
        memory = max(one["memory_mb"] for one in found)
        spread = f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
        print(f"| {name} | {spread} | {memory:.0f} | {memory / ARRAY_MB:.2f} |")


def main() -> None:
    """Parses the call; makes the file if none is given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--reader", choices=READERS, help="measure this one, here, once")
    options = parser.parse_args()
    if options.reader:
        measure(options.reader, options.csv)
    elif options.csv:
        compare(options.csv, options.runs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            data = load_mnist("train")
            path = Path(folder) / "train.csv"
            path.write_bytes(encode_kaggle_csv(data.images[:ROWS], data.labels[:ROWS]))  # type: ignore[index]
            compare(path, options.runs)


if __name__ == "__main__":
    main()
