"""The temperature of each classification task: fitted on half of the validation faces.

What it is worth is measured on the other half. Pictures of one person are in one half. Every data
set counts the same, whatever its size: nobody knows which of them a photograph will be like.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.calibration import expected_calibration_error, probabilities_of
from kerasface.evaluation.figures import calibration_diagram
from kerasface.evaluation.intervals import people
from kerasface.evaluation.temperature import (
    answered,
    fit_temperature,
    negative_log_likelihood,
)
from kerasface.inference.confidence import calibrated
from kerasface.tasks import Task
from recipes.face_zoo.sets import NAMES

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
DIGITS = 4  # of what is published; the fit is not surer than that
SEED = 0


def first_half(prepared: PreparedSet, seed: int = SEED) -> np.ndarray:
    """`(rows,)` bool: the pictures of a random half of the people."""
    numbers = people(prepared.subjects)
    count = numbers.max() + 1
    chosen = np.random.default_rng(seed).permutation(count) < count / 2
    return chosen[numbers]


def temperatures(
    tasks: tuple[Task, ...],
    sets: Mapping[str, PreparedSet],
    outputs: Mapping[str, Mapping[str, np.ndarray]],
    figures: Path,
) -> list[dict]:
    """Facts for `kerasface.zoo.publish`, and a figure a task.

    Args:
        tasks: of the network; those without classes or labels are left out.
        sets: validation parts by name.
        outputs: of the network for each, `(rows, output_size)` by set and task.
        figures: folder for `calibration_<task>.png`.

    Returns:
        A dict a task as `kerasface.zoo.temperature_facts.TemperatureFact`.
    """
    figures.mkdir(parents=True, exist_ok=True)
    facts = []
    for task in tasks:
        if task.kind != "classification":
            continue
        fitting, held = _halves(task, sets, outputs)
        if not fitting or not held:
            continue
        names = [NAMES.get(name, name) for name in fitting]
        logits, labels, weights = _together(fitting)
        temperature = round(fit_temperature(logits, labels, weights), DIGITS)
        others, truth, shares = _together(held)
        before, after = probabilities_of(others), probabilities_of(calibrated(others, temperature))
        figure = f"calibration_{task.name}.png"
        title = f"{task.name}, other half of validation, temperature {temperature:.3f}"
        picture = calibration_diagram(before, after, truth, title=title, weights=shares)
        (figures / figure).write_bytes(picture)
        facts.append(
            {
                "task": task.name,
                "temperature": temperature,
                "fitted_on": f"half of the people of the validation parts of {', '.join(names)}, "
                "each set counting the same",
                "fitted": len(labels),
                "measures": [
                    _measured(NAMES.get(name, name), *each, temperature)
                    for name, each in held.items()
                ],
                "answered": [_answered(after, truth, level, shares) for level in THRESHOLDS],
                "figure": f"figures/{figure}",
            }
        )
    return facts


def _halves(task, sets, outputs) -> tuple[dict, dict]:
    """Logits and labels by set of the half to fit on, and of the other one."""
    halves = {}, {}
    for name, prepared in sets.items():
        if not prepared.labelled(task.name):
            continue
        mask, first = prepared.masks[task.name], first_half(prepared)
        for half, inside in zip(halves, (mask & first, mask & ~first), strict=True):
            if inside.any():
                half[name] = outputs[name][task.name][inside], prepared.labels[task.name][inside]
    return halves


def _together(half: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and weights of all sets, each set of the same weight."""
    logits, labels = (np.concatenate(each) for each in zip(*half.values(), strict=True))
    weights = [np.full(len(rows), 1.0 / len(rows)) for _, rows in half.values()]
    return logits, labels, np.concatenate(weights)


def _measured(dataset: str, logits, labels, temperature: float) -> dict:
    row = {"dataset": dataset, "split": "validation, other half", "n": len(labels)}
    for when, scaled in (("before", logits), ("after", calibrated(logits, temperature))):
        row[f"ece_{when}"] = expected_calibration_error(probabilities_of(scaled), labels)
        row[f"nll_{when}"] = negative_log_likelihood(scaled, labels)
    return row


def _answered(probabilities, labels, threshold: float, weights) -> dict:
    # Of equal weights a sum may come out past 1 by its last digit.
    share, right = answered(probabilities, labels, threshold, weights)
    row = {"threshold": threshold, "answered": min(share, 1.0)}
    return row if right is None else {**row, "accuracy": min(right, 1.0)}
