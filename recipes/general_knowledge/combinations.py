"""Every combination of sources at once: 2^M - 1 small networks on cached embeddings in one fit.

Vielzeuf et al. (2019), section 4.3, BT and BCT: the best single embedding, and the best
concatenation of several, by brute force. The paper reports the best on the test part; here the
choice is made on a fifth of the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import keras
import numpy as np
from keras import layers, ops

from kerasface.tasks import Task

HIDDEN, EPOCHS, BATCH, RATE = 48, 10, 128, 1e-3


def all_combinations(sources) -> list[tuple[str, ...]]:
    """Every choice of one source or more, the smaller ones first."""
    names = list(sources)
    return [each for many in range(1, len(names) + 1) for each in combinations(names, many)]


class Combinations(keras.Model):
    """An MLP of one hidden layer for each combination, side by side; none sees another's sources.

    Args:
        sizes: length of each source's embedding, by name, in the order of the columns.
        task: that all of them learn.
        hidden: units of each.
    """

    def __init__(self, sizes: Mapping[str, int], task: Task, hidden: int = HIDDEN):
        super().__init__(name="combinations")
        self.members = all_combinations(sizes)
        shown = np.array([[name in each for name in sizes] for each in self.members], "float32")
        self.shown = np.repeat(shown, list(sizes.values()), axis=1)
        self.task_loss = task.make_loss()
        many, total = self.shown.shape
        hidden_shape, output_shape = (many, hidden), (many, task.output_size)
        self.first = layers.EinsumDense(
            "bmi,mio->bmo", hidden_shape, activation="relu", bias_axes="mo"
        )
        self.last = layers.EinsumDense("bmi,mio->bmo", output_shape, bias_axes="mo")
        self.first.build((None, many, total))
        self.last.build((None, many, hidden))
        self.outputs_each = task.output_size
        self.built = True

    def call(self, features, training=False):
        """`(batch, members, output_size)` of standardised features `(batch, total)`."""
        return self.last(self.first(features[:, None] * self.shown))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean of the members' losses: each learns as if it were alone."""
        many = len(self.members)
        labels = ops.repeat(y, many, axis=0)
        return self.task_loss(labels, ops.reshape(y_pred, (-1, self.outputs_each)))


def fit_combinations(
    features: np.ndarray,
    labels: np.ndarray,
    sizes: Mapping[str, int],
    task: Task,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> Combinations:
    """Trains all combinations on standardised embeddings `(rows, total)`."""
    keras.utils.set_random_seed(seed)
    model = Combinations(sizes, task)
    mean = task.mean_answer(labels)
    if mean is not None:  # as other new heads of points and numbers
        kernel, bias = (each.shape for each in model.last.weights)
        model.last.set_weights([np.zeros(kernel), np.broadcast_to(mean, bias)])
    steps = epochs * max(-(-len(features) // BATCH), 1)
    model.compile(keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(RATE, steps)))
    model.fit(features, labels, batch_size=BATCH, epochs=epochs, verbose=0)
    return model
