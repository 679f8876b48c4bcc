"""A run with everything the adversary has, stopped within an epoch, ends as an unbroken one."""

import json

import keras
import numpy as np
import pytest

from kerasface.data import Augmentation, mix, synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Domain
from kerasface.training import DomainProbe, RoutedOptimizer, RunState, StrengthSchedule

EPOCHS, STEPS = 3, 3
SETS = ("synthetic_photo", "synthetic_comic")
TASKS = (
    Classification("gender", ("male", "female")),
    Domain("domain", SETS, hidden=(6,), adversary="triplet", size=4, strength=0.7),
)
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 16, "width": 16, "channels": 3},
}


class Stop(Exception):
    """What stops a run in these tests."""


class StopIn(keras.callbacks.Callback):
    """Stops after the second batch of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.now, batch) == (self.epoch, 1):
            raise Stop


def train(folder, seed=0, before=()):
    keras.utils.set_random_seed(seed)
    sets = {
        "a": synthetic_set(9, style="photo", size=16, tasks=("gender",)),
        "b": synthetic_set(8, style="comic", size=16, tasks=("age",)),
    }
    model = FaceModel.from_spec(SPEC, dropout=0.3)
    rate = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * STEPS)
    model.compile(
        RoutedOptimizer(
            keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=1.0),
            {"domain_head": keras.optimizers.Adam(0.01)},
        )
    )
    state = RunState(folder, {"spec": SPEC})
    first = state.restore(model)
    batches = mix(
        sets, {"a": 4, "b": 4}, TASKS, augmentation=Augmentation(), first_step=first * STEPS
    )
    ramp = StrengthSchedule(model.heads.head("domain"), EPOCHS * STEPS)
    probe = DomainProbe(sets, model=model, folds=2, batch_size=9)
    model.fit(
        batches,
        initial_epoch=first,
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        callbacks=[*before, ramp, probe, state],
        verbose=0,
    )
    return model


@pytest.mark.slow
def test_a_stopped_run_ends_as_an_unbroken_one(tmp_path):
    expected = train(tmp_path / "whole")
    with pytest.raises(Stop):
        train(tmp_path / "broken", before=[StopIn(1)])
    # Another seed: everything must come from the files.
    found = train(tmp_path / "broken", seed=5)
    for model in (found, expected):
        assert int(model.optimizer.iterations) == EPOCHS * STEPS
    pairs = zip(
        (*found.weights, *found.optimizer.variables),
        (*expected.weights, *expected.optimizer.variables),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)
    histories = [
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("whole", "broken")
    ]
    assert histories[0] == histories[1] and len(histories[0]) == EPOCHS
    last = histories[0][-1]
    assert last["domain_strength"] == pytest.approx(0.7 * (2 / (1 + np.exp(-80 / 9)) - 1))
    assert {"domain_active_share", "probe/balanced_accuracy", "domain_loss"} <= set(last)
