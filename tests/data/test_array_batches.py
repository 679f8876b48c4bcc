"""Mixed batches as NumPy arrays: the contract of `mix` for any backend."""

import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from kerasface.data.array_batches import ArrayBatches, array_batches
from kerasface.data.batches import TEACHER
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set, numbers_of, weights_by_loops

TASKS = (EXPRESSION, AGE)
PART = {"age": 32, "expression": 64}


@pytest.fixture(scope="module")
def sets():
    known = np.random.default_rng(0).random(75) < 0.6
    return {
        "age": numbered_set(75, AGE, known, "age", seed=11),
        "expression": numbered_set(130, EXPRESSION, None, "expression", seed=13),
    }


def test_composition_labels_and_weights_are_those_of_the_contract(sets):
    batches = array_batches(sets, PART, TASKS)
    for step in range(6):
        images, labels, weights = batches[step]
        numbers, seeds = numbers_of(images)
        assert images.dtype == np.uint8 and seeds.tolist() == [11] * 32 + [13] * 64
        for task, seed in ((AGE, 11), (EXPRESSION, 13)):
            mine = sets[task.name]
            known = [
                s == seed and mine.masks[task.name][n] for n, s in zip(numbers, seeds, strict=True)
            ]
            expected = [
                mine.labels[task.name][n] if k else task.filler
                for n, k in zip(numbers, known, strict=True)
            ]
            np.testing.assert_array_equal(labels[task.name], expected)
            assert labels[task.name].dtype == task.label_dtype
            np.testing.assert_allclose(
                weights[task.name], weights_by_loops(known, task.alpha), rtol=1e-6
            )


def test_every_row_once_before_any_again_and_no_lockstep(sets):
    twins = {"age": numbered_set(60, AGE, seed=11), "other": numbered_set(60, AGE, seed=12)}
    batches = array_batches(twins, {"age": 8, "other": 8}, (AGE,))
    rows = np.stack([numbers_of(batches[step][0])[0] for step in range(30)])
    age, other = rows[:, :8].ravel(), rows[:, 8:].ravel()
    for one in (age, other):
        for start in range(0, 240, 60):
            assert sorted(one[start : start + 60]) == list(range(60))
    assert np.mean(age == other) < 0.1


def test_same_seed_same_batches_from_any_step(sets):
    def drawn(**options):
        batches = array_batches(sets, PART, TASKS, **options)
        return [batches[step][0].tobytes() for step in range(8)]

    assert drawn(seed=4) == drawn(seed=4) != drawn(seed=5)
    assert drawn(seed=4)[3:] == drawn(seed=4, first_step=3)[:5]


def test_a_teachers_outputs_come_with_their_rows(sets):
    def taught(faces):
        rows = np.arange(len(faces))[:, None]
        return replace(faces, soft={t.name: np.repeat(rows, t.output_size, 1) for t in TASKS})

    sets_taught = {name: taught(faces) for name, faces in sets.items()}
    images, labels, _ = array_batches(sets_taught, PART, TASKS, soft=True)[3]
    numbers, _ = numbers_of(images)
    for task in TASKS:
        np.testing.assert_array_equal(labels[TEACHER][task.name][:, 0], numbers)
    with pytest.raises(ValueError, match="cache_teacher"):
        array_batches(sets, PART, TASKS, soft=True)


class Seen(keras.Model):
    """Notes in one number which batches it was trained on, and in which order."""

    def __init__(self):
        super().__init__()
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total")
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, images, training=False):
        middle = keras.ops.mean(keras.ops.cast(images, "float32"), axis=(1, 2))
        if training:
            self.total.assign(self.total * 2 + middle[0, 1])
        return middle * self.scale


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_goes_through_the_steps_in_order_whatever_the_epochs(sets, workers):
    """Two epochs of three batches are batches 0 to 5, not twice 0 to 2, nor shuffled."""
    batches = ArrayBatches(
        lambda step: (np.full((2, 1, 1, 3), step, np.uint8), np.zeros(2, int)), 10, workers
    )
    model = Seen()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    expected = 0
    for step in range(10, 16):
        expected = expected * 2 + step
    assert float(model.total) == expected


def test_bad_arguments_are_refused(sets):
    for arguments in ({"first_step": -1}, {"seed": -1}):
        with pytest.raises(ValueError, match="Received:"):
            array_batches(sets, PART, TASKS, **arguments)
    with pytest.raises(ValueError, match="number of rows"):
        array_batches(sets, {"smile": 1}, TASKS)


JAX = """
import sys
import numpy as np
from kerasface.data.array_batches import array_batches
from kerasface.data.device_augmentation import DeviceAugmentation
from kerasface.data.identity_batches import identity_arrays
assert "tensorflow" not in sys.modules
import keras
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Embedding
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set
assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(0)
sets = {"age": numbered_set(40, AGE, side=16), "expression": numbered_set(30, EXPRESSION, side=16)}
trunk = build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(4,), blocks=(1,), stem=4)
identity = Embedding("identity", 4)
model = FaceModel(trunk, (EXPRESSION, AGE, identity), augmentation=DeviceAugmentation(seed=1))
model.compile(keras.optimizers.SGD(0.01))
assert model.jit_compile
batches = array_batches(sets, {"age": 8, "expression": 8}, model.tasks)
logs = model.fit(batches, steps_per_epoch=2, epochs=2, shuffle=False, verbose=0).history
assert logs["expression_labelled"] == [16, 16] and logs["age_labelled"] == [16, 16], logs
assert "identity_mean_loss" not in logs and np.isfinite(logs["loss"]).all()
people = identity_arrays(sets["age"], model.tasks, people=4, pictures=3)
logs = model.fit(people, steps_per_epoch=2, shuffle=False, verbose=0).history
assert logs["identity_labelled"] == [24] and np.isfinite(logs["loss"]).all()
print("trained")
"""


@pytest.mark.slow
def test_jax_trains_on_it_compiled_and_augmented():
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", JAX], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "trained" in done.stdout, done.stderr[-2000:]
