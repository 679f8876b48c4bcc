"""A face model of two small dense layers, with batches that know some of the tasks' labels."""

import keras
import numpy as np

from kerasface.data.batches import labelled_weights
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Domain, Regression

SHAPE = (4, 4, 3)
EXPRESSION = Classification("expression", ("calm", "glad", "sad"))
AGE = Regression("age", "years", (0, 100), spread=5.0, alpha=2.0)
GENDER = Classification("gender", ("male", "female"), alpha=0.5)
SOURCE = Domain("source", ("a", "b"), hidden=(4,))
TASKS = (EXPRESSION, AGE, GENDER)


def small_model(tasks=TASKS, shared=5, seed=0, width=6):
    keras.utils.set_random_seed(seed)
    image = keras.Input(SHAPE)
    x = keras.layers.Dense(width, activation="tanh", name="dense")(keras.layers.Flatten()(image))
    return FaceModel(keras.Model(image, x), tasks, shared=shared)


def batch(tasks=TASKS, rows=8, seed=0, known=0.6, without=()):
    """`(images, labels, sample_weight)`; no row knows the tasks of `without`."""
    chance = np.random.default_rng(seed)
    drawn = {
        "expression": chance.integers(0, 3, rows).astype("int32"),
        "age": chance.uniform(0, 100, rows).astype("float32"),
        "gender": chance.integers(0, 2, rows).astype("int32"),
        "source": chance.integers(0, 2, rows).astype("int32"),
    }
    labels = {task.name: drawn[task.name] for task in tasks}
    masks = {
        task.name: (chance.random(rows) < known) & (task.name not in without) for task in tasks
    }
    for task in tasks:
        labels[task.name][~masks[task.name]] = task.filler
    images = chance.integers(0, 256, (rows, *SHAPE)).astype("uint8")
    return images, labels, labelled_weights(masks, tasks)


def joined(batches):
    """Batches of equal size as the arrays that `fit(shuffle=False)` cuts up again."""
    images, labels, weights = zip(*batches, strict=True)
    return (
        np.concatenate(images),
        {name: np.concatenate([each[name] for each in labels]) for name in labels[0]},
        {name: np.concatenate([each[name] for each in weights]) for name in weights[0]},
    )


def fit(model, batches, epochs=1, **options):
    """`fit` over these batches in this order; returns the logs by name."""
    images, labels, weights = joined(batches)
    return model.fit(
        images,
        labels,
        sample_weight=weights,
        batch_size=len(batches[0][0]),
        shuffle=False,
        epochs=epochs,
        verbose=0,
        **options,
    ).history


def array(value):
    """A tensor or variable of any backend as NumPy's."""
    return keras.ops.convert_to_numpy(value)


class WeightsPath(keras.callbacks.Callback):
    """The task weights after each step, from the logs."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        names = self.model.balancing.balanced
        self.weights.append([float(logs[f"{name}_weight"]) for name in names])
