"""What a task's outputs are worth against its labels, as plain numbers.

Everything is NumPy, so that a figure in a report does not depend on the backend that trained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kerasface.evaluation.calibration import (
    expected_calibration_error,
    interval_coverage,
    probabilities_of,
)
from kerasface.tasks import Task

# Points between which the distance of the eyes is measured: pupils of 5, outer corners of 68.
EYES = {5: (0, 1), 68: (36, 45)}
NEAR = 5.0  # an age within five years counts as a hit in `within_5`

Scorer = Callable[[np.ndarray], dict[str, float]]


def measure(task: Task, outputs, labels, mask=None) -> dict[str, float]:
    """All measures of a task over its labelled rows.

    - classification, and domain by softmax: `accuracy`, `balanced_accuracy`, `macro_f1`,
      `calibration_error`
    - regression: `mean_absolute_error`, `root_mean_squared_error` (in the unit), `within_5`
      (share of errors of at most 5 units), with bins also `interval_coverage` (share of labels
      inside the range that is shown to people)
    - landmarks: `mean_absolute_error` (share of the crop), `nme` and `nrmse` (shares of the
      distance of the eyes)

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)` float.
        labels: `(rows, *label_shape)`, anything where the mask is false.
        mask: `(rows,)` bool, true where the label is known; None: everywhere.

    Returns:
        Measures by name, and `labelled`, the number of rows. Empty where no row is labelled, or
        where the task's kind is not measured row by row.

    Raises:
        ValueError: labels or mask have another number of rows than the outputs.

    Example:
        >>> from kerasface.tasks import Classification
        >>> task = Classification("gender", ("male", "female"))
        >>> measure(task, [[9, 0], [9, 0], [0, 9]], [0, 1, 0], [True, True, False])["accuracy"]
        0.5
    """
    outputs, labels = labelled_rows(outputs, labels, mask)
    score = scorer(task, outputs, labels)
    if score is None or not len(labels):
        return {}
    return {**score(np.ones(len(labels))), "labelled": float(len(labels))}


def labelled_rows(outputs, labels, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and labels of the rows where the mask is true."""
    outputs, labels = np.asarray(outputs), np.asarray(labels)
    mask = np.ones(len(outputs), bool) if mask is None else np.asarray(mask, bool)
    if not len(outputs) == len(labels) == len(mask):
        raise ValueError(
            "outputs, labels and mask must have one row a face. "
            f"Received: {len(outputs)}, {len(labels)} and {len(mask)} rows"
        )
    return outputs[mask], labels[mask]


def scorer(task: Task, outputs: np.ndarray, labels: np.ndarray) -> Scorer | None:
    """The measures as a function of how often each row counts, for resampling.

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)`, labelled rows only.
        labels: `(rows, *label_shape)`.

    Returns:
        A function of weights `(rows,)`, at least 0 and not all 0, to measures by name; or None
        for a kind of task that is not measured row by row.
    """
    make = SCORERS.get(task.kind)
    return None if make is None else make(task, outputs, labels)


def confusion_matrix(labels, predicted, classes: int, weights=None) -> np.ndarray:
    """`(classes, classes)` float64 counts, true class by row and predicted class by column."""
    place = np.asarray(labels, int) * classes + np.asarray(predicted, int)
    counts = np.bincount(place, weights=weights, minlength=classes * classes)
    return counts.reshape(classes, classes).astype("float64")


def accuracy(confusion: np.ndarray) -> float:
    """Share of rows on the diagonal of a confusion matrix."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Mean over the classes that occur of the share of their rows that was recognised."""
    rows = confusion.sum(axis=1)
    seen = rows > 0
    return float(np.mean(np.diagonal(confusion)[seen] / rows[seen]))


def macro_f1(confusion: np.ndarray) -> float:
    """Mean F1 = 2 hits / (labelled + predicted) over classes that were labelled or predicted."""
    either = confusion.sum(axis=0) + confusion.sum(axis=1)
    seen = either > 0
    return float(np.mean(2.0 * np.diagonal(confusion)[seen] / either[seen]))


def point_errors(predicted, labels) -> tuple[np.ndarray, np.ndarray]:
    """Errors of points as shares of the distance of the eyes, one number a face.

    Args:
        predicted: `(rows, points, 2)`; x and y in one unit.
        labels: the same.

    Returns:
        `(nme, nrmse)`, each `(rows,)`: mean distance of a point from its place, and the root of
        the mean squared distance, over the distance of the eyes. Where the number of points
        has no known eyes the unit itself is kept. A face whose eyes fall together has NaN.

    Reference:
        The eyes are the pupils of 5 points and the outer corners of 68, which 300-W's
        inter-ocular distance is measured between.
    """
    labels = np.asarray(labels, "float64")
    squared = ((np.asarray(predicted, "float64") - labels) ** 2).sum(-1)
    size = np.ones(len(labels))
    if labels.shape[1] in EYES:
        left, right = EYES[labels.shape[1]]
        size = np.linalg.norm(labels[:, left] - labels[:, right], axis=-1)
        size = np.where(size > 0, size, np.nan)
    return np.sqrt(squared).mean(-1) / size, np.sqrt(squared.mean(-1)) / size


def _classification(task, outputs, labels) -> Scorer:
    probabilities = probabilities_of(outputs)
    predicted = probabilities.argmax(-1)
    labels = labels.astype(int)

    def score(weights):
        confusion = confusion_matrix(labels, predicted, task.output_size, weights)
        return {
            "accuracy": accuracy(confusion),
            "balanced_accuracy": balanced_accuracy(confusion),
            "macro_f1": macro_f1(confusion),
            "calibration_error": expected_calibration_error(probabilities, labels, weights=weights),
        }

    return score


def _domain(task, outputs, labels) -> Scorer | None:
    """As a class, unless the adversary gives an embedding."""
    return None if task.embeds else _classification(task, outputs, labels)


def _regression(task, outputs, labels) -> Scorer:
    labels = labels.astype("float64")
    error = np.abs(task.expected(outputs).astype("float64") - labels)
    ranges = None
    if task.bins:
        answers = task.decode(outputs)
        ranges = [np.array([answer[end] for answer in answers]) for end in ("low", "high")]

    def score(weights):
        measures = {
            "mean_absolute_error": _mean(error, weights),
            "root_mean_squared_error": float(np.sqrt(_mean(error**2, weights))),
            "within_5": _mean(error <= NEAR, weights),
        }
        if ranges is not None:
            measures["interval_coverage"] = interval_coverage(labels, *ranges, weights=weights)
        return measures

    return score


def _landmarks(task, outputs, labels) -> Scorer:
    predicted = outputs.reshape(-1, task.points, 2).astype("float64")
    error = np.abs(predicted - labels).mean(axis=(1, 2))
    nme, nrmse = point_errors(predicted, labels)
    sized = np.isfinite(nme)

    def score(weights):
        measures = {"mean_absolute_error": _mean(error, weights)}
        if weights[sized].any():
            measures["nme"] = _mean(nme[sized], weights[sized])
            measures["nrmse"] = _mean(nrmse[sized], weights[sized])
        return measures

    return score


def _mean(values, weights) -> float:
    return float(np.dot(values, weights) / weights.sum())


# How each kind of task is measured; a kind that is not here has no measures by row.
SCORERS = {
    "classification": _classification,
    "domain": _domain,
    "regression": _regression,
    "landmarks": _landmarks,
}
