"""A generated input and the answers to it, by which a network is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasface.zoo.errors import ProbeError
from kerasface.zoo.manifest import InputContract, Manifest, ProbeFact

SEED, COUNT, TOLERANCE = 48, 4, 1e-3
# Sides of the blocks of equal colour, in pixels: one picture each, then again from the first.
BLOCKS = (1, 4, 12, 24)
DIGITS = 6


def probe_input(contract: InputContract, seed: int, count: int) -> np.ndarray:
    """Pictures of random colours in square blocks; no photograph is in them.

    Drawn from `numpy.random.RandomState`, whose stream NumPy has promised not to change.

    Args:
        contract: the size of the pictures.
        seed: of the generator.
        count: how many pictures.

    Returns:
        `(count, height, width, channels)` uint8.
    """
    random = np.random.RandomState(seed)
    pictures = []
    for place in range(count):
        side = BLOCKS[place % len(BLOCKS)]
        rows, columns = -(-contract.height // side), -(-contract.width // side)
        colours = random.randint(0, 256, (rows, columns, contract.channels))
        picture = colours.repeat(side, axis=0).repeat(side, axis=1)
        pictures.append(picture[: contract.height, : contract.width])
    return np.stack(pictures).astype(np.uint8)


def input_digest(images: np.ndarray) -> str:
    """sha256 of the pictures' bytes."""
    return hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()


def answers(model: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """The network's outputs by task, float32 `(count, outputs)`, outside of training."""
    from keras import ops

    outputs = model(images.astype("float32"), training=False)
    return {
        task: np.asarray(ops.convert_to_numpy(value), "float32") for task, value in outputs.items()
    }


def record_probe(
    model: Any,
    contract: InputContract,
    seed: int = SEED,
    count: int = COUNT,
    tolerance: float = TOLERANCE,
) -> ProbeFact:
    """Runs the network on the generated input.

    Args:
        model: the model as it will be loaded, from the half-precision file.
        contract: the size of its input.
        seed: of the input.
        count: pictures in it.
        tolerance: largest difference, as a share of the task's largest answer (or of 1).

    Returns:
        The probe, its answers rounded to six digits.
    """
    images = probe_input(contract, seed, count)
    outputs = {
        task: tuple(tuple(float(f"{item:.{DIGITS}g}") for item in row) for row in rows.tolist())
        for task, rows in answers(model, images).items()
    }
    return ProbeFact("blocks", seed, count, input_digest(images), tolerance, outputs)


def compare(expected: Mapping[str, Any], received: Mapping[str, Any]) -> dict[str, float]:
    """Largest difference by task, as a share of the task's largest answer (or of 1).

    Args:
        expected: answers `(count, outputs)` by task.
        received: the same, from the network at hand.

    Returns:
        One number of 0 or more a task; infinite where a task or shape is missing.
    """
    found = {}
    for task, rows in expected.items():
        wanted = np.asarray(rows, "float64")
        got = np.asarray(received.get(task, np.nan), "float64")
        if got.shape != wanted.shape or not np.isfinite(got).all():
            found[task] = float("inf")
            continue
        found[task] = float(np.abs(got - wanted).max() / max(1.0, np.abs(wanted).max()))
    return found


def check_probe(model: Any, manifest: Manifest, allow: float = 1.0) -> dict[str, float]:
    """Compares the network's answers with those of its manifest.

    Args:
        model: the loaded model.
        manifest: of its entry.
        allow: factor of the tolerance, for models built in less than float32.

    Returns:
        The differences by task.

    Raises:
        ProbeError: an answer differs by more than the manifest's tolerance, or the generated
            input is not the one the probe was recorded on.
    """
    probe = manifest.probe
    images = probe_input(manifest.input, probe.seed, probe.count)
    if input_digest(images) != probe.sha256:
        raise ProbeError(
            f"{manifest.reference}: the probe's input came out as {input_digest(images)}, "
            f"its manifest says {probe.sha256}"
        )
    found = compare(probe.outputs, answers(model, images))
    for task, difference in found.items():
        if not difference <= probe.tolerance * allow:
            raise ProbeError(
                f"{manifest.reference}: the answer for '{task}' differs from the stored probe "
                f"by {difference:.2g} of its size, allowed is {probe.tolerance * allow:.2g}"
            )
    return found
