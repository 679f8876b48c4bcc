"""One small training with everything that looks at more than its own row, on any `Devices`.

Partly labelled tasks, two adversaries behind gradient reversals (softmax and triplets) with an
optimiser of their own, GradNorm, a teacher, batch normalisation, dropout, and a run's folder.
"""

import keras
import numpy as np

from kerasface.data.array_batches import ArrayBatches
from kerasface.data.batches import TEACHER, labelled_weights
from kerasface.models import FaceModel
from kerasface.tasks import Domain
from kerasface.training import (
    BalancedModel,
    Distiller,
    GradNorm,
    RoutedOptimizer,
    RunState,
    StrengthSchedule,
)
from tests.training.balancing.small import GENDER, SHAPE, SOURCE, TASKS, array, batch

STYLE = Domain("style", ("a", "b"), hidden=(4,), adversary="triplet", size=3, mining="all")
ROWS, STEPS, EPOCHS = 16, 3, 4


class Maker(keras.callbacks.Callback):
    """Makes a variable where only one host does, as measuring and saving do."""

    def on_epoch_end(self, epoch, logs=None):
        keras.metrics.Mean().update_state(1.0)


def face_model(tasks, seed=0, dropout=0.0):
    """Dense, batch normalisation over the rows of all devices, and dropout."""
    keras.utils.set_random_seed(seed)
    image = keras.Input(SHAPE)
    x = keras.layers.Dense(6, name="dense")(keras.layers.Flatten()(image))
    # On JAX all rows are seen anyway.
    normalize = keras.layers.BatchNormalization(synchronized=keras.backend.backend() != "jax")
    x = keras.ops.tanh(normalize(x))
    if dropout:
        x = keras.layers.Dropout(dropout, seed=3)(x)
    return FaceModel(keras.Model(image, x), tasks, shared=5)


def optimizer():
    trunk = keras.optimizers.SGD(0.01, momentum=0.9)
    heads = ("source_head", "style_head")
    return RoutedOptimizer(trunk, {name: keras.optimizers.Adam(0.01) for name in heads})


def global_batch(step):
    """Those that know a gender are neighbours, so that one device has nearly all of them."""
    images, labels, weights = batch((*TASKS, SOURCE), ROWS, seed=step)
    weights |= labelled_weights({"gender": np.arange(ROWS) < 5 + step % 3}, [GENDER])
    labels["style"] = np.arange(ROWS, dtype="int32") % 2
    weights["style"] = np.ones(ROWS, "float32")
    return images, labels, weights


def run(folder, devices, epochs=EPOCHS, callbacks=(), triplets=True, dropout=0.3):
    """Goes on where the folder stands.

    Without triplets their loss has no weight. Returns where it began, all numbers, the logs of
    the last epoch, and how far it went from its first weights.
    """
    state = RunState(folder, {"rate": 1}, writes=devices.chief)
    with devices.scope():
        student = face_model((*TASKS, SOURCE, STYLE), dropout=dropout)
        begun = student.get_weights()
        teacher = face_model(TASKS, seed=7)
        model = BalancedModel(Distiller(student, teacher, rows="unlabelled"), GradNorm())
        model.compile(optimizer())
        ramps = [StrengthSchedule(student.heads.head(n), 6, "linear") for n in ("source", "style")]
        first = state.restore(model)

        def whole(step):
            images, labels, weights = global_batch(step)
            return images, labels, {**weights, "style": weights["style"] * triplets}

        logs = model.fit(
            devices.share(ArrayBatches(whole, first_step=first * STEPS), ROWS),
            steps_per_epoch=STEPS,
            initial_epoch=first,
            epochs=epochs,
            shuffle=False,
            callbacks=[*ramps, *devices.callbacks([Maker(), state]), *callbacks],
            verbose=0,
        ).history
        numbers = [array(each) for each in (*model.weights, *model.optimizer.variables)]
        moved = apart(student.get_weights(), begun)
    return first, numbers, {name: float(values[-1]) for name, values in logs.items()}, moved


def apart(some, others):
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def dealt(devices):
    """What `share` makes of batches whose rows are numbered."""
    import tensorflow as tf

    rows = np.arange(ROWS)
    kept = {TEACHER: {"age": rows}}
    own = devices.share(ArrayBatches(lambda step: (rows + step, kept, {})), ROWS)[2]
    data = tf.data.Dataset.from_tensors((rows, kept, {}))
    stream = next(iter(devices.share(data, ROWS)))
    pairs = next(iter(devices.share(data, ROWS, together=2)))
    found = (own[0], own[1][TEACHER]["age"], stream[0], pairs[0])
    return [np.asarray(each).tolist() for each in found]
