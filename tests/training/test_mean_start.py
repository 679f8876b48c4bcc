"""Heads that begin at the mean of their labels."""

import keras
import numpy as np
import pytest

from kerasface.data import synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Landmarks, Regression
from kerasface.training import start_at_mean

GENDER = Classification("gender", ("male", "female"))
POINTS = Landmarks("landmarks5", 5)
YEARS = Regression("age", "years", (0, 116))
BINNED = Regression("age", "years", (0, 116), bins=8)


def network(*tasks, shared=None):
    keras.utils.set_random_seed(3)
    spec = {
        "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
        "tasks": [task.get_config() for task in tasks],
        "input": {"height": 16, "width": 16, "channels": 3},
    }
    return FaceModel.from_spec(spec | ({"shared": shared} if shared else {}))


@pytest.fixture(scope="module")
def faces():
    made = synthetic_set(24, size=16, tasks=("gender", "age", "landmarks5"))
    # The mean is that of the labelled rows alone.
    known = np.arange(24) % 3 > 0
    made.masks["age"], made.masks["landmarks5"] = known, known.copy()
    made.labels["age"][~known] = np.nan
    made.labels["landmarks5"][~known] = 7.0
    return made


def answers(model, faces):
    return model.predict(faces.images, verbose=0)


@pytest.mark.parametrize("shared", [None, 6])
def test_points_and_numbers_begin_at_the_mean_label(faces, shared):
    model = network(GENDER, POINTS, YEARS, shared=shared)
    before = answers(model, faces)
    assert start_at_mean(model, faces) == ("landmarks5", "age")
    after = answers(model, faces)

    known = faces.masks["age"]
    points = faces.labels["landmarks5"][known].mean(0).ravel()
    np.testing.assert_allclose(after["landmarks5"], np.tile(points, (24, 1)), atol=1e-6)
    years = faces.labels["age"][known].mean()
    np.testing.assert_allclose(after["age"], np.full((24, 1), years), rtol=1e-5)
    # Another task and the trunk are as they were.
    np.testing.assert_array_equal(after["gender"], before["gender"])
    assert np.ptp(before["landmarks5"], axis=0).max() > 1e-3


def test_classes_distributions_and_tasks_without_a_label_stay(faces):
    other = Landmarks("landmarks68", 68)
    model = network(GENDER, BINNED, other)
    before = [np.copy(each) for each in model.get_weights()]
    assert start_at_mean(model, faces) == ()
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_it_trains_from_there_in_all_its_parts(faces):
    model = network(POINTS)
    start_at_mean(model, faces)
    before = [keras.ops.convert_to_numpy(each).copy() for each in model.trunk.trainable_weights]
    known = faces.masks["landmarks5"]
    model.compile(keras.optimizers.SGD(0.05))
    for _ in range(2):  # the trunk hears of errors once the head has taken a step
        model.train_on_batch(faces.images[known], {"landmarks5": faces.labels["landmarks5"][known]})
    moved = zip(before, model.trunk.trainable_weights, strict=True)
    assert all(np.abs(one - keras.ops.convert_to_numpy(two)).max() > 0 for one, two in moved)


def test_a_label_that_no_task_has_is_named(faces):
    known = faces.masks["landmarks5"]
    wrong = {**faces.labels, "landmarks5": np.where(known[:, None, None], np.nan, 0.5)}
    broken = type(faces)(**{**vars(faces), "labels": wrong})
    with pytest.raises(ValueError, match="landmarks5"):
        start_at_mean(network(POINTS), broken)
