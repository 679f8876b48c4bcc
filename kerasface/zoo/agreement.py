"""How far an exported network's answers are from those of the network it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.zoo.errors import ProbeError
from kerasface.zoo.export_facts import ALLOWED, ALLOWED_INT8, ExportFact
from kerasface.zoo.manifest import Manifest
from kerasface.zoo.probe import DIGITS, compare, input_digest, probe_input

if TYPE_CHECKING:
    from kerasface.tasks import Task

Outputs = Mapping[str, Any]


def comparable(task: Task, outputs: Any) -> np.ndarray:
    """A task's outputs on a scale from 0 to 1 or so, on which a difference means something.

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)`.

    Returns:
        float64 of the same shape: probabilities where the outputs are logits (classes, bins of a
        number), a number without bins as share of its range, anything else (points as shares of
        the crop, components of a unit vector) as it is.
    """
    values = np.asarray(outputs, "float64")
    regression = task.kind == "regression"
    if regression and task.bins is None:
        return (values - task.low) / (task.high - task.low)
    if regression or (hasattr(task, "classes") and not getattr(task, "embeds", False)):
        odds = np.exp(values - values.max(-1, keepdims=True))
        return odds / odds.sum(-1, keepdims=True)
    return values


def differences(
    tasks: Sequence[Task], expected: Outputs, received: Outputs, precision: str
) -> dict[str, float]:
    """Largest difference by task: in float32 of the outputs, else on the scale of `comparable`.

    Args:
        tasks: of the network.
        expected: outputs `(rows, output_size)` by task.
        received: the same, from the exported file.
        precision: of the file.

    Returns:
        One number of 0 or more a task; infinite where an answer is missing or not finite.
    """
    if precision == "float32":
        return compare(expected, {task.name: received.get(task.name, np.nan) for task in tasks})
    found = {}
    for task in tasks:
        wanted = comparable(task, expected[task.name])
        got = np.asarray(received.get(task.name, np.nan), "float64")
        if got.shape != wanted.shape or not np.isfinite(got).all():
            found[task.name] = float("inf")
            continue
        found[task.name] = float(np.abs(comparable(task, got) - wanted).max())
    return found


def probe_answers(model: Any, manifest: Manifest) -> dict[str, np.ndarray]:
    """An opened export's outputs for the generated input of the manifest's probe."""
    probe = manifest.probe
    images = probe_input(manifest.input, probe.seed, probe.count)
    if input_digest(images) != probe.sha256:
        raise ProbeError(
            f"{manifest.reference}: the probe's input came out as {input_digest(images)}, "
            f"its manifest says {probe.sha256}"
        )
    try:
        return model.predict_on_batch(images)
    except Exception as error:  # each runtime has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ProbeError(f"{manifest.reference}: no answer to the probe: {reason}") from None


def rounded(outputs: Outputs) -> dict[str, tuple[tuple[float, ...], ...]]:
    """Outputs as a manifest keeps them."""
    return {
        task: tuple(
            tuple(float(f"{item:.{DIGITS}g}") for item in row) for row in np.asarray(rows).tolist()
        )
        for task, rows in outputs.items()
    }


def check_export_probe(model: Any, manifest: Manifest, export: ExportFact) -> dict[str, float]:
    """Asks an opened export the manifest's probe.

    float32 and float16 are compared with what Keras answered when the entry was published; int8
    with what the file itself answered, since it differs from Keras by more than a wrongly
    computed answer may.

    Args:
        model: a `RuntimeModel` of the entry.
        manifest: of the entry.
        export: the record of the file.

    Returns:
        The differences by task.

    Raises:
        ProbeError: an answer is further off than its precision may be.
    """
    expected = manifest.probe.outputs if export.outputs is None else export.outputs
    allowed = ALLOWED.get(export.precision, ALLOWED_INT8)
    found = differences(model.tasks, expected, probe_answers(model, manifest), export.precision)
    for task, difference in found.items():
        if not difference <= allowed:
            raise ProbeError(
                f"{manifest.reference} in {export.name}: the answer for '{task}' differs from "
                f"the stored probe by {difference:.2g}, allowed is {allowed:.2g}"
            )
    return found
