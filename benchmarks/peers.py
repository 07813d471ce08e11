"""The same network in other runtimes, on one thread: int8, OpenVINO, PyTorch, Keras. And scikit-learn's best.

Knows how each is asked; measures nothing. The layers come from the ONNX file, so all have its very weights.
What isn't installed is left out. What installs it, in the versions that this was written with:

    pip install 'inkdigits[train]'                 # PyTorch, scikit-learn, onnx for int8
    pip install openvino==2026.4.1
    pip install keras==3.15.1 jax==0.10.2          # or another of Keras's backends
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.model import Model, open_session

Glyphs = NDArray[np.uint8]
Predict = Callable[[Glyphs], NDArray[Any]]
CALIBRATION = 1_000  # training glyphs that int8's ranges come from


class Missing(Exception):
    """A peer that can't be had here: why, and what would change it."""


@dataclass(frozen=True)
class Layer:
    """One layer as the ONNX file has it: `conv`, `relu`, `pool`, `mean` or `dense`, and its weights."""

    kind: str
    weights: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Network:
    """A network of few kinds of layers.

    Attributes:
        path: its ONNX file.
        mean: taken off each grey level.
        scale: it is divided by.
        layers: in order; convolutions keep the size, pools halve it.
    """

    path: Path
    mean: float
    scale: float
    layers: tuple[Layer, ...]


def read_network(path: Path) -> Network:
    """The layers in an ONNX file that `inkdigits export` wrote."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants: dict[str, float] = {}
    layers: list[Layer] = []
    for node in graph.node:
        if "activation" in node.output:
            continue  # where the network looked; peers needn't say
        match node.op_type:
            case "Unsqueeze" | "Cast":
                pass
            case "Sub" | "Div":
                constants[node.op_type] = float(values[node.input[1]])
            case "Conv" | "Gemm":
                kind = "conv" if node.op_type == "Conv" else "dense"
                weights = values[node.input[1]]
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                layers.append(Layer(kind, weights.T if transposed else weights, values[node.input[2]]))
            case "Relu" | "MaxPool" | "ReduceMean":
                layers.append(Layer({"Relu": "relu", "MaxPool": "pool", "ReduceMean": "mean"}[node.op_type]))
            case other:
                raise Missing(f"{path.name} has an operation that peers aren't written for: {other}")
    return Network(path, constants["Sub"], constants["Div"], tuple(layers))


def ours(network: Network, _: Glyphs) -> Predict:
    """ONNX Runtime in float32, as inkdigits opens it."""
    session = Model.load(network.path).session
    return lambda glyphs: np.asarray(session.run(["logits"], {"glyphs": glyphs})[0])


def int8(network: Network, training: Glyphs) -> Predict:
    """ONNX Runtime with weights and activations of 8 bits, ranges from training glyphs."""
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as e:
        raise Missing(f"{e}: pip install onnx") from None

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            starts = range(0, CALIBRATION, 100)
            self.parts: Iterator[Any] = iter([{"glyphs": training[i : i + 100]} for i in starts])

        def get_next(self) -> Any:
            return next(self.parts, None)

    with TemporaryDirectory() as folder:
        prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(network.path), str(prepared))
        quantization.quantize_static(str(prepared), str(made), Reader(), per_channel=True)
        session = open_session(made.read_bytes(), made, threads=1)
    return lambda glyphs: np.asarray(session.run(["logits"], {"glyphs": glyphs})[0])


def openvino(network: Network, _: Glyphs) -> Predict:
    """OpenVINO's CPU plug-in, reading the same file."""
    try:
        import openvino as ov
    except ImportError:
        raise Missing("not installed: pip install openvino==2026.4.1") from None
    told = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(str(network.path), "CPU", told)
    asked = compiled.create_infer_request()
    return lambda glyphs: np.array(asked.infer({"glyphs": glyphs})["logits"])


def torch_eager(network: Network, _: Glyphs) -> Predict:
    """PyTorch in inference mode, operation by operation, in its faster memory format."""
    return _torch(network, compiled=False)


def torch_compiled(network: Network, _: Glyphs) -> Predict:
    """PyTorch through `torch.compile`."""
    return _torch(network, compiled=True)


