"""A small training that can be killed at any moment and called again: `killable_run.py FOLDER`.

Everything with a state is in it: momentum, a schedule, batch statistics, dropout, augmentation.
A pause after each batch gives the test time to choose its moment.
"""

import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.data.synthetic import synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Regression
from kerasface.training.run_state import RunState

EPOCHS, STEPS, PAUSE = 10, 8, 0.02
TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116), bins=8))
TRUNK = {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}}
SPEC = {
    "trunk": TRUNK,
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 16, "width": 16, "channels": 3},
}


class Pause(keras.callbacks.Callback):
    """Waits after each batch."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(PAUSE)


def main(folder: Path) -> None:
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    sets = {
        "a": synthetic_set(20, size=16, tasks=("gender",)),
        "b": synthetic_set(14, size=16, tasks=("age",)),
    }
    state = RunState(folder, {"spec": SPEC})
    model = FaceModel.from_spec(SPEC, dropout=0.3)
    rate = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * STEPS)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    first = state.restore(model)
    batches = mix(
        sets, {"a": 4, "b": 4}, TASKS, augmentation=Augmentation(), first_step=first * STEPS
    )
    options = {"epochs": EPOCHS, "steps_per_epoch": STEPS, "verbose": 0}
    if first < EPOCHS:
        model.fit(batches, initial_epoch=first, callbacks=[state, Pause()], **options)
    variables = (*model.weights, *model.optimizer.variables)
    np.savez(folder / "final.npz", *(np.asarray(each.numpy()) for each in variables))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
