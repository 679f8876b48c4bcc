"""Small prepared sets in which only some rows are labelled, and plain loops to judge by."""

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Classification, Regression

EXPRESSION = Classification("expression", ("angry", "happy", "sad"))
AGE = Regression("age", "years", (0, 116), bins=8, alpha=0.5)


def numbered_set(rows, task=None, labelled=None, domain="numbered", side=4, seed=0):
    """A set whose picture `n` is filled with (n // 200, n % 200, seed), so rows can be told apart.

    `task` gets random legal labels; `labelled` (bool a row, default all) says which are known.
    """
    rng = np.random.default_rng(seed)
    images = np.zeros((rows, side, side, 3), np.uint8)
    for row in range(rows):
        images[row] = (row // 200, row % 200, seed % 256)
    labels, masks = {}, {}
    if task is not None:
        mask = np.ones(rows, bool) if labelled is None else np.asarray(labelled, bool)
        if task.kind == "classification":
            column = rng.integers(0, task.output_size, rows).astype("int32")
        elif task.kind == "landmarks":
            column = rng.uniform(0.2, 0.8, (rows, *task.label_shape)).astype("float32")
        else:
            column = rng.uniform(task.low, task.high, rows).astype("float32")
        labels, masks = {task.name: column}, {task.name: mask}
    return PreparedSet(
        images=images,
        labels=labels,
        masks=masks,
        subjects=np.array([f"person {row // 3}" for row in range(rows)]),
        domain=domain,
        names=np.array([f"{domain}/{row}.png" for row in range(rows)]),
    )


def numbers_of(images):
    """The rows that pictures of `numbered_set` came from, and the seeds of their sets."""
    corner = np.asarray(images)[:, 0, 0].astype(int)
    return corner[:, 0] * 200 + corner[:, 1], corner[:, 2]


def weights_by_loops(mask, alpha):
    """The batch contract in the words of the design, row by row."""
    count = 0
    for known in mask:
        if known:
            count += 1
    weights = []
    for known in mask:
        weights.append(alpha * len(mask) / count if known else 0.0)
    return weights
