"""A run that was stopped, however it was stopped, ends as one that was not."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasface.data import Augmentation, mix, synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Regression
from kerasface.training import run_state
from kerasface.training.run_state import RunState
from kerasface.training.validation import ValidationRound

EPOCHS, STEPS = 3, 2
TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116), bins=8))
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 24, "width": 24, "channels": 3},
}
CONFIG = {"rate": 0.1, "sizes": (24, 24)}


class Stop(Exception):
    """What stops a run in these tests."""


class StopAt(keras.callbacks.Callback):
    """Stops in the middle of an epoch."""

    def __init__(self, epoch, act):
        super().__init__()
        self.epoch, self.act, self.now = epoch, act, None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            self.act()


def stop():
    raise Stop


def make_model(seed=0):
    """With everything that has a state: momentum, a schedule, batch statistics, dropout."""
    keras.utils.set_random_seed(seed)
    model = FaceModel.from_spec(SPEC, dropout=0.3)
    rate = keras.optimizers.schedules.CosineDecay(0.1, EPOCHS * STEPS)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    return model


def train(folder, seed=0, epochs=EPOCHS, every=1, before=(), after=()):
    """The recipe's loop: state, model, restore, batches from the right step, fit."""
    sets = {
        "a": synthetic_set(9, size=24, tasks=("gender",)),
        "b": synthetic_set(7, size=24, tasks=("age",)),
    }
    state = RunState(folder, CONFIG, every=every)
    model = make_model(seed)
    first = state.restore(model)
    batches = mix(
        sets, {"a": 4, "b": 4}, TASKS, augmentation=Augmentation(), first_step=first * STEPS
    )
    model.fit(
        batches,
        initial_epoch=first,
        epochs=epochs,
        steps_per_epoch=STEPS,
        verbose=0,
        callbacks=[*before, state, *after],
    )
    return model


def numbers(model):
    """Weights, batch statistics and the optimiser's variables."""
    return [np.asarray(each) for each in (*model.weights, *model.optimizer.variables)]


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run that was never stopped: `(numbers, folder)`."""
    folder = tmp_path_factory.mktemp("unbroken")
    return numbers(train(folder)), folder


def assert_same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_stopped_within_an_epoch_ends_as_an_unbroken_one(unbroken, tmp_path):
    expected, folder = unbroken
    with pytest.raises(Stop):
        train(tmp_path, before=[StopAt(1, stop)])
    assert RunState(tmp_path, CONFIG).epoch == 1
    # Another seed: everything must come from the files.
    assert_same(numbers(train(tmp_path, seed=5)), expected)
    assert history(tmp_path) == history(folder)


def test_a_run_stopped_while_saving_ends_as_an_unbroken_one(unbroken, tmp_path, monkeypatch):
    expected, folder = unbroken
    replace = run_state.os.replace

    def fail(source, target):
        if Path(target).name == "state.json" and (tmp_path / "state.json").exists():
            raise Stop
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(run_state.os, "replace", fail)
        with pytest.raises(Stop):
            train(tmp_path)
    assert RunState(tmp_path, CONFIG).epoch == 1 and len(history(tmp_path)) == 2
    assert_same(numbers(train(tmp_path, seed=5)), expected)
    assert history(tmp_path) == history(folder)


def test_a_finished_run_is_not_trained_again(unbroken):
    expected, folder = unbroken
    before = (folder / "history.jsonl").read_text()
    assert_same(numbers(train(folder, seed=5)), expected)
    assert (folder / "history.jsonl").read_text() == before


def test_only_the_last_state_is_kept(unbroken):
    _, folder = unbroken
    state = RunState(folder, CONFIG)
    assert state.epoch == EPOCHS and state.weights(EPOCHS).exists()
    assert len(list(folder.glob("*.h5"))) == len(list(folder.glob("*.npz"))) == 1
    assert not list(folder.glob("*.part"))


def test_saved_every_second_epoch_and_at_the_end(tmp_path):
    with pytest.raises(Stop):
        train(tmp_path, every=2, before=[StopAt(1, stop)])
    assert RunState(tmp_path, CONFIG).epoch == 0 and len(history(tmp_path)) == 1
    (tmp_path / "history.jsonl").unlink()
    saved = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            saved.append(RunState(tmp_path, CONFIG).epoch)

    train(tmp_path, every=2, after=[Watch()])
    assert saved == [0, 2, 3]


def test_history_has_what_was_measured_before(tmp_path):
    faces = synthetic_set(5, size=24, tasks=("age",))
    train(tmp_path, epochs=1, before=[ValidationRound({"faces": faces}, batch_size=8)])
    [entry] = history(tmp_path)
    assert entry["epoch"] == 1
    assert {"age_mean_absolute_error", "val_faces_age_mean_absolute_error"} <= set(entry)
    assert all(isinstance(value, float) for key, value in entry.items() if key != "epoch")


def test_settings_are_written_once_and_compared(tmp_path):
    RunState(tmp_path / "run", CONFIG)
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["config"] == {"rate": 0.1, "sizes": [24, 24]}
    assert written["versions"]["keras"] == keras.__version__
    RunState(tmp_path / "run", CONFIG)
    with pytest.raises(ValueError, match="Received: different rate, seed"):
        RunState(tmp_path / "run", {"rate": 0.2, "sizes": [24, 24], "seed": 1})


@pytest.mark.slow
def test_a_killed_process_loses_nothing_but_its_epoch(unbroken, tmp_path):
    """SIGKILL in the middle of the second epoch, then the same command again."""
    expected, folder = unbroken
    code = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import test_run_state as run\n"
        "kill = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "run.train(Path(sys.argv[2]), before=[run.StopAt(1, kill)])"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    assert RunState(tmp_path, CONFIG).epoch == 1
    found = numbers(train(tmp_path, seed=5))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert len(history(tmp_path)) == len(history(folder))
