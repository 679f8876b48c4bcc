"""Do tasks pull the shared weights the same way? Cosines between their gradients."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np

from kerasface.models.partial_labels import PartialLabelsModel


class GradientCosines:
    """Cosines between the gradients of the tasks' losses at the trunk's weights.

    For each batch the gradient of each task's loss (as `fit` has it, without task weights) with
    respect to all trainable weights of trunk and shared layer is one long vector, of which the
    cosines are taken; they are averaged over the batches in which both tasks have a label. The
    model answers in inference mode, so nothing of it changes. TensorFlow, which traces what it
    measures at the first call only.

    Args:
        model: `FaceModel`, or what trains one (`Distiller`, `BalancedModel`).

    Attributes:
        names: of the tasks, adversaries left out.

    Reference:
        Yu et al., "Gradient surgery for multi-task learning" (2020), section 2.2: tasks
        conflict where the cosine is negative.
    """

    def __init__(self, model: PartialLabelsModel):
        import tensorflow as tf

        self.model, network = model, model.network()
        tasks = [task for task in network.tasks if task.kind != "domain"]
        self.names = [task.name for task in tasks]
        losses = {task.name: task.make_loss() for task in tasks}
        shared = list(network.trunk.trainable_variables)
        if network.shared is not None:
            shared += network.shared.trainable_variables

        @tf.function
        def products(images, labels, weights):
            with tf.GradientTape(persistent=True) as tape:
                outputs = network(images, training=False)
                values, rows = network.task_losses(
                    losses, images, labels, outputs, weights, training=False
                )
            found = []
            for name in self.names:
                parts = tape.gradient(values[name], [each.value for each in shared])
                # A weight that a task does not reach keeps its place, or vectors would not match.
                parts = [
                    tf.zeros(each.shape) if part is None else tf.cast(part, tf.float32)
                    for part, each in zip(parts, shared, strict=True)
                ]
                found.append(tf.concat([tf.reshape(part, [-1]) for part in parts], 0))
            lengths = tf.stack([tf.norm(each) for each in found])
            inner = tf.stack([[tf.tensordot(a, b, 1) for b in found] for a in found])
            return inner, lengths, tf.stack([rows[name] for name in self.names])

        self._products = products

    def __call__(self, batches: Iterable) -> np.ndarray:
        """`(tasks, tasks)` float64 cosines, 1 on the diagonal.

        NaN where two tasks never met or a gradient is 0.

        Args:
            batches: `(images, labels, sample_weight)` of the batch contract.

        Raises:
            ValueError: no batch.
        """
        # Variables of several replicas have gradients only on one; each sees the whole batch here.
        replicas, count = self.model.distribute_strategy, 0
        total, met = (np.zeros((len(self.names),) * 2) for _ in range(2))
        for images, labels, weights in batches:
            count += 1
            labels = self.model.own_labels(labels)
            labels = {name: labels[name] for name in self.names}
            weights = {name: weights[name] for name in self.names}
            inner, lengths, rows = (
                np.asarray(replicas.experimental_local_results(each)[0], "float64")
                for each in replicas.run(self._products, (images, labels, weights))
            )
            usable = (rows > 0) & (lengths > 0)
            both = np.outer(usable, usable)
            size = np.where(both, np.outer(lengths, lengths), 1.0)
            total += np.where(both, inner / size, 0.0)
            met += both
        if not count:
            raise ValueError("batches must hold one or more. Received: none")
        return np.where(met > 0, total / np.maximum(met, 1), np.nan)


def gradient_cosines(model: PartialLabelsModel, batches: Iterable) -> tuple[list[str], np.ndarray]:
    """`GradientCosines` once: names of the tasks, and their `(tasks, tasks)` cosines.

    Args:
        model: see there.
        batches: see there.

    Raises:
        ValueError: no batch.
    """
    measure = GradientCosines(model)
    return measure.names, measure(batches)


class TaskAffinity(keras.callbacks.Callback):
    """Measures `GradientCosines` on the same batches after each epoch, and logs them.

    An entry is `<one>_and_<other>_gradient_cosine`. List it before `RunState` and
    `TensorBoardReport`.

    Args:
        batches: kept and used each time, a few are enough (`list(mix(...).take(4))`).
        every: epochs between two measurements; the last epoch is always measured.

    Attributes:
        names: of the tasks, after the first measurement.
        matrices: list of `(epoch, (tasks, tasks) cosines)` of this process.

    Raises:
        ValueError: no batch, or `every` below 1.
    """

    def __init__(self, batches: Iterable, every: int = 1):
        super().__init__()
        self.batches, self.every = list(batches), int(every)
        if not self.batches or self.every < 1:
            raise ValueError(
                "one batch or more is needed, and every must be 1 or more. "
                f"Received: {len(self.batches)} batches, every={every}"
            )
        self._measure: GradientCosines | None = None
        self.names: list[str] = []
        self.matrices: list[tuple[int, np.ndarray]] = []

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if done % self.every and done != self.params.get("epochs"):
            return
        if self._measure is None or self._measure.model is not self.model:
            self._measure = GradientCosines(self.model)
        self.names, cosines = self._measure.names, self._measure(self.batches)
        self.matrices.append((done, cosines))
        if logs is None:
            return
        for one in range(len(self.names)):
            for other in range(one):
                if np.isfinite(cosines[one, other]):
                    entry = f"{self.names[other]}_and_{self.names[one]}_gradient_cosine"
                    logs[entry] = float(cosines[one, other])
