"""Transfer: folded standardisation, a trunk left alone or trained, tasks of every kind."""

import keras
import numpy as np
import pytest

from kerasface.data.augment import Augmentation
from kerasface.data.synthetic import synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Embedding, Landmarks, Regression
from kerasface.training.transfer_learning import features_of, fit_head, transfer_to

SPEC = {
    "trunk": {"name": "resnet18", "config": {"width": 4, "embedding": 12}},
    "tasks": [{"kind": "embedding", "name": "knowledge", "size": 12, "project": False}],
    "input": {"height": 16, "width": 16, "channels": 3},
}
GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 120))
STILL = Augmentation(0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def general():
    keras.utils.set_random_seed(0)
    return FaceModel.from_spec(SPEC)


@pytest.fixture(scope="module")
def faces():
    return synthetic_set(96, size=16, tasks=("gender", "age", "landmarks5", "identity"))


def test_a_head_learns_and_takes_features_as_they_are(rng):
    """Class by the sign of the first of features of large mean and unequal scale."""
    features = rng.normal(size=(400, 3)).astype("float32")
    labels = {"gender": (features[:, 0] > 0).astype("int32")}
    masks = {"gender": np.ones(400, bool)}
    given = features * [0.01, 50.0, 1.0] + [7.0, -300.0, 0.0]
    for hidden in ((16,), (8, 16)):
        head = fit_head(given, labels, masks, [GENDER], hidden, epochs=20, rate=0.02)
        answers = np.asarray(head(given.astype("float32"))["gender"]).argmax(1)
        assert (answers == labels["gender"]).mean() > 0.95, hidden


def test_one_scale_of_all_features_keeps_the_faint_ones_faint(rng):
    """Class by the first of 40, the others faint noise: few rows tell them apart by their size."""
    features = rng.normal(size=(1060, 40)).astype("float32") * np.array([1.0] + [0.02] * 39)
    labels = (features[:, 0] > 0).astype("int32")
    right = []
    for per_feature in (True, False):
        head = fit_head(
            5.0 * features[:60],
            {"gender": labels[:60]},
            {"gender": np.ones(60, bool)},
            [GENDER],
            epochs=30,
            per_feature=per_feature,
        )
        answers = head.predict(5.0 * features[60:], verbose=0)["gender"].argmax(1)
        right.append((answers == labels[60:]).mean())
    assert right[1] > 0.95 and right[0] < right[1] - 0.05, right


def test_points_and_numbers_of_little_are_no_worse_than_their_mean(rng):
    """Features that say nothing, few steps: what a head began with is what others are answered."""
    features = rng.normal(size=(600, 40)).astype("float32")
    labels = {
        "landmarks5": 0.5 + 0.04 * rng.normal(size=(600, 5, 2)).astype("float32"),
        "age": 40 + 5 * rng.normal(size=600).astype("float32"),
    }
    known = np.arange(600) < 300
    labels["age"][~known & (np.arange(600) < 400)] = AGE.filler
    tasks = [Landmarks("landmarks5", 5), AGE]
    head = fit_head(
        features[:400],
        {name: each[:400] for name, each in labels.items()},
        {"landmarks5": np.ones(400, bool), "age": known[:400]},
        tasks,
        epochs=5,
    )
    found = head.predict(features[400:], verbose=0)
    for name, labelled in (("landmarks5", slice(400)), ("age", slice(300))):
        truth = labels[name][400:].reshape(200, -1)
        mean = labels[name][labelled].mean(0).reshape(1, -1)
        by_mean, by_head = (np.abs(truth - each).mean() for each in (mean, found[name]))
        assert by_head < 1.3 * by_mean, name


def test_features_are_the_trunks(general, faces):
    found = features_of(general, faces.images[:5])
    expected = general.trunk(general.rescale(faces.images[:5].astype("float32")))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_frozen_leaves_the_trunk_and_fine_tuning_does_not(general, faces):
    before = general.get_weights()
    frozen = transfer_to(general, [GENDER, AGE], faces, frozen=True, hidden=8, head_epochs=2)
    for one, other in zip(frozen.trunk.get_weights(), general.trunk.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    tuned = transfer_to(
        general, GENDER, faces, hidden=8, head_epochs=1, epochs=1, augmentation=STILL
    )
    pairs = zip(tuned.trunk.get_weights(), general.trunk.get_weights(), strict=True)
    assert any((one != other).any() for one, other in pairs)
    for one, other in zip(before, general.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [task.name for task in frozen.tasks] == ["gender", "age"]
    assert frozen.get_spec()["shared"] == 8


def test_points_and_people(general, faces):
    points = transfer_to(
        general, Landmarks("landmarks5", 5), faces, hidden=8, head_epochs=3, epochs=1
    )
    assert points(faces.images[:2])["landmarks5"].shape == (2, 10)
    people = transfer_to(general, Embedding("identity", 12), faces, epochs=1, images=64)
    vectors = np.asarray(people(faces.images[:3])["identity"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    still = transfer_to(general, Embedding("identity", 12), faces, frozen=True)
    np.testing.assert_allclose(
        still(faces.images[:3])["identity"], general(faces.images[:3])["knowledge"], atol=1e-5
    )


def test_refusals_are_one_line(general, faces):
    with pytest.raises(ValueError, match="no picture has a label for 'race'"):
        transfer_to(general, Classification("race", ("a", "b")), faces)
    with pytest.raises(ValueError, match="pictures must be of the model's size"):
        transfer_to(general, GENDER, synthetic_set(8, size=20))
    wrong = faces.take(np.arange(4))
    wrong.labels["age"][:] = 400.0
    with pytest.raises(ValueError, match="has a label that 'age' cannot have"):
        transfer_to(general, Regression("age", "years", (0, 120), bins=5), wrong)
    with pytest.raises(ValueError, match="finite features"):
        fit_head(np.full((3, 2), np.nan), {}, {}, [GENDER])
