"""Weights files: writing them in half precision, and looking into one before Keras does."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.zoo.errors import IntegrityError, PublishError

if TYPE_CHECKING:  # imported where a file is opened: an exported entry is read without it
    import h5py

# Its state is drawn anew in every process and means nothing after training.
RANDOM_STATE = "seed_generator"


def write_half(source: Path, target: Path) -> None:
    """Rewrites a `.weights.h5` for an entry: half precision, and the same bytes every time.

    Matrices and kernels become float16. Vectors (biases, statistics of normalisation) stay
    float32: they are under 1 % of the file, and a variance above 65,504 would overflow. Names
    of layers, which count up within a process, and the state of random generators go.

    Args:
        source: what `model.save_weights` wrote for a model without optimiser.
        target: the new file.

    Raises:
        PublishError: a weight is not finite, overflows float16, or is neither float32 nor whole.
    """
    import h5py

    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        for name, item in _walk(old):
            if isinstance(item, h5py.Group):
                new.require_group(name)
                continue
            new.create_dataset(name, data=_halved(name, item[()]), track_times=False)


def _halved(name: str, values: np.ndarray) -> np.ndarray:
    if RANDOM_STATE in name.split("/"):
        return np.zeros_like(values)
    if values.dtype.kind in "iu":
        return values
    if values.dtype != np.float32:
        raise PublishError(f"weights must be float32. Received: {values.dtype} in {name}")
    with np.errstate(over="ignore"):
        result = values.astype(np.float16) if values.ndim > 1 else values
    if not np.isfinite(result).all():
        raise PublishError(f"weights must be finite and, as matrices, under 65,504: {name} is not")
    return result


def _walk(group: h5py.Group) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """All groups and datasets below, in order of name; refuses whatever is not plain.

    Raises:
        IntegrityError: a soft or external link, an object that is reached twice, or data that
            is not stored in the file as plain numbers of their declared size.
    """
    import h5py

    seen = set()
    waiting = [group]
    while waiting:
        parent = waiting.pop()
        for key in sorted(parent):
            name = f"{parent.name.rstrip('/')}/{key}".lstrip("/")
            if not isinstance(parent.get(key, getlink=True), h5py.HardLink):
                raise IntegrityError(f"{name} is a link to elsewhere")
            item = parent[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise IntegrityError(f"{name} is reached twice")
            seen.add(address)
            if isinstance(item, h5py.Dataset):
                _check_plain(name, item)
            elif isinstance(item, h5py.Group):
                waiting.append(item)
            else:
                raise IntegrityError(f"{name} is neither group nor numbers")
            yield name, item


def _check_plain(name: str, dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        raise IntegrityError(f"{name} keeps its numbers outside the file")
    if dataset.dtype.kind not in "fiub" or dataset.dtype.subdtype is not None:
        raise IntegrityError(f"{name} holds {dataset.dtype}, not numbers")
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    if dataset.id.get_storage_size() != declared:
        raise IntegrityError(f"{name} declares {declared} bytes and stores another number")


@dataclass(frozen=True)
class Holding:
    """What a weights file holds: so many numbers in so many arrays; no state of generators."""

    parameters: int
    arrays: int


def measure_weights(path: Path) -> Holding:
    """Counts numbers and arrays in a weights file, and refuses a file that is not plain.

    Needs no Keras. State of random generators is not counted, as in `model.count_params()`.

    Args:
        path: a `.weights.h5` whose sha256 has been checked.

    Raises:
        IntegrityError: no HDF5, or links, external, virtual or compressed data inside: an
            entry holds none of these, and each can make a reader open or allocate what the
            file does not show.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            sizes = [
                math.prod(item.shape)
                for name, item in _walk(file)
                if isinstance(item, h5py.Dataset) and RANDOM_STATE not in name.split("/")
            ]
    except IntegrityError as error:
        raise IntegrityError(f"{os.fspath(path)}: {error}") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IntegrityError(f"{os.fspath(path)} is no readable HDF5: {line}") from None
    return Holding(sum(sizes), len(sizes))


def count_parameters(path: Path) -> int:
    """The number of parameters in a weights file; raises as `measure_weights`."""
    return measure_weights(path).parameters