def _torch(network: Network, *, compiled: bool) -> Predict:
    try:
        import torch
        from torch import nn
    except ImportError:
        raise Missing("not installed: pip install 'inkdigits[train]'") from None
    torch.set_num_threads(1)
    parts: list[nn.Module] = []
    for layer in network.layers:
        match layer.kind:
            case "relu":
                parts.append(nn.ReLU())
            case "pool":
                parts.append(nn.MaxPool2d(2))
            case "mean":
                parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            case _:
                parts.append(_torch_weights(layer))
    body: Any = nn.Sequential(*parts).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        body = torch.compile(body, dynamic=False)

    def predict(glyphs: Glyphs) -> NDArray[Any]:
        with torch.inference_mode():
            grey = torch.from_numpy(glyphs)[:, None].float().sub_(network.mean).div_(network.scale)
            return np.asarray(body(grey).numpy())

    try:
        predict(np.zeros((1, 28, 28), np.uint8))
    except Exception as e:  # no compiler, or none that works: torch has no one class for it
        raise Missing(f"{type(e).__name__}: it needs a working C++ compiler") from None
    return predict


def _torch_weights(layer: Layer) -> Any:
    import torch
    from torch import nn

    assert layer.weights is not None
    assert layer.bias is not None
    if layer.kind == "conv":
        outputs, inputs, side, _ = layer.weights.shape
        made: Any = nn.Conv2d(inputs, outputs, side, padding="same")
        made.weight.data = torch.tensor(layer.weights)
    else:
        made = nn.Linear(*layer.weights.shape)
        made.weight.data = torch.tensor(layer.weights.T.copy())
    made.bias.data = torch.tensor(layer.bias)
    return made


def keras(network: Network, _: Glyphs) -> Predict:
    """Keras, compiled by its backend: JAX unless `KERAS_BACKEND` says another."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        import keras
    except ImportError:
        raise Missing("not installed: pip install keras==3.15.1 jax==0.10.2") from None
    layers = keras.layers
    parts: list[Any] = [
        keras.Input((28, 28, 1)),
        layers.Rescaling(1 / network.scale, -network.mean / network.scale),
    ]
    for layer in network.layers:
        match layer.kind:
            case "conv":
                assert layer.weights is not None
                parts.append(layers.Conv2D(layer.weights.shape[0], layer.weights.shape[2], padding="same"))
            case "dense":
                assert layer.weights is not None
                parts.append(layers.Dense(layer.weights.shape[1]))
            case "relu":
                parts.append(layers.ReLU())
            case "pool":
                parts.append(layers.MaxPooling2D())
            case "mean":
                parts.append(layers.GlobalAveragePooling2D())
    model = keras.Sequential(parts)
    weighty = [layer for layer in network.layers if layer.weights is not None]
    made = [layer for layer in model.layers if layer.weights]
    for theirs, layer in zip(made, weighty, strict=True):
        assert layer.weights is not None
        as_theirs = layer.weights.transpose(2, 3, 1, 0) if layer.kind == "conv" else layer.weights
        theirs.set_weights([as_theirs, layer.bias])
    return lambda glyphs: np.asarray(model.predict_on_batch(glyphs[..., None].astype(np.float32)))


def scikit_learn(images: Glyphs, labels: NDArray[np.int64]) -> tuple[str, Predict]:
    """Its classifier that is best on MNIST at this many images: a support vector machine, not a network."""
    try:
        from sklearn.svm import SVC
    except ImportError:
        raise Missing("not installed: pip install 'inkdigits[train]'") from None

    def rows(glyphs: Glyphs) -> NDArray[np.float32]:
        return glyphs.reshape(len(glyphs), -1).astype(np.float32) / np.float32(255)

    machine = SVC(C=10, gamma="scale", cache_size=500).fit(rows(images), labels)
    return f"SVC, {len(images):,} images", lambda glyphs: np.eye(10)[machine.predict(rows(glyphs))]


NETWORKS: dict[str, Callable[[Network, Glyphs], Predict]] = {
    "inkdigits: ONNX Runtime, float32": ours,
    "ONNX Runtime, int8": int8,
    "OpenVINO, float32": openvino,
    "PyTorch, eager": torch_eager,
    "PyTorch, torch.compile": torch_compiled,
    "Keras": keras,
}
