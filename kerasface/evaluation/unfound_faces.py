"""What counts as the answer for a face that no detector found, so that nothing is left out."""

from __future__ import annotations

import numpy as np

from kerasface.tasks import Task

# A logit next to which every other class has no probability.
CERTAIN = 100.0


def count_unfound(task: Task, outputs, labels, found) -> np.ndarray:
    """Outputs in which every face that was not found has the answer of the rule.

    - classification: another class than the label's, so it counts as wrong;
    - regression: the middle of the label's range;
    - landmarks: the middle of the crop for every point.

    Args:
        task: whose outputs they are.
        outputs: `(rows, output_size)` float; anything, NaN too, where no face was found.
        labels: `(rows, *label_shape)`.
        found: `(rows,)` bool.

    Returns:
        `(rows, output_size)`, a new array.

    Raises:
        ValueError: a task of another kind (of pairs see `pairs_with_unfound`), or columns of
            different lengths.

    Example:
        >>> from kerasface.tasks import Regression
        >>> age = Regression("age", "years", (0, 100))
        >>> count_unfound(age, [[30.0], [0.0]], [31.0, 9.0], [True, False]).tolist()
        [[30.0], [50.0]]

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), section 4.1: a face that is not detected is not correct when
        classes are asked for, and the average of minimum and maximum when a number is.
    """
    outputs, found = np.array(outputs, "float64"), np.asarray(found, bool)
    labels = np.asarray(labels)
    if not len(outputs) == len(found) == len(labels):
        raise ValueError(
            "outputs, labels and found must have one row a face. "
            f"Received: {len(outputs)}, {len(labels)} and {len(found)} rows"
        )
    lost = np.flatnonzero(~found)
    if task.kind == "classification":
        outputs[lost] = 0.0
        outputs[lost, (labels[lost].astype(int) + 1) % task.output_size] = CERTAIN
    elif task.kind == "regression":
        outputs[lost] = _middle(task)
    elif task.kind == "landmarks":
        outputs[lost] = 0.5
    else:
        raise ValueError(
            "only classes, numbers and points have an answer for a face that was not found. "
            f"Received: {task.kind} {task.name!r}"
        )
    return outputs


def pairs_with_unfound(distances, same, found) -> np.ndarray:
    """Distances in which every pair with a face that was not found counts as wrong.

    Args:
        distances: `(pairs,)` float, at least 0; anything where a face was not found.
        same: `(pairs,)` bool, two pictures of one person.
        found: `(pairs,)` bool, both faces were found.

    Returns:
        `(pairs,)` float64: farther than all others for one person, nearer than all for two.

    Example:
        >>> pairs_with_unfound([0.5, 0.5, 0.7], [True, False, True], [False, False, True]).tolist()
        [1.7, -1.0, 0.7]
    """
    distances, found = np.array(distances, "float64"), np.asarray(found, bool)
    same = np.asarray(same, bool)
    known = distances[found]
    farthest = (known.max() if known.size else 0.0) + 1.0
    return np.where(found, distances, np.where(same, farthest, -1.0))


def _middle(task) -> np.ndarray:
    """The output that means the middle of the range."""
    if not task.bins:
        return np.array([(task.low + task.high) / 2.0])
    # The two bins around the middle, or the one in it, alike: their expectation is the middle.
    logits = np.zeros(task.bins)
    logits[[(task.bins - 1) // 2, task.bins // 2]] = CERTAIN
    return logits
