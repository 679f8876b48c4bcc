"""SIGKILL at random moments, the same run again: an unbroken one's weights, bit for bit."""

import json
import random

import keras
import numpy as np
import pytest

from kerasface.training.run_state import RunState
from tests.faults.training_faults import killed_runs

KILLS = 3


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_as_an_unbroken_one(tmp_path):
    seed = random.randrange(2**32)
    found = killed_runs(tmp_path, KILLS, seed)
    assert (found["tried"], found["survived"]) == (1, 1), f"{found}, seed {seed}"
    [stops], last = found["epochs"], found["last"]
    assert 1 <= stops[0] < stops[1] < stops[2] < last and found["numbers"] > 20
    assert found["history"] == [list(range(1, last + 1))]


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
