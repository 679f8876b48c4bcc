"""SIGKILL at a random moment, the same command again: an unbroken run's weights, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasface.training.run_state import RunState

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds until a process of a busy machine counts as hung


def start(folder):
    command = [sys.executable, "-m", "tests.training.killable_run", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process):
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors.decode()[-2000:]


def numbers(folder):
    with np.load(folder / "final.npz") as stored:
        return [stored[name] for name in stored.files]


@pytest.mark.slow
def test_a_run_killed_at_a_random_moment_ends_as_an_unbroken_one(tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    whole, killed = start(unbroken), start(broken)
    try:
        end = time.monotonic() + PATIENCE
        while not (broken / "state.json").exists() and time.monotonic() < end:
            assert killed.poll() is None, killed.stderr.read().decode()[-2000:]
            time.sleep(0.005)
        # Six epochs of eight batches, each with a pause of 0.02 s: before the end on any machine.
        time.sleep(random.uniform(0.0, 0.6))
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    finally:
        killed.kill()
        killed.stderr.close()
    assert not (broken / "final.npz").exists()
    stopped_at = json.loads((broken / "state.json").read_text())["epoch"]
    finish(start(broken))
    finish(whole)
    found, expected = numbers(broken), numbers(unbroken)
    assert 1 <= stopped_at < 6 and len(found) == len(expected) > 20
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=f"killed after epoch {stopped_at}")
    history = (broken / "history.jsonl").read_text()
    epochs = [json.loads(line)["epoch"] for line in history.splitlines()]
    assert epochs == list(range(1, 7))


@pytest.mark.parametrize("kept", [0, 2])
def test_epochs_that_were_not_saved_leave_the_history(tmp_path, kept):
    """A kill between the line of an epoch and its weights; the last line cut short."""
    state = RunState(tmp_path, {})
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    if kept:
        state.set_model(model)
        state.set_params({"epochs": 9})
        for epoch in range(kept):
            state.on_epoch_end(epoch, {"loss": 0.5})
    with (tmp_path / "history.jsonl").open("a") as history:
        history.write(json.dumps({"epoch": kept + 1, "loss": 0.1}) + '\n{"epoch": 3, "lo')
    assert state.restore(model) == kept
    lines = (tmp_path / "history.jsonl").read_text().splitlines() if kept else []
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, kept + 1))
    assert (tmp_path / "history.jsonl").exists() == bool(kept)


def test_dropout_goes_on_where_it_stood_and_older_folders_load(tmp_path):
    def model():
        layers = [keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.5, seed=1)]
        model = keras.Sequential(layers)
        model.compile("sgd", "mse")
        return model

    def states(model):
        return [np.asarray(v.numpy()) for v in model.variables if "seed" in v.name]

    state, trained = RunState(tmp_path, {}), model()
    trained.fit(np.ones((8, 4)), np.ones((8, 4)), epochs=2, callbacks=[state], verbose=0)
    fresh = model()
    assert states(fresh)[0].tolist() != states(trained)[0].tolist()
    assert RunState(tmp_path, {}).restore(fresh) == 2
    np.testing.assert_array_equal(states(fresh), states(trained))
    ones = np.ones((3, 4), "float32")
    np.testing.assert_array_equal(trained(ones, training=True), fresh(ones, training=True))

    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="other random layers. Received:"):
        RunState(tmp_path, {}).restore(other)
    (tmp_path / "epoch-0002.random.npz").unlink()
    assert RunState(tmp_path, {}).restore(model()) == 2
