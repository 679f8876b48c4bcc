"""Run by test_jax.py with KERAS_BACKEND=jax: train, then answer with weights from TensorFlow."""

import json
import sys

import keras
import numpy as np

from kerasface.data.batches import arrays
from kerasface.data.prepared import PreparedSet
from tests.models.tiny import TASKS, pictures, some_labels, tiny_model


def prepared(name, tasks, rows, seed):
    """A set that knows some of the tasks; bright pictures are the second gender."""
    labels = some_labels(tasks, rows, seed)
    images = pictures(rows, seed) // 2
    if "gender" in labels:
        images = images + (labels["gender"][:, None, None, None] * 127).astype("uint8")
    none = np.full(rows, "")
    masks = {task.name: np.ones(rows, bool) for task in tasks}
    return PreparedSet(images, labels, masks, none, name, none)


def main(weights, expected):
    after_import = "tensorflow" in sys.modules
    sets = {
        "a": prepared("a", TASKS[:3], 24, seed=1),
        "b": prepared("b", (TASKS[0], *TASKS[3:]), 40, seed=2),
    }
    images, labels, sample_weight = arrays(sets, TASKS)
    model = tiny_model()
    model.compile(keras.optimizers.Adam(3e-3))
    history = model.fit(
        images, labels, sample_weight=sample_weight, batch_size=32, epochs=8, verbose=0
    ).history
    logs = model.evaluate(images, labels, sample_weight=sample_weight, verbose=0)

    other = tiny_model(seed=7)
    other.load_weights(weights)
    outputs = other.predict(pictures(4), verbose=0)
    with np.load(expected) as stored:
        apart = {name: float(np.abs(outputs[name] - stored[name]).max()) for name in stored.files}
    answer = {
        "backend": keras.backend.backend(),
        "tensorflow_after_import": after_import,
        "tensorflow_at_the_end": "tensorflow" in sys.modules,
        "history": history,
        "logs": logs,
        "apart": apart,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
