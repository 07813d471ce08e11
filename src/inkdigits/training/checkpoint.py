"""Weights and training states on disk: safetensors, written whole or not at all, never pickle.

Knows files and networks; knows nothing of how they are trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from inkdigits.errors import InvalidWeights
from inkdigits.training.files import write_whole as write_whole
from inkdigits.training.networks import Network
from inkdigits.training.recipes import Recipe, from_dict

FORMAT = "inkdigits-weights-1"
STATE_FORMAT = "inkdigits-state-1"


@dataclass(frozen=True)
class Weights:
    """A trained network with what is known of it.

    Attributes:
        network: on the CPU, in evaluation mode.
        recipe: what trained it.
        classes: the names of its classes, in output order.
        facts: everything else that was saved with it (seed, epoch, accuracy, data hash, temperature …).
        sha256: of the file.
    """

    network: Network
    recipe: Recipe
    classes: tuple[str, ...]
    facts: dict[str, Any]
    sha256: str


def save_tensor_file(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Tensors and JSON facts as one safetensors file, written whole.

    Raises:
        OutputError: the file can't be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # one entry only: safetensors writes several in random order, and equal weights are to be equal bytes
    write_whole(path, save_tensors(plain, metadata={"inkdigits": json.dumps(facts)}))


def load_tensor_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Tensors, facts and SHA-256 of a file that `save_tensor_file` wrote.

    Raises:
        InvalidWeights: missing, cut short, a pickle, or not of this project.
    """
    try:
        content = path.read_bytes()
    except OSError as e:
        raise InvalidWeights(f"{path}: can't be read ({e.strerror})") from None
    if content[:2] in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
        raise InvalidWeights(
            f"{path}: a pickle, which can run code when opened; convert it to safetensors first"
        )
    try:
        tensors = load_tensors(content)
        header_size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + header_size])
        facts = json.loads(header["__metadata__"]["inkdigits"])
    except (safetensors.SafetensorError, ValueError) as e:
        raise InvalidWeights(f"{path}: not a whole safetensors file ({e})") from None
    except KeyError:
        raise InvalidWeights(f"{path}: safetensors, but not written by inkdigits: it has no recipe") from None
    return tensors, facts, hashlib.sha256(content).hexdigest()


def save_weights(
    path: Path, network: Network, recipe: Recipe, classes: tuple[str, ...], facts: Mapping[str, Any]
) -> None:
    """Saves a network with its recipe, so that `load_weights` needs nothing else.

    Raises:
        OutputError: the file can't be written.
    """
    tensors = network.state_dict()
    known = {**facts, "format": FORMAT, "recipe": recipe.to_dict(), "classes": list(classes)}
    save_tensor_file(path, tensors, {**known, "tensors_sha256": _digest(tensors)})


def load_weights(path: Path) -> Weights:
    """A trained network from its file.

    Raises:
        InvalidWeights: missing, cut short, a changed byte, or of another kind.
    """
    if path.is_dir():  # a run folder stands for its best weights
        path = path / "weights" / "best.safetensors"
    tensors, facts, sha256 = load_tensor_file(path)
    if facts.get("format") != FORMAT:
        raise InvalidWeights(f"{path}: holds {facts.get('format', 'something else')}, not {FORMAT}")
    if facts.pop("tensors_sha256", None) != _digest(tensors):
        raise InvalidWeights(f"{path}: its tensors changed since they were saved; fetch or train them again")
    recipe = from_dict(facts.pop("recipe"))
    classes = tuple(facts.pop("classes"))
    network = Network(recipe.layers, classes=len(classes))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as e:
        raise InvalidWeights(
            f"{path}: its tensors don't fit its own recipe ({str(e).splitlines()[0]})"
        ) from None
    return Weights(network.eval(), recipe, classes, facts, sha256)


def save_state(path: Path, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    """What a training needs to go on, as one file, written whole.

    Raises:
        OutputError: the file can't be written.
    """
    save_tensor_file(path, tensors, {**plain, "format": STATE_FORMAT})


def load_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The inverse of `save_state`.

    Raises:
        InvalidWeights: missing, cut short, or of another kind.
    """
    tensors, plain, _ = load_tensor_file(path)
    if plain.pop("format", None) != STATE_FORMAT:
        raise InvalidWeights(f"{path}: not the state of a training; expected {STATE_FORMAT}")
    return tensors, plain


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
