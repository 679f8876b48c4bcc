"""A loss that is no number stops the run, names the step, and its batch can be looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STEPS, BAD = 4, 6
ROOT = Path(__file__).parents[2]


def train(folder, **kwargs):
    """Two epochs of four batches, of which batch 6 has a picture of NaN."""
    import keras

    from kerasface.data.array_batches import ArrayBatches
    from kerasface.training.finite_loss import FiniteLoss, NonFiniteLoss
    from kerasface.training.run_state import RunState

    def batch(step):
        rng = np.random.default_rng(step)
        images = rng.normal(size=(4, 3)).astype("float32")
        if step == BAD:
            images[2, 1] = np.nan
        return images, {"age": images.sum(1)}, {"age": np.ones(4, "float32")}

    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    outputs = {"age": keras.layers.Dense(1, name="age")(inputs)[:, 0]}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"age": "mse"})
    state = RunState(folder, {})
    guard = FiniteLoss(folder / "faults", batch, STEPS, **kwargs)
    try:
        model.fit(
            ArrayBatches(batch),
            epochs=2,
            steps_per_epoch=STEPS,
            shuffle=False,
            verbose=0,
            callbacks=[guard, state],
        )
    except NonFiniteLoss as error:
        return str(error), state.epoch
    raise AssertionError("fit did not stop")


def check(folder, message, epoch):
    assert "the loss of step 6, batch 2 of epoch 2, is not finite" in message
    assert "Received: loss=nan" in message and "\n" not in message
    assert epoch == 1, "the epoch before is no longer the last saved one"
    with np.load(folder / "faults" / "non-finite-0000006.npz") as stored:
        assert set(stored.files) == {
            f"{step}/{name}" for step in (5, 6) for name in ("images", "labels/age", "weights/age")
        }
        assert np.argwhere(np.isnan(stored["6/images"])).tolist() == [[2, 1]]
        np.testing.assert_array_equal(
            stored["5/images"], np.random.default_rng(5).normal(size=(4, 3)).astype("float32")
        )
    about = json.loads((folder / "faults" / "non-finite-0000006.json").read_text())
    assert about["step"] == 6 and about["epoch"] == 2 and about["logs"]["loss"] == "nan"
    assert about["not_finite_in_batches"] == ["6/images", "6/labels/age"]
    # Its update went through before anybody could look: the saved epoch is what to go on from.
    assert any("age/kernel" in name for name in about["not_finite_variables"])


def test_the_batch_is_saved_and_the_last_epoch_stays(tmp_path):
    check(tmp_path, *train(tmp_path))


def test_other_hosts_stop_too_and_write_nothing(tmp_path):
    message, epoch = train(tmp_path, writes=False)
    assert "the loss of step 6" in message and epoch == 1
    assert not (tmp_path / "faults").exists()


@pytest.mark.slow
def test_on_jax(tmp_path):
    pytest.importorskip("jax")
    code = (
        "import sys, json; from pathlib import Path\n"
        "from tests.training.test_finite_loss import train\n"
        "print(json.dumps(train(Path(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    check(tmp_path, *json.loads(done.stdout.splitlines()[-1]))


def test_steps_must_be_counted(tmp_path):
    from kerasface.training.finite_loss import FiniteLoss

    with pytest.raises(ValueError, match="Received: steps_per_epoch=0"):
        FiniteLoss(tmp_path, lambda step: None, 0)
